import { describe, expect, it } from 'vitest';
import type { HttpRequest, HttpResponse } from '../../../src/core/http.ts';
import { type Entity, entities, type MesRecord } from '../../../src/core/types.ts';
import type { Ability, Capabilities } from '../../../src/push/eryxon/ability.ts';
import { perEntity } from '../../../src/push/eryxon/capabilities.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { forgetfulNotes, type Notes } from '../../../src/push/eryxon/notes.ts';
import type { ReadyChange, Transport } from '../../../src/push/sink.ts';
import { answered } from '../../support/eryxon-mes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { change, entry, record } from '../../support/push-builders.ts';

const url = 'https://mes.example/functions/v1';
const start = new Date('2026-03-02T08:00:00Z');
const minuteMs = 60_000;

/** Everything that the tables have a column for, so that every name is met in some body. */
const fields: Record<Entity, MesRecord['fields']> = {
  cell: { name: 'Saw', active: true, color: '#112233', capacity_hours_per_day: 8 },
  resource: { name: 'Robot', type: 'machine', active: true, description: 'Welds' },
  job: { job_number: 'J-1', customer: 'Acme', due_date: '2026-04-01', notes: null, priority: 3 },
  part: { part_number: 'P-1', quantity: 0, notes: 'Bent' },
  operation: { operation_name: 'Cut', estimated_time_minutes: 5, notes: 'Twice' },
};
const parents: Record<Entity, ReadyChange['parents']> = {
  cell: {},
  resource: {},
  job: {},
  part: { job: { mesId: 'J', businessKey: 'J-1' } },
  operation: { part: { mesId: 'P', businessKey: 'P-1' }, cell: { mesId: 'C', businessKey: 'Saw' } },
};

/** Abilities that leave one way to a record. */
const ways: Record<string, Partial<Ability>> = {
  'post-patch': { post: true },
  'generic-put': { put: true, post: true },
  'generic-bulk': { put: true, post: true, lists: true },
  'erp-sync': { erpSync: 'all' },
  'erp-sync with PUT beside it': { erpSync: 'all', put: true, post: true },
  'erp-sync with POST beside it': { erpSync: 'all', post: true },
};

const tasks = ['create', 'update', 'status'] as const;
type Task = (typeof tasks)[number];

/** Four records, so that a bulk-sync is worth its look; the last one says little. */
function batchOf(entity: Entity, task: Task): ReadyChange[] {
  return ['1', '2', '3', '4'].map((id) => {
    const [name, value] = Object.entries(fields[entity])[0] ?? [];
    const required = entity === 'resource' ? { type: 'machine' } : {};
    const own = id === '4' ? { [String(name)]: value ?? null, ...required } : fields[entity];
    const of = record(entity, id, {
      parents: Object.fromEntries(Object.keys(parents[entity] ?? {}).map((kind) => [kind, 'x'])),
      fields: { ...own, [String(name)]: `${String(value)} ${id}` },
      lifecycle: task === 'status' ? 'cancelled' : 'active',
    });
    return {
      ...change(of, task === 'create' ? undefined : entry({ mesId: `u${id}` })),
      parents: parents[entity] ?? {},
    };
  });
}

/** A generic MES without one column of one table: it stores what does not name it. */
function mesWithout(entity: Entity, lacking: string | undefined): Transport & { writes: HttpRequest[] } {
  const writes: HttpRequest[] = [];
  const message = `Failed to write: Could not find the '${lacking}' column of '${entity}s' in the schema cache`;
  const names = (row: object) => lacking !== undefined && lacking in row;
  const ok = (data: unknown) => answered(200, { success: true, data });
  const refused = () => answered(500, { success: false, error: { code: 'INTERNAL_ERROR', message } });
  const write = ({ method, path, body = '' }: HttpRequest): HttpResponse => {
    const sent = JSON.parse(body);
    const rows: { external_id: string }[] = sent[`${entity}s`] ?? [sent];
    if (path.endsWith('/bulk-sync')) return ok({ results: { created: rows.length, updated: 0, errors: [] } });
    if (path.endsWith('/api-erp-sync/sync')) {
      const error = rows.some(names) ? message : undefined;
      const results = rows.map(({ external_id: id }) => ({
        external_id: id,
        ...(error === undefined ? { action: 'created', id: `u${id}` } : { action: 'error', error }),
      }));
      return ok({ entities: { [`${entity}s`]: { results } } });
    }
    if (rows.some(names)) return refused();
    const id = method === 'PATCH' ? path.split('=').at(-1) : `u${sent.external_id}`;
    return ok({ action: 'created', [entity]: { ...sent, id } });
  };
  return {
    writes,
    async request(request) {
      const [, table = ''] = /api-(\w+)/.exec(request.path) ?? [];
      if (request.method === 'GET') return ok({ [table]: [], pagination: { total: 0 } });
      // Who asks for ever would never end the test.
      if (writes.length > 100) throw new Error('More than a hundred writes.');
      writes.push(request);
      return write(request);
    },
  };
}

async function knowing(ability: Partial<Ability>): Promise<Notes> {
  const notes = forgetfulNotes();
  const none: Ability = { classic: null, put: false, erpSync: 'no', post: false, lists: false, faults: [] };
  const known: Capabilities = {
    url,
    at: start.toISOString(),
    generation: 'generic',
    entities: perEntity(() => ({ ...none, ...ability, faults: [] })),
    lacking: [],
  };
  await notes.writeNote('mes capabilities', known);
  return notes;
}

async function deliver(way: string, { entity, task }: { entity: Entity; task: Task }, lacking?: string) {
  const mes = mesWithout(entity, lacking);
  const notes = await knowing(ways[way] ?? {});
  const sink = createEryxonSink(url, { notes, clock: createFakeClock(start) });
  const changes = batchOf(entity, task);
  const results = await sink.deliver({ entity, changes }, mes);
  return { sink, mes, notes, changes, results, kinds: results.map(({ kind }) => kind) };
}

/** Names in what was sent, in any row. */
function namesIn({ writes }: { writes: readonly HttpRequest[] }, entity: Entity): string[] {
  const rows = writes.flatMap(({ body = '' }) => {
    const sent = JSON.parse(body);
    return (sent[`${entity}s`] as object[] | undefined) ?? [sent as object];
  });
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

const cases = Object.keys(ways).flatMap((way) =>
  entities
    .filter((entity) => !way.startsWith('erp-sync') || ['job', 'part', 'resource'].includes(entity))
    .flatMap((entity) => tasks.map((task) => ({ way, entity, task }))),
);

describe('a column that the database of the MES lacks', () => {
  it.each(cases)('costs a handful of requests, and no record ($way, $task of a $entity)', async ({ way, ...of }) => {
    const whole = await deliver(way, of);
    expect(whole.kinds).toEqual(['delivered', 'delivered', 'delivered', 'delivered']);
    const names = namesIn(whole.mes, of.entity);
    expect(names.length).toBeGreaterThan(of.task === 'create' ? 3 : 0);
    for (const name of names) {
      const { mes, kinds, results } = await deliver(way, of, name);
      expect(mes.writes.length, name).toBeLessThanOrEqual(whole.mes.writes.length + 8);
      // Without that field, or all wait: it is the fault of none of them.
      const wanted = kinds.includes('unavailable') ? 'unavailable' : 'delivered';
      expect([name, ...kinds], JSON.stringify(results)).toEqual([name, ...kinds.map(() => wanted)]);
    }
  });

  it.each(['part_id', 'cell_id', 'external_id', 'operation_name'])(
    'and that no record can do without (%s) closes that kind alone until the next look, and is told of',
    async (name) => {
      const { sink, mes, notes, changes } = await deliver('post-patch', { entity: 'operation', task: 'create' }, name);
      const before = mes.writes.length;
      const [again] = await sink.deliver({ entity: 'operation', changes }, mes);
      expect(again).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining(`'${name}' column`) });
      expect(mes.writes.length).toBe(before);
      const told = await sink.ways();
      expect(told.filter(({ create }) => create === null).map(({ entity }) => entity)).toEqual(['operation']);
      expect(told.at(-1)?.faults.join()).toContain(`'${name}' column`);
      for (const { record: of } of changes) expect(await notes.sentCreate(of)).toBeUndefined();
    },
  );

  it('is asked for again ten minutes later, and what waited is told of as due', async () => {
    const clock = createFakeClock(start);
    const due: (readonly Entity[])[] = [];
    const notes = await knowing({ post: true });
    const onAvailable = async (open: readonly Entity[]) => void due.push(open);
    const sink = createEryxonSink(url, { notes, clock, onAvailable });
    const batch = { entity: 'operation', changes: batchOf('operation', 'create') } as const;
    await sink.deliver(batch, mesWithout('operation', 'cell_id'));
    await clock.advance(10 * minuteMs);
    const mended = mesWithout('operation', undefined);
    expect((await sink.deliver(batch, mended)).map(({ kind }) => kind)).toEqual(Array(4).fill('delivered'));
    expect(due).toEqual([['operation']]);
  });

  it('and is lacking still is asked for after pauses that double, up to six hours', async () => {
    const clock = createFakeClock(start);
    const sink = createEryxonSink(url, { notes: await knowing({ post: true }), clock });
    const batch = { entity: 'operation', changes: batchOf('operation', 'create') } as const;
    const mes = mesWithout('operation', 'cell_id');
    const asked: number[] = [];
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      const before = mes.writes.length;
      await sink.deliver(batch, mes);
      if (mes.writes.length > before) asked.push(minute);
      await clock.advance(minuteMs);
    }
    expect(asked).toEqual([0, 10, 30, 70, 150, 310, 630, 990, 1350]);
  });

  it('of the ids is seen by the look itself, and told by check', async () => {
    const findings = await createEryxonSink(url).check(mesWithout('cell', 'external_source'));
    const found = findings.find(({ where, code }) => where === 'mes cells' && code === 'mes-way-none');
    expect(found?.text).toContain("'external_source' column");
  });
});
