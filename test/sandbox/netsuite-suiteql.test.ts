import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NetSuiteOptions, type NetSuiteSimulator, startNetSuite } from '../../sandbox/netsuite/index.ts';
import { detailOf, type Item, rowsOf, suiteql } from './netsuite-client.ts';

const running: NetSuiteSimulator[] = [];
let netsuite: NetSuiteSimulator;
beforeAll(async () => {
  netsuite = await start();
});
afterAll(() => Promise.all(running.map((one) => one.stop())));

async function start(options: Partial<NetSuiteOptions> = {}): Promise<NetSuiteSimulator> {
  const startAt = new Date('2026-03-10T16:30:15.417Z');
  const one = await startNetSuite({ seed: 7, records: 600, startAt, ...options });
  running.push(one);
  return one;
}

/** The one value of a statement without a table; undefined for null. */
async function valueBy(expression: string, where: NetSuiteSimulator = netsuite): Promise<string | undefined> {
  const [row] = await rowsOf(where, `SELECT ${expression} AS v FROM DUAL`);
  return row?.['v'];
}

function column(rows: Item[], name: string): (string | undefined)[] {
  return rows.map((row) => row[name]);
}

const ids = `SELECT id FROM transaction WHERE type = 'WorkOrd' ORDER BY id ASC`;

describe('a statement', () => {
  it.each([
    ["NVL(NULL, 'x')", 'x'],
    ["NVL2(NULL, 'a', 'b')", 'b'],
    ["COALESCE(NULL, '', 'c')", 'c'],
    ["'a' || NULL || 'b'", 'ab'],
    ["''", undefined],
    ['1 + 2 * 3', '7'],
    ['(1 + 2) * 3', '9'],
    ['0.1 + 0.2', '0.3'],
    ['-10 / 4', '-2.5'],
    ["DECODE('B', 'A', 1, 'B', 2, 3)", '2'],
    ['DECODE(NULL, NULL, 1, 2)', '1'],
    ["CASE WHEN 1 = 2 THEN 'a' ELSE 'b' END", 'b'],
    ["CASE 'x' WHEN 'x' THEN 1 END", '1'],
    ["SUBSTR('WorkOrd:B', -1)", 'B'],
    ["SUBSTR('WorkOrd:B', 1, 4)", 'Work'],
    ["INSTR('WorkOrd:B', ':')", '8'],
    ["UPPER('a') || LOWER('B') || LENGTH('abc')", 'Ab3'],
    ['ROUND(2.5) + TRUNC(2.9) + CEIL(0.1) + FLOOR(0.9)', '6'],
    ['GREATEST(1, 3, 2) - LEAST(1, 3, 2)', '2'],
    ["TO_NUMBER('12.5')", '12.5'],
    ["LPAD('7', 3, '0')", '007'],
    ["CAST(5 AS VARCHAR2(10)) || 'x'", '5x'],
    ["'O''Brien'", "O'Brien"],
    ["TO_CHAR(TO_DATE('2026-02-28', 'YYYY-MM-DD') + 1, 'DD.MM.YYYY')", '01.03.2026'],
    ["TO_CHAR(TO_TIMESTAMP('2026-03-10 01:02:03', 'YYYY-MM-DD HH24:MI:SS'), 'HH12:MI:SS AM')", '01:02:03 AM'],
    [
      "TO_CHAR(TO_TIMESTAMP('10-MAR-26', 'DD-MON-YY') + INTERVAL '90' MINUTE, 'YYYY-MM-DD HH24:MI')",
      '2026-03-10 01:30',
    ],
    ['TO_CHAR(SYS_EXTRACT_UTC(CURRENT_TIMESTAMP), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')', '2026-03-10T16:30:15Z'],
    ["TO_CHAR(CURRENT_TIMESTAMP, 'YYYY-MM-DD HH24:MI:SS')", '2026-03-10 09:30:15'],
    ["TO_CHAR(SYSDATE - 1/24, 'YYYY-MM-DD HH24:MI')", '2026-03-10 08:30'],
    ['CURRENT_TIMESTAMP', '10/03/2026'],
  ])('comes to the value of %s', async (expression, value) => {
    expect(await valueBy(expression)).toBe(value);
  });

  it.each([
    ["type IN ('WorkOrd', 'SalesOrd') AND NOT type = 'SalesOrd'", "type = 'WorkOrd'"],
    ["type = 'WorkOrd' OR type = 'SalesOrd'", "type <> 'PurchOrd'"],
    ['id BETWEEN 10 AND 20', 'id + 0 >= 10 AND id + 0 <= 20'],
    ['id > 9.5', 'id + 0 > 9.5'],
    ['300 <= id', 'NOT id + 0 < 300'],
    ['30 > id', 'id + 0 < 30'],
    ['entity NOT IN (1, 2)', 'entity <> 1 AND entity <> 2'],
    ["id IN ('10', '20', NULL)", 'id = 10 OR id = 20'],
    ['id NOT IN (10, NULL)', '1 = 2'],
    ['tranid IS NOT NULL', "tranid LIKE '%O-%'"],
    ['NOT (shipdate IS NULL)', 'shipdate IS NOT NULL'],
    ["status = ''", 'id < 0'],
    [
      "EXISTS (SELECT 1 FROM transactionline tl WHERE tl.transaction = t.id AND tl.mainline = 'T' AND tl.item IS NOT NULL)",
      "id IN (SELECT transaction FROM transactionline WHERE mainline = 'T' AND item > 0)",
    ],
    [
      '(SELECT MAX(l.id) FROM transactionline l WHERE l.transaction = t.id) = 2',
      't.id IN (SELECT transaction FROM transactionline GROUP BY transaction HAVING COUNT(*) = 3)',
    ],
    [
      "t.lastmodifieddate >= TO_DATE('2026-01-01', 'YYYY-MM-DD')",
      "SYS_EXTRACT_UTC(t.lastmodifieddate) >= TO_TIMESTAMP('2026-01-01 08:00:00', 'YYYY-MM-DD HH24:MI:SS')",
    ],
    ["trandate >= '01/03/2026'", "trandate >= TO_DATE('2026-03-01', 'YYYY-MM-DD')"],
  ])('finds by %s what it finds by %s', async (one, other) => {
    const all = await rowsOf(netsuite, 'SELECT t.id FROM transaction t ORDER BY t.id ASC');
    const found = await rowsOf(netsuite, `SELECT t.id FROM transaction t WHERE ${one} ORDER BY t.id ASC`);
    expect(found).toEqual(await rowsOf(netsuite, `SELECT t.id FROM transaction t WHERE ${other} ORDER BY t.id ASC`));
    expect(found.length).toBeLessThan(all.length);
  });

  it('joins by index, by walk, by comma and from a query, all to the same rows', async () => {
    const columns = 't.id, i.itemid';
    const where = "t.type = 'WorkOrd' AND tl.mainline = 'T'";
    const statements = [
      `SELECT ${columns} FROM transaction t JOIN transactionline tl ON tl.transaction = t.id LEFT JOIN item i ON i.id = tl.item WHERE ${where} ORDER BY t.id ASC`,
      `SELECT ${columns} FROM transactionline tl INNER JOIN transaction t ON t.id + 0 = tl.transaction LEFT OUTER JOIN item i ON tl.item = i.id WHERE ${where} ORDER BY t.id ASC`,
      `SELECT t.id, x.itemid FROM transaction t, (SELECT tl.transaction AS wo, i.itemid FROM transactionline tl LEFT JOIN item i ON i.id = tl.item WHERE tl.mainline = 'T') x WHERE x.wo = t.id AND t.type = 'WorkOrd' ORDER BY 1`,
    ];
    const [first = [], ...others] = await Promise.all(statements.map((statement) => rowsOf(netsuite, statement)));
    expect(first.length).toBeGreaterThan(50);
    expect(first.some((row) => row['itemid'] === undefined)).toBe(true);
    for (const rows of others) expect(rows).toEqual(first);
  });

  it('groups, counts and takes the greatest', async () => {
    const groups = await rowsOf(
      netsuite,
      'SELECT type, COUNT(*) AS n, COUNT(DISTINCT status) AS s, MAX(id) AS last FROM transaction GROUP BY type HAVING COUNT(*) > 0 ORDER BY type',
    );
    expect(column(groups, 'type')).toEqual(['PurchOrd', 'SalesOrd', 'WorkOrd']);
    const orders = column(await rowsOf(netsuite, ids), 'id');
    expect(groups[2]).toMatchObject({ n: String(orders.length), last: orders.at(-1) });
    expect(await rowsOf(netsuite, 'SELECT COUNT(*) AS n, MAX(id) AS m FROM item WHERE id < 0')).toEqual([{ n: '0' }]);
    const kinds = await rowsOf(netsuite, 'SELECT DISTINCT type FROM transaction ORDER BY type DESC');
    expect(column(kinds, 'type')).toEqual(['WorkOrd', 'SalesOrd', 'PurchOrd']);
  });

  it('may be cut by FETCH FIRST, whereas an OFFSET in it is not heard', async () => {
    const all = await rowsOf(netsuite, ids);
    expect(await rowsOf(netsuite, `${ids} FETCH FIRST 3 ROWS ONLY`)).toEqual(all.slice(0, 3));
    expect(await rowsOf(netsuite, `${ids} OFFSET 5 ROWS FETCH NEXT 3 ROWS ONLY`)).toEqual(all.slice(0, 3));
  });

  it('sees neither case nor comments nor blanks', async () => {
    const odd = 'select T.ID -- the key\n from TRANSACTION t /* all */ where "id"<5 order by t.Id asc';
    expect(await rowsOf(netsuite, odd)).toEqual([{ id: '1' }, { id: '2' }, { id: '3' }, { id: '4' }]);
  });

  it('gives no order that it was not asked for', async () => {
    const open = "SELECT id FROM transaction WHERE type = 'WorkOrd'";
    expect(await rowsOf(netsuite, open)).not.toEqual(await rowsOf(netsuite, open));
    const ties = "SELECT id, type FROM transaction WHERE type = 'WorkOrd' ORDER BY type ASC";
    expect(await rowsOf(netsuite, ties)).not.toEqual(await rowsOf(netsuite, ties));
  });
});

describe('what SuiteQL refuses', () => {
  const several = Array.from({ length: 1001 }, (_, index) => index).join(', ');
  it.each([
    ['WITH x AS (SELECT id FROM item) SELECT id FROM x', 'WITH'],
    ['SELECT id FROM item LIMIT 5', 'LIMIT'],
    ["SELECT id FROM transaction WHERE trandate > DATE '2026-01-01'", 'Date literals'],
    ["SELECT id FROM transaction WHERE trandate > '2026-01-01'", 'ORA-01861'],
    ["SELECT id FROM transaction WHERE trandate > TO_DATE('2026-02-30', 'YYYY-MM-DD')", 'ORA-01843'],
    ["SELECT TO_CHAR(trandate, 'QQQ') FROM transaction", 'ORA-01821'],
    [`SELECT id FROM item WHERE id IN (${several})`, 'ORA-01795'],
    ['SELECT [id] FROM item', 'Failed to parse SQL'],
    ['SELECT id FROM item WHERE id = ?', 'Failed to parse SQL'],
    ['SELECT id FROM item WHERE id = :id', 'Failed to parse SQL'],
    ['SELECT id FROM item;', 'Failed to parse SQL'],
    ["SELECT 'a' + 'b' FROM DUAL", 'ORA-01722'],
    [
      'SELECT built FROM transaction',
      "Unknown identifier 'built'. Available identifiers are: {transaction=transaction}.",
    ],
    ['SELECT t.quantitybuilt FROM transaction t', "Unknown identifier 't.quantitybuilt'"],
    ['SELECT lastmodifieddate FROM manufacturingOperationTask', "Unknown identifier 'lastmodifieddate'"],
    ['SELECT item FROM manufacturingrouting', 'Invalid search type: manufacturingrouting'],
    ['SELECT id FROM manufacturingworkcenter', 'Invalid search type: manufacturingworkcenter'],
    ['SELECT id FROM transaction t JOIN item i ON i.id = t.id', 'ORA-00918'],
    ['SELECT type, id FROM transaction GROUP BY type', 'ORA-00979'],
    ['SELECT id FROM transaction WHERE COUNT(*) > 1', 'ORA-00934'],
    ['SELECT SYS_EXTRACT_UTC(trandate) FROM transaction', 'ORA-30175'],
    ['SELECT NOW() FROM DUAL', 'NOW'],
    ['SELECT id FROM item WHERE (id, itemid) > (1, 2)', 'Not simulated'],
    ['', 'Failed to parse SQL'],
  ])('%s', async (statement, detail) => {
    const { status, body } = await suiteql(netsuite, statement);
    expect(detailOf({ body })).toContain(detail);
    expect([status, body['o:errorDetails']?.[0]?.['o:errorCode']]).toEqual([400, 'INVALID_PARAMETER']);
    expect(body['o:errorDetails']?.[0]?.['o:errorQueryParam']).toBe('q');
  });

  it('a query without Prefer: transient, and one that is no JSON', async () => {
    const silent = await suiteql(netsuite, ids, { headers: { prefer: 'respond-async' } });
    expect([silent.status, silent.body['o:errorDetails']?.[0]?.['o:errorHeader']]).toEqual([400, 'Prefer']);
    expect((await suiteql(netsuite, ids, { headers: { 'content-type': 'text/plain' } })).status).toBe(400);
  });
});

describe('an answer', () => {
  it('has strings alone, no null, and links of its own', async () => {
    const { body } = await suiteql(netsuite, 'SELECT id, memo, 1 + 1 AS two FROM transaction WHERE id = 1');
    expect(body.items).toEqual([{ links: [], id: '1', two: '2' }]);
    expect(body).toMatchObject({ count: 1, hasMore: false, offset: 0, totalResults: 1 });
    expect(body.links?.map(({ rel }) => rel)).toEqual(['self']);
  });

  it('shows what has no mask as a day, in the format and the zone of the user', async () => {
    const user = { timeZone: 'Asia/Tokyo', dateFormat: 'MM/DD/YYYY' };
    const tokyo = await start({ user, startAt: new Date('2026-03-10T16:30:00Z') });
    expect(await valueBy('CURRENT_TIMESTAMP', tokyo)).toBe('03/11/2026');
    expect(await valueBy("TO_CHAR(CURRENT_TIMESTAMP, 'YYYY-MM-DD HH24:MI')", tokyo)).toBe('2026-03-11 01:30');
    const [row] = await rowsOf(tokyo, 'SELECT lastmodifieddate, trandate FROM transaction WHERE id = 1');
    expect(row).toEqual({
      lastmodifieddate: expect.stringMatching(/^\d\d\/\d\d\/\d{4}$/),
      trandate: expect.stringMatching(/^\d\d\/\d\d\/\d{4}$/),
    });
  });

  it('shows local time twice in the hour that autumn repeats, and UTC once', async () => {
    const user = { timeZone: 'Europe/Berlin' };
    const seen = [];
    for (const startAt of [new Date('2026-10-25T00:30:00Z'), new Date('2026-10-25T01:30:00Z')]) {
      const berlin = await start({ user, startAt });
      seen.push([
        await valueBy("TO_CHAR(CURRENT_TIMESTAMP, 'HH24:MI')", berlin),
        await valueBy("TO_CHAR(SYS_EXTRACT_UTC(CURRENT_TIMESTAMP), 'HH24:MI')", berlin),
      ]);
    }
    expect(seen).toEqual([
      ['02:30', '00:30'],
      ['02:30', '01:30'],
    ]);
  });

  it('names states in the language of the user, and codes in none', async () => {
    const spanish = await start({ user: { language: 'es' } });
    const statement = `SELECT status, BUILTIN.CF(status) AS code, BUILTIN.DF(status) AS text FROM transaction WHERE type = 'WorkOrd' AND status = 'H'`;
    expect((await rowsOf(netsuite, statement))[0]).toEqual({
      status: 'H',
      code: 'WorkOrd:H',
      text: 'Work Order : Closed',
    });
    expect((await rowsOf(spanish, statement))[0]).toEqual({
      status: 'H',
      code: 'WorkOrd:H',
      text: 'Orden de trabajo : Cerrado',
    });
    const [task] = await rowsOf(
      netsuite,
      'SELECT BUILTIN.DF(o.workorder) AS wo, BUILTIN.DF(o.manufacturingworkcenter) AS wc, g.groupname FROM manufacturingoperationtask o JOIN entitygroup g ON g.id = o.manufacturingworkcenter WHERE o.id > 5',
    );
    expect(task?.['wc']).toBe(task?.['groupname']);
    expect(task?.['wo']).toMatch(/^Work Order #WO-\d+$/);
  });

  it('may change the case of its names overnight', async () => {
    const other = await start();
    other.setKeyCase('upper');
    expect(await rowsOf(other, 'SELECT id FROM location WHERE id = 1')).toEqual([{ ID: '1' }]);
  });
});

describe('pages', () => {
  it('go by limit and offset, and say when there is more', async () => {
    const all = column(await rowsOf(netsuite, ids), 'id');
    const read: (string | undefined)[] = [];
    for (let query = 'limit=40&offset=0'; ; ) {
      const { body } = await suiteql(netsuite, ids, { query });
      read.push(...(body.items ?? []).map((item) => item['id']));
      const next = body.links?.find(({ rel }) => rel === 'next');
      expect(next === undefined).toBe(body.hasMore === false);
      if (next === undefined) break;
      query = next.href.split('?')[1] ?? '';
    }
    expect(read).toEqual(all);
    expect(all.length).toBeGreaterThan(80);
  });

  it.each([
    ['limit=1001', 'limit'],
    ['limit=0', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=40&offset=30', 'offset'],
  ])('refuse %s', async (query, name) => {
    const { status, body } = await suiteql(netsuite, ids, { query });
    expect([status, body['o:errorDetails']?.[0]?.['o:errorQueryParam']]).toEqual([400, name]);
  });

  it('end at the cap, as if there were no more', async () => {
    const capped = await start({ rowCap: 100 });
    const { body } = await suiteql(capped, ids, { query: 'limit=50&offset=50' });
    expect(body).toMatchObject({ hasMore: false, totalResults: 100, count: 50 });
    expect((await suiteql(capped, ids, { query: 'limit=50&offset=100' })).status).toBe(400);
  });

  it('reach a thousand pages of whatever size', async () => {
    const { body } = await suiteql(netsuite, 'SELECT a.id FROM item a, item b ORDER BY a.id', {
      query: 'limit=1&offset=999',
    });
    expect(body).toMatchObject({ hasMore: false, totalResults: 1000 });
  });

  it('skip rows by offset when one that was read leaves the window, and none by id', async () => {
    const moving = await start({ records: 2000, renames: false });
    const until = `SYS_EXTRACT_UTC(lastmodifieddate) <= TO_TIMESTAMP('2026-03-10 16:30:00', 'YYYY-MM-DD HH24:MI:SS')`;
    const statement = (after: string): string =>
      `SELECT id FROM transaction WHERE type = 'SalesOrd' AND ${until} AND id > ${after} ORDER BY id ASC`;
    const before = column(await rowsOf(moving, statement('0')), 'id');
    const first = await suiteql(moving, statement('0'), { query: 'limit=50&offset=0' });
    const seen = new Set((first.body.items ?? []).map((item) => item['id']));
    const last = [...seen].at(-1) ?? '0';
    moving.advance(60_000);
    moving.play(100);
    moving.settle();
    const after = column(await rowsOf(moving, statement('0')), 'id');
    const byOffset = await suiteql(moving, statement('0'), { query: 'limit=50&offset=50' });
    const byId = await suiteql(moving, statement(last), { query: 'limit=50&offset=0' });
    const rest = after.filter((id) => !seen.has(id));
    expect(after.length).toBeLessThan(before.length);
    expect(byId.body.items?.[0]?.['id']).toBe(rest[0]);
    expect(byOffset.body.items?.[0]?.['id']).not.toBe(rest[0]);
  });
});

describe('the role', () => {
  it('is told that a table it may not see was not found', async () => {
    const other = await start();
    other.setRights('DeletedRecord', 'none');
    const reply = await suiteql(other, 'SELECT recordid FROM DeletedRecord');
    expect([reply.status, detailOf(reply)]).toEqual([
      400,
      expect.stringContaining("Record 'deletedrecord' was not found."),
    ]);
    other.setRights('DeletedRecord', 'all');
    expect((await suiteql(other, 'SELECT recordid FROM DeletedRecord')).status).toBe(200);
    other.setRights('suiteql', 'none');
    const denied = await suiteql(other, ids);
    expect([denied.status, denied.body['o:errorDetails']?.[0]?.['o:errorCode']]).toEqual([
      403,
      'INSUFFICIENT_PERMISSION',
    ]);
  });

  it('misses rows without a word when it is restricted', async () => {
    const other = await start();
    const count = async (table: string): Promise<number> => (await rowsOf(other, `SELECT id FROM ${table}`)).length;
    const [orders, items] = [await count('transaction'), await count('item')];
    other.narrow(0.5);
    expect(await count('transaction')).toBeLessThan(orders * 0.8);
    expect(await count('item')).toBe(items);
    const orphans =
      'SELECT o.id FROM manufacturingoperationtask o LEFT JOIN transaction t ON t.id = o.workorder WHERE t.id IS NULL';
    expect(await rowsOf(other, orphans)).toEqual([]);
    other.narrow(0.5, ['item', 'customer']);
    expect(await count('transaction')).toBe(orders);
    expect(await count('item')).toBeLessThan(items * 0.8);
    other.narrow(1);
    expect(await count('item')).toBe(items);
  });

  it('finds neither tasks nor work centers in an account without routing', async () => {
    const other = await start({ routing: false });
    const tasks = await suiteql(other, 'SELECT id FROM manufacturingOperationTask');
    expect(detailOf(tasks)).toContain('Invalid search type');
    const centers = await suiteql(other, "SELECT id FROM entitygroup WHERE ismanufacturingworkcenter = 'T'");
    expect(detailOf(centers)).toContain("Unknown identifier 'ismanufacturingworkcenter'");
    other.play(500);
    expect(other.expected().operations.size + other.expected().cells.size).toBe(0);
  });
});
