import type { Clock } from '../../core/clock.ts';
import { PermanentError, WaitError } from '../../core/errors.ts';
import type { EventBus } from '../../core/events.ts';
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
  events: EventBus;
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
/** Where the list of tasks has never been for us, nothing can be told of them. */
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
  const { clock } = options;
  let known: Known | undefined;
  /** How the list of tasks was last refused; undefined while it is not. */
  let refused: { error: PermanentError; atMs: number } | undefined;
  let isTold = false;

  async function edition(signal: AbortSignal): Promise<string> {
    try {
      known = await look(options, known, signal);
      refused = undefined;
      isTold = false;
    } catch (error) {
      if (!isHidden(error)) throw error;
      refused = { error, atMs: clock.monotonicMs() };
    }
    return requireIdle();
  }

  /** While the list is refused, what was known of it counts: tasks that come and go meanwhile show in it afterwards. */
  function requireIdle(): string {
    const task = [...(known?.open.values() ?? [])].find((each) => isAtIt(each, options));
    if (task === undefined) return known === undefined ? unknownEdition : `${known.rewritten}`;
    const what = `is at its task ${task.name} (${task.status ?? 'started'})`;
    throw waitFor(options, `${what}. Its tables are read when that is over.`);
  }

  /** Once something was read without it: where credentials are refused, the lists say so themselves. */
  function tellRefusal(): void {
    if (refused === undefined || isTold) return;
    isTold = true;
    const reason = `${refused.error.message} ${hiddenText} ${hiddenTodo}`;
    options.events.emit('stream:degraded', { stream: options.name, reason });
  }

  return {
    async edition(signal) {
      const lookedAtMs = refused?.atMs ?? known?.atMs ?? Number.NEGATIVE_INFINITY;
      const isFresh = clock.monotonicMs() - lookedAtMs < freshMs && (known?.open.size ?? 0) === 0;
      return isFresh ? requireIdle() : edition(signal);
    },
    async requireSame(before, signal) {
      const wasRefused = refused !== undefined;
      const after = await edition(signal);
      if (wasRefused !== (refused !== undefined)) throw waitFor(options, `${halfSeen} ${again}`);
      if (after !== before) throw waitFor(options, `has rewritten its tables while they were read. ${again}`);
      tellRefusal();
    },
  };
}

const halfSeen =
  'showed its list of tasks either only before or only after its tables were read: a plan run may have gone by.';
const again = 'What was read does not count; they are read anew.';

/** What is said of a list of tasks that cannot be read, and what to do. */
export const hiddenText = 'The list of running tasks cannot be read: orders may be read in the middle of a plan run.';
export const hiddenTodo = 'Let the user see /execute/api/status/, or plan outside the times of the schedule.';

/** The server says that there is no list of tasks, or that it is not for us. */
export function isHidden(error: unknown): error is PermanentError {
  return error instanceof PermanentError;
}

/** What the list shows now, beside what it showed before. */
async function look(options: PlanRunsOptions, known: Known | undefined, signal: AbortSignal): Promise<Known> {
  const { clock, tasks } = options;
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
  return new WaitError(`${name}: FrePPLe ${what}`, { until, retryAfterMs: waitMs });
}
