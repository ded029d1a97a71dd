import type { Clock } from '../../core/clock.ts';
import { PermanentError, WaitError } from '../../core/errors.ts';
import type { Task, TaskList } from './tasks.ts';
import type { ServerTimes } from './times.ts';

/** Follows the tasks that rewrite the tables of a FrePPLe: plan runs above all. */
export interface PlanRuns {
  /** Names the state of the tables: the last task that has rewritten them. Throws WaitError while one is at it. */
  edition(signal: AbortSignal): Promise<string>;
  /** Throws WaitError when the tables are, or have been, rewritten since: what was read may be half of each state. */
  requireSame(edition: string, signal: AbortSignal): Promise<void>;
}

export interface PlanRunsOptions {
  /** The connector's name. */
  name: string;
  tasks: TaskList;
  clock: Clock;
  /** The server's clock. */
  serverNow(): Date | undefined;
  times: ServerTimes;
  /** Names of the tasks that rewrite tables. */
  planTasks: readonly string[];
  /** A task that has been at it for longer has died without being noticed. */
  longestHours: number;
}

/** Several streams begin in a row: what was seen so shortly before needs not be asked again. */
const freshMs = 5000;
const waitMs = 60_000;
/** Where the list of tasks is not for us, nothing can be told of them. */
const unknownEdition = 'any';

interface Known {
  /** The highest id of any task, and of one that has rewritten the tables. */
  newest: number;
  rewritten: number;
  /** Tasks of ours that are under way. */
  open: ReadonlyMap<number, Task>;
  atMs: number;
}

export function createPlanRuns(options: PlanRunsOptions): PlanRuns {
  const { clock, tasks } = options;
  let known: Known | undefined;
  let hidden = false;

  async function look(signal: AbortSignal): Promise<Known> {
    const before = known ?? (await begin(options, signal));
    const underWay = await tasks.underWay(signal);
    const seen = new Map(underWay);
    let newest = before.newest;
    for (let more = true; more; ) {
      const next = await tasks.behind(newest, signal);
      for (const [id, task] of next) seen.set(id, task);
      const last = Math.max(newest, ...next.keys());
      more = last > newest;
      newest = last;
    }
    // What was under way and is no more has ended, or was given up with half of its work done.
    const gone = [...before.open.keys()].filter((id) => !underWay.has(id));
    return {
      newest: Math.max(newest, ...seen.keys()),
      rewritten: Math.max(before.rewritten, lastEnded(seen, options), ...gone),
      open: new Map([...underWay].filter(([, task]) => isAtIt(task, options))),
      atMs: clock.monotonicMs(),
    };
  }

  async function edition(signal: AbortSignal): Promise<string> {
    if (hidden) return unknownEdition;
    try {
      known = await look(signal);
    } catch (error) {
      if (!isHidden(error)) throw error;
      // Refused credentials may be mended; whether they are good for the lists, the lists will say.
      hidden = !(error instanceof PermanentError && error.credentials);
      return unknownEdition;
    }
    const [task] = known.open.values();
    if (task !== undefined) throw waitFor(options, `is at its task ${task.name} (${task.status ?? 'started'})`);
    return `${known.rewritten}`;
  }

  return {
    async edition(signal) {
      const isFresh = known !== undefined && known.open.size === 0 && clock.monotonicMs() - known.atMs < freshMs;
      return isFresh ? `${known?.rewritten}` : edition(signal);
    },
    async requireSame(before, signal) {
      if ((await edition(signal)) !== before) throw waitFor(options, 'has rewritten its tables while they were read');
    },
  };
}

/** The server says that there is no list of tasks, or that it is not for us. */
export function isHidden(error: unknown): boolean {
  return error instanceof PermanentError;
}

async function begin(options: PlanRunsOptions, signal: AbortSignal): Promise<Known> {
  const newest = await options.tasks.newest(signal);
  const rewritten = lastEnded(await options.tasks.lastBefore(newest, signal), options);
  return { newest, rewritten, open: new Map(), atMs: 0 };
}

function lastEnded(tasks: ReadonlyMap<number, Task>, { planTasks }: PlanRunsOptions): number {
  const ended = [...tasks].filter(
    ([, { name, started, finished }]) => planTasks.includes(name) && started !== 'None' && finished !== 'None',
  );
  return Math.max(0, ...ended.map(([id]) => id));
}

function isAtIt({ name, started, finished, status }: Task, options: PlanRunsOptions): boolean {
  if (!options.planTasks.includes(name) || started === 'None' || finished !== 'None') return false;
  if (/^(Canceled|Failed|Done)$/.test(status ?? '')) return false;
  const since = options.times.stampOf(started.replace(' ', 'T'));
  const now = options.serverNow() ?? options.clock.now();
  return since === null || now.getTime() - Date.parse(since) < options.longestHours * 3_600_000;
}

function waitFor({ name, clock }: PlanRunsOptions, what: string): WaitError {
  const until = new Date(clock.now().getTime() + waitMs).toISOString();
  return new WaitError(`${name}: FrePPLe ${what}. Its tables are read when that is over.`, {
    until,
    retryAfterMs: waitMs,
  });
}
