import type { Config } from './config/schema.ts';
import { checkOverlaps } from './connectors/checking.ts';
import type { AnyConnector, ConnectorSession } from './connectors/define.ts';
import { connectors } from './connectors/index.ts';
import { type ConnectorSettings, readTls } from './connectors/settings.ts';
import type { Clock } from './core/clock.ts';
import { ConfigError, messageOf, UsageError } from './core/errors.ts';
import type { EventBus, StreamResult } from './core/events.ts';
import { createHttpClient, type OpenHttp } from './core/http.ts';
import type { MesGauges, StreamGauges } from './core/metrics.ts';
import type { Redactor } from './core/redact.ts';
import { createTokenBucket } from './core/token-bucket.ts';
import type { Finding } from './core/types.ts';
import { lagOf } from './lag.ts';
import { createPace, type Pace } from './push/adaptive.ts';
import type { Caller } from './push/day-plan.ts';
import { type BudgetReport, createDayQuota, type DayQuota, type QuotaStore } from './push/day-quota.ts';
import { refuseTransient } from './push/eryxon/answers.ts';
import { createEryxonSink, type EryxonSink } from './push/eryxon/index.ts';
import { createOutage, type Outage } from './push/outage.ts';
import { createPushers, type PusherOptions } from './push/pusher.ts';
import type { Sink } from './push/sink.ts';
import { type CountedTransport, createTransport } from './push/transport.ts';
import { createAdmission } from './scheduler/admission.ts';
import { type Cycle, createCycle } from './scheduler/cycle.ts';
import type { Schedule } from './scheduler/engine.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import type { Store } from './state/store.ts';

export interface AppOptions {
  config: Config;
  clock: Clock;
  events: EventBus;
  /** Between 0 and 1, for jitter. */
  random: () => number;
  /** Tries a request; 5 when absent. */
  attempts?: number;
  /** Takes secrets out of what other systems say. */
  redact?: Redactor;
  /** The way to the network; sockets when absent. */
  openHttp?: OpenHttp;
  /** Opens the state; the embedded store when absent. */
  openStore?: typeof openEmbeddedStore;
  /** Puts another MES in the place of the real one, which is given. */
  rehearse?: (real: Sink) => Pick<PusherOptions, 'sink' | 'openTransport'>;
  /** The connectors that there are; those of this build when absent. */
  connectors?: readonly AnyConnector[];
}

export interface SyncRequest {
  /** `connector` or `connector/stream`; empty: everything. */
  selection: readonly string[];
  full: boolean;
  release: boolean;
}

/** Runs a connector's task when no other run of it is under way. */
export type RunExclusive = <T>(name: string, task: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** One configured ERP with everything that belongs to it. */
export interface ConnectorRun {
  session: ConnectorSession;
  cycle: Cycle;
  schedule: Schedule;
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
  gauges(): Promise<StreamGauges[]>;
  mes(): Promise<MesReport>;
  close(): Promise<void>;
}

/** Opens the state and puts everything together; no socket is opened. */
export async function openApp(options: AppOptions): Promise<App> {
  const { config, clock, events } = options;
  const openStore = options.openStore ?? openEmbeddedStore;
  const store = await openStore({ directory: config.state.directory, clock });
  const mes = openMes(options, store);
  const sink = createEryxonSink(config.mes.url, {
    notes: store,
    clock,
    sampleUpdates: config.mes.verify.sampleUpdates,
  });
  const { batchSize, maxConcurrency } = config.mes;
  const { openTransport, quota, pace, outage } = mes;
  const delivery = { sink, openTransport, ...options.rehearse?.(sink) };
  const pushers = createPushers({ ...delivery, batchSize, maxConcurrency, pace, ...redaction(options) });
  const admission = createAdmission({ room: quota.room, requireReachable: outage.require, clock });
  const shared = { store, pusher: pushers.scheduled, operatorPusher: pushers.operator, admission, events, clock };
  const runs = new Map<string, ConnectorRun>();
  for (const [name, settings] of Object.entries(config.connectors)) {
    const session = openSession(name, settings, options);
    const cycle = createCycle({ session, ...shared });
    runs.set(name, { session, cycle, schedule: scheduleOf(settings) });
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
    prepare: (signal) => prepareAll(runs, signal),
    sync: (request, exclusive) => syncAll(runs, request, exclusive),
    mes: async () => ({ ...(await quota.report()), batchSize: pace.batchSize(), concurrency: pace.slots() }),
    gauges: () => readGauges(runs, store, clock),
    async close() {
      for (const { session } of runs.values()) session.close();
      mes.close();
      await store.close();
    },
  };
}

interface Mes {
  quota: DayQuota;
  pace: Pace;
  outage: Outage;
  openTransport(signal: AbortSignal, caller: Caller): CountedTransport;
  close(): void;
}

/** Everything that all requests to the MES share: connections, token bucket, day budget. */
function openMes(options: AppOptions, store: QuotaStore): Mes {
  const { clock, events, random, attempts = defaultAttempts, openHttp = createHttpClient } = options;
  const { mes } = options.config;
  const http = openHttp({
    origin: new URL(mes.url).origin,
    system: 'mes',
    name: 'mes',
    tls: readTls(mes.tls),
    proxy: mes.proxy,
    deadlineMs: mes.timeoutSeconds * 1000,
    maxBytes: 64 * 1_048_576,
    headers: { Authorization: `Bearer ${mes.apiKey}` },
    clock,
    events,
    ...redaction(options),
  });
  const bucket = createTokenBucket(mes.rate, clock, 'empty');
  const quota = createDayQuota(mes.rate.requestsPerDay, store, clock);
  const refuse = (answer: Parameters<typeof refuseTransient>[0]) => refuseTransient(answer, clock.now());
  const { batchSize, maxConcurrency, timeoutSeconds } = mes;
  const pace = createPace({ batchSize, maxConcurrency, slowMs: timeoutSeconds * 500 });
  const outage = createOutage(clock, random);
  const shared = { http, bucket, quota, pace, outage, refuseTransient: refuse, clock, events, random, attempts };
  return {
    quota,
    pace,
    outage,
    openTransport: (signal, caller) => createTransport({ ...shared, caller }, signal),
    close: http.close,
  };
}

const defaultAttempts = 5;

function redaction({ redact }: AppOptions): { redact?: Redactor } {
  return redact === undefined ? {} : { redact };
}

function openSession(name: string, settings: ConnectorSettings, options: AppOptions): ConnectorSession {
  const connector = (options.connectors ?? connectors).find(({ type }) => type === settings.type);
  if (connector === undefined) throw new ConfigError(`connectors.${name}.type ${settings.type} is not known.`);
  const { clock, events, random, attempts = defaultAttempts } = options;
  const network = options.openHttp === undefined ? {} : { openHttp: options.openHttp };
  const context = { name, clock, events, random, attempts, ...network, ...redaction(options) };
  return connector.open(settings as never, context);
}

const defaultEverySeconds = 300;

function scheduleOf({ schedule, everySeconds, timeZone }: ConnectorSettings): Schedule {
  if (schedule !== undefined) return { cron: schedule, timeZone };
  return { everySeconds: everySeconds ?? defaultEverySeconds };
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
      exclusive(name, async (signal) => {
        const request = { streams, full, release, manual: true };
        return (await runs.get(name)?.cycle.run(request, signal)) ?? [];
      }),
    ),
  );
  return results.flat();
}

/** Streams to run by connector; undefined stands for all of them. */
function select(
  runs: ReadonlyMap<string, ConnectorRun>,
  selection: readonly string[],
): Map<string, Set<string> | undefined> {
  const selected = new Map<string, Set<string> | undefined>();
  if (selection.length === 0) return new Map([...runs.keys()].map((name) => [name, undefined]));
  for (const wanted of selection) {
    const [name = '', stream] = wanted.split('/', 2);
    const known = runs.get(name)?.session.streams.map((each) => each.name);
    if (known === undefined)
      throw new UsageError(`There is no connector ${name}; there is ${[...runs.keys()].join(', ')}.`);
    if (stream !== undefined && !known.includes(stream)) {
      throw new UsageError(`Connector ${name} has no stream ${stream}; it has ${known.join(', ')}.`);
    }
    const before = selected.get(name);
    const whole = stream === undefined || (selected.has(name) && before === undefined);
    selected.set(name, whole ? undefined : new Set([...(before ?? []), stream]));
  }
  return selected;
}

async function readGauges(
  runs: ReadonlyMap<string, ConnectorRun>,
  store: Store,
  clock: Clock,
): Promise<StreamGauges[]> {
  const known = new Map((await store.status()).map((status) => [status.stream, status]));
  return [...runs.values()].flatMap(({ session }) =>
    session.streams.map(({ name }) => {
      const stream = `${session.name}/${name}`;
      const {
        watermark = null,
        lastSuccess = null,
        deadLetters = 0,
        deadLettersSince = null,
        parked = 0,
        parkedSince = null,
      } = known.get(stream) ?? {};
      const lagSeconds = lagOf({ watermark, lastSuccess }, clock.now());
      return { stream, lagSeconds, lastSuccess, deadLetters, deadLettersSince, parked, parkedSince };
    }),
  );
}

/** Asks every ERP and the MES, changes nothing and needs no state: the daemon may run beside it. */
export async function checkSystems(options: AppOptions, signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, settings] of Object.entries(options.config.connectors)) {
    const session = openSession(name, settings, options);
    findings.push(
      ...checkOverlaps(session),
      ...(await session.check(signal).catch((error: unknown) => [unchecked(name, error)])),
    );
    session.close();
  }
  const mes = openMes(options, uncounted);
  findings.push(...(await createEryxonSink(options.config.mes.url).check(mes.openTransport(signal, 'operator'))));
  mes.close();
  return findings;
}

/** The few requests of a check are not booked: the state may be in other hands. */
const unused = { windowStart: null, used: 0, byOperator: 0, blockedUntil: null };
const uncounted: QuotaStore = {
  readQuota: async () => unused,
  updateQuota: async (change) => change(unused).answer,
};

function unchecked(where: string, error: unknown): Finding {
  return { code: 'check-failed', level: 'error', where, text: messageOf(error), todo: 'See the text.' };
}
