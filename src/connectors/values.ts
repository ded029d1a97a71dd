import { RecordError } from '../core/errors.ts';
import { beginsWithDay, fromLocal } from '../core/stamp.ts';

/** The one normal form of an id: all-digit ids lose their leading zeros, so that every protocol and release agrees. */
export function normalizeId(raw: string | number): string {
  const text = String(raw).trim();
  if (!text.startsWith('0') || !/^0\d+$/.test(text)) return text;
  let zeros = 1;
  while (text[zeros] === '0' && zeros < text.length - 1) zeros += 1;
  return text.slice(zeros);
}

/** A number that may come as text, as the whole number not below it. */
export function ceilInteger(raw: string | number, what: string): number {
  return Math.ceil(roundAway(toNumber(raw, what)));
}

export function toNumber(raw: string | number, what: string): number {
  const value = typeof raw === 'number' ? raw : Number(raw.trim() === '' ? Number.NaN : raw);
  if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER))
    throw new RecordError(`${what} is not a number: ${JSON.stringify(raw)}.`);
  return value;
}

/** Takes off the error of binary fractions, so that 3.0000000000000004 is 3 before anything is rounded. */
export function roundAway(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** Midnight of a day (any text that begins YYYY-MM-DD) in a zone, as UTC. Throws RecordError for a day that does not exist. */
export function dayToInstant(day: string, timeZone: string): string {
  if (!beginsWithDay(day)) throw new RecordError(`${day} is not a day of the calendar.`);
  return fromLocal(new Date(`${day.slice(0, 10)}T00:00:00Z`), timeZone).toISOString();
}

const isoForm = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Reads the time forms that OData and JSON know; undefined for anything else. A time without a zone is UTC, never this machine's.
 * Years before 1 and beyond 9999 are how some systems write "none".
 */
export function parseTime(text: string): Date | undefined {
  const date = new Date(ticksForm.test(text) ? Number.parseInt(text.slice('/Date('.length), 10) : readIso(text));
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9999 ? date : undefined;
}

const ticksForm = /^\/Date\(-?\d+(?:[+-]\d{1,4})?\)\/$/;

function readIso(text: string): string {
  const [, day, time = '00:00', zone = 'Z'] = isoForm.exec(text) ?? [];
  if (day === undefined || !beginsWithDay(day)) return '';
  return `${day}T${time}${zone}`;
}
