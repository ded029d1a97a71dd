import { fromLocal } from '../../../core/stamp.ts';
import { readDay, readTimeOfDay } from './values.ts';

export interface ODataTimes {
  /** Midnight of a day in a zone, as ISO-8601 UTC; null when there is no day. */
  dayAt(day: string | null | undefined, timeZone: string): string | null;
  /** A day and a time of day in a zone, as ISO-8601 UTC; null when there is no day. */
  timeAt(day: string | null | undefined, time: string | null | undefined, timeZone: string): string | null;
}

const maxRemembered = 20_000;

/** Converting times is most of the cost of a mapping, and a page holds few different ones: they are remembered. */
export function createODataTimes(): ODataTimes {
  /** By zone, so that the key of a day is the day as it came. */
  const byZone = new Map<string, Map<string, string | null>>();

  function timeAt(day: string | null | undefined, time: string | null | undefined, timeZone: string): string | null {
    if (!day) return null;
    const key = time ? `${day} ${time}` : day;
    const remembered = byZone.get(timeZone) ?? new Map<string, string | null>();
    byZone.set(timeZone, remembered);
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const converted = convert(day, time, timeZone);
    if (remembered.size >= maxRemembered) remembered.clear();
    remembered.set(key, converted);
    return converted;
  }

  return { dayAt: (day, timeZone) => timeAt(day, undefined, timeZone), timeAt };
}

function convert(day: string, time: string | null | undefined, timeZone: string): string | null {
  const date = readDay(day);
  if (date === null) return null;
  const midnight = Date.parse(`${date}T00:00:00Z`);
  return fromLocal(new Date(midnight + readTimeOfDay(time)), timeZone).toISOString();
}
