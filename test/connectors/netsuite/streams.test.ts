import { describe, expect, it } from 'vitest';
import { accountOf } from '../../../src/connectors/netsuite/auth.ts';
import { netsuite } from '../../../src/connectors/netsuite/index.ts';
import { ConfigError } from '../../../src/core/errors.ts';
import { m2m, mapRow, netSuiteRows, openNetSuite, recordsOf, streamIn } from './rows.ts';

const { workCenter, salesOrder, workOrder, task } = netSuiteRows;

describe('an account', () => {
  it.each([
    ['1234567', 'https://1234567.suitetalk.api.netsuite.com', '1234567'],
    ['1234567_SB1', 'https://1234567-sb1.suitetalk.api.netsuite.com', '1234567_SB1'],
    ['1234567-sb1', 'https://1234567-sb1.suitetalk.api.netsuite.com', '1234567_SB1'],
    ['tstdrv9', 'https://tstdrv9.suitetalk.api.netsuite.com', 'TSTDRV9'],
  ])('%s is %s, and signs as %s', (accountId, url, realm) => {
    expect(accountOf(accountId)).toEqual({ url, realm });
  });

  it('may be reached elsewhere, and keeps its realm', () => {
    expect(accountOf('1_RP', 'https://proxy.example/netsuite/')).toEqual({
      url: 'https://proxy.example/netsuite',
      realm: '1_RP',
    });
  });

  it.each(['', '1 2', 'a/b', '1_2_3', 'https://1.example'])('is not %j', async (accountId) => {
    await expect(openNetSuite({ accountId })).rejects.toThrow(/must be an account ID/);
  });
});

describe('a work center', () => {
  it('becomes a cell, named by itself and its id', async () => {
    expect(await recordsOf('work-centers', workCenter)).toEqual([
      {
        entity: 'cell',
        source: 'NS',
        externalId: '5459',
        parents: {},
        fields: { name: 'Milling (5459)', active: true },
        lifecycle: 'active',
      },
    ]);
  });

  it('without a name is named by its id', async () => {
    expect(await recordsOf('work-centers', { id: '5459' })).toMatchObject([
      { fields: { name: '(5459)', active: true } },
    ]);
  });

  it('that is inactive is so in the MES', async () => {
    const [record] = await recordsOf('work-centers', { ...workCenter, isinactive: 'T' });
    expect(record).toMatchObject({ fields: { active: false }, lifecycle: 'cancelled' });
  });
});

/** What a look-up leaves out when it finds nothing. */
const hiddenCustomer = { customerseen: undefined, companyname: undefined, entityid: undefined };
const hiddenItem = { itemseen: undefined, itemid: undefined };

describe('a sales order', () => {
  it('becomes a job that is due at midnight in the zone of the plant', async () => {
    expect(await recordsOf('sales-orders', salesOrder, { numberPrefix: 'NS-' })).toEqual([
      {
        entity: 'job',
        source: 'NS',
        externalId: '3301',
        parents: {},
        fields: { job_number: 'NS-SO-900', customer: 'Acme GmbH', due_date: '2026-12-30T23:00:00.000Z' },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([
    [{ tranid: undefined }, { job_number: '3301' }],
    [{ companyname: undefined }, { customer: 'C-77' }],
    [{ companyname: undefined, entityid: undefined }, { customer: null }],
    [{ ...hiddenCustomer, entity: undefined }, { customer: null }],
    [{ shipdate: undefined }, { due_date: '2027-01-14T23:00:00.000Z' }],
    [{ shipdate: undefined, duedate: undefined }, { due_date: null }],
    [{ shipdate: '2026-07-01' }, { due_date: '2026-06-30T22:00:00.000Z' }],
  ])('with %j has %j', async (own, fields) => {
    expect(await recordsOf('sales-orders', { ...salesOrder, ...own })).toMatchObject([{ fields }]);
  });

  it.each([
    ['B', 'active'],
    ['D', 'active'],
    ['E', 'active'],
    ['F', 'active'],
    ['G', 'closed'],
    ['H', 'closed'],
  ])('in state %s is %s, by its letter alone or behind its type', async (letter, lifecycle) => {
    for (const status of [letter, `SalesOrd:${letter}`]) {
      const [record] = await recordsOf('sales-orders', { ...salesOrder, status });
      expect(record).toMatchObject({ lifecycle });
      expect(record).not.toHaveProperty('onlyIfKnown');
    }
  });

  it.each(['A', 'C'])('in state %s is cancelled where the MES knows it, and never told otherwise', async (letter) => {
    const [record] = await recordsOf('sales-orders', { ...salesOrder, status: `SalesOrd:${letter}` });
    expect(record).toMatchObject({ lifecycle: 'cancelled', onlyIfKnown: true });
  });

  it.each([
    [{ status: 'SalesOrd:Z' }, 'map', /status is none that is known: "SalesOrd:Z"/],
    [{ status: 'Pendiente' }, 'map', /status is none/],
    [hiddenCustomer, 'map', /customer is 77, which the role may not see/],
    [{ status: undefined }, 'parse', /status/],
    [{ shipdate: '31/12/2026' }, 'map', /A day was expected as YYYY-MM-DD, but got "31\/12\/2026"/],
    [{ id: undefined }, 'parse', /key is missing/],
    [{ id: "1' OR '1'='1" }, 'parse', /key is missing/],
  ])('with %j is set aside', async (own, stage, reason) => {
    expect(await mapRow('sales-orders', { ...salesOrder, ...own })).toMatchObject({
      kind: 'refused',
      stage,
      reason: expect.stringMatching(reason),
    });
  });

  it('is cancelled all the same where the role may not see its customer', async () => {
    const row = { ...salesOrder, ...hiddenCustomer, status: 'SalesOrd:C' };
    expect(await recordsOf('sales-orders', row)).toMatchObject([{ lifecycle: 'cancelled' }]);
  });

  it('changed when the latest of all that shows in it changed', async () => {
    expect(await mapRow('sales-orders', salesOrder)).toMatchObject({ stamp: '2026-11-20T21:55:00.000Z' });
    const renamed = { ...salesOrder, customermodified: '2026-11-20 22:00:00' };
    expect(await mapRow('sales-orders', renamed)).toMatchObject({ stamp: '2026-11-20T22:00:00.000Z' });
    expect(await mapRow('sales-orders', { id: '1', status: 'B' })).toMatchObject({ kind: 'good', stamp: null });
  });
});

describe('a work order', () => {
  const stock = { entity: 'job', externalId: 'STOCK-4821', parents: {} };

  it('of a sales order becomes a part of its job, and no stock job any more', async () => {
    expect(await recordsOf('work-orders', workOrder)).toEqual([
      expect.objectContaining({ ...stock, lifecycle: 'cancelled', onlyIfKnown: true }),
      {
        entity: 'part',
        source: 'NS',
        externalId: '4821',
        parents: { job: '3301' },
        fields: { part_number: 'GEAR-7|WO-17', material: 'GEAR-7', quantity: 11 },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([{ origintype: 'WorkOrd' }, { createdfrom: undefined, origin: undefined, origintype: undefined }])(
    'with %j becomes a part with a stock job',
    async (own) => {
      const fields = { job_number: 'NS-STOCK-WO-17', customer: null, due_date: '2026-12-30T23:00:00.000Z' };
      expect(await recordsOf('work-orders', { ...workOrder, ...own }, { numberPrefix: 'NS-' })).toMatchObject([
        { ...stock, fields, lifecycle: 'active' },
        { entity: 'part', parents: { job: 'STOCK-4821' } },
      ]);
    },
  );

  it.each(['B', 'D', 'G', 'H'])(
    'in state %s that outlives its cancelled sales order has its job, on hold',
    async (letter) => {
      const companion = { ...salesOrder, status: 'SalesOrd:C', custbody_planner: 'Bob' };
      const row = { ...workOrder, originstatus: 'SalesOrd:C', companion, status: `WorkOrd:${letter}` };
      const own = { numberPrefix: 'NS-', streams: { 'sales-orders': { fields: { notes: 'custbody_planner' } } } };
      const [job, ...others] = await recordsOf('work-orders', row, own);
      expect(others).toMatchObject([{ externalId: 'STOCK-4821' }, { parents: { job: '3301' } }]);
      expect(job).toMatchObject({ entity: 'job', lifecycle: 'cancelled', fields: { notes: 'Bob' } });
      expect(await recordsOf('sales-orders', companion, own)).toEqual([{ ...job, onlyIfKnown: true }]);
    },
  );

  it.each(['A', 'C'])('in state %s makes no job of a cancelled sales order', async (letter) => {
    const companion = { ...salesOrder, status: 'SalesOrd:C' };
    const row = { ...workOrder, originstatus: 'SalesOrd:C', companion, status: `WorkOrd:${letter}` };
    expect((await recordsOf('work-orders', row)).map(({ entity }) => entity)).toEqual(['job', 'part']);
  });

  it('of a sales order that the role may not see is set aside, unless it is not to be told anyway', async () => {
    const hidden = { ...workOrder, origin: undefined, origintype: undefined };
    expect(await mapRow('work-orders', hidden)).toMatchObject({
      kind: 'refused',
      stage: 'map',
      reason: expect.stringContaining('created from transaction 3301, which the role may not see'),
    });
    expect(await mapRow('work-orders', { ...hidden, status: 'WorkOrd:C' })).toMatchObject({ kind: 'good' });
  });

  it('of an item that the role may not see is set aside, unless it is not to be told anyway', async () => {
    const hidden = { ...workOrder, ...hiddenItem };
    expect(await mapRow('work-orders', hidden)).toMatchObject({
      kind: 'refused',
      stage: 'map',
      reason: expect.stringContaining('makes item 12, which the role may not see'),
    });
    expect(await mapRow('work-orders', { ...hidden, status: 'WorkOrd:C' })).toMatchObject({ kind: 'good' });
  });

  it.each([
    [{ quantity: undefined }, { quantity: 1 }],
    [{ quantity: '0' }, { quantity: 1 }],
    [{ quantity: '.25' }, { quantity: 1 }],
    [{ quantity: '3.0000000000000004' }, { quantity: 3 }],
    [
      { ...hiddenItem, item: undefined },
      { material: 'Unknown', part_number: 'Unknown|WO-17' },
    ],
    [{ tranid: undefined }, { part_number: 'GEAR-7|4821' }],
  ])('with %j has %j', async (own, fields) => {
    expect((await recordsOf('work-orders', { ...workOrder, ...own }))[1]).toMatchObject({ fields });
  });

  it.each([
    ['A', 'cancelled'],
    ['B', 'active'],
    ['C', 'cancelled'],
    ['D', 'active'],
    ['G', 'closed'],
    ['H', 'closed'],
  ])('in state %s is %s, and so is its stock job', async (letter, lifecycle) => {
    const row = { ...workOrder, origintype: 'WorkOrd', status: `WorkOrd:${letter}` };
    const onlyIfKnown = lifecycle === 'cancelled' ? { onlyIfKnown: true } : {};
    const records = await recordsOf('work-orders', row);
    expect(records).toMatchObject([
      { entity: 'job', lifecycle, ...onlyIfKnown },
      { entity: 'part', lifecycle, ...onlyIfKnown },
    ]);
  });
});

describe('an operation task', () => {
  it('becomes an operation at its work center', async () => {
    expect(await recordsOf('operation-tasks', task)).toEqual([
      {
        entity: 'operation',
        source: 'NS',
        externalId: '991',
        parents: { part: '4821', cell: '5459' },
        fields: {
          operation_name: 'Saw to length',
          sequence: 10,
          estimated_time_minutes: 43,
          planned_start: '2026-12-15T10:00:00.000Z',
          planned_end: '2026-12-15T14:30:00.000Z',
        },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([
    [{ title: undefined }, { operation_name: '10' }],
    [{ setuptime: undefined }, { estimated_time_minutes: 13 }],
    [{ runrate: undefined }, { estimated_time_minutes: 30 }],
    [{ setuptime: undefined, runrate: undefined, inputquantity: undefined }, { estimated_time_minutes: 0 }],
    [
      { startdatetime: undefined, enddate: undefined },
      { planned_start: null, planned_end: null },
    ],
  ])('with %j has %j', async (own, fields) => {
    expect(await recordsOf('operation-tasks', { ...task, ...own })).toMatchObject([{ fields }]);
  });

  it('without a work center is set aside, because the MES takes none, unless it is not to be told anyway', async () => {
    const row = { ...task, manufacturingworkcenter: undefined };
    expect(await mapRow('operation-tasks', row)).toMatchObject({
      kind: 'refused',
      stage: 'map',
      reason: 'manufacturingworkcenter is empty: the MES takes no operation without a cell.',
    });
    const [record] = await recordsOf('operation-tasks', { ...row, orderstatus: 'WorkOrd:C' });
    expect(record?.parents).toEqual({ part: '4821' });
  });

  it.each([
    ['NOTSTART', 'WorkOrd:B', 'active'],
    ['PROGRESS', 'WorkOrd:D', 'active'],
    ['COMPLETE', 'WorkOrd:D', 'closed'],
    ['PROGRESS', 'WorkOrd:H', 'closed'],
    ['COMPLETE', 'WorkOrd:C', 'cancelled'],
    ['NOTSTART', 'WorkOrd:A', 'cancelled'],
    ['NOTSTART', undefined, 'cancelled'],
  ])('%s of an order in state %s is %s', async (status, orderstatus, lifecycle) => {
    const [record] = await recordsOf('operation-tasks', { ...task, status, orderstatus });
    expect(record?.lifecycle).toBe(lifecycle);
    expect(record?.onlyIfKnown === true).toBe(lifecycle === 'cancelled');
  });

  it.each([
    { operationsequence: undefined },
    { operationsequence: 'ten' },
    { setuptime: 'soon' },
    { workorder: undefined },
  ])('with %j is set aside', async (own) => {
    expect(await mapRow('operation-tasks', { ...task, ...own })).toMatchObject({ kind: 'refused' });
  });
});

describe('the streams', () => {
  it('come parents first, and tasks are read with their work orders', async () => {
    const { streams } = await openNetSuite();
    expect(streams.map(({ name, stampKind, childStream }) => [name, stampKind, childStream])).toEqual([
      ['work-centers', 'none', null],
      ['sales-orders', 'second', null],
      ['work-orders', 'second', 'operation-tasks'],
      ['operation-tasks', 'none', null],
    ]);
  });

  it('are read whole hourly or daily, and hourly where the stamps are not trusted', async () => {
    const every = async (own: object) =>
      (await openNetSuite(own)).streams.map(({ fullReadEverySeconds }) => fullReadEverySeconds);
    expect(await every({})).toEqual([3600, 86_400, 86_400, 86_400]);
    expect(await every({ streams: { 'sales-orders': { stampKind: 'none' } } })).toEqual([3600, 3600, 86_400, 86_400]);
  });

  it('change their fingerprint with what decides what a row becomes, and with nothing else', async () => {
    const fingerprint = async (own: object, stream: object = {}) =>
      streamIn(await openNetSuite({ ...own, streams: { 'sales-orders': stream } }), 'sales-orders').fingerprint;
    const usual = await fingerprint({});
    const changed = await Promise.all([
      fingerprint({ timeZone: 'UTC' }),
      fingerprint({ numberPrefix: 'X' }),
      fingerprint({ externalSource: 'Other' }),
      fingerprint({}, { filter: 't.id > 1' }),
      fingerprint({}, { columns: { memo: 't.memo' } }),
      fingerprint({}, { when: 'status' }),
      fingerprint({}, { stampKind: 'none' }),
    ]);
    expect(new Set([usual, ...changed]).size).toBe(8);
    expect(await fingerprint({ maxConcurrency: 2, auth: m2m }, { pageSize: 7, overlapSeconds: 5 })).toBe(usual);
  });

  it('take fields and conditions of the operator over columns that he adds', async () => {
    const own = {
      columns: { custbody_due: "TO_CHAR(t.custbody_due, 'YYYY-MM-DD')", memo: 't.memo' },
      fields: { notes: '"Memo: " & memo', due_date: 'custbody_due' },
      when: 'memo != "internal"',
    };
    const streams = { streams: { 'sales-orders': own } };
    expect(
      await recordsOf('sales-orders', { ...salesOrder, memo: 'x', custbody_due: '2026-11-30' }, streams),
    ).toMatchObject([{ fields: { notes: 'Memo: x', due_date: '2026-11-29T23:00:00.000Z' }, lifecycle: 'active' }]);
    expect(await recordsOf('sales-orders', { ...salesOrder, memo: 'internal' }, streams)).toMatchObject([
      { lifecycle: 'cancelled', onlyIfKnown: true },
    ]);
  });

  it('say so before the first poll where the operator reads what no row has', async () => {
    const streams = { 'sales-orders': { fields: { notes: 'memo' }, when: 'custbody_x = 1' } };
    const session = await openNetSuite({ streams });
    const failed = session.prepare(new AbortController().signal);
    await expect(failed).rejects.toThrow(ConfigError);
    await expect(failed).rejects.toThrow(
      /plant-1\/sales-orders: fields\.notes reads memo, which the row does not have.*memo: t\.memo/,
    );
    await expect(failed).rejects.toThrow(/plant-1\/sales-orders: when reads custbody_x/);
  });

  it.each([{ 'bad name': 't.x' }, { "x'": 't.x' }])('refuse the column %j', async (columns) => {
    await expect(openNetSuite({ streams: { 'sales-orders': { columns } } })).rejects.toThrow(/letters, digits/);
  });

  it('ask for a thousand rows a page at the most', async () => {
    await expect(openNetSuite({ streams: { 'sales-orders': { pageSize: 1001 } } })).rejects.toThrow();
  });

  it('have the fields that the entity of each allows', () => {
    expect(netsuite.fieldsOf('operation-tasks')).toContain('planned_start');
    expect(netsuite.fieldsOf('equipment')).toBeUndefined();
  });
});

describe('a key file', () => {
  it.each([
    [{ keyFile: 'no/such.pem' }, /connectors\.plant-1\.auth\.keyFile cannot be read/],
    [{ keyFile: 'test/fixtures/netsuite/oauth1.json' }, /auth\.keyFile .*holds no private key/],
    [{ certFile: 'test/fixtures/netsuite/certificate-other.pem' }, /auth\.certFile .*belongs to another key/],
  ])('that cannot be used is named before any socket opens: %j', async (own, text) => {
    const opened = openNetSuite({ auth: { ...m2m, ...own } });
    await expect(opened).rejects.toThrow(ConfigError);
    await expect(opened).rejects.toThrow(text);
  });
});
