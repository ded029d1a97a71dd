import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../src/core/errors.ts';
import { findByKey, listRecords, openList, readRows } from '../../../src/push/eryxon/lists.ts';
import type { Row } from '../../../src/push/eryxon/pages.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { answered } from '../../support/eryxon-mes.ts';

interface Sized {
  id: string;
  job_number: string;
  size: number;
}

/** A list of which no answer may be larger than the cap; keeps what was asked. */
function listOf(rows: Sized[], cap: number, onPage: (page: Sized[]) => void = () => undefined) {
  const asked: { limit: number; offset: number }[] = [];
  const transport: Transport = {
    async request({ path }) {
      const { searchParams } = new URL(path, 'https://mes.example');
      const limit = Number(searchParams.get('limit') ?? 100);
      const offset = Number(searchParams.get('offset') ?? 0);
      asked.push({ limit, offset });
      if (offset > rows.length) return answered(500, { success: false, error: { message: 'range not satisfiable' } });
      const page = rows.slice(offset, offset + limit);
      if (page.reduce((sum, { size }) => sum + size, 0) > cap) {
        throw new PermanentError('answered with too much', { tooLarge: true });
      }
      onPage(page);
      return answered(200, {
        success: true,
        data: { jobs: page, pagination: { total: rows.length, offset, limit } },
      });
    },
  };
  return { call: { base: '/functions/v1', entity: 'job' as const, transport }, asked };
}

const numbered = (sizes: readonly number[]): Sized[] =>
  sizes.map((size, index) => ({ id: `id-${index}`, job_number: `J-${index}`, size }));
const even = (count: number, size: number) => numbered(Array<number>(count).fill(size));

async function idsOf(rows: AsyncIterable<Row> | readonly Row[] | undefined): Promise<unknown[]> {
  const ids: unknown[] = [];
  for await (const row of rows ?? []) ids.push(row['id']);
  return ids;
}

/**
 * Of the largest rows `fit` go on a page, so no page that is read has fewer than half of that, or brings less than half of itself, or
 * one row. Each costs one request, or two where it is read row by row, and lets at most one larger page fail; ten more fail on the
 * way down from a thousand, and an empty page is the end.
 */
function mostRequests(rows: readonly Sized[], cap: number): number {
  const largest = Math.max(1, ...rows.map(({ size }) => size));
  const fit = Math.min(1000, Math.floor(cap / largest));
  const pages = Math.ceil(rows.length / Math.max(1, Math.floor(fit / 4))) + 1;
  return (fit < 4 ? 3 : 2) * pages + 10;
}

describe('a list of which some pages are too large to be read', () => {
  it('brings every row exactly once, in smaller pages', async () => {
    const cap = 1000;
    const runs = fc.array(fc.record({ count: fc.nat(700), size: fc.integer({ min: 0, max: cap }) }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(runs, async (parts) => {
        const rows = numbered(parts.flatMap(({ count, size }) => Array<number>(count).fill(size)));
        const { call, asked } = listOf(rows, cap);
        expect(await idsOf((await openList(call, ''))?.rows)).toEqual(rows.map(({ id }) => id));
        expect(Math.max(...asked.map(({ limit }) => limit))).toBeLessThanOrEqual(1000);
        expect(asked.length).toBeLessThanOrEqual(mostRequests(rows, cap));
      }),
      { numRuns: 60 },
    );
  });

  it.each([300, 7, 1])('brings every row although others come before it meanwhile (%i a page)', async (fits) => {
    const rows = even(fits * 4 + 3, 100);
    const wanted = rows.map(({ id }) => id);
    let come = 0;
    const { call } = listOf(rows, fits * 100, () => {
      if (come < 3) rows.unshift({ id: `new-${come++}`, job_number: 'new', size: 100 });
    });
    const seen = await idsOf((await openList(call, ''))?.rows);
    expect(seen.filter((id) => wanted.includes(String(id)))).toEqual(wanted);
  });

  it('brings every row although as many are gone as the pages overlap', async () => {
    const rows = even(600, 100);
    const { call } = listOf(rows, 25_000, (page) => {
      if (page[0]?.id === 'id-0') rows.splice(0, 50);
    });
    expect(await idsOf((await openList(call, ''))?.rows)).toEqual(even(600, 100).map(({ id }) => id));
  });

  it('reads small pages only around the rows that are large', async () => {
    const sizes = Array<number>(5000).fill(1000);
    sizes.splice(2500, 2, 10_000_000, 10_000_000);
    const { call, asked } = listOf(numbered(sizes), 16 * 1024 * 1024);
    expect(await idsOf((await openList(call, ''))?.rows)).toHaveLength(5000);
    expect(asked.length).toBeLessThan(100);
    expect(asked.at(-1)?.limit).toBe(1000);
  });

  it('seldom asks for what is too large again where all rows are large', async () => {
    const { call, asked } = listOf(even(5000, 100), 25_000);
    expect(await idsOf((await openList(call, ''))?.rows)).toHaveLength(5000);
    const pages = asked.filter(({ limit }) => limit <= 250).length;
    expect(pages).toBeLessThanOrEqual(25);
    expect(asked.length - pages).toBeLessThanOrEqual(8);
  });

  it.each([
    ['two rows', 200],
    ['a single row', 100],
  ])('brings every live row although the first is gone at any request, when only %s can be read', async (_, cap) => {
    for (let goneAt = 1; goneAt <= 40; goneAt += 1) {
      const rows = even(12, 100);
      const live = rows.slice(1).map(({ id }) => id);
      let read = 0;
      const { call } = listOf(rows, cap, () => {
        read += 1;
        if (read === goneAt) rows.shift();
      });
      const ids = await idsOf((await openList(call, ''))?.rows);
      expect(ids.filter((id) => id !== 'id-0')).toEqual(live);
    }
  });

  it.each([
    // Two for pages that are too large, of 1000 and 500 rows; 250 can be read, 200 more a page.
    [400, 100, 2 + 2],
    [400, 1, 1],
    [1900, 1, 2],
  ])('of %i rows of size %i says that it takes %i requests', async (count, size, pages) => {
    const { call, asked } = listOf(even(count, size), 25_000);
    const list = await openList(call, '');
    expect(list?.pages).toBe(pages);
    await idsOf(list?.rows);
    expect(asked).toHaveLength(pages);
    expect(list?.requests()).toBe(pages);
  });

  it('asks for pages of a thousand where they can be read', async () => {
    const { call, asked } = listOf(even(1900, 1), 1000);
    await idsOf((await openList(call, ''))?.rows);
    expect(asked).toEqual([
      { limit: 1000, offset: 0 },
      { limit: 1000, offset: 950 },
    ]);
  });

  it('fails by what the MES answered where a single row is too large', async () => {
    const { call } = listOf(numbered([1, 1, 2000, 1]), 1000);
    await expect(idsOf((await openList(call, ''))?.rows)).rejects.toThrow('answered with too much');
  });

  it('does not ask for less after another failure', async () => {
    const failing: Transport = { request: () => Promise.reject(new PermanentError('no such host')) };
    const { call } = listOf([], 0);
    await expect(openList({ ...call, transport: failing }, '')).rejects.toThrow('no such host');
  });

  it('brings what is looked for by its number', async () => {
    const { call } = listOf(even(90, 100), 3000);
    expect(await findByKey(call, 'J-89')).toMatchObject([{ id: 'id-89' }]);
  });

  it('brings the newest of it, as many as are wanted', async () => {
    const { call } = listOf(even(400, 100), 3000);
    expect(await idsOf(await readRows(call, '&sort=created_at&order=desc', 120))).toEqual(
      even(120, 100).map(({ id }) => id),
    );
  });

  it('brings the records of a table to be compared', async () => {
    const { call } = listOf(even(70, 100), 3000);
    const found: string[] = [];
    for await (const { mesId } of (await listRecords(call)) ?? []) found.push(mesId);
    expect(found).toHaveLength(70);
  });
});

describe('a list that knows no pages', () => {
  it('is read once, however many rows are wanted of it', async () => {
    let requests = 0;
    const transport: Transport = {
      request: async () => {
        requests += 1;
        return answered(200, { success: true, data: { jobs: even(250, 1) } });
      },
    };
    const { call } = listOf([], 0);
    expect(await readRows({ ...call, transport }, '', 100)).toHaveLength(250);
    expect(requests).toBe(1);
  });
});

describe('a list', () => {
  it('that breaks off in the middle is a failure, not a shorter list', async () => {
    const { call } = listOf(even(2000, 1), 5000);
    const breaking: Transport = {
      request: (request, ...rest) =>
        request.path.includes('offset=0&')
          ? call.transport.request(request, ...rest)
          : Promise.resolve(
              answered(500, { success: false, error: { message: 'column jobs.deleted_at does not exist' } }),
            ),
    };
    const list = await openList({ ...call, transport: breaking }, '');
    await expect(idsOf(list?.rows)).rejects.toThrow('stopped listing jobs in the middle');
  });

  it.each([250, 2500])('of %i numbers that contain one gives that one', async (count) => {
    const rows = even(count, 1).map((row, index) => ({ ...row, job_number: `SO12${index}` }));
    rows.splice(count - 20, 0, { id: 'wanted', job_number: 'SO12', size: 1 });
    const { call } = listOf(rows, 5000);
    expect(await findByKey(call, 'SO12')).toEqual([expect.objectContaining({ id: 'wanted' })]);
  });

  it('is not read on behind the only row that a number can have', async () => {
    const rows = even(5000, 1).map((row, index) => ({ ...row, job_number: `SO12${index}` }));
    rows.splice(1200, 0, { id: 'wanted', job_number: 'SO12', size: 1 });
    const { call, asked } = listOf(rows, 5000);
    expect(await findByKey(call, 'SO12')).toEqual([expect.objectContaining({ id: 'wanted' })]);
    expect(asked.map(({ offset }) => offset)).toEqual([0, 950]);
  });

  it('of cells is read to its end, since several may have one name', async () => {
    const cells = Array.from({ length: 2500 }, (_, index) => ({
      id: `id-${index}`,
      name: index % 1000 ? 'Saw 2' : 'Saw',
    }));
    const transport: Transport = {
      async request({ path }) {
        const { searchParams } = new URL(path, 'https://mes.example');
        const offset = Number(searchParams.get('offset'));
        const page = cells.slice(offset, offset + Number(searchParams.get('limit')));
        return answered(200, { success: true, data: { cells: page, pagination: { total: cells.length } } });
      },
    };
    const found = await findByKey({ base: '/functions/v1', entity: 'cell', transport }, 'Saw');
    expect(await idsOf(found)).toEqual(['id-0', 'id-1000', 'id-2000']);
  });
});
