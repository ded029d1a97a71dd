import type {
  ChildPage,
  ConnectorSession,
  KeyReader,
  MappedRow,
  Page,
  Stream,
} from '../../src/connectors/connector.ts';
import { createEventBus, type EventBus } from '../../src/core/events.ts';
import type { Change, MesRecord, Window } from '../../src/core/types.ts';
import { createPusher } from '../../src/push/pusher.ts';
import type { Remover } from '../../src/push/remover.ts';
import type { Batch, Sink, SinkResult } from '../../src/push/sink.ts';
import { type Cycle, createCycle } from '../../src/scheduler/cycle.ts';
import type { Deletes, PassRequest } from '../../src/scheduler/pass-types.ts';
import { createReconciler, type ReconcileRequest, type Reconciler } from '../../src/scheduler/reconcile.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import type { Store } from '../../src/state/store.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { scratchDirectory } from './state-builders.ts';

/** A row of a source that lives in a test: what it becomes, and how it is stamped. */
export interface FakeRow {
  key: string;
  stamp: string | null;
  records: MesRecord[];
  /** It cannot be mapped. */
  bad?: boolean;
}

export const source = 'erp';
export const start = new Date('2026-03-02T08:00:00.000Z');

/** Puts a row down under its key, as a later version of what was there. */
export function put(rows: FakeRow[], ...changed: FakeRow[]): void {
  for (const row of changed) {
    const index = rows.findIndex(({ key }) => key === row.key);
    if (index >= 0) rows.splice(index, 1);
    rows.push(row);
  }
}

function inWindow({ mode, from = '', to, future }: Window, { stamp }: FakeRow): boolean {
  if (mode === 'full') return true;
  if (stamp === null) return false;
  return (stamp >= from && (to === undefined || stamp < to)) || (future !== undefined && stamp >= future);
}

export function mapRow(row: FakeRow): MappedRow {
  const { key, stamp, records, bad = false } = row;
  if (!bad) return { kind: 'good', key, stamp, records };
  return { kind: 'refused', key, stamp, stage: 'map', reason: 'not a row', row };
}

/** A stream over rows in memory, ordered by stamp and key; everything else can be laid over it. */
export function fakeStream(rows: readonly FakeRow[], rest: Partial<Stream> & { pageSize?: number } = {}): Stream {
  const { pageSize = 100, ...overrides } = rest;
  return {
    name: 'orders',
    entity: 'job',
    stampKind: 'timestamp',
    stampZone: 'UTC',
    overlapSeconds: 600,
    settleSeconds: 0,
    fullReadEverySeconds: null,
    fingerprint: 'mapping-1',
    owns: [{ entity: rest.entity ?? 'job' }],
    keys: null,
    children: null,
    childStream: null,
    selective: false,
    async *read(window, cursor): AsyncGenerator<Page> {
      const order = (row: FakeRow) => `${row.stamp ?? ''} ${row.key}`;
      const found = rows.filter((row) => inWindow(window, row)).sort((a, b) => (order(a) < order(b) ? -1 : 1));
      const rest = found.filter((row) => typeof cursor !== 'string' || order(row) > cursor);
      for (let at = 0; at < rest.length; at += pageSize) {
        const page = rest.slice(at, at + pageSize);
        const last = page.at(-1);
        yield { rows: page, cursor: last === undefined ? null : order(last) };
      }
    },
    newest: async (limit) => {
      const stamps = rows.map(({ stamp }) => stamp).filter((stamp) => stamp !== null && stamp <= limit);
      return stamps.sort().at(-1) ?? null;
    },
    count: async () => rows.length,
    map: async (page, { stamps } = { stamps: true }) =>
      (page as FakeRow[]).map((row) => mapRow(stamps ? row : { ...row, stamp: null })),
    ...overrides,
  };
}

/** What a test makes of each record; `delivered` when it says nothing. */
export type Verdict = (change: Change) => SinkResult | undefined;

/** A MES in memory. */
export interface MemorySink extends Sink {
  /** By `<entity>/<externalId>`: the last version delivered. */
  held: Map<string, Change>;
  /** Every batch in the order of arrival, as `<entity>/<externalId>` lists. */
  batches: string[][];
  /** Runs before a batch takes effect; may throw. */
  before: (batch: Batch) => void;
  verdict: Verdict;
}

export function createMemorySink(): MemorySink {
  const keyOf = ({ record }: Change) => `${record.entity}/${record.externalId}`;
  const sink: MemorySink = {
    held: new Map(),
    batches: [],
    before: () => undefined,
    verdict: () => undefined,
    async deliver(batch) {
      sink.before(batch);
      sink.batches.push(batch.changes.map(keyOf));
      return batch.changes.map((change): SinkResult => {
        const result = sink.verdict(change);
        if (result !== undefined) return result;
        const action = sink.held.has(keyOf(change)) ? 'updated' : 'created';
        sink.held.set(keyOf(change), change);
        return { kind: 'delivered', action, mesId: `id-${change.record.externalId}` };
      });
    },
    list: async () => undefined,
  };
  return sink;
}

/** The pass logic between a source in memory and a MES in memory, over the real state. */
export interface Rig {
  store: Store;
  sink: MemorySink;
  events: EventBus;
  clock: FakeClock;
  cycle: Cycle;
  /** The source's clock. */
  sourceNow: { at: Date };
  run(request?: Partial<PassRequest>): ReturnType<Cycle['run']>;
  session: ConnectorSession;
  /** Of the state. */
  directory: string;
  reconciler: Reconciler;
  reconcile(request?: Partial<ReconcileRequest>): ReturnType<Reconciler['run']>;
  /** What becomes of what the ERP deleted. */
  deletes: { policies: Deletes['policies']; remover: Remover };
}

/** `erp`: a real session in place of the one in memory. */
export async function openRig(
  streams: readonly Stream[],
  wrap: (store: Store) => Store = same,
  erp: Partial<ConnectorSession> = {},
): Promise<Rig> {
  const clock = createFakeClock(start);
  const directory = scratchDirectory();
  const opened = await openEmbeddedStore({ directory, clock });
  const store = wrap(opened);
  const sink = createMemorySink();
  const events = createEventBus((error) => {
    throw error;
  });
  const sourceNow = { at: start };
  const session: ConnectorSession = {
    name: 'plant',
    source,
    streams,
    prepare: async () => undefined,
    clock: async () => sourceNow.at,
    check: async () => [],
    close: () => undefined,
    ...erp,
  };
  const openTransport = () => ({ requests: () => sink.batches.length, request: () => Promise.reject(new Error()) });
  const pusher = createPusher({ sink, openTransport, batchSize: 100, maxConcurrency: 1 });
  const deletes: Rig['deletes'] = {
    policies: {},
    remover: { remove: () => Promise.reject(new Error()), restore: () => Promise.reject(new Error()) },
  };
  const context = { session, store, pusher, events, clock, deletes };
  const cycle = createCycle(context);
  const mes = { list: ((entity) => sink.list(entity, openTransport())) as Sink['list'], openTransport };
  const isDue = (since: Date, now: Date) => now.getTime() - since.getTime() >= 86_400_000;
  const reconciler = createReconciler(context, { isDue, off: new Set(), mes, withMes: true });
  const signal = new AbortController().signal;
  const reconcile: Rig['reconcile'] = (request) =>
    reconciler.run({ streams: undefined, release: false, mes: false, ...request }, signal);
  const run: Rig['run'] = (request) =>
    cycle.run(
      { streams: undefined, full: false, manual: true, release: false, ...request },
      new AbortController().signal,
    );
  return { store, sink, events, clock, cycle, sourceNow, run, session, directory, reconciler, reconcile, deletes };
}

function same(store: Store): Store {
  return store;
}

/** The children of some parents, a few parents a page. */
export async function* childPages(
  rows: readonly FakeRow[],
  parents: readonly string[],
  parentsPerPage = 30,
): AsyncGenerator<ChildPage> {
  for (let at = 0; at < parents.length; at += parentsPerPage) {
    const asked = parents.slice(at, at + parentsPerPage);
    const isTheirs = ({ records }: FakeRow) => records.some(({ parents: { part = '' } }) => asked.includes(part));
    yield { rows: rows.filter(isTheirs), parents: asked };
  }
}

/** Keys of rows in memory, as a source would list them. */
export function keysOf(
  rows: readonly FakeRow[],
  {
    pageSize = 100,
    listed = (row: FakeRow[]) => row,
  }: { pageSize?: number; listed?: (rows: FakeRow[]) => FakeRow[] } = {},
): KeyReader {
  return {
    async *read() {
      const all = listed([...rows]);
      for (let at = 0; at < all.length; at += pageSize) {
        const page = all.slice(at, at + pageSize);
        const keys = page.map((row) => ({
          refs: row.records.map(({ entity, externalId }) => ({ entity, externalId })),
          stamp: row.stamp,
          leftOut: false,
          raw: row.key,
        }));
        yield { keys, rows: page.length, unreadable: 0, behind: null };
      }
    },
    rows: async (_page, wanted) => rows.filter(({ key }) => wanted.some(({ raw }) => raw === key)),
  };
}
