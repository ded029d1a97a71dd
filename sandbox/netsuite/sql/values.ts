import { searchError } from '../errors.ts';
import { instantOf, wallOf } from '../zone.ts';
import { formatMoment, parseMoment } from './masks.ts';

/**
 * A point in time. `date` and `timestamp` name no zone, their `ms` is the wall-clock time as if it were UTC; `zoned` is an
 * instant, which shows itself in the zone of the session.
 */
export interface Moment {
  kind: 'date' | 'timestamp' | 'zoned';
  ms: number;
}

/** A length of time. */
export interface Interval {
  kind: 'interval';
  ms: number;
}

/** null is unknown, as everywhere in SQL; true and false are the outcome of conditions. */
export type SqlValue = string | number | boolean | null | Moment | Interval;

/** What the user behind the token brings along: every value that is shown or compared without a mask depends on it. */
export interface Session {
  /** Milliseconds; the same throughout a statement. */
  now: number;
  /** Zone of the user's preferences. */
  zone: string;
  /** Date format of the user's preferences, e.g. `DD/MM/YYYY`. */
  dateFormat: string;
}

export function isMoment(value: SqlValue): value is Moment {
  return typeof value === 'object' && value !== null && value.kind !== 'interval';
}

export function isInterval(value: SqlValue): value is Interval {
  return typeof value === 'object' && value !== null && value.kind === 'interval';
}

/** The number that an operand stands for; throws what Oracle says to a text that is none (ORA-01722). */
export function numberOf(value: SqlValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && value.trim() !== '') {
    const number = Number(value);
    if (Number.isFinite(number)) return number;
  }
  throw searchError(`ORA-01722: invalid number '${typeof value === 'object' ? 'date' : String(value)}'`);
}

/** The text of a value that is not null, as an answer shows it: days in the user's format, whatever the column holds. */
export function textOf(value: Exclude<SqlValue, null>, session: Session): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(Number(value.toPrecision(15)));
  if (typeof value === 'boolean') return value ? 'T' : 'F';
  if (isInterval(value)) return `${value.ms / 1000} s`;
  return formatMoment(session.dateFormat, wallTimeOf(value, session));
}

/** What a clock of the session's zone shows at that moment. */
export function wallTimeOf({ kind, ms }: Moment, session: Session): number {
  return kind === 'zoned' ? wallOf(session.zone, ms) : ms;
}

/** Negative, 0 or positive; null when a side is. Texts next to moments are read in the user's date format. */
export function compare(left: SqlValue, right: SqlValue, session: Session): number | null {
  if (left === null || right === null) return null;
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return compareTexts(left, right);
  if (isMoment(left) || isMoment(right)) {
    const [one, other] = [momentOf(left, session), momentOf(right, session)];
    if (one.kind !== 'zoned' && other.kind !== 'zoned') return one.ms - other.ms;
    return instantMs(one, session) - instantMs(other, session);
  }
  return numberOf(left) - numberOf(right);
}

function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function momentOf(value: Exclude<SqlValue, null>, session: Session): Moment {
  if (isMoment(value)) return value;
  if (typeof value !== 'string') throw searchError('ORA-00932: inconsistent datatypes: expected DATE');
  return { kind: 'date', ms: parseMoment(session.dateFormat, value) };
}

function instantMs({ kind, ms }: Moment, session: Session): number {
  return kind === 'zoned' ? ms : instantOf(session.zone, ms);
}
