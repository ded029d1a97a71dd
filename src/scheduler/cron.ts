import { type ScheduledTask, schedule, validateDetailed } from 'node-cron';
import type { Clock } from '../core/clock.ts';
import { type CronSlots, missedSlot, parseCron } from './cron-slots.ts';

export interface CronOptions {
  cron: string;
  /** IANA name of the zone whose wall clock the expression is read by. */
  timeZone: string;
  clock: Clock;
}

export interface CronListener {
  /** A run is due now: once for each slot, once for any number of slots missed in a row. */
  onSlot(): void;
  /** The run that follows makes up for `slot`, for which node-cron did not tick in time. */
  onMissed(slot: Date): void;
}

/** How long node-cron may be late, and how often the watch looks: together less than the 5 s that a run may be late by. */
const patienceMs = 3000;
const watchMs = 1000;

/** A wall clock set back by no more than this does not bring times of day again that have been, as in cron(8). */
const sameDayMs = 3 * 3600 * 1000;
const sameMinuteMs = 60_000;

/**
 * Calls back at the slots of a cron expression. node-cron ticks; a watch on the clock makes up for the ticks it leaves out.
 * Measured on 4.6.0: the hour that autumn repeats has no tick in its first pass, a time of day that spring skips has none, and
 * neither has a slot during which the loop was blocked, the machine suspended or the wall clock put forward.
 * A tick only says "look now": whether a slot is due is decided in one place, so no slot runs twice.
 */
export function scheduleCron(options: CronOptions, listener: CronListener): { stop(): void } {
  const { clock, timeZone } = options;
  const slots = parseCron(options.cron);
  /** Wall-clock time up to which every slot has been dealt with. */
  let reached = clock.now();
  const takeSlot = (until: Date) => {
    const slot = missedSlot(slots, timeZone, { after: reached, until });
    if (until > reached) reached = until;
    return slot;
  };
  const tick = () => {
    if (takeSlot(clock.now()) !== undefined) listener.onSlot();
  };
  const tasks = startTasks(options, tick);
  const watch = () => {
    cancel = clock.after(watchMs, watch);
    const now = clock.now();
    if (wasSetBack(slots, reached, now)) {
      reached = now;
      rearm(tasks);
    }
    const missed = takeSlot(new Date(now.getTime() - patienceMs));
    if (missed === undefined) return;
    reached = now;
    rearm(tasks);
    listener.onMissed(missed);
    listener.onSlot();
  };
  let cancel = clock.after(watchMs, watch);
  return {
    stop() {
      cancel();
      for (const task of tasks) void task.destroy();
    },
  };
}

/** Throws an Error that says what is wrong with an expression that this program or node-cron would not take. */
export function assertCron(expression: string): void {
  parseCron(expression);
  for (const part of nodeCronExpressions(expression)) {
    const [error] = validateDetailed(part).errors;
    if (error !== undefined) throw new RangeError(`cron "${expression}" is not valid: ${error.message}.`);
  }
}

function startTasks({ cron, timeZone }: CronOptions, tick: () => void): ScheduledTask[] {
  return nodeCronExpressions(cron).map((expression) =>
    schedule(expression, tick, {
      timezone: timeZone,
      missedExecutionTolerance: patienceMs,
      suppressMissedWarning: true,
      unref: true,
    }),
  );
}

/** node-cron wants both day fields to match, cron either of them when both are restricted: then one task for each. */
function nodeCronExpressions(expression: string): string[] {
  const fields = expression.trim().split(/\s+/);
  if (!parseCron(expression).eitherDay) return [fields.join(' ')];
  const byMonthDay = fields.with(-1, '*');
  const byWeekDay = fields.with(-3, '*');
  return [byMonthDay.join(' '), byWeekDay.join(' ')];
}

/**
 * True when the wall clock went back so far that the schedule goes on by the new time: otherwise it would be silent until the
 * clock has caught up. Smaller steps are waited out, so that a slot just run does not run again.
 */
function wasSetBack(slots: CronSlots, reached: Date, now: Date): boolean {
  return reached.getTime() - now.getTime() > (slots.everyPass ? sameMinuteMs : sameDayMs);
}

/** node-cron keeps to the next slot that it once worked out; after a jump of the wall clock that is the wrong one. */
function rearm(tasks: readonly ScheduledTask[]): void {
  for (const task of tasks) {
    void task.stop();
    void task.start();
  }
}
