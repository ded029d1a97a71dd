import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EventBus } from '../core/events.ts';

export interface Metrics {
  /** The page in Prometheus text form. */
  render(): Promise<string>;
  contentType: string;
}

/** Figures of one stream at the moment of asking. */
export interface StreamGauges {
  stream: string;
  lagSeconds: number | null;
  lastSuccess: string | null;
  deadLetters: number;
  /** When the oldest dead letter was set aside, ISO-8601; null when there is none. */
  deadLettersSince: string | null;
  parked: number;
  /** Since when the oldest parked record waits, ISO-8601; null when none does. */
  parkedSince: string | null;
}

/** What may be sent to the MES at the moment of asking. */
export interface MesGauges {
  /** Requests left of the day budget; null without one. */
  budgetLeft: number | null;
  /** Those of them that only a person's calls may use; null without a budget. */
  reserveLeft: number | null;
  /** When nothing is left if it goes on like this, ISO-8601; null when the budget lasts. */
  exhaustedAt: string | null;
  /** The MES asked for silence until then, ISO-8601. */
  blockedUntil: string | null;
  /** Records a request. */
  batchSize: number;
  /** Requests at one time. */
  concurrency: number;
}

export interface MetricsSource {
  streams(): Promise<readonly StreamGauges[]>;
  mes(): Promise<MesGauges>;
  ready(): Promise<boolean>;
}

/** Counts events as they come and asks for the rest when the page is fetched. */
export function createMetrics(events: EventBus, source: MetricsSource): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'erp_puller_' });
  countRecords(registry, events);
  countRequests(registry, events);
  const collectStreams = gaugeStreams(registry, source);
  return {
    async render() {
      await collectStreams();
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

function countRecords(registry: Registry, events: EventBus): void {
  const records = new Counter({
    name: 'erp_puller_records_total',
    help: 'Records by stream and outcome: read, unchanged, created, updated, deleted, refused, parked.',
    labelNames: ['stream', 'outcome'],
    registers: [registry],
  });
  const passes = new Counter({
    name: 'erp_puller_passes_total',
    help: 'Passes by stream and outcome: ok, refused, failed, waiting.',
    labelNames: ['stream', 'outcome'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'erp_puller_pass_duration_seconds',
    help: 'How long passes took, in seconds, by stream.',
    labelNames: ['stream'],
    buckets: [0.1, 1, 10, 60, 300, 1800, 7200],
    registers: [registry],
  });
  const late = new Counter({
    name: 'erp_puller_late_rows_total',
    help: 'Rows that showed up with a stamp behind the watermark, by stream.',
    labelNames: ['stream'],
    registers: [registry],
  });
  events.on('rows:late', ({ stream, rows }) => late.inc({ stream }, rows));
  events.on('page:committed', ({ stream, counts: { parked: _mayStillGo, ...counts } }) => {
    for (const [outcome, count] of Object.entries(counts)) records.inc({ stream, outcome }, count);
  });
  events.on('stream:finished', ({ result }) => {
    const stream = `${result.connector}/${result.stream}`;
    // What only waited for the end of its cycle has not been parked.
    records.inc({ stream, outcome: 'parked' }, result.parked);
    passes.inc({ stream, outcome: result.outcome });
    durations.observe({ stream }, result.durationMs / 1000);
  });
}

function countRequests(registry: Registry, events: EventBus): void {
  const requests = new Counter({
    name: 'erp_puller_requests_total',
    help: 'Requests by system, connector and HTTP status; status 0 is no answer.',
    labelNames: ['system', 'name', 'status'],
    registers: [registry],
  });
  events.on('request:done', ({ system, name, status }) => requests.inc({ system, name, status: String(status) }));
}

/** The function returned sets all figures of streams: a gauge that collected for others would be rendered after them. */
function gaugeStreams(registry: Registry, source: MetricsSource): () => Promise<void> {
  const labelNames = ['stream'];
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers: [registry] });
  const lag = gauge('erp_puller_lag_seconds', 'How far the watermark is behind the present, in seconds.');
  const success = gauge(
    'erp_puller_last_success_timestamp_seconds',
    'When the last pass completed, Unix time in seconds.',
  );
  const parked = gauge('erp_puller_parked_records', 'Records that wait for their parent, a count.');
  const dead = gauge('erp_puller_dead_letter_records', 'Rows and records set aside, a count.');
  const parkedSince = gauge(
    'erp_puller_parked_oldest_timestamp_seconds',
    'Since when the oldest parked record has been waiting, Unix time in seconds; absent when none does.',
  );
  const deadSince = gauge(
    'erp_puller_dead_letter_oldest_timestamp_seconds',
    'When the oldest dead letter was set aside, Unix time in seconds; absent when there is none.',
  );
  gaugeDaemon(registry, source);
  return async () => {
    const streams = await source.streams();
    // What is no longer known (a watermark that was reset) must not stay on the page.
    for (const each of [lag, success, parked, dead, parkedSince, deadSince]) each.reset();
    for (const { stream, lagSeconds, lastSuccess, ...counts } of streams) {
      dead.set({ stream }, counts.deadLetters);
      parked.set({ stream }, counts.parked);
      setInstant(parkedSince, stream, counts.parkedSince);
      setInstant(deadSince, stream, counts.deadLettersSince);
      if (lagSeconds !== null) lag.set({ stream }, lagSeconds);
      setInstant(success, stream, lastSuccess);
    }
  };
}

function setInstant(gauge: Gauge<string>, stream: string, at: string | null): void {
  if (at !== null) gauge.set({ stream }, Date.parse(at) / 1000);
}

function gaugeDaemon(registry: Registry, source: MetricsSource): void {
  const mes = (name: string, help: string, read: (gauges: MesGauges) => number | null) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(read(await source.mes()) ?? -1);
      },
    });
  };
  const seconds = (time: string | null) => (time === null ? null : Date.parse(time) / 1000);
  mes(
    'erp_puller_mes_budget_left_requests',
    "Requests left of the MES's day budget; -1 without a budget.",
    ({ budgetLeft }) => budgetLeft,
  );
  mes(
    'erp_puller_mes_reserve_left_requests',
    "Requests of these kept for a person's calls; -1 without a budget.",
    ({ reserveLeft }) => reserveLeft,
  );
  mes(
    'erp_puller_mes_budget_exhausted_timestamp_seconds',
    'When the budget is used up if it goes on like this, Unix time in seconds; -1 when it lasts.',
    ({ exhaustedAt }) => seconds(exhaustedAt),
  );
  mes(
    'erp_puller_mes_blocked_until_timestamp_seconds',
    'Until when the MES asked for silence, Unix time in seconds; -1 when it did not.',
    ({ blockedUntil }) => seconds(blockedUntil),
  );
  mes('erp_puller_mes_batch_size_records', 'Records a request now, a count.', ({ batchSize }) => batchSize);
  mes('erp_puller_mes_concurrency_requests', 'Requests at one time now, a count.', ({ concurrency }) => concurrency);
  new Gauge({
    name: 'erp_puller_ready_state',
    help: '1 while the daemon is ready, 0 while it is not; /readyz says why.',
    registers: [registry],
    async collect() {
      this.set((await source.ready()) ? 1 : 0);
    },
  });
}
