import { missedSlot, parseCron } from './cron-slots.ts';
import type { Schedule } from './engine.ts';

/** Intervals without a completed pass after which a stream counts as stale. */
const patience = 3;

/** Tells whether a schedule asked for a run between two times. */
export function createIsDue(schedule: Schedule): (since: Date, now: Date) => boolean {
  if ('everySeconds' in schedule) {
    return (since, now) => now.getTime() - since.getTime() >= schedule.everySeconds * 1000;
  }
  const slots = parseCron(schedule.cron);
  return (since, now) => missedSlot(slots, schedule.timeZone, { after: since, until: now }) !== undefined;
}

/** Tells whether more than three of a schedule's intervals have gone by between two times. */
export function createOverdue(schedule: Schedule): (since: Date, now: Date) => boolean {
  if ('everySeconds' in schedule) {
    const allowedMs = patience * schedule.everySeconds * 1000;
    return (since, now) => now.getTime() - since.getTime() > allowedMs;
  }
  const slots = parseCron(schedule.cron);
  return (since, now) => {
    let after: Date | undefined = since;
    for (let passed = 0; passed <= patience && after !== undefined; passed += 1) {
      after = missedSlot(slots, schedule.timeZone, { after, until: now });
    }
    return after !== undefined;
  };
}
