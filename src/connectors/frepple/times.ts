import { RecordError } from '../../core/errors.ts';
import { beginsWithDay, fromLocal, zoneOffsetMs } from '../../core/stamp.ts';

/** FrePPLe writes every time as the wall clock of its server, to the microsecond, and never says in which zone. */
export interface ServerTimes {
  /** A time as ISO-8601 UTC, to the millisecond; null when there is none. Throws RecordError for what is no time. */
  instantOf(local: string | null | undefined, what: string): string | null;
  /** A change stamp as ISO-8601 UTC; null when it is none. */
  stampOf(local: unknown): string | null;
  /** The earliest time that the wall clock has shown since an instant: it goes back once a year. */
  earliestSince(instant: Date, now: Date): string;
}

const localForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?$/;
const maxRemembered = 20_000;

/** Converting times is much of the cost of a mapping, and a plan holds few different ones: they are remembered. */
export function createServerTimes(timeZone: string): ServerTimes {
  const remembered = new Map<string, string | null>();

  function stampOf(local: unknown): string | null {
    if (typeof local !== 'string') return null;
    const known = remembered.get(local);
    if (known !== undefined) return known;
    const converted = convert(local, timeZone);
    if (remembered.size >= maxRemembered) remembered.clear();
    remembered.set(local, converted);
    return converted;
  }

  return {
    stampOf,
    instantOf(local, what) {
      if (local === null || local === undefined) return null;
      const instant = stampOf(local);
      if (instant !== null) return instant;
      throw new RecordError(`${what} is not a time: ${JSON.stringify(local)}.`);
    },
    earliestSince(instant, now) {
      const offsetMs = Math.min(zoneOffsetMs(instant, timeZone), zoneOffsetMs(now, timeZone));
      return new Date(instant.getTime() + offsetMs).toISOString().slice(0, 19);
    },
  };
}

function convert(local: string, timeZone: string): string | null {
  if (!localForm.test(local) || !beginsWithDay(local)) return null;
  const [seconds = '', fraction = ''] = local.split('.');
  const wall = new Date(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`);
  return Number.isNaN(wall.getTime()) ? null : fromLocal(wall, timeZone).toISOString();
}
