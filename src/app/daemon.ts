import { checkOverlaps } from '../connectors/session-check.ts';
import type { Logger } from '../core/logger.ts';
import { createEmbeddedEngine } from '../scheduler/embedded-engine.ts';
import type { Job } from '../scheduler/engine.ts';
import { createOverdue } from '../scheduler/overdue.ts';
import { createWatchdog, type Watchdog, type WatchedRun } from '../scheduler/watchdog.ts';
import { followActivity } from '../server/activity.ts';
import { startHealthLog } from '../server/health-log.ts';
import { createMetrics } from '../server/metrics.ts';
import { createReadiness, type ExpectedStream } from '../server/readiness.ts';
import { startServer } from '../server/server.ts';
import { withSetAside } from '../server/set-aside.ts';
import type { App } from './app.ts';
import { withBlockedKinds } from './blocked-kinds.ts';
import { serveControl } from './control.ts';
import { type Lanes, verbHandlers } from './verbs.ts';

export interface Daemon {
  /** Where the health page is. */
  url: string;
  /** Stops taking ticks, lets work under way finish or gives it up, closes everything. */
  stop(): Promise<void>;
}

/** Work under way may go on this long after a stop was asked for. */
const graceMs = 15_000;

/** Ends what was started; the last started ends first. */
type Ends = (() => unknown)[];

/**
 * Starts polling on schedule, with health page, health log and control socket around it. The app is the daemon's from now on: a
 * start that fails closes it, as a stop does, and leaves nothing behind that keeps the process alive.
 */
export async function startDaemon(app: App, logger: Logger, signal: AbortSignal): Promise<Daemon> {
  const ends: Ends = [app.close];
  try {
    await prepareInTime(app, signal);
    const url = await start(app, logger, ends);
    return {
      url,
      async stop() {
        logger.info('Stopping.');
        await endAll(ends);
        logger.info('Stopped.');
      },
    };
  } catch (error) {
    await endAll(ends);
    throw error;
  }
}

async function endAll(ends: Ends): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}

/** Resolves to where the health page is. */
async function start(app: App, logger: Logger, ends: Ends): Promise<string> {
  const { config, clock, events } = app;
  const now = () => clock.now();
  const activity = followActivity(events, now);
  const engine = createEmbeddedEngine({ clock, events });
  const watchdog = createWatchdog({ clock, events });
  const lanes: Lanes = {
    exclusive: engine.exclusive,
    watched: (name, task) =>
      engine.exclusive(name, (signal, stopping) => {
        return watchdog.watch(watchedRun(app, name, signal), (watched) => task(watched, stopping));
      }),
  };
  app.sink.rediscover();
  const expected = createReadiness({ streams: expectedStreams(app, watchdog), activity, store: app.store, now });
  const readiness = withBlockedKinds(expected, app.sink.ways);
  const source = { streams: app.gauges, mes: app.mes, ready: async () => (await readiness()).ready };
  const server = await startServer({
    ...config.health,
    readiness: withSetAside(readiness, app.gauges),
    metrics: createMetrics(events, source),
  });
  ends.push(server.close);
  const control = await serveControl(config.state.directory, verbHandlers(app, lanes));
  ends.push(control.close, () => engine.stop(graceMs));
  const { logEverySeconds: everySeconds } = config.health;
  ends.push(startHealthLog({ everySeconds, activity, gauges: app.gauges, mes: app.mes, logger, clock }));
  engine.start(jobs(app, watchdog));
  for (const { session } of app.connectors.values()) {
    for (const { where, text, todo } of checkOverlaps(session))
      logger.warn('A setting is risky.', { where, text, todo });
  }
  logger.info('Started.', {
    health: server.url,
    connectors: [...app.connectors.keys()],
    state: config.state.directory,
  });
  return server.url;
}

/** An ERP that is slow to answer now is asked again by its polls; the health page must not wait for it. */
const prepareMs = 20_000;

/** Throws ConfigError when an ERP lacks what the config maps. */
async function prepareInTime(app: App, signal: AbortSignal): Promise<void> {
  const waiting = new AbortController();
  const giveUp = () => waiting.abort();
  const cancel = app.clock.after(prepareMs, giveUp);
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    await app.prepare(waiting.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', giveUp);
  }
}

function jobs(app: App, watchdog: Watchdog): Job[] {
  return [...app.connectors].map(([name, { cycle, schedule, reconciler }]) => ({
    name,
    schedule,
    async run(signal, stopping) {
      const request = { streams: undefined, full: false, manual: false, release: false, stopping };
      await watchdog.watch(watchedRun(app, name, signal), async (watched) => {
        await cycle.run(request, watched);
        if (!watched.aborted && !stopping.aborted) await reconciler.runDue(cycle.paused(), watched, stopping);
      });
    },
    againAt: () => earliest([...cycle.waiting().values()].map(({ until }) => until)),
  }));
}

function watchedRun({ config: { connectors, mes } }: App, connector: string, signal: AbortSignal): WatchedRun {
  const timeoutMs = Math.max(connectors[connector]?.timeoutSeconds ?? 0, mes.timeoutSeconds) * 1000;
  return { connector, timeoutMs, signal };
}

/** ISO times of one form sort as the times they stand for. */
function earliest(times: readonly string[]): Date | undefined {
  const first = [...times].sort()[0];
  return first === undefined ? undefined : new Date(first);
}

/** Less fresh by plan is as it should be; a quarter of the budget's day without a pass is not. */
const plannedPatienceMs = 6 * 3_600_000;

function expectedStreams(app: App, watchdog: Watchdog): ExpectedStream[] {
  return [...app.connectors.values()].flatMap(({ session, cycle, schedule }) => {
    const overdue = createOverdue(schedule);
    return session.streams.map((stream) => ({
      id: `${session.name}/${stream.name}`,
      overdue(since: Date, now: Date) {
        const planned = cycle.waiting().get(stream.name)?.planned ?? false;
        return overdue(since, now) && !(planned && now.getTime() - since.getTime() < plannedPatienceMs);
      },
      pause: () => cycle.paused().get(stream.name),
      stalled: () => watchdog.stalled(session.name),
    }));
  });
}
