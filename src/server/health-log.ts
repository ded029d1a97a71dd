import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Activity } from './activity.ts';
import type { MesGauges, StreamGauges } from './metrics.ts';

export interface HealthLogOptions {
  everySeconds: number;
  activity: Activity;
  gauges(): Promise<readonly StreamGauges[]>;
  mes(): Promise<MesGauges>;
  logger: Logger;
  clock: Clock;
}

/** Logs one line "Health." at a fixed interval: what operators without any tools read. Returns a function that ends it. */
export function startHealthLog(options: HealthLogOptions): () => void {
  const { everySeconds, logger, clock } = options;
  const warn = createParkedWarning(options);
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let cancel = (): void => undefined;
  const schedule = () => {
    cancel = clock.after(everySeconds * 1000, () => {
      const eventLoopDelayMs = { p99: toMs(delay.percentile(99)), max: toMs(delay.max) };
      delay.reset();
      options.gauges().then(
        async (gauges) => {
          logger.info('Health.', { ...(await describe(options, gauges)), eventLoopDelayMs });
          warn(gauges);
        },
        (error: unknown) => logger.error('Health could not be read.', { error: String(error) }),
      );
      schedule();
    });
  };
  schedule();
  return () => {
    cancel();
    delay.disable();
  };
}

async function describe(
  { activity, mes }: HealthLogOptions,
  gauges: readonly StreamGauges[],
): Promise<Record<string, unknown>> {
  const streams: Record<string, unknown> = {};
  for (const { stream, lagSeconds, lastSuccess, deadLetters, parked } of gauges) {
    const { counts, lateRows = 0 } = activity.streams().get(stream) ?? {};
    const { read = 0, created = 0, updated = 0, deleted = 0, refused = 0 } = counts ?? {};
    streams[stream] = {
      read,
      delivered: created + updated + deleted,
      refused,
      lateRows,
      parked,
      deadLetters,
      lagSeconds,
      lastSuccess,
    };
  }
  const rssMegabytes = Math.round(process.memoryUsage.rss() / 1_048_576);
  return { streams, mes: await mes(), rssMegabytes };
}

const parkedTooLongMs = 86_400_000;
const warnAgainMs = 3_600_000;

/** Warns, once an hour and stream, of records whose parents have not come for a day: they may never, behind a filter for example. */
function createParkedWarning({ logger, clock }: HealthLogOptions): (gauges: readonly StreamGauges[]) => void {
  const warnedMs = new Map<string, number>();
  return (gauges) => {
    for (const { stream, parked, parkedSince } of gauges) {
      const waitsMs = parkedSince === null ? 0 : clock.now().getTime() - Date.parse(parkedSince);
      const lastMs = warnedMs.get(stream) ?? Number.NEGATIVE_INFINITY;
      if (waitsMs < parkedTooLongMs || clock.monotonicMs() - lastMs < warnAgainMs) continue;
      warnedMs.set(stream, clock.monotonicMs());
      logger.warn('Records have waited for their parents for more than a day.', { stream, parked, since: parkedSince });
    }
  };
}

function toMs(nanoseconds: number): number {
  return Math.round(nanoseconds / 1e5) / 10;
}
