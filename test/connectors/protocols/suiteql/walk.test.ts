import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SuiteQlClient } from '../../../../src/connectors/protocols/suiteql/client.ts';
import type { SuiteQlPage } from '../../../../src/connectors/protocols/suiteql/json.ts';
import {
  inWindow,
  type WalkCursor,
  type WalkTarget,
  walkById,
} from '../../../../src/connectors/protocols/suiteql/walk.ts';
import { PermanentError, TransientError } from '../../../../src/core/errors.ts';
import { never } from '../../../support/connector-context.ts';

interface Asked {
  sql: string;
  limit: number;
  offset: number;
}

interface Source {
  client: SuiteQlClient;
  asked: Asked[];
}

/** Answers queries of one table by key, as NetSuite would; `answer` may lay something else over it. */
function sourceOf(ids: number[], answer?: (asked: Asked, page: SuiteQlPage) => SuiteQlPage): Source {
  const asked: Asked[] = [];
  const client: SuiteQlClient = {
    now: async () => new Date(),
    async query(sql, { limit, offset = 0 }) {
      const question = { sql, limit, offset };
      asked.push(question);
      const behind = Number(/t\.id > (-?\d+)/.exec(sql)?.[1] ?? Number.NEGATIVE_INFINITY);
      const found = ids.filter((id) => id > behind).sort((a, b) => a - b);
      const rows = found.slice(offset, offset + limit).map((id) => ({ id: String(id) }));
      const page = { rows, hasMore: found.length > offset + limit };
      return answer?.(question, page) ?? page;
    },
  };
  return { client, asked };
}

function targetOf({ client }: Source, own: Partial<WalkTarget> = {}): WalkTarget {
  const columns = { id: 't.id' };
  return { client, name: 'plant-1/orders', table: 'transaction', columns, where: '', lookUps: [], pageSize: 3, ...own };
}

async function idsOf(target: WalkTarget, cursor?: WalkCursor): Promise<string[]> {
  const ids: string[] = [];
  for await (const { rows } of walkById(target, { cursor }, never)) {
    ids.push(...rows.map((row) => (row as { id: string }).id));
  }
  return ids;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('a walk', () => {
  it('goes on behind the last id, from the first row of what is left, and ends where there is no more', async () => {
    const source = sourceOf(upTo(7));
    expect(await idsOf(targetOf(source, { where: "t.type = 'WorkOrd'" }))).toEqual(upTo(7).map(String));
    expect(source.asked).toEqual([
      { sql: "SELECT t.id AS id FROM transaction t WHERE t.type = 'WorkOrd' ORDER BY t.id ASC", limit: 3, offset: 0 },
      expect.objectContaining({ sql: expect.stringContaining("'WorkOrd' AND t.id > 3 ORDER"), limit: 3, offset: 0 }),
      expect.objectContaining({ sql: expect.stringContaining('t.id > 6 ORDER') }),
    ]);
  });

  it('of nothing is one query', async () => {
    const source = sourceOf([]);
    expect(await idsOf(targetOf(source))).toEqual([]);
    expect(source.asked).toHaveLength(1);
  });

  it('compares ids as numbers, however many digits they have', async () => {
    const ids = [9, 10, 99, 100, 999_999_999_999];
    expect(await idsOf(targetOf(sourceOf(ids)))).toEqual(ids.map(String));
  });

  it('does not end with a short page', async () => {
    const source = sourceOf(upTo(9), (_asked, { rows, hasMore }) => ({
      rows: rows.slice(0, 2),
      hasMore: hasMore || rows.length > 2,
    }));
    expect(await idsOf(targetOf(source))).toEqual(upTo(9).map(String));
  });

  it('goes on behind an empty page in the middle, by whole pages', async () => {
    const source = sourceOf(upTo(9), ({ sql, offset }, page) => {
      const isHidden = !sql.includes('t.id >') && offset < 6;
      return isHidden ? { rows: [], hasMore: true } : page;
    });
    expect(await idsOf(targetOf(source))).toEqual(['7', '8', '9']);
    expect(source.asked.map(({ offset }) => offset)).toEqual([0, 3, 6]);
  });

  it('gives up on empty pages without end', async () => {
    const source = sourceOf([], () => ({ rows: [], hasMore: true }));
    await expect(idsOf(targetOf(source))).rejects.toThrow(/empty pages without end/);
    expect(source.asked.length).toBeLessThan(200);
  });

  it.each([
    ['repeats a page', [{ id: '1' }, { id: '1' }]],
    ['is sorted as text', [{ id: '10' }, { id: '9' }]],
    ['comes from before where it was asked for', [{ id: '2' }]],
    ['has no id although there is more', [{ tranid: 'x' }, null]],
  ])('stops when what it gets %s', async (_what, rows) => {
    const source = sourceOf(upTo(9), ({ sql }, page) => (sql.includes('t.id > 3') ? { rows, hasMore: true } : page));
    await expect(idsOf(targetOf(source))).rejects.toThrow(PermanentError);
  });

  it('hands on a row without an id, for the mapping to set aside', async () => {
    const source = sourceOf([], () => ({ rows: [null, { id: '5' }, { id: 'x' }], hasMore: false }));
    const pages: unknown[] = [];
    for await (const page of walkById(targetOf(source), {}, never)) pages.push(page);
    expect(pages).toEqual([{ rows: [null, { id: '5' }, { id: 'x' }], cursor: { id: '5' } }]);
  });

  it('loses no row that stays, whatever comes, goes and is edited between two pages, wherever it is stopped', async () => {
    const script = fc.array(fc.record({ remove: fc.nat(60), add: fc.integer({ min: 61, max: 90 }) }), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), script, async (pageSize, changes) => {
        const ids = upTo(60);
        const removed = new Set<number>();
        const pending = [...changes];
        const source = sourceOf(ids, (_asked, page) => {
          const change = pending.shift();
          const at = change === undefined ? -1 : ids.indexOf(change.remove);
          if (at >= 0) removed.add(...(ids.splice(at, 1) as [number]));
          if (change !== undefined && !ids.includes(change.add)) ids.push(change.add);
          return page;
        });
        const seen: string[] = [];
        let cursor: WalkCursor | undefined;
        for (let more = true; more; ) {
          more = false;
          for await (const page of walkById(targetOf(source, { pageSize }), { cursor }, never)) {
            seen.push(...page.rows.map((row) => (row as { id: string }).id));
            cursor = JSON.parse(JSON.stringify(page.cursor)) as WalkCursor;
            more = true;
            break;
          }
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen).toEqual(
          expect.arrayContaining(
            upTo(60)
              .filter((id) => !removed.has(id))
              .map(String),
          ),
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('a query that takes too long', () => {
  const slow = () => new TransientError('Too long.', { expired: true });

  it('is not repeated: half as many rows are asked for, from then on', async () => {
    const source = sourceOf(upTo(1000), ({ limit }, page) => {
      if (limit > 200) throw slow();
      return page;
    });
    expect(await idsOf(targetOf(source, { pageSize: 800 }))).toHaveLength(1000);
    expect(source.asked.map(({ limit }) => limit)).toEqual([800, 400, 200, 200, 200, 200, 200]);
  });

  it('for fifty rows is an error', async () => {
    const source = sourceOf(upTo(1000), () => {
      throw slow();
    });
    await expect(idsOf(targetOf(source, { pageSize: 90 }))).rejects.toThrow('Too long.');
    expect(source.asked.map(({ limit }) => limit)).toEqual([90, 50]);
  });

  it('is the only error that asks for less', async () => {
    const source = sourceOf(upTo(1000), () => {
      throw new TransientError('Gone.');
    });
    await expect(idsOf(targetOf(source, { pageSize: 800 }))).rejects.toThrow('Gone.');
    expect(source.asked).toHaveLength(1);
  });
});

describe('a look-up', () => {
  const orders = [
    { id: '1', entity: '7' },
    { id: '2', entity: '7' },
    { id: '3', entity: '9' },
    { id: '4' },
    { id: '5', entity: "7' OR 1=1" },
  ];
  const customers = { table: 'customer', key: 'l.id', by: 'entity', columns: { companyname: 'l.companyname' } };

  it('lays what it finds over every row that asks for it, in one query a page', async () => {
    const source = sourceOf([], ({ sql }) => {
      if (sql.includes('FROM customer')) return { rows: [{ lookupkey: '7', companyname: 'Acme' }], hasMore: false };
      return { rows: orders.map((row) => ({ ...row })), hasMore: false };
    });
    const pages = walkById(
      targetOf(source, { pageSize: 1000, lookUps: [{ ...customers, where: "l.isinactive = 'F'" }] }),
      {},
      never,
    );
    expect((await pages.next()).value?.rows).toEqual([
      { id: '1', entity: '7', companyname: 'Acme' },
      { id: '2', entity: '7', companyname: 'Acme' },
      { id: '3', entity: '9' },
      { id: '4' },
      { id: '5', entity: "7' OR 1=1" },
    ]);
    expect(source.asked.map(({ sql }) => sql).at(-1)).toBe(
      "SELECT l.id AS lookupkey, l.companyname AS companyname FROM customer l WHERE l.isinactive = 'F' AND l.id IN (7, 9) ORDER BY l.id ASC",
    );
  });

  it('asks nothing where no row names anything', async () => {
    const source = sourceOf(upTo(2));
    expect(await idsOf(targetOf(source, { lookUps: [customers] }))).toEqual(['1', '2']);
    expect(source.asked).toHaveLength(1);
  });

  it('goes on where the answer says that there is more', async () => {
    const found = [
      { rows: [{ lookupkey: '7', companyname: 'Acme' }], hasMore: true },
      { rows: [{ lookupkey: '9', companyname: 'Beta' }], hasMore: false },
    ];
    const source = sourceOf([], ({ sql }) => {
      if (sql.includes('FROM customer')) return found.shift() ?? { rows: [], hasMore: false };
      return { rows: orders.slice(0, 3).map((row) => ({ ...row })), hasMore: false };
    });
    const pages = walkById(targetOf(source, { lookUps: [customers] }), {}, never);
    expect((await pages.next()).value?.rows).toMatchObject([
      { companyname: 'Acme' },
      { companyname: 'Acme' },
      { companyname: 'Beta' },
    ]);
    expect(source.asked.at(-1)?.sql).toContain('l.id IN (7, 9) AND l.id > 7');
  });
});

describe('a window', () => {
  const at = (time: string) => `TO_TIMESTAMP('${time}', 'YYYY-MM-DD HH24:MI:SS')`;

  it('begins at its start, and ends before its end unless it takes what is dated ahead', () => {
    const window = { mode: 'delta', from: '2026-11-20T21:50:00.000Z', to: '2026-11-20T21:55:00.000Z' } as const;
    const stamp = 'SYS_EXTRACT_UTC(t.x)';
    const begin = `${stamp} >= ${at('2026-11-20 21:50:00')}`;
    expect(inWindow('t.x', window)).toBe(`${begin} AND ${stamp} < ${at('2026-11-20 21:55:00')}`);
    expect(inWindow('t.x', { ...window, future: '2026-11-21T21:57:00.000Z' })).toBe(begin);
  });
});
