import pLimit, { type LimitFunction } from 'p-limit';
import type { Clock } from '../core/clock.ts';
import type { EventBus } from '../core/events.ts';
import { scheduleCron } from './cron.ts';
import { parseCron, shortestGapMs } from './cron-slots.ts';
import type { Engine, Job } from './engine.ts';

export interface EmbeddedEngineOptions {
  clock: Clock;
  events: EventBus;
  /** How many connectors run at once; 4 by default. */
  concurrency?: number;
}

/** Connectors start this far apart, so that they do not ask for memory and connections in the same second. */
const staggerMs = 1000;

/** What asks to run again before its schedule says so waits this long at least: an ERP is not read in a loop. */
const soonestAgainMs = 60_000;

/**
 * The engine that runs jobs in this process. A job runs as soon as it is due, its name is free and the limit has room; being due
 * twice before it starts is one run, so a run of any length is followed by at most one that catches up.
 */
export function createEmbeddedEngine({ clock, events, concurrency = 4 }: EmbeddedEngineOptions): Engine {
  const limit = pLimit(concurrency);
  const aborter = new AbortController();
  const stopping = new AbortController();
  const lanes = new Map<string, Lane>();
  const stops: (() => void)[] = [];
  const reruns = createReruns(clock);

  function laneOf(name: string): Lane {
    const lane = lanes.get(name) ?? createLane(name, limit);
    lanes.set(name, lane);
    return lane;
  }

  async function run(job: Job): Promise<void> {
    reruns.cancel(job.name);
    try {
      await job.run(aborter.signal, stopping.signal);
    } catch (error) {
      events.emit('cycle:failed', { connector: job.name, error });
    }
    if (!stopping.signal.aborted) reruns.plan(job, () => laneOf(job.name).due(() => run(job)));
  }

  /** The next start is one interval after the last; if the run takes longer, as soon as it has ended. */
  function startInterval(job: Job, intervalMs: number, index: number): void {
    const lane = laneOf(job.name);
    const onDue = () =>
      lane.due(() => {
        cancel = clock.after(intervalMs, onDue);
        return run(job);
      });
    let cancel = clock.after(staggered(index, intervalMs), onDue);
    stops.push(() => cancel());
  }

  function startCron(job: Job, schedule: { cron: string; timeZone: string }, index: number): void {
    const lane = laneOf(job.name);
    const delayMs = staggered(index, shortestGapMs(parseCron(schedule.cron)));
    const task = scheduleCron(
      { ...schedule, clock },
      {
        onSlot: () => void clock.after(delayMs, () => lane.due(() => run(job))),
        onMissed: (slot) => events.emit('schedule:caught-up', { connector: job.name, missedAt: slot.toISOString() }),
      },
    );
    stops.push(() => task.stop());
  }

  return {
    start(jobs) {
      for (const [index, job] of jobs.entries()) {
        if ('cron' in job.schedule) startCron(job, job.schedule, index);
        else startInterval(job, job.schedule.everySeconds * 1000, index);
      }
    },
    async exclusive(name, task) {
      if (stopping.signal.aborted) throw notStarted(name);
      return laneOf(name).exclusive(async () => task(aborter.signal, stopping.signal));
    },
    async stop(graceMs) {
      const reason = new Error('The program is stopping.');
      stopping.abort(reason);
      for (const stop of stops.splice(0)) stop();
      reruns.cancelAll();
      const cancel = clock.after(graceMs, () => aborter.abort(reason));
      await Promise.all([...lanes.values()].map((lane) => lane.close()));
      cancel();
    },
  };
}

/** How long the connector at `index` waits, but no longer than half the time between its runs. */
function staggered(index: number, intervalMs: number): number {
  return Math.min(index * staggerMs, intervalMs / 2);
}

interface Reruns {
  plan(job: Job, rerun: () => void): void;
  cancel(name: string): void;
  cancelAll(): void;
}

/** The runs that jobs asked for beside their schedules; a run in between takes the place of the one that was asked for. */
function createReruns(clock: Clock): Reruns {
  const cancels = new Map<string, () => void>();
  return {
    plan({ name, againAt }, rerun) {
      const at = againAt?.();
      if (at === undefined) return;
      const waitMs = Math.max(at.getTime() - clock.now().getTime(), soonestAgainMs);
      cancels.set(name, clock.after(waitMs, rerun));
    },
    cancel: (name) => cancels.get(name)?.(),
    cancelAll() {
      for (const cancel of cancels.values()) cancel();
    },
  };
}

/** What runs under one name, one at a time. */
interface Lane {
  /** Runs when its turn comes, in place of an earlier one that has not started; must not throw. */
  due(run: () => Promise<void>): void;
  /** Runs after what is under way and before what is due. */
  exclusive<T>(task: () => Promise<T>): Promise<T>;
  /** Drops what has not started and takes nothing more; resolves when what is under way has ended. */
  close(): Promise<void>;
}

function createLane(name: string, limit: LimitFunction): Lane {
  const outOfTurn: { run(): Promise<void>; drop(reason: Error): void }[] = [];
  let due: (() => Promise<void>) | undefined;
  let busy: Promise<void> | undefined;
  let closed = false;

  async function work(): Promise<void> {
    while (outOfTurn.length > 0 || due !== undefined) await limit(runNext);
    busy = undefined;
  }

  /** Chooses only when the limit has room: what is out of turn overtakes a run that is due and waits for it. */
  async function runNext(): Promise<void> {
    const task = outOfTurn.shift();
    if (task !== undefined) return task.run();
    const run = due;
    due = undefined;
    await run?.();
  }

  return {
    due(run) {
      if (closed) return;
      due = run;
      busy ??= work();
    },
    exclusive(task) {
      return new Promise((resolve, reject) => {
        outOfTurn.push({ run: () => task().then(resolve, reject), drop: reject });
        busy ??= work();
      });
    },
    async close() {
      closed = true;
      due = undefined;
      for (const task of outOfTurn.splice(0)) task.drop(notStarted(name));
      await busy;
    },
  };
}

function notStarted(name: string): Error {
  return new Error(`${name}: the task was not started because the program is stopping. Run it again after the start.`);
}
