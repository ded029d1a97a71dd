import { afterEach, describe, expect, it } from 'vitest';
import { compareImages } from '../../sandbox/compare.ts';
import { type NetSuiteOptions, type NetSuiteSimulator, startNetSuite } from '../../sandbox/netsuite/index.ts';
import type { MesImage, Table } from '../../sandbox/types.ts';
import { type Item, rowsOf } from './netsuite-client.ts';
import { Reader, readAll } from './netsuite-reader.ts';

let running: NetSuiteSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.map((netsuite) => netsuite.stop()));
  running = [];
});

async function start(options: Partial<NetSuiteOptions> = {}): Promise<NetSuiteSimulator> {
  const netsuite = await startNetSuite({ seed: 7, records: 600, ...options });
  running.push(netsuite);
  return netsuite;
}

function sizeOf(image: MesImage): number {
  return Object.values(image).reduce((sum, table) => sum + table.size, 0);
}

/** Plays until an event of that kind happened; returns its line. */
function playUntil(netsuite: NetSuiteSimulator, pattern: RegExp): string {
  for (let turn = 0; turn < 6000; turn += 1) {
    const [line = ''] = netsuite.play(1);
    if (pattern.test(line)) return line;
  }
  throw new Error(`Nothing like ${pattern} happened.`);
}

function numbersOf(line: string): string[] {
  return line.match(/\d+/g) ?? [];
}

/** The stamp of an order and of its main line. */
async function stampsOf(netsuite: NetSuiteSimulator, id: string): Promise<Item> {
  const mask = "'YYYY-MM-DD HH24:MI:SS'";
  const [row = {}] = await rowsOf(
    netsuite,
    `SELECT TO_CHAR(SYS_EXTRACT_UTC(t.lastmodifieddate), ${mask}) AS header, TO_CHAR(SYS_EXTRACT_UTC(tl.linelastmodifieddate), ${mask}) AS line
     FROM transaction t JOIN transactionline tl ON tl.transaction = t.id WHERE t.id = ${id} AND tl.mainline = 'T'`,
  );
  return row;
}

function secondOf(date: Date): string {
  return date.toISOString().slice(0, 19).replace('T', ' ');
}

describe('the initial state', () => {
  it.each([20, 21, 57, 1000, 4321])('holds exactly %i MES records', async (records) => {
    expect(sizeOf((await start({ records })).expected())).toBe(records);
    expect(sizeOf((await start({ records, routing: false })).expected())).toBe(records);
  });

  it('refuses fewer than 20 records', async () => {
    await expect(startNetSuite({ seed: 1, records: 19 })).rejects.toThrow(RangeError);
  });

  it('has a stamp of 2999, one that is missing, and many in one second', async () => {
    const netsuite = await start({ records: 20_000 });
    const stamp = "TO_CHAR(SYS_EXTRACT_UTC(lastmodifieddate), 'YYYY-MM-DD HH24:MI:SS')";
    const count = async (condition: string): Promise<string | undefined> =>
      (await rowsOf(netsuite, `SELECT COUNT(*) AS n FROM transaction WHERE type = 'SalesOrd' AND ${condition}`))[0]?.[
        'n'
      ];
    expect(await count(`${stamp} = '2999-12-31 23:59:59'`)).toBe('1');
    expect(await count('lastmodifieddate IS NULL')).toBe('1');
    const [most] = await rowsOf(
      netsuite,
      `SELECT ${stamp} AS s, COUNT(*) AS n FROM transaction GROUP BY ${stamp} ORDER BY COUNT(*) DESC`,
    );
    expect(Number(most?.['n'])).toBeGreaterThan(100);
  });

  it('has rows beside those of the MES: other groups, other kinds of orders, orders that are not told', async () => {
    const netsuite = await start();
    const groups = await rowsOf(netsuite, 'SELECT id, ismanufacturingworkcenter AS w FROM entitygroup ORDER BY id');
    expect(groups.at(-1)).toMatchObject({ w: 'F' });
    const kinds = await rowsOf(netsuite, 'SELECT DISTINCT type || status AS kind FROM transaction ORDER BY 1');
    expect(kinds.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['PurchOrdB', 'SalesOrdA', 'SalesOrdC', 'WorkOrdA', 'WorkOrdC']),
    );
    const parents = await rowsOf(
      netsuite,
      "SELECT tl.transaction AS id FROM transactionline tl JOIN transaction p ON p.id = tl.createdfrom WHERE p.type = 'WorkOrd'",
    );
    expect(parents.length).toBeGreaterThan(0);
    const { parts } = netsuite.expected();
    for (const { id = '' } of parents) expect(parts.get(id)?.fields['job_external_id']).toBe(`STOCK-${id}`);
  });
});

/** What has to be told, but need not be there. */
function optionalOf(erp: NetSuiteSimulator): string[] {
  const expected = erp.expected();
  return [...erp.optional()].filter((key) => {
    const [table, externalId = ''] = key.split('/');
    return expected[table as Table].has(externalId);
  });
}

describe('what the MES has to hold', () => {
  it.each([1, 2, 3])('is what the plainest reader finds, however things go on (seed %i)', async (seed) => {
    const netsuite = await start({ seed, records: 500, physicalDeletes: true, timeZone: 'America/New_York' });
    const reader = new Reader(netsuite);
    await reader.pass();
    expect(compareImages(netsuite.expected(), reader.image()).differences).toEqual([]);
    for (let round = 0; round < 12; round += 1) {
      netsuite.play(60);
      netsuite.checkpoint();
      await reader.pass();
      const optional = netsuite.optional();
      expect(compareImages(netsuite.expected(), reader.image(), optional).differences).toEqual([]);
    }
    netsuite.settle();
    netsuite.checkpoint();
    await reader.pass();
    const { equal, source } = compareImages(netsuite.expected(), reader.image(), netsuite.optional());
    expect(equal).toBe(true);
    expect(source.jobs + source.parts + source.operations).toBeGreaterThan(600);
    expect(netsuite.writes()).toBe(0);
  });

  it('lacks what came and went between two looks, and says so', async () => {
    const [watched, unwatched] = [await start(), await start()];
    for (let turn = 0; turn < 600; turn += 1) {
      unwatched.play(1);
      watched.play(1);
      watched.checkpoint();
      watched.checkpoint();
    }
    expect(optionalOf(watched)).toEqual([]);
    expect(optionalOf(unwatched)).not.toEqual([]);
  });

  it('begins a day where the connector is told that it does', async () => {
    const [here, there] = [await start({ timeZone: 'Europe/Amsterdam' }), await start({ timeZone: 'Asia/Tokyo' })];
    const [row] = await rowsOf(
      here,
      "SELECT id, TO_CHAR(shipdate, 'YYYY-MM-DD') AS day FROM transaction WHERE status = 'B' AND type = 'SalesOrd' AND shipdate IS NOT NULL ORDER BY id ASC",
    );
    const due = (netsuite: NetSuiteSimulator): unknown =>
      netsuite.expected().jobs.get(row?.['id'] ?? '')?.fields['due_date'];
    expect(due(there)).toBe(new Date(`${row?.['day']}T00:00:00+09:00`).toISOString());
    expect(due(here)).not.toBe(due(there));
  });
});

describe('the history', () => {
  it('is the same for the same seed, and another for another', async () => {
    const [one, same, other] = [await start(), await start(), await start({ seed: 8 })];
    const script = one.play(300);
    await rowsOf(one, 'SELECT COUNT(*) AS n FROM transaction');
    same.play(100);
    expect(one.play(50)).toEqual(same.play(250).slice(200));
    expect(one.expected()).toEqual(same.expected());
    expect(other.play(300)).not.toEqual(script);
  });

  it('keeps a late save invisible until it is committed, with the second in which it began', async () => {
    const netsuite = await start();
    const line = playUntil(netsuite, /^work order \d+ created to stock \(visible at/);
    const [id = ''] = numbersOf(line);
    const began = secondOf(netsuite.now());
    const visibleAt = Date.parse(/visible at (.*)\)/.exec(line)?.[1] ?? '');
    netsuite.advance(visibleAt - netsuite.now().getTime() - 1);
    expect(await stampsOf(netsuite, id)).toEqual({});
    expect(netsuite.expected().parts.has(id)).toBe(false);
    netsuite.advance(1);
    expect((await stampsOf(netsuite, id))['header']).toBe(began);
    expect(netsuite.expected().parts.has(id)).toBe(true);
  });

  it('moves no stamp for what happens to tasks, customers and items', async () => {
    const netsuite = await start({ records: 2000 });
    const [task = ''] = numbersOf(playUntil(netsuite, /^task \d+ moved to another work center$/));
    const [row] = await rowsOf(netsuite, `SELECT workorder FROM manufacturingoperationtask WHERE id = ${task}`);
    expect((await stampsOf(netsuite, row?.['workorder'] ?? ''))['header']).not.toBe(secondOf(netsuite.now()));
    const [item = ''] = numbersOf(playUntil(netsuite, /^item \d+ renumbered$/));
    const orders = await rowsOf(
      netsuite,
      `SELECT t.id FROM transactionline tl JOIN transaction t ON t.id = tl.transaction
       WHERE tl.item = ${item} AND tl.mainline = 'T' AND t.status IN ('B', 'D', 'G', 'H')`,
    );
    expect(orders.length).toBeGreaterThan(0);
    for (const { id = '' } of orders) {
      expect((await stampsOf(netsuite, id))['header']).not.toBe(secondOf(netsuite.now()));
      expect(netsuite.expected().parts.get(id)?.fields['material']).toMatch(/^NEW/);
    }
  });

  it('moves a part that found a customer, and closes its STOCK job, sometimes by the stamp of the line alone', async () => {
    const netsuite = await start();
    const moved: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      const [id = '', sale = ''] = numbersOf(playUntil(netsuite, /^work order \d+ linked to sales order \d+$/));
      const now = secondOf(netsuite.now());
      const { jobs, parts } = netsuite.expected();
      expect(jobs.get(`STOCK-${id}`)).toMatchObject({ onHold: true });
      expect(parts.get(id)?.fields['job_external_id']).toBe(sale);
      const { header, line } = await stampsOf(netsuite, id);
      expect(line).toBe(now);
      const links = `SELECT previousdoc FROM PreviousTransactionLineLink WHERE nextdoc = ${id} AND previoustype = 'SalesOrd'`;
      expect(await rowsOf(netsuite, links)).toEqual([{ previousdoc: sale }]);
      moved.push(header === now ? 'header' : 'line');
    }
    expect(new Set(moved)).toEqual(new Set(['header', 'line']));
  });

  it('holds back what was cancelled, and lets it go again when it comes back', async () => {
    const netsuite = await start();
    const [id = ''] = numbersOf(playUntil(netsuite, /^sales order \d+ set back for approval$/));
    expect(netsuite.expected().jobs.get(id)).toEqual({ externalId: id, fields: {}, onHold: true });
    const held = new Set([id]);
    for (let back = ''; back === ''; ) {
      const [, number = '', verb] =
        /^sales order (\d+) (.*)$/.exec(playUntil(netsuite, /(set back for approval|approved)$/)) ?? [];
      if (verb !== 'approved') held.add(number);
      else if (held.has(number)) back = number;
      if (back !== '') expect(netsuite.expected().jobs.get(back)).not.toHaveProperty('onHold');
    }
    const [order = ''] = numbersOf(playUntil(netsuite, /^work order \d+ set back to planned$/));
    const tasks = await rowsOf(netsuite, `SELECT id FROM manufacturingoperationtask WHERE workorder = ${order}`);
    const { parts, operations } = netsuite.expected();
    expect(parts.get(order)?.onHold).toBe(true);
    for (const { id: task = '' } of tasks) expect(operations.get(task)?.onHold).toBe(true);
  });

  it('closes an order without taking it back from the MES', async () => {
    const netsuite = await start();
    const [id = ''] = numbersOf(playUntil(netsuite, /^work order \d+ closed$/));
    expect(netsuite.expected().parts.get(id)?.onHold).toBeUndefined();
  });

  it('deletes a task without a trace', async () => {
    const netsuite = await start();
    netsuite.checkpoint();
    netsuite.checkpoint();
    const [id = ''] = numbersOf(playUntil(netsuite, /^task \d+ deleted$/));
    expect(await rowsOf(netsuite, `SELECT id FROM manufacturingoperationtask WHERE id = ${id}`)).toEqual([]);
    expect(
      await rowsOf(netsuite, `SELECT recordid FROM deletedrecord WHERE recordid = ${id} AND recordtypeid = -30`),
    ).toEqual([]);
    expect(netsuite.expected().operations.get(id)).toEqual({ externalId: id, fields: {}, onHold: true });
  });

  it('lists orders that are deleted, to the minute, among items that have the id of a living order', async () => {
    const netsuite = await start({ physicalDeletes: true });
    const [id = ''] = numbersOf(playUntil(netsuite, /^work order \d+ deleted$/));
    const deleted = `SELECT type, recordtypeid, TO_CHAR(SYS_EXTRACT_UTC(deleteddate), 'YYYY-MM-DD HH24:MI:SS') AS at FROM DeletedRecord WHERE recordid = ${id} AND type = 'Work Order'`;
    const at = `${secondOf(netsuite.now()).slice(0, 16)}:00`;
    expect(await rowsOf(netsuite, deleted)).toEqual([{ type: 'Work Order', recordtypeid: '-30', at }]);
    expect(await stampsOf(netsuite, id)).toEqual({});
    expect(netsuite.expected().parts.get(id)).toEqual({ externalId: id, fields: {}, onHold: true });
    const [item = ''] = numbersOf(playUntil(netsuite, /^item \d+ deleted$/));
    expect(await stampsOf(netsuite, item)).not.toEqual({});
  });

  it('keeps every work center that a task names, also one that is about to', async () => {
    const names = 'o.manufacturingworkcenter';
    const dangling = `SELECT o.id FROM manufacturingoperationtask o LEFT JOIN entitygroup g ON g.id = ${names} WHERE ${names} IS NOT NULL AND g.id IS NULL`;
    const found: string[] = [];
    let deleted = 0;
    for (let seed = 1; seed <= 150; seed += 1) {
      const netsuite = await start({ seed, records: 40, physicalDeletes: true });
      deleted += netsuite.play(400).filter((line) => /work center \d+ deleted/.test(line)).length;
      netsuite.settle();
      if ((await rowsOf(netsuite, dangling)).length > 0) found.push(`seed ${seed}`);
    }
    expect(found).toEqual([]);
    expect(deleted).toBeGreaterThan(15);
  });

  it('deletes nothing but tasks unless it is told to', async () => {
    const lines = (await start()).play(2000).filter((line) => / deleted/.test(line));
    expect(lines.filter((line) => !/^(task|item) /.test(line))).toEqual([]);
  });

  it('finds by windows of stamps, page after page, every order that was saved', async () => {
    const netsuite = await start();
    const before = secondOf(netsuite.now());
    const named = netsuite.play(300).flatMap((line) => /^(?:sales|work) order (\d+) (?!linked)/.exec(line)?.[1] ?? []);
    netsuite.settle();
    const rows = await readAll(
      netsuite,
      `SELECT id FROM transaction WHERE SYS_EXTRACT_UTC(lastmodifieddate) >= TO_TIMESTAMP('${before}', 'YYYY-MM-DD HH24:MI:SS')`,
      'id',
    );
    const found = new Set(rows.map(({ id }) => id));
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter((id) => !found.has(id))).toEqual([]);
  });
});
