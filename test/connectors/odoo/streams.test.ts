import { describe, expect, it, onTestFinished } from 'vitest';
import { startOdoo } from '../../../sandbox/odoo/index.ts';
import type { ConnectorSession, Stream } from '../../../src/connectors/connector.ts';
import { odoo } from '../../../src/connectors/odoo/index.ts';
import { createEventBus, type Events } from '../../../src/core/events.ts';
import type { MesRecord } from '../../../src/core/types.ts';
import { createHastyClock, createStrictBus, never } from '../../support/connector-context.ts';

const settings = {
  type: 'odoo',
  url: 'http://127.0.0.1:9',
  database: 'odoo',
  auth: { kind: 'apiKey', username: 'reader', key: 'some-key' },
  externalSource: 'ODOO',
  rate: { requestsPerSecond: 1000, burst: 1000 },
};

async function open(own: object = {}, events = createStrictBus()): Promise<ConnectorSession> {
  const parsed = await odoo.settings.parseAsync({ ...settings, ...own });
  const clock = createHastyClock();
  const session = odoo.open(parsed, { name: 'plant-2', clock, events, random: () => 0, attempts: 3 });
  onTestFinished(session.close);
  return session;
}

function streamOf({ streams }: ConnectorSession, name: string): Stream {
  const stream = streams.find((candidate) => candidate.name === name);
  if (stream === undefined) throw new Error(`There is no stream ${name}.`);
  return stream;
}

async function recordsOf(stream: string, row: object, own: object = {}): Promise<MesRecord[]> {
  const [mapped] = await streamOf(await open(own), stream).map([{ write_date: '2026-11-20 22:09:24', ...row }]);
  if (mapped?.kind !== 'good') throw new Error(mapped?.reason);
  return mapped.records;
}

const production = {
  id: 7,
  name: 'WH/MO/00007',
  state: 'confirmed',
  product_id: [3, '[FG3] Frame'],
  product_qty: 2.5,
  origin: null,
  company_id: [1, 'A'],
  date_deadline: '2026-12-15 10:00:00',
  product: { default_code: 'FG3', name: 'Frame' },
  sale: null,
};

const sale = { id: 25, name: 'S00025', state: 'sale', partner_id: [9, 'Müller & Söhne'], commitment_date: null };

describe('settings', () => {
  const password = { kind: 'password', username: 'reader', password: 'some-password' };

  it('offer no password to JSON-2, which takes none', async () => {
    await expect(open({ protocol: 'json2', auth: password })).rejects.toThrow(/json2 takes API keys only/);
    expect((await open({ protocol: 'auto', auth: password })).streams).toHaveLength(5);
  });
});

describe('work centers and equipment', () => {
  it('are named so that no two have one name, and are inactive when archived', async () => {
    const row = { id: 4, name: 'Assembly', active: false };
    expect(await recordsOf('work-centers', row)).toMatchObject([
      { entity: 'cell', externalId: '4', fields: { name: 'Assembly (4)', active: false }, lifecycle: 'cancelled' },
    ]);
  });

  it.each([
    ['a text up to 18', { location: 'Hall A' }, 'Hall A'],
    ['a place of stock from 19', { location_id: [8, 'WH/Stock'] }, 'WH/Stock'],
    ['nowhere', { location: null }, null],
  ])('stand at %s', async (_what, place, location) => {
    const [record] = await recordsOf('equipment', { id: 1, name: 'Saw', active: true, scrap_date: null, ...place });
    expect(record?.fields).toMatchObject({ location, active: true, identifier: null });
  });

  it('are inactive once scrapped', async () => {
    const [record] = await recordsOf('equipment', { id: 1, name: 'Saw', active: true, scrap_date: '2026-01-01' });
    expect(record?.fields['active']).toBe(false);
  });
});

describe('sales orders', () => {
  it.each([
    ['draft', false],
    ['sent', false],
    ['cancel', false],
    ['sale', true],
    ['done', true],
  ])('in state %s are told: %s', async (state, told) => {
    const [record] = await recordsOf('sales-orders', { ...sale, state });
    expect(record?.onlyIfKnown).toBe(told ? undefined : true);
    expect(record?.lifecycle).toBe(told ? (state === 'done' ? 'closed' : 'active') : 'cancelled');
  });

  it('have their number behind the prefix, and the customer by name', async () => {
    const row = { ...sale, commitment_date: '2026-12-15 10:00:00', locked: true };
    const [record] = await recordsOf('sales-orders', row, { numberPrefix: 'OD-' });
    expect(record).toMatchObject({
      externalId: '25',
      fields: { job_number: 'OD-S00025', customer: 'Müller & Söhne', due_date: '2026-12-15T10:00:00.000Z' },
      lifecycle: 'closed',
    });
  });
});

describe('manufacturing orders', () => {
  it('made to stock have a job of their own', async () => {
    const [job, part] = await recordsOf('manufacturing-orders', production);
    expect(job).toMatchObject({ entity: 'job', externalId: 'STOCK-7', lifecycle: 'active' });
    expect(job?.fields).toEqual({
      job_number: 'STOCK-WH/MO/00007',
      customer: null,
      due_date: '2026-12-15T10:00:00.000Z',
    });
    expect(part).toMatchObject({ entity: 'part', externalId: '7', parents: { job: 'STOCK-7' } });
    expect(part?.fields).toEqual({ part_number: 'FG3|WH/MO/00007', material: 'FG3', quantity: 3 });
  });

  it('made for a sales order belong to it, and their stock job is cancelled where the MES knows it', async () => {
    const [stock, part] = await recordsOf('manufacturing-orders', { ...production, sale });
    expect(stock).toMatchObject({ externalId: 'STOCK-7', lifecycle: 'cancelled', onlyIfKnown: true });
    expect(part?.parents).toEqual({ job: '25' });
  });

  it('that outlive their sales order bring its job, on hold', async () => {
    const companion = { ...sale, state: 'cancel', client_order_ref: 'PO 7' };
    const own = { streams: { 'sales-orders': { fields: { notes: 'client_order_ref' } } } };
    const records = await recordsOf('manufacturing-orders', { ...production, sale: companion, companion }, own);
    expect(await recordsOf('sales-orders', companion, own)).toEqual([{ ...records[0], onlyIfKnown: true }]);
    expect(records.map(({ externalId, lifecycle, onlyIfKnown }) => [externalId, lifecycle, onlyIfKnown])).toEqual([
      ['25', 'cancelled', undefined],
      ['STOCK-7', 'cancelled', true],
      ['7', 'active', undefined],
    ]);
  });

  it('whose sales order the account may not see are set aside: a job made up would be wrong', async () => {
    const stream = streamOf(await open(), 'manufacturing-orders');
    const [mapped] = await stream.map([{ ...production, sale: 'hidden' }]);
    expect(mapped).toMatchObject({ kind: 'refused', stage: 'map', reason: expect.stringContaining('All Documents') });
  });

  it('are of the code of their product, or of its name', async () => {
    const product = { default_code: null, name: 'Frame' };
    const [, part] = await recordsOf('manufacturing-orders', { ...production, product });
    expect(part?.fields['material']).toBe('Frame');
  });

  it('whose product the account may not see are set aside: its name as Odoo shows it is no code', async () => {
    const [mapped] = await streamOf(await open(), 'manufacturing-orders').map([{ ...production, product: null }]);
    expect(mapped).toMatchObject({ kind: 'refused', stage: 'map', reason: expect.stringContaining('record rule') });
  });

  it('are cancelled although product and sales order are hidden, and keep their job', async () => {
    const hidden = { ...production, state: 'cancel', product: null, sale: 'hidden' };
    const [stock, part] = await recordsOf('manufacturing-orders', hidden);
    expect(stock).toMatchObject({ externalId: 'STOCK-7', lifecycle: 'cancelled', onlyIfKnown: true });
    expect(part).toMatchObject({ externalId: '7', lifecycle: 'cancelled', onlyIfKnown: true, parents: {} });
  });

  it.each(['draft', 'cancel'])('in state %s are not told', async (state) => {
    const records = await recordsOf('manufacturing-orders', { ...production, state });
    expect(records.every(({ onlyIfKnown, lifecycle }) => onlyIfKnown === true && lifecycle === 'cancelled')).toBe(true);
  });

  it('carry another stamp when a work order comes or goes in the same second', async () => {
    const stream = streamOf(await open(), 'manufacturing-orders');
    const rows = [[1, 2], [1], [1, 2]].map((workorder_ids) => ({
      ...production,
      write_date: '2026-11-20 22:09:24',
      workorder_ids,
    }));
    const stamps = (await stream.map(rows)).map(({ stamp }) => stamp);
    expect(stamps[0]).toBe(stamps[2]);
    expect(stamps[0]).not.toBe(stamps[1]);
  });
});

describe('work orders', () => {
  const row = {
    id: 31,
    name: 'Weld',
    state: 'ready',
    production_id: [7, 'WH/MO/00007'],
    workcenter_id: [4, 'Assembly'],
    duration_expected: 12.5,
    date_start: '2026-11-21 06:00:00',
    date_finished: null,
    parent: { state: 'confirmed' },
    rank: 2,
  };

  it('become operations of their order, at a cell', async () => {
    expect(await recordsOf('work-orders', row)).toEqual([
      {
        entity: 'operation',
        source: 'ODOO',
        externalId: '31',
        parents: { part: '7', cell: '4' },
        fields: {
          operation_name: 'Weld',
          sequence: 20,
          estimated_time_minutes: 13,
          planned_start: '2026-11-21T06:00:00.000Z',
          planned_end: null,
        },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([
    ['cancel', 'confirmed'],
    ['ready', 'draft'],
    ['done', 'cancel'],
  ])('in state %s of an order in state %s are not told', async (state, parent) => {
    const [record] = await recordsOf('work-orders', { ...row, state, parent: { state: parent } });
    expect(record?.onlyIfKnown).toBe(true);
  });

  it('have planned times of their own up to 16', async () => {
    const planned = { date_planned_start: '2026-11-20 06:00:00', date_planned_finished: '2026-11-20 08:00:00' };
    const [record] = await recordsOf('work-orders', { ...row, ...planned });
    expect(record?.fields).toMatchObject({
      planned_start: '2026-11-20T06:00:00.000Z',
      planned_end: '2026-11-20T08:00:00.000Z',
    });
  });
});

describe('the end of the API key', () => {
  it.each([
    [9, 1],
    [30, 0],
    [null, 0],
  ])('in %j days is told %i times a day', async (keyDays, times) => {
    const simulator = await startOdoo({ seed: 3, records: 20, keyDays });
    onTestFinished(simulator.stop);
    const told: Events['credentials:expiring'][] = [];
    const events = createEventBus((error) => {
      throw error;
    });
    events.on('credentials:expiring', (event) => told.push(event));
    const { apiKey, username } = simulator.credentials;
    const auth = { kind: 'apiKey', username, key: apiKey, name: 'erp-puller' };
    const session = await open({ url: simulator.url, auth }, events);
    for (let poll = 0; poll < 3; poll += 1) await session.clock(never);
    expect(told).toHaveLength(times);
    expect(told[0]?.what ?? 'API key "erp-puller"').toBe('API key "erp-puller"');
  });

  it.each([
    [19, 1],
    [17, 0],
  ] as const)(
    'of a name that no key of the account has (%i) is told %i times to be unwatched',
    async (version, times) => {
      const simulator = await startOdoo({ seed: 3, records: 20, keyDays: 9, version });
      onTestFinished(simulator.stop);
      const told: Events['credentials:unwatched'][] = [];
      const events = createStrictBus();
      events.on('credentials:unwatched', (event) => told.push(event));
      const { apiKey, username } = simulator.credentials;
      const auth = { kind: 'apiKey', username, key: apiKey, name: 'erp-puler' };
      const session = await open({ url: simulator.url, auth }, events);
      for (let days = 0; days < 3; days += 1) {
        await session.clock(never);
        simulator.advance(86_400_000);
      }
      expect(told.map(({ what }) => what)).toEqual(Array(times).fill('API key "erp-puler"'));
    },
  );
});
