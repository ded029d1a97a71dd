import { OdooError, type Version, valueError } from './errors.ts';

const literal = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?$/;
const relative = /^(?:today|now|)(?:\s*(?:=?[+-]?\d+[dwmyHMS]))*$/;

/** The stored form of a moment: `ms` since 1970 and `micros` within it (0 to 999). */
export function stampOf(ms: number, micros: number): string {
  return `${secondOf(ms)}.${String(ms % 1000).padStart(3, '0')}${String(micros).padStart(3, '0')}`;
}

/** A moment cut to the second, as RPC shows it. */
export function secondOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

/** A stored datetime as ISO-8601 UTC, to the second; null stays null. */
export function isoOf(stored: string | null): string | null {
  return stored === null ? null : `${stored.slice(0, 10)}T${stored.slice(11, 19)}.000Z`;
}

/** The first second that is not before `stored`'s next. */
export function nextSecond(stored: string): string {
  return secondOf(Date.parse(`${stored.slice(0, 10)}T${stored.slice(11, 19)}Z`) + 1000);
}

/** What a condition compares with: `low` inclusive to `high` exclusive, which for 17 are one and the same instant. */
export interface Instant {
  low: string;
  /** Undefined where the comparison is to the microsecond. */
  high: string | undefined;
}

/**
 * Reads the value of a condition on a datetime. 17 hands it to PostgreSQL, which compares microseconds and ignores the
 * zone; 19 rounds to whole seconds (a bare date: the whole day), refuses zones, and knows relative dates.
 */
export function readInstant(
  value: unknown,
  operator: string,
  { version, now }: { version: Version; now: number },
): Instant {
  const text = String(value);
  const match = literal.exec(text);
  if (match === null) return unreadable(text, { version, now });
  const [, date = '', time, fraction = '', zone] = match;
  if (version === 17) {
    const endOfDay = operator === '>' || operator === '<=';
    if (time === undefined) return { low: `${date} ${endOfDay ? '23:59:59' : '00:00:00'}`, high: undefined };
    return { low: `${date} ${time}${fraction}`, high: undefined };
  }
  if (zone !== undefined) throw valueError(`expecting only datetimes with no timezone: '${text}'`);
  if (time === undefined) return { low: `${date} 00:00:00`, high: nextDay(date) };
  return { low: `${date} ${time}`, high: nextSecond(`${date} ${time}`) };
}

function unreadable(text: string, { version, now }: { version: Version; now: number }): Instant {
  if (version === 17) {
    const message = `invalid input syntax for type timestamp: "${text}"\nLINE 1: ...\n`;
    throw new OdooError('psycopg2.errors.InvalidDatetimeFormat', message, { status: 500 });
  }
  if (text === '' || !relative.test(text)) {
    throw valueError(`Invalid term '${text.split(' ')[0]}' in expression date: '${text}'`);
  }
  let ms = text.startsWith('today') ? now - (now % day) : now;
  for (const [, sign, count, unit = 'd'] of text.matchAll(/([+-]?)(\d+)([dwmyHMS])/g)) {
    ms += (sign === '-' ? -1 : 1) * Number(count) * (lengths[unit] ?? 0);
  }
  return { low: secondOf(ms), high: secondOf(ms + 1000) };
}

const day = 86_400_000;
const lengths: Record<string, number> = {
  d: day,
  w: 7 * day,
  m: 30 * day,
  y: 365 * day,
  H: 3_600_000,
  M: 60_000,
  S: 1000,
};

function nextDay(date: string): string {
  return secondOf(Date.parse(`${date}T00:00:00Z`) + day);
}
