import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OdooClient } from '../../../../src/connectors/protocols/odoo/client.ts';
import { createOdooModels } from '../../../../src/connectors/protocols/odoo/model.ts';
import { createOdooSource, type OdooSourceOptions } from '../../../../src/connectors/protocols/odoo/source.ts';
import type { OdooCall } from '../../../../src/connectors/protocols/odoo/wire.ts';
import { ConfigError } from '../../../../src/core/errors.ts';
import type { Window } from '../../../../src/core/types.ts';
import { never } from '../../../support/connector-context.ts';

/** A row as PostgreSQL keeps it: its stamp has microseconds that a reader is not shown. */
interface Stored {
  id: number;
  value: number;
  /** Microseconds since the epoch. */
  stampedAt: number;
}

const start = Date.UTC(2026, 10, 20, 22, 0, 0) * 1000;
const shown = (micros: number) => new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19).replace('T', ' ');
const isoOf = (micros: number) => new Date(Math.floor(micros / 1000)).toISOString();

type Condition = [field: string, operator: string, value: unknown];

/** Answers as Odoo does, for one model and the conditions that a source may use; anything else is a mistake of the source. */
function clientOf(table: () => readonly Stored[], between: () => void = () => undefined): OdooClient {
  function matches(row: Stored, [field, operator, value]: Condition): boolean {
    if (field === 'id' && operator === '>') return row.id > Number(value);
    if (field === 'id' && operator === 'in') return (value as number[]).includes(row.id);
    const bound = Date.parse(`${String(value).replace(' ', 'T')}Z`) * 1000;
    if (field === 'write_date' && operator === '>=') return row.stampedAt >= bound;
    if (field === 'write_date' && operator === '<') return row.stampedAt < bound;
    throw new Error(`${field} ${operator} does not mean the same in every release.`);
  }
  async function call({ method, named }: OdooCall): Promise<unknown> {
    if (method === 'fields_get')
      return { id: { type: 'integer' }, value: { type: 'integer' }, write_date: { type: 'datetime' } };
    const {
      domain,
      limit = Number.POSITIVE_INFINITY,
      order,
    } = named as { domain: Condition[]; limit?: number; order?: string };
    const found = table().filter((row) => domain.every((condition) => matches(row, condition)));
    if (method === 'search_count') return found.length;
    const sign =
      order === 'write_date desc'
        ? (a: Stored, b: Stored) => b.stampedAt - a.stampedAt
        : (a: Stored, b: Stored) => a.id - b.id;
    const page = found.toSorted(sign).slice(0, limit);
    const rows = page.map(({ id, value, stampedAt }) => ({ id, value, write_date: shown(stampedAt) }));
    between();
    return rows;
  }
  return {
    call: (given) => call(given),
    server: async () => ({ protocol: 'json2', version: '19.0' }),
    now: () => undefined,
  };
}

function sourceOf(client: OdooClient, over: Partial<OdooSourceOptions> = {}) {
  return createOdooSource({
    name: 'plant-2/things',
    models: createOdooModels(client, 'plant-2'),
    model: 'thing',
    app: 'Things',
    mayBeAbsent: false,
    fields: ['id', 'value'],
    required: ['id', 'value'],
    keyFields: [],
    extraFields: async () => [],
    readings: async () => [],
    laid: ['rank'],
    watches: [],
    lookUps: [],
    parent: undefined,
    domain: [],
    pageSize: 3,
    complete: async () => undefined,
    mapKeys: async () => [],
    ...over,
  });
}

/** Rows of a window, last version wins. */
async function readInto(held: Map<number, number>, source: ReturnType<typeof sourceOf>, window: Window): Promise<void> {
  for await (const { rows } of source.read(window, undefined, never)) {
    for (const row of rows as { id: number; value: number }[]) held.set(row.id, row.value);
  }
}

/** One transaction: which rows it writes, how long it stays open, and how long until the next begins. Milliseconds. */
const transactions = fc.array(
  fc.record({
    ids: fc.uniqueArray(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 15 }),
    openMs: fc.integer({ min: 0, max: 9000 }),
    pauseMs: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 4000 })),
  }),
  { minLength: 1, maxLength: 40 },
);

const overlapMs = 10_000;

describe('a source over a history', () => {
  it('brings the last version of every row, though transactions commit late and rows change between the pages', async () => {
    await fc.assert(
      fc.asyncProperty(transactions, fc.integer({ min: 1, max: 5 }), async (history, pageSize) => {
        const table = new Map<number, Stored>();
        const pending: { at: number; rows: Stored[] }[] = [];
        const left = [...history];
        let now = start;
        let value = 0;
        const commitDue = () => {
          for (const { rows } of pending.filter(({ at }) => at <= now)) {
            // Rows are locked while they are written: nothing later can be overtaken.
            for (const row of rows) if ((table.get(row.id)?.value ?? -1) < row.value) table.set(row.id, row);
          }
          pending.splice(0, pending.length, ...pending.filter(({ at }) => at > now));
        };
        const goOn = () => {
          const next = left.shift();
          if (next === undefined) return;
          now += next.pauseMs * 1000 + 137;
          value += 1;
          const stamped = now;
          const free = next.ids.filter((id) => !pending.some(({ rows }) => rows.some((row) => row.id === id)));
          pending.push({ at: now + next.openMs * 1000, rows: free.map((id) => ({ id, value, stampedAt: stamped })) });
          commitDue();
        };
        const source = sourceOf(
          clientOf(() => [...table.values()], goOn),
          { pageSize },
        );
        const held = new Map<number, number>();
        let watermark = now;
        await readInto(held, source, { mode: 'full' });
        while (left.length + pending.length > 0) {
          goOn();
          if (left.length === 0) now += 3_000_000;
          commitDue();
          const from = isoOf(watermark - overlapMs * 1000);
          watermark = now;
          await readInto(held, source, { mode: 'delta', from, to: isoOf(now), future: isoOf(now + 86_400_000_000) });
        }
        const quiet = isoOf(watermark - overlapMs * 1000);
        await readInto(held, source, {
          mode: 'delta',
          from: quiet,
          to: isoOf(now),
          future: isoOf(now + 86_400_000_000),
        });
        expect(held).toEqual(new Map([...table.values()].map((row) => [row.id, row.value])));
      }),
      { numRuns: 300 },
    );
  });

  it('goes on behind any page by its cursor alone', async () => {
    const table = Array.from({ length: 20 }, (_, index) => ({ id: index * 3 + 1, value: index, stampedAt: start }));
    const source = sourceOf(clientOf(() => table));
    const seen: number[] = [];
    let cursor: unknown;
    for (let more = true; more; ) {
      more = false;
      for await (const page of source.read({ mode: 'full' }, cursor, never)) {
        seen.push(...(page.rows as Stored[]).map(({ id }) => id));
        cursor = JSON.parse(JSON.stringify(page.cursor));
        more = true;
        break;
      }
    }
    expect(seen).toEqual(table.map(({ id }) => id));
  });

  it('finds the newest stamp that can be believed, past rows of the far future', async () => {
    const stamps = [start, start + 5_417_000, Date.UTC(2999, 11, 31) * 1000];
    const source = sourceOf(clientOf(() => stamps.map((stampedAt, index) => ({ id: index + 1, value: 0, stampedAt }))));
    expect(await source.newest('2026-11-20T23:00:00.000Z', never)).toBe('2026-11-20T22:00:05.000Z');
    expect(await source.newest('2026-11-20T22:00:02.000Z', never)).toBe('2026-11-20T22:00:00.000Z');
    expect(await source.newest('2020-01-01T00:00:00.000Z', never)).toBeNull();
  });
});

/** A client whose answers are given, by method. */
function answering(answers: Partial<Record<OdooCall['method'], unknown>>): { client: OdooClient; calls: OdooCall[] } {
  const calls: OdooCall[] = [];
  const client: OdooClient = {
    server: async () => ({ protocol: 'json2', version: '19.0' }),
    now: () => undefined,
    async call(call) {
      calls.push(call);
      return answers[call.method];
    },
  };
  return { client, calls };
}

const described = {
  id: { type: 'integer' },
  value: { type: 'integer' },
  done: { type: 'boolean' },
  name: { type: 'char' },
};

describe('a server that answers otherwise', () => {
  it.each([
    ['no list', 'rows'],
    ['a row without an id', [{ value: 1 }]],
    ['a row that is none', [null]],
    ['nothing', undefined],
  ])('is malformed: %s', async (_what, rows) => {
    const source = sourceOf(answering({ fields_get: described, search_read: rows }).client);
    await expect(readInto(new Map(), source, { mode: 'full' })).rejects.toMatchObject({ malformed: true });
  });

  it.each([{}, { ok: true }, { status: 'maintenance' }, []])(
    'is malformed, and not a release without fields: %j',
    async (fields) => {
      const source = sourceOf(answering({ fields_get: fields, search_read: [] }).client);
      await expect(source.prepare(never)).rejects.toMatchObject({ name: 'TransientError', malformed: true });
    },
  );

  it.each([[[{ id: 2 }, { id: 1 }]], [[{ id: 2 }, { id: 2 }]], [[{ id: 0 }]]])(
    'and ids out of order end the walk: %j',
    async (rows) => {
      const source = sourceOf(answering({ fields_get: described, search_read: rows }).client);
      await expect(readInto(new Map(), source, { mode: 'full' })).rejects.toThrow('does not keep to the order of ids');
    },
  );

  it('is told of fields that it has, and never of others', async () => {
    const { client, calls } = answering({
      fields_get: described,
      search_read: [{ id: 1, value: 2, name: false, done: false }],
    });
    const fields = ['id', 'value', 'name', 'done', 'location_id'];
    const source = sourceOf(client, { fields, required: ['id'] });
    const [page] = await collect(source.read({ mode: 'full' }, undefined, never));
    expect(page?.rows).toEqual([{ id: 1, value: 2, name: null, done: false }]);
    expect(calls.filter(({ method }) => method === 'fields_get')).toHaveLength(1);
    expect(calls.at(-1)?.named['fields']).toEqual(['id', 'value', 'name', 'done']);
  });

  it("and lacks a field that the operator's own mapping reads", async () => {
    const { client } = answering({ fields_get: described, search_read: [] });
    const reading = {
      setting: 'when',
      all: [],
      ofRow: ['id', 'rank', 'value', 'x_nope'],
      doubtful: [],
      takesRow: false,
    };
    const source = sourceOf(client, { extraFields: async () => reading.ofRow, readings: async () => [reading] });
    await expect(source.prepare(never)).rejects.toThrow(ConfigError);
    await expect(source.prepare(never)).rejects.toThrow(
      /^plant-2\/things: when reads x_nope, which thing does not have\. [^\n]*$/,
    );
    const doubting = { ...reading, ofRow: [], doubtful: ['rank', 'x_else'] };
    const other = sourceOf(client, { extraFields: async () => doubting.doubtful, readings: async () => [doubting] });
    expect(await other.prepare(never)).toBe(true);
    expect(await other.doubts(never)).toEqual([
      expect.stringContaining('when names x_else, which thing does not have'),
    ]);
  });

  it('and lacks a field that nothing can replace', async () => {
    const source = sourceOf(answering({ fields_get: { id: { type: 'integer' } }, search_read: [] }).client);
    await expect(source.prepare(never)).rejects.toThrow(
      'plant-2/things: thing has no field value in this release of Odoo',
    );
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
