import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Page } from '../../../../src/connectors/connector.ts';
import type { ODataVersion } from '../../../../src/connectors/protocols/odata/values.ts';
import {
  conjunction,
  readStamp,
  type WalkCursor,
  type WalkTarget,
  walk,
} from '../../../../src/connectors/protocols/odata/walk.ts';
import { PermanentError } from '../../../../src/core/errors.ts';
import type { StampKind, Window } from '../../../../src/core/types.ts';
import { never } from '../../../support/connector-context.ts';
import { createModel, type Event, keyOf, type Model, type ModelRow } from '../../../support/odata-model.ts';

const noon = Date.parse('2026-10-01T12:00:00Z');

/** The n-th stamp of a kind: a few dozen grains around noon; a timestamp has up to 10 000 steps within the millisecond. */
function stampOf(kind: StampKind, grain: number, ticks = 0): string {
  if (kind === 'timestamp') return new Date(noon + grain).toISOString().slice(0, 23) + String(ticks).padStart(4, '0');
  const date = new Date(noon + grain * (kind === 'date' ? 86_400_000 : 1000)).toISOString();
  if (kind === 'date') return date.slice(0, 10);
  return kind === 'char14' ? date.slice(0, 19).replace(/\D/g, '') : `${date.slice(0, 19)}.0000000`;
}

/** The same as a bound of a window, in the stream's stamp form. */
function boundOf(kind: StampKind, grain: number): string {
  const stamp = stampOf(kind, grain);
  return kind === 'timestamp' || kind === 'second' ? `${stamp.slice(0, 23)}Z` : stamp;
}

/** The rows that a walk yields. `stops` says after which pages it is broken off and taken up from its cursor, as JSON. */
async function deliver(target: WalkTarget, window: Window, stops: readonly boolean[] = []): Promise<string[]> {
  const delivered: string[] = [];
  let cursor: WalkCursor | undefined;
  let pages = 0;
  for (;;) {
    let stopped = false;
    for await (const page of walk(target, window, cursor)(never)) {
      expect(page.rows.length).toBeGreaterThan(0);
      delivered.push(...page.rows.map((row) => keyOf(row as ModelRow)));
      cursor = JSON.parse(JSON.stringify(page.cursor)) as WalkCursor;
      stopped = stops.length > 0 && stops[pages % stops.length] === true;
      pages += 1;
      if (stopped) break;
    }
    if (!stopped) return delivered;
  }
}

const grains = { last: 12, from: 2, to: 9, future: 11 };
const window = (kind: StampKind): Window => ({
  mode: 'delta',
  from: boundOf(kind, grains.from),
  ...(kind === 'date' ? {} : { to: boundOf(kind, grains.to), future: boundOf(kind, grains.future) }),
});

function inWindow(kind: StampKind, mode: Window['mode'], row: ModelRow | undefined): boolean {
  if (row === undefined) return false;
  if (mode === 'full') return true;
  if (row.Stamp === null || row.Stamp < stampOf(kind, grains.from)) return false;
  return kind === 'date' || row.Stamp < stampOf(kind, grains.to) || row.Stamp >= stampOf(kind, grains.future);
}

interface Story {
  version: ODataVersion;
  kind: StampKind;
  mode: Window['mode'];
  pageSize: number;
  silentCap: number;
  rows: ModelRow[];
  events: Event[][];
  stops: boolean[];
}

const story = fc
  .record({
    version: fc.constantFrom<ODataVersion>('v2', 'v4'),
    kind: fc.constantFrom<StampKind>('timestamp', 'timestamp', 'second', 'char14', 'date', 'none'),
    mode: fc.constantFrom<Window['mode']>('delta', 'delta', 'full'),
    pageSize: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 700 }), fc.constant(100)),
    capped: fc.boolean(),
    // How many rows each grain holds: a few, or a tie of several pages.
    sizes: fc.array(fc.tuple(fc.nat({ max: grains.last }), fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 320 }))), {
      maxLength: 6,
    }),
    changes: fc.array(
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: grains.last }), fc.nat({ max: 9 })), { maxLength: 6 }),
      { maxLength: 12 },
    ),
    stops: fc.array(fc.boolean(), { maxLength: 5 }),
    ticks: fc.infiniteStream(fc.nat({ max: 9999 })),
  })
  .map(({ version, kind, mode, pageSize, capped, sizes, changes, stops, ticks }): Story => {
    const rows: ModelRow[] = [];
    for (const [grain, size] of sizes) {
      for (let count = 0; count < size; count += 1) {
        const number = rows.length;
        const stamp = number % 17 === 16 ? null : stampOf(kind, grain, ticks.next().value ?? 0);
        // Keys in no order of arrival, some with a quote.
        rows.push({
          Group: number % 5 === 0 ? "O'Hara" : `G${number % 3}`,
          Item: String((number * 7919) % 10_007),
          Stamp: stamp,
        });
      }
    }
    const events = changes.map((list) => list.map(([pick, grain, what]) => eventOf({ rows, kind, pick, grain, what })));
    return { version, kind, mode, pageSize, silentCap: capped ? 100 : Number.POSITIVE_INFINITY, rows, events, stops };
  });

interface Draw {
  rows: readonly ModelRow[];
  kind: StampKind;
  pick: number;
  grain: number;
  what: number;
}

/** A change moves a row to a later stamp, as every change does; some rows appear, with any stamp, some vanish. */
function eventOf({ rows, kind, pick, grain, what }: Draw): Event {
  const row = rows[pick % Math.max(rows.length, 1)];
  const stamp = stampOf(kind, grain, what * 1111);
  if (row === undefined || what < 2)
    return { kind: 'add', row: { Group: 'new', Item: String(pick % 50), Stamp: stamp } };
  return what < 4 ? { kind: 'drop', key: keyOf(row) } : { kind: 'change', key: keyOf(row), stamp };
}

/** Rows that were in the window before every request and after the last. */
function watch(model: Model, { kind, mode }: Story): Set<string> {
  const steady = new Set([...model.rows()].filter(([, row]) => inWindow(kind, mode, row)).map(([key]) => key));
  const ask = model.target.client.rows;
  model.target.client.rows = async (...args) => {
    const answer = await ask(...args);
    for (const key of steady) if (!inWindow(kind, mode, model.rows().get(key))) steady.delete(key);
    return answer;
  };
  return steady;
}

describe('a walk', () => {
  it('delivers every row that stays in its window, whatever changes meanwhile and wherever it is broken off', async () => {
    const coverage = { tied: 0, resumed: 0, changed: 0 };
    await fc.assert(
      fc.asyncProperty(story, async (told) => {
        const { version, kind, pageSize, silentCap, rows, events, stops } = told;
        const mode = kind === 'none' ? 'full' : told.mode;
        // A page, its tie and the page behind it: a few requests for each page and each stamp.
        const maxRequests = 40 + 6 * rows.length;
        const model = createModel({ version, stampKind: kind, pageSize, rows, events, silentCap, maxRequests });
        const steady = watch(model, { ...told, mode });
        const delivered = await deliver(model.target, mode === 'full' ? { mode } : window(kind), stops);
        const missing = [...steady].filter((key) => !new Set(delivered).has(key));
        expect(missing).toEqual([]);
        coverage.tied += model.requests.some(({ filter = '' }) => / lt .* and .*Item/.test(filter)) ? 1 : 0;
        coverage.resumed += stops.includes(true) ? 1 : 0;
        coverage.changed += events.length > 0 ? 1 : 0;
      }),
      { numRuns: 200 },
    );
    // The stories are worth something only if they meet what they are about.
    for (const runs of Object.values(coverage)) expect(runs).toBeGreaterThan(20);
  });

  it('delivers each row of a quiet table once, whatever the page size', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (told) => {
        const { version, kind, pageSize, silentCap, rows, mode } = told;
        const model = createModel({
          version,
          stampKind: kind,
          pageSize,
          rows,
          silentCap,
          maxRequests: 40 + 6 * rows.length,
        });
        const asked: Window = mode === 'full' || kind === 'none' ? { mode: 'full' } : window(kind);
        const delivered = await deliver(model.target, asked);
        const wanted = rows.filter((row) => inWindow(kind, asked.mode, row)).map(keyOf);
        expect(new Set(delivered)).toEqual(new Set(wanted));
        if (asked.mode === 'full' || kind === 'date') expect(delivered).toHaveLength(new Set(wanted).size);
      }),
      { numRuns: 80 },
    );
  });

  it.each([1, 7, 100, 500])('drains ten thousand rows of one millisecond in pages of %i', async (pageSize) => {
    const count = pageSize === 1 ? 300 : 10_000;
    const rows = Array.from({ length: count }, (_, index) => ({
      Group: 'G',
      Item: String(index).padStart(5, '0'),
      Stamp: stampOf('timestamp', 5, (index * 13) % 10_000),
    }));
    const maxRequests = Math.ceil(count / pageSize) + 5;
    const model = createModel({
      version: 'v2',
      stampKind: 'timestamp',
      pageSize,
      rows: rows.slice(0, pageSize === 7 ? 700 : count),
      maxRequests,
    });
    const delivered = await deliver(model.target, window('timestamp'));
    expect(delivered).toEqual([...model.rows().keys()].sort());
  });

  it('sends again what shares the last stamp of a page at most once', async () => {
    const rows = Array.from({ length: 50 }, (_, index) => ({
      Group: 'G',
      Item: String(index),
      Stamp: stampOf('char14', 3 + Math.floor(index / 3)),
    }));
    const model = createModel({ version: 'v2', stampKind: 'char14', pageSize: 10, rows, maxRequests: 20 });
    const delivered = await deliver(model.target, { mode: 'delta', from: boundOf('char14', 0) });
    expect(delivered).toHaveLength(50);
  });
});

describe('a row that changes before the walk comes to its new place', () => {
  it('is delivered again as it is then', async () => {
    const of = (Item: string, grain: number) => ({ Group: 'G', Item, Stamp: stampOf('timestamp', grain, 5) });
    const events: Event[][] = [[{ kind: 'change', key: 'G,1', stamp: stampOf('timestamp', 6) }]];
    const rows = [of('1', 3), of('2', 4), of('3', 5)];
    const model = createModel({ version: 'v2', stampKind: 'timestamp', pageSize: 3, rows, events, maxRequests: 9 });
    expect(await deliver(model.target, window('timestamp'))).toEqual(['G,1', 'G,2', 'G,3', 'G,1']);
  });
});

describe('stamps at the end of time', () => {
  it.each([
    ['timestamp', '9999-12-31T23:59:59.9999999'],
    ['second', '9999-12-31T23:59:59.0000000'],
    ['char14', '99991231235959'],
    ['char14', '99999999999999'],
    ['char14', '20261399256199'],
  ] as const)('of kind %s, tied over pages at %s, are delivered and end', async (kind, Stamp) => {
    const first = { Group: 'A', Item: '0', Stamp: stampOf(kind, 3) };
    const rows = [first, ...Array.from({ length: 250 }, (_, index) => ({ Group: 'G', Item: String(index), Stamp }))];
    const model = createModel({ version: 'v2', stampKind: kind, pageSize: 100, rows, maxRequests: 12 });
    const delivered = await deliver(model.target, { mode: 'delta', from: boundOf(kind, 0) });
    expect(new Set(delivered)).toEqual(new Set(rows.map(keyOf)));
  });
});

/** A server that answers as it is told. */
function scripted(answer: (request: number) => unknown[], kind: StampKind = 'timestamp'): WalkTarget {
  const { target, requests } = createModel({ version: 'v2', stampKind: kind, pageSize: 2, rows: [], maxRequests: 10 });
  target.client.rows = async (query) => {
    requests.push(query);
    if (requests.length > 10) throw new Error('The walk runs in a circle.');
    return answer(requests.length - 1);
  };
  return target;
}

const row = (Item: unknown, seconds: number) => ({ Group: 'G', Item, Stamp: `/Date(${noon + seconds * 1000})/` });

async function failure(target: WalkTarget, asked: Window): Promise<unknown> {
  return deliver(target, asked).catch((error: unknown) => error);
}

describe('a server that does not do as it is asked', () => {
  const delta: Window = { mode: 'delta', from: boundOf('second', 0) };

  it('and sends the same page again ends the walk by the second page', async () => {
    const error = await failure(
      scripted(() => [row('1', 1), row('2', 2)]),
      { mode: 'full' },
    );
    expect(error).toBeInstanceOf(PermanentError);
    expect(String(error)).toMatch(
      /\/S\/Set does not honour \$filter and \$orderby on its key\. Set the stream's stampKind/,
    );
  });

  it.each([
    ['sends rows before the window', [row('1', -5), row('2', 2)]],
    ['sends them in another order', [row('2', 2), row('1', 1)]],
    ['sends rows without a stamp', [{ Group: 'G', Item: '1', Stamp: null }, row('2', 2)]],
  ])('and %s is told apart from one that does', async (_what, page) => {
    const error = await failure(
      scripted(() => page),
      delta,
    );
    expect(error).toBeInstanceOf(PermanentError);
    expect(String(error)).toMatch(/on its Stamp/);
  });

  it.each([null, 5, 'text', {}, { Group: 'G', Item: null }])(
    'and ends a page with %j instead of a row does not hide the rows behind it',
    async (broken) => {
      const pages = [[row('1', 1), broken], [row('3', 3)], []];
      const target = scripted((request) => pages[request] ?? []);
      const rows: unknown[] = [];
      for await (const page of walk(target, { mode: 'full' }, undefined)(never)) rows.push(...page.rows);
      expect(rows).toEqual([row('1', 1), broken, row('3', 3)]);
    },
  );

  it('and sends a page without a single key ends the walk', async () => {
    const target = scripted(() => [{}, {}]);
    const pages: Page[] = [];
    const walking = async () => {
      for await (const page of walk(target, { mode: 'full' }, undefined)(never)) pages.push(page);
    };
    await expect(walking()).rejects.toThrow(PermanentError);
  });
});

describe('filters', () => {
  it('are put in parentheses when they hold an or, however it is written', () => {
    expect(conjunction('A eq 1 or B eq 2', undefined, 'C eq 3', '')).toBe('(A eq 1 or B eq 2) and C eq 3');
    expect(conjunction('A eq 1\tor\nB eq 2', 'C eq 3')).toBe('(A eq 1\tor\nB eq 2) and C eq 3');
    expect(conjunction('(A eq 1)or(B eq 2)', 'C eq 3')).toBe('((A eq 1)or(B eq 2)) and C eq 3');
    expect(conjunction('A eq 1 or B eq 2')).toBe('A eq 1 or B eq 2');
    expect(conjunction(undefined, '')).toBeUndefined();
  });

  it("of the operator narrow every request down, and their or doesn't let rows past the window", async () => {
    const rows = Array.from({ length: 300 }, (_, index) => ({
      Group: `G${index % 3}`,
      Item: String(index),
      Stamp: stampOf('second', index % 6),
    }));
    const filter = "Group eq 'G0' or Group eq 'G1'";
    const model = createModel({ version: 'v4', stampKind: 'second', pageSize: 20, rows, maxRequests: 60, filter });
    const delivered = await deliver(model.target, window('second'));
    const wanted = rows.filter((each) => each.Group !== 'G2' && inWindow('second', 'delta', each)).map(keyOf);
    expect(new Set(delivered)).toEqual(new Set(wanted));
  });

  it('hold the window in the literals of the property, and the key as a keyset', async () => {
    const rows = Array.from({ length: 7 }, (_, index) => ({
      Group: 'G',
      Item: `O'${index}`,
      Stamp: stampOf('timestamp', 3),
    }));
    const model = createModel({ version: 'v2', stampKind: 'timestamp', pageSize: 3, rows, maxRequests: 6 });
    await deliver(model.target, window('timestamp'));
    const stamp = (text: string) => `datetimeoffset'2026-10-01T12:00:00.${text}Z'`;
    const closed = `((Stamp lt ${stamp('009')} or Stamp ge ${stamp('011')}))`;
    const tie = `Stamp ge ${stamp('003')} and Stamp lt ${stamp('004')} and ${closed}`;
    const behind = (item: string) => `(((Group gt 'G') or (Group eq 'G' and Item gt '${item}')))`;
    expect(model.requests.map(({ filter, orderBy }) => [orderBy, filter])).toEqual([
      ['Stamp,Group,Item', `Stamp ge ${stamp('002')} and ${closed}`],
      ['Group,Item', tie],
      ['Group,Item', `(${tie}) and ${behind("O''2")}`],
      ['Group,Item', `(${tie}) and ${behind("O''5")}`],
      ['Stamp,Group,Item', `Stamp ge ${stamp('004')} and ${closed}`],
    ]);
  });
});

describe('the stamp of a row', () => {
  it.each([
    ['timestamp', '/Date(1790812800123+0000)/', '2026-10-01T00:00:00.123Z'],
    ['timestamp', '2026-10-01T00:00:00.1239999Z', '2026-10-01T00:00:00.123Z'],
    ['timestamp', '2026-10-01T02:00:00+02:00', '2026-10-01T00:00:00.000Z'],
    ['second', '/Date(1790812800000)/', '2026-10-01T00:00:00.000Z'],
    ['char14', '20261001085500', '20261001085500'],
    ['date', '/Date(1790812800000)/', '2026-10-01'],
    ['date', '2026-10-01', '2026-10-01'],
    ['char14', '2026100108550', null],
    ['char14', "20261001085500' or 1 eq 1", null],
    ['timestamp', 'yesterday', null],
    ['timestamp', '', null],
    ['timestamp', null, null],
    ['timestamp', 5, null],
    ['none', '/Date(1790812800000)/', null],
  ] as const)('of kind %s shown as %j is %j', (stampKind, raw, stamp) => {
    expect(readStamp({ stamp: 'Stamp', stampKind }, { Stamp: raw })).toBe(stamp);
  });
});
