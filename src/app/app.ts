import type { Config } from '../config/schema.ts';
import type { ConnectorSession } from '../connectors/connector.ts';
import type { ConnectorSettings } from '../connectors/settings.ts';
import type { Clock } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import type { EventBus, ReconcileResult, StreamResult } from '../core/events.ts';
import { type BudgetReport, createDayQuota, type DayQuota } from '../push/day-quota.ts';
import { createEryxonSink, type EryxonSink } from '../push/eryxon/index.ts';
import { createEryxonRemover } from '../push/eryxon/remove.ts';
import { createPushers, type PusherOptions } from '../push/pusher.ts';
import { rehearsedRemover } from '../push/remover.ts';
import type { Sink } from '../push/sink.ts';
import type { CountedTransport } from '../push/transport.ts';
import { createAdmission } from '../scheduler/admission.ts';
import { type Cycle, createCycle } from '../scheduler/cycle.ts';
import type { Schedule } from '../scheduler/engine.ts';
import { createReconciler, type Reconciler } from '../scheduler/reconcile.ts';
import type { MesGauges, StreamGauges } from '../server/metrics.ts';
import { openEmbeddedStore } from '../state/embedded-store.ts';
import type { Store } from '../state/store.ts';
import { readGauges } from './gauges.ts';
import { noteMesAddress } from './mes-address.ts';
import { reconcilingOf, scheduleOf } from './schedules.ts';
import { select } from './selection.ts';
import { openMes, openSession, redaction, type SystemOptions } from './systems.ts';

export interface AppOptions extends SystemOptions {
  /** Opens the state; the embedded store when absent. */
  openStore?: typeof openEmbeddedStore;
  /** Puts another MES in the place of the real one, which is given. */
  rehearse?: (real: Sink) => Pick<PusherOptions, 'sink' | 'openTransport'>;
  /** `connector` or `connector/stream`: what will be asked for, looked up before the state is opened. */
  selection?: readonly string[];
}

export interface SyncRequest {
  /** `connector` or `connector/stream`; empty: everything. */
  selection: readonly string[];
  full: boolean;
  release: boolean;
}

export interface ReconcileSelection {
  /** `connector` or `connector/stream`; empty: everything. */
  selection: readonly string[];
  release: boolean;
  mes: boolean;
}

/** Runs a connector's task when no other run of it is under way. */
export type RunExclusive = <T>(name: string, task: ExclusiveTask<T>) => Promise<T>;

/** Ends soon after `signal` aborts; once `stopping` does, it finishes what is under way and begins nothing more. */
type ExclusiveTask<T> = (signal: AbortSignal, stopping?: AbortSignal) => Promise<T>;

/** One configured ERP with everything that belongs to it. */
export interface ConnectorRun {
  session: ConnectorSession;
  cycle: Cycle;
  schedule: Schedule;
  reconciler: Reconciler;
}

/** The day budget, and how much the MES is given at a time. */
export type MesReport = BudgetReport & MesGauges;

/** The whole program, put together from a config: what the daemon and the verbs work with. */
export interface App {
  config: Config;
  clock: Clock;
  events: EventBus;
  store: Store;
  quota: DayQuota;
  /** The MES; what is sent by hand goes by `openTransport`. */
  sink: EryxonSink;
  openTransport(signal: AbortSignal): CountedTransport;
  connectors: ReadonlyMap<string, ConnectorRun>;
  /** What must be known of the ERPs before the first poll; an ERP that cannot be reached now is asked again by its polls. */
  prepare(signal: AbortSignal): Promise<void>;
  /** One pass now over what was selected. */
  sync(request: SyncRequest, exclusive: RunExclusive): Promise<StreamResult[]>;
  /** Compares what was selected with the ledger now. */
  reconcile(request: ReconcileSelection, exclusive: RunExclusive): Promise<ReconcileResult[]>;
  gauges(): Promise<StreamGauges[]>;
  mes(): Promise<MesReport>;
  close(): Promise<void>;
}

/** Opens the state and puts everything together; no socket is opened. Throws UsageError for a selection of what there is not. */
export async function openApp(options: AppOptions): Promise<App> {
  const { config, clock, events } = options;
  const openStore = options.openStore ?? openEmbeddedStore;
  const opened = openSessions(options);
  // A slip of a name must not make a state.
  select(opened, options.selection ?? []);
  const store = await openStore({ directory: config.state.directory, clock });
  const quota = createDayQuota(config.mes.rate.requestsPerDay, store, clock);
  const mes = openMes(options, quota);
  const sink = createEryxonSink(config.mes.url, {
    notes: store,
    clock,
    sampleUpdates: config.mes.verify.sampleUpdates,
    onAvailable: store.retryWaitingForMes,
    onLeftOut: (left) => events.emit('field:left-out', left),
    onFull: (full) => events.emit('mes:full', full),
    onNestingRest: (rest) => events.emit('mes:nesting-rests', rest),
  });
  const { batchSize, maxConcurrency } = config.mes;
  const { openTransport, pace, outage } = mes;
  const delivery = { sink, openTransport, ...options.rehearse?.(sink) };
  const pushers = createPushers({ ...delivery, batchSize, maxConcurrency, pace, outage, ...redaction(options) });
  const admission = createAdmission({ room: quota.room, requireReachable: outage.require, clock });
  const shared = { store, pusher: pushers.scheduled, operatorPusher: pushers.operator, admission, events, clock };
  const real = createEryxonRemover(config.mes.url, openTransport, { clock, forget: sink.forget });
  const remover = options.rehearse ? rehearsedRemover(sink.estimateRemoval) : real;
  const runs = new Map<string, ConnectorRun>();
  for (const [name, { session, settings }] of opened) {
    const deletes = { policies: settings.deletes, remover };
    const context = { session, ...shared, deletes };
    const mesSide = { list: sink.list.bind(sink), openTransport };
    const reconciler = createReconciler(context, { ...reconcilingOf(settings), mes: mesSide });
    runs.set(name, { session, cycle: createCycle(context), schedule: scheduleOf(settings), reconciler });
  }
  return {
    config,
    clock,
    events,
    store,
    quota,
    sink,
    openTransport: (signal) => openTransport(signal, 'operator'),
    connectors: runs,
    async prepare(signal) {
      await noteMesAddress({ store, events }, config.mes.url);
      await prepareAll(runs, signal);
    },
    sync: (request, exclusive) => syncAll(runs, request, exclusive),
    mes: async () => ({ ...(await quota.report()), batchSize: pace.batchSize(), concurrency: pace.slots() }),
    reconcile: (request, exclusive) => reconcileAll(runs, request, exclusive),
    gauges: () => readGauges(runs, store, clock),
    async close() {
      for (const { session } of runs.values()) session.close();
      mes.close();
      await store.close();
    },
  };
}

interface OpenedSession {
  session: ConnectorSession;
  settings: ConnectorSettings;
}

function openSessions(options: AppOptions): Map<string, OpenedSession> {
  const settings = Object.entries(options.config.connectors);
  return new Map(settings.map(([name, own]) => [name, { session: openSession(name, own, options), settings: own }]));
}

async function prepareAll(runs: ReadonlyMap<string, ConnectorRun>, signal: AbortSignal): Promise<void> {
  const prepared = await Promise.allSettled([...runs.values()].map(({ session }) => session.prepare(signal)));
  const problems = prepared.flatMap((result) =>
    result.status === 'rejected' && result.reason instanceof ConfigError ? result.reason.problems : [],
  );
  if (problems.length > 0) throw new ConfigError(problems);
}

async function syncAll(
  runs: ReadonlyMap<string, ConnectorRun>,
  { selection, full, release }: SyncRequest,
  exclusive: RunExclusive,
): Promise<StreamResult[]> {
  const selected = select(runs, selection);
  const results = await Promise.all(
    [...selected].map(([name, streams]) =>
      exclusive(name, async (signal, stopping) => {
        const request = { streams, full, release, manual: true, stopping };
        return (await runs.get(name)?.cycle.run(request, signal)) ?? [];
      }),
    ),
  );
  return results.flat();
}

async function reconcileAll(
  runs: ReadonlyMap<string, ConnectorRun>,
  { selection, release, mes }: ReconcileSelection,
  exclusive: RunExclusive,
): Promise<ReconcileResult[]> {
  const selected = select(runs, selection);
  const results = await Promise.all(
    [...selected].map(([name, streams]) =>
      exclusive(name, async (signal, stopping) => {
        return (await runs.get(name)?.reconciler.run({ streams, release, mes, stopping }, signal)) ?? [];
      }),
    ),
  );
  return results.flat();
}
