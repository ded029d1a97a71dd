import { localInstant } from '../local-time.ts';
import { wallOf } from './clock.ts';

const second = 1_000_000;
const microsecondsOf = { days: 86_400 * second, hours: 3600 * second, minutes: 60 * second, seconds: second };

/** A decimal as the API shows it, with eight digits; undefined when it is none. */
export function decimalText(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined;
  return Number(text).toFixed(8);
}

const clockForm = /^(?:(-?\d+) (?:days?, )?)?(-?)(?:(?:(\d+):)(?=\d+:\d+))?(?:(\d+):)?(\d+)(?:[.,](\d{1,6})\d{0,6})?$/;
const isoForm =
  /^([+-]?)P(?:(\d+(?:[.,]\d+)?)D)?(?:T(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$/;

/** Microseconds of a duration in any form that Django reads; undefined when it is none. */
export function parseDuration(value: unknown): number | undefined {
  const text = String(value);
  const clock = clockForm.exec(text);
  if (clock !== null) {
    const [, days, sign, hours, minutes, seconds, fraction] = clock;
    const time = sum([undefined, hours, minutes, seconds]) + Number((fraction ?? '').padEnd(6, '0'));
    return Number(days ?? 0) * microsecondsOf.days + (sign === '-' ? -time : time);
  }
  const iso = isoForm.exec(text);
  if (iso === null) return undefined;
  const [, sign, ...parts] = iso;
  const total = sum(parts.map((part) => part?.replace(',', '.')));
  return sign === '-' ? -total : total;
}

function sum([days, hours, minutes, seconds]: readonly (string | undefined)[]): number {
  const { days: day, hours: hour, minutes: minute } = microsecondsOf;
  return Math.round(
    Number(days ?? 0) * day + Number(hours ?? 0) * hour + Number(minutes ?? 0) * minute + Number(seconds ?? 0) * second,
  );
}

/** A duration as the API shows it: `[D ]HH:MM:SS[.ffffff]`. */
export function durationText(microseconds: number): string {
  const days = Math.floor(microseconds / microsecondsOf.days);
  const rest = microseconds - days * microsecondsOf.days;
  const time = new Date(Math.floor(rest / 1000)).toISOString().slice(11, 19);
  const fraction = rest % second;
  return `${days === 0 ? '' : `${days} `}${time}${fraction === 0 ? '' : `.${String(fraction).padStart(6, '0')}`}`;
}

const datetimeForm =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d{0,6})?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * A datetime as it is stored, or undefined when it is none. A value with an offset becomes the wall-clock time of
 * `zone`: filters take the server's zone, but writing takes UTC and so stores a time that is off (the real one does).
 */
export function parseDateTime(value: unknown, zone: string): string | undefined {
  const [, date, minute = '00:00', seconds = '00', fraction = '', offset] = datetimeForm.exec(String(value)) ?? [];
  if (date === undefined || Number.isNaN(Date.parse(`${date}T${minute}:${seconds}Z`))) return undefined;
  const micros = fraction.padEnd(6, '0');
  const tail = micros === '000000' ? '' : `.${micros}`;
  if (offset === undefined) return `${date}T${minute}:${seconds}${tail}`;
  const zoned =
    offset === 'Z' ? offset : offset.replace(/^(.\d{2}):?(\d{2})?$/, (_all, hour, rest = '00') => `${hour}:${rest}`);
  return wallOf(zone, Date.parse(`${date}T${minute}:${seconds}${zoned}`)) + tail;
}

/** The instant of a stored datetime in the server's zone, as ISO-8601 UTC to the millisecond. */
export function instantOf(zone: string, stored: string): string {
  return localInstant(zone, stored.slice(0, 10), stored.slice(11, 23));
}
