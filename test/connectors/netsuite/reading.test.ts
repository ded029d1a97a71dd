import { describe, expect, it } from 'vitest';
import type { Page } from '../../../src/connectors/connector.ts';
import type { EventBus } from '../../../src/core/events.ts';
import type { RecordRef, Window } from '../../../src/core/types.ts';
import { createHastyClock, createStrictBus, never } from '../../support/connector-context.ts';
import { type MockAnswer, useHttpMock } from '../../support/http-mock.ts';
import { m2m, openNetSuite, streamIn } from './rows.ts';

const origin = 'https://1234567-sb1.suitetalk.api.netsuite.com';
const http = useHttpMock(origin);

const page = (items: unknown[], hasMore = false): MockAnswer => ({ body: { items, hasMore } });
const refused = (detail: string): MockAnswer => ({
  status: 400,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ 'o:errorDetails': [{ detail, 'o:errorCode': 'INVALID_PARAMETER' }] }),
});

function answers(limit: number, ...list: MockAnswer[]): void {
  http.post(`/services/rest/query/v1/suiteql?limit=${limit}&offset=0`, ...list);
}

const queries = () => http.seen().map(({ body }) => (JSON.parse(body) as { q: string }).q);

async function pagesOf(pages: AsyncIterable<Page>): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const each of pages) rows.push(...each.rows);
  return rows;
}

const mask = "'YYYY-MM-DD HH24:MI:SS'";
const utc = (column: string) => `TO_CHAR(SYS_EXTRACT_UTC(${column}), ${mask})`;
const from = `TO_TIMESTAMP('2026-11-20 21:50:00', ${mask})`;
const to = `TO_TIMESTAMP('2026-11-20 21:55:00', ${mask})`;
const changed = (column: string) => `SYS_EXTRACT_UTC(${column}) >= ${from} AND SYS_EXTRACT_UTC(${column}) < ${to}`;
const window: Window = { mode: 'delta', from: '2026-11-20T21:50:00.000Z', to: '2026-11-20T21:55:00.000Z' };

describe('reading', () => {
  it('finds work orders by their own stamp, by those of main line, item and cancelled sales order', async () => {
    answers(1000, page([]));
    const stream = streamIn(await openNetSuite(), 'work-orders');
    await pagesOf(stream.read(window, undefined, never));
    expect(queries()).toEqual([
      "SELECT t.id AS id, t.tranid AS tranid, BUILTIN.CF(t.status) AS status, TO_CHAR(t.duedate, 'YYYY-MM-DD') AS duedate, " +
        `${utc('t.lastmodifieddate')} AS lastmodified FROM transaction t WHERE t.type = 'WorkOrd' AND (${changed('t.lastmodifieddate')} OR ` +
        "EXISTS (SELECT 1 FROM transactionline tl WHERE tl.transaction = t.id AND tl.mainline = 'T' AND (" +
        `${changed('tl.linelastmodifieddate')} OR EXISTS (SELECT 1 FROM item i WHERE i.id = tl.item AND ` +
        `${changed('i.lastmodifieddate')}) OR EXISTS (SELECT 1 FROM transaction s WHERE s.id = tl.createdfrom AND ` +
        `BUILTIN.CF(s.status) = 'SalesOrd:C' AND ${changed('s.lastmodifieddate')})))) ORDER BY t.id ASC`,
    ]);
  });

  it('goes by the stamp of the order alone where the account refuses the others', async () => {
    answers(1000, page([{ id: '1', status: 'WorkOrd:B' }]), page([]));
    const streams = { 'work-orders': { relatedChanges: false } };
    const stream = streamIn(await openNetSuite({ streams }), 'work-orders');
    await pagesOf(stream.read(window, undefined, never));
    const [orders = '', lines = ''] = queries();
    expect(orders).toContain(`WHERE t.type = 'WorkOrd' AND ${changed('t.lastmodifieddate')} ORDER BY t.id ASC`);
    expect(lines).toMatch(/l\.createdfrom AS createdfrom FROM transactionline l/);
    expect(lines).not.toContain('lastmodified');
  });

  it('looks main lines, items and sales orders up by the page, and puts them together', async () => {
    answers(
      1000,
      page([
        { id: '1', status: 'WorkOrd:B' },
        { id: '2', status: 'WorkOrd:B' },
      ]),
      page([
        { lookupkey: '1', item: '12', createdfrom: '33' },
        { LOOKUPKEY: '2', Item: '12', createdfrom: '34' },
      ]),
      page([{ lookupkey: '12', itemid: 'GEAR' }]),
      page([{ lookupkey: '33', origin: '33', origintype: 'SalesOrd' }]),
    );
    const stream = streamIn(await openNetSuite(), 'work-orders');
    const rows = await pagesOf(stream.read({ mode: 'full' }, undefined, never));
    expect(rows).toEqual([
      {
        id: '1',
        status: 'WorkOrd:B',
        item: '12',
        createdfrom: '33',
        itemid: 'GEAR',
        origin: '33',
        origintype: 'SalesOrd',
      },
      { id: '2', status: 'WorkOrd:B', item: '12', createdfrom: '34', itemid: 'GEAR' },
    ]);
    expect(
      queries()
        .slice(1)
        .map((sql) => sql.slice(sql.indexOf(' FROM '))),
    ).toEqual([
      " FROM transactionline l WHERE l.mainline = 'T' AND l.transaction IN (1, 2) ORDER BY l.transaction ASC",
      ' FROM item l WHERE l.id IN (12) ORDER BY l.id ASC',
      ' FROM transaction l WHERE l.id IN (33, 34) ORDER BY l.id ASC',
    ]);
  });

  it('reads cancelled sales orders with their work orders, as their own stream does', async () => {
    answers(
      1000,
      page([
        { id: '1', status: 'WorkOrd:B' },
        { id: '2', status: 'WorkOrd:B' },
      ]),
      page([
        { lookupkey: '1', createdfrom: '33' },
        { lookupkey: '2', createdfrom: '34' },
      ]),
      page([
        { lookupkey: '33', origin: '33', origintype: 'SalesOrd', originstatus: 'SalesOrd:B' },
        { lookupkey: '34', origin: '34', origintype: 'SalesOrd', originstatus: 'SalesOrd:C' },
      ]),
      page([{ id: '34', status: 'SalesOrd:C', entity: '8' }]),
      page([{ lookupkey: '8', companyname: 'Acme GmbH' }]),
    );
    const streams = { 'sales-orders': { columns: { planner: 't.custbody_planner' }, filter: 't.id > 7' } };
    const stream = streamIn(await openNetSuite({ streams }), 'work-orders');
    const rows = await pagesOf(stream.read({ mode: 'full' }, undefined, never));
    expect(rows).toMatchObject([{ origin: '33' }, { origin: '34', companion: { id: '34', companyname: 'Acme GmbH' } }]);
    expect(queries().at(-2)).toMatch(
      /t\.custbody_planner AS planner FROM transaction t WHERE t\.type = 'SalesOrd' AND t\.id > 7 AND t\.id IN \(34\) ORDER BY t\.id ASC$/,
    );
    expect(rows[0]).not.toHaveProperty('companion');
  });

  it('goes on behind a cursor, inside the filter of the operator', async () => {
    answers(7, page([]));
    const own = { pageSize: 7, filter: 't.id > 100 OR t.id = 5' };
    const stream = streamIn(await openNetSuite({ streams: { 'sales-orders': own } }), 'sales-orders');
    await pagesOf(stream.read({ mode: 'full' }, { id: '3301' }, never));
    expect(queries()[0]).toMatch(
      / FROM transaction t WHERE \(t\.type = 'SalesOrd' AND \(t\.id > 100 OR t\.id = 5\)\) AND t\.id > 3301 ORDER BY t\.id ASC$/,
    );
  });

  it('counts, and finds the newest stamp', async () => {
    answers(1, page([{ total: '2417' }]), page([{ newest: '2026-11-20 21:55:00' }]));
    const stream = streamIn(await openNetSuite(), 'sales-orders');
    expect(await stream.count(never)).toBe(2417);
    expect(await stream.newest('2026-11-20T22:00:00.000Z', never)).toBe('2026-11-20T21:55:00.000Z');
    expect(queries()).toEqual([
      "SELECT COUNT(*) AS total FROM transaction t WHERE t.type = 'SalesOrd'",
      `SELECT ${utc('t.lastmodifieddate')} AS newest FROM transaction t WHERE t.type = 'SalesOrd' AND ` +
        `SYS_EXTRACT_UTC(t.lastmodifieddate) <= TO_TIMESTAMP('2026-11-20 22:00:00', ${mask}) ORDER BY t.lastmodifieddate DESC, t.id DESC`,
    ]);
  });

  it('brings the tasks of work orders, two hundred orders a query, and no children of what is no id', async () => {
    const parents = [...Array.from({ length: 201 }, (_, index) => String(index + 1)), "1') OR ('1'='1"];
    answers(1000, page([{ id: '9', workorder: '7' }]), page([{ lookupkey: '7', orderstatus: 'WorkOrd:B' }]), page([]));
    const tasks = streamIn(await openNetSuite(), 'operation-tasks');
    const read: [number, number][] = [];
    for await (const each of tasks.children?.read(parents, never) ?? [])
      read.push([each.parents.length, each.rows.length]);
    expect(read).toEqual([
      [200, 1],
      [1, 0],
      [1, 0],
    ]);
    expect(queries()[2]).toMatch(
      / FROM manufacturingOperationTask t WHERE t\.workorder IN \(201\) ORDER BY t\.id ASC$/,
    );
    expect(tasks.children?.parentOf({ workorder: '7' })).toBe('7');
    expect(tasks.children?.parentOf({})).toBeUndefined();
  });
});

describe('check', () => {
  const now = page([{ now: '2026-11-20 12:00:00' }]);
  const one = page([{ id: '1' }]);
  const zone = page([{ utc: '2026-07-01 10:00:00', local: '2026-07-01 12:00:00' }]);
  const only = (name: string) => {
    const names = ['work-centers', 'sales-orders', 'work-orders', 'operation-tasks'];
    return Object.fromEntries(names.filter((each) => each !== name).map((each) => [each, { enabled: false }]));
  };
  const clock = () => createHastyClock(new Date('2026-11-20T12:00:00Z'));

  it('asks for a row of the stream, for a window of nothing, for the time and for the zone', async () => {
    answers(1, one, page([]), now, page([]), zone);
    const session = await openNetSuite({ streams: only('sales-orders') }, { clock: clock() });
    expect(await session.check(never)).toMatchObject([
      { code: 'stream-readable', level: 'ok' },
      { code: 'clock-agrees', level: 'ok' },
    ]);
    expect(queries()[1]).toContain("TO_TIMESTAMP('9999-12-31 00:00:00'");
  });

  it('names a table that is hidden or switched off, and what it needs', async () => {
    answers(1, refused("Record 'manufacturingOperationTask' was not found."), refused('not found'));
    const session = await openNetSuite({ streams: only('operation-tasks') }, { clock: clock() });
    expect(await session.check(never)).toMatchObject([
      {
        code: 'stream-refused',
        level: 'error',
        where: 'plant-1/operation-tasks',
        text: expect.stringMatching(
          /not found.*hidden from the role or switched off. It needs the feature Manufacturing Routing and Work Center/,
        ),
      },
    ]);
  });

  it('names the permissions to work orders where tasks can be seen but not their orders', async () => {
    const task = page([{ id: '1', workorder: '7' }]);
    answers(1, task, one);
    answers(1000, refused("Record 'transaction' was not found."));
    const session = await openNetSuite({ streams: only('operation-tasks') }, { clock: clock() });
    expect(await session.check(never)).toMatchObject([
      {
        code: 'stream-refused',
        text: expect.stringMatching(/'transaction' was not found.*Work Order, Find Transaction/),
      },
    ]);
  });

  it.each([
    [{ status: 429 }],
    [{ status: 400, body: { error: { code: 'SSS_REQUEST_LIMIT_EXCEEDED', message: 'Too many' } } }],
  ])('says of too many requests that the account is shared (%j)', async (answer) => {
    answers(1, ...Array(3).fill(answer));
    const session = await openNetSuite({ streams: only('sales-orders') }, { clock: clock() });
    expect(await session.check(never)).toMatchObject([
      { code: 'erp-unreachable', todo: expect.stringContaining('All integrations of the account share') },
    ]);
  });

  it('tells a column that is not there from a table that is not', async () => {
    answers(1, refused("Unknown identifier 'custbody_x'."), one);
    const streams = { ...only('sales-orders'), 'sales-orders': { columns: { x: 't.custbody_x' } } };
    const session = await openNetSuite({ streams }, { clock: clock() });
    expect(await session.check(never)).toMatchObject([
      {
        text: expect.stringMatching(
          /Unknown identifier 'custbody_x'.*can be seen, but not everything.*columns, filter and relatedChanges/,
        ),
      },
    ]);
  });

  it('names a zone that is not that of the user', async () => {
    answers(1, one, page([]), now, page([]), zone);
    const session = await openNetSuite(
      { streams: only('sales-orders'), timeZone: 'America/Chicago' },
      { clock: clock() },
    );
    expect((await session.check(never)).at(-1)).toMatchObject({
      code: 'zone-differs',
      level: 'warning',
      text: 'The user of the token lives at +02:00 from UTC, timeZone America/Chicago at -05:00 (at 2026-07-01T10:00:00.000Z).',
    });
  });

  it.each([
    ['2026-11-20', 'certificate-good', 'ok', 'good until 2027-11-21: 365 days'],
    ['2027-10-30', 'certificate-expires', 'warning', 'good until 2027-11-21: 21 days'],
    ['2027-12-01', 'certificate-expired', 'error', 'expired on 2027-11-21'],
  ])('shows on %s when the certificate expires: %s', async (today, code, ...said) => {
    const [level, text] = said;
    http.post('/services/rest/auth/oauth2/v1/token', { status: 401, body: { error: 'invalid_client' } });
    const auth = { ...m2m, certFile: 'test/fixtures/netsuite/certificate.pem' };
    const session = await openNetSuite({ auth }, { clock: createHastyClock(new Date(`${today}T12:00:00Z`)) });
    const findings = await session.check(never);
    expect(findings).toHaveLength(2);
    expect(findings[0]).toMatchObject({ code: 'credentials-refused', level: 'error' });
    expect(findings[1]).toMatchObject({
      code,
      level,
      text: expect.stringContaining(text ?? '?'),
      where: 'plant-1/auth',
    });
  });
});

describe('a certificate that ends within a month', () => {
  it('is told of once a day', async () => {
    const clock = createHastyClock(new Date('2027-10-30T12:00:00Z'));
    const events = createStrictBus();
    const told: unknown[] = [];
    events.on('credentials:expiring', (event) => told.push(event));
    const auth = { ...m2m, certFile: 'test/fixtures/netsuite/certificate.pem' };
    const session = await openNetSuite({ auth }, { clock, events });
    const ask = async () => session.clock(AbortSignal.abort()).catch(() => undefined);
    for (let hour = 0; hour < 25; hour += 1) {
      await ask();
      clock.pass(3_600_000);
    }
    const event = { connector: 'plant-1', what: 'certificate', at: '2027-11-21T07:42:45.000Z' };
    expect(told).toEqual([event, event]);
  });
});

describe('deletions', () => {
  async function goneIn(name: string, events: EventBus = createStrictBus()): Promise<RecordRef[]> {
    const stream = streamIn(await openNetSuite({}, { events }), name);
    const refs: RecordRef[] = [];
    for await (const some of stream.gone?.(window, never) ?? []) refs.push(...some);
    return refs;
  }

  it('are those that NetSuite lists and the table of the stream has no more', async () => {
    answers(
      1000,
      page([{ lookupkey: '3' }, { lookupkey: '4' }, { lookupkey: '4' }, { lookupkey: '5' }]),
      page([{ lookupkey: '4' }]),
    );
    expect(await goneIn('work-orders')).toEqual([
      { entity: 'part', externalId: '3' },
      { entity: 'job', externalId: 'STOCK-3' },
      { entity: 'part', externalId: '5' },
      { entity: 'job', externalId: 'STOCK-5' },
    ]);
    expect(queries()).toEqual([
      `SELECT l.recordid AS lookupkey FROM DeletedRecord l WHERE l.recordtypeid = -30 AND ${changed('l.deleteddate').replace('21:50:00', '21:49:00')} ORDER BY l.recordid ASC`,
      'SELECT l.id AS lookupkey FROM transaction l WHERE l.id IN (3, 4, 5) ORDER BY l.id ASC',
    ]);
  });

  it('of nothing are one query', async () => {
    answers(1000, page([]));
    expect(await goneIn('sales-orders')).toEqual([]);
  });

  it('that may not be listed are done without, and that is said once', async () => {
    const events = createStrictBus();
    const said: string[] = [];
    events.on('stream:degraded', ({ stream, reason }) => said.push(`${stream}: ${reason}`));
    answers(1000, refused("Record 'DeletedRecord' was not found."));
    expect(await goneIn('sales-orders', events)).toEqual([]);
    expect(said).toEqual([
      expect.stringMatching(/^plant-1\/sales-orders: .*'DeletedRecord' was not found.*permission Deleted Records/),
    ]);
  });

  it('fail where the account is not reached: nothing is concluded', async () => {
    answers(1000, { status: 503 }, { status: 503 }, { status: 503 });
    await expect(goneIn('sales-orders')).rejects.toThrow(/HTTP 503/);
  });

  it('are not listed of work centers and tasks', async () => {
    const { streams } = await openNetSuite();
    expect(streams.filter(({ gone }) => gone !== undefined).map(({ name }) => name)).toEqual([
      'sales-orders',
      'work-orders',
    ]);
  });
});
