import { DatabaseError } from './errors.ts';

/** What one column holds. */
export type Value = string | number | boolean | object | null;

/** The PostgreSQL types the synchronised columns have. */
export type ColumnType =
  | 'text'
  | 'text[]'
  | 'integer'
  | 'numeric'
  | 'boolean'
  | 'timestamp'
  | 'uuid'
  | 'json'
  | 'job_status'
  | 'task_status';

const largestInteger = 2 ** 31 - 1;
/** In the order in which the enum types sort. */
export const statuses: readonly string[] = ['not_started', 'in_progress', 'completed', 'on_hold'];
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const timestampForm =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;
/** Read as digits in some order, so out of range rather than malformed. */
const looksLikeDate = /^\d{1,4}[-/.]\d{1,4}[-/.]\d{1,4}/;
const truths: ReadonlySet<string> = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const lies: ReadonlySet<string> = new Set(['false', 'f', 'no', 'n', 'off', '0']);

/**
 * Converts a JSON value as PostgreSQL would on its way into a column.
 * Throws `DatabaseError` with PostgreSQL's own text: a client tells bad data from a bad day by nothing else.
 */
export function coerce(type: ColumnType, value: unknown): Value {
  if (value === null) return null;
  if (type === 'json') return value as Value;
  if (type === 'text') return text(value);
  if (type === 'integer') return integer(value);
  if (type === 'numeric') return numeric(value);
  if (type === 'boolean') return boolean(value);
  if (type === 'text[]') return texts(value);
  if (type === 'timestamp') return timestamp(text(value));
  if (type === 'uuid') return uuid(text(value));
  return status(type, text(value));
}

function text(value: unknown): string {
  const result = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
  if (result.includes('\u0000')) throw new DatabaseError('unsupported Unicode escape sequence');
  return result;
}

function integer(value: unknown): number {
  const number = typeof value === 'number' ? value : readInteger(text(value));
  if (!Number.isInteger(number)) throw invalid('integer', text(value));
  if (Math.abs(number) > largestInteger) {
    throw new DatabaseError(`value "${text(value)}" is out of range for type integer`);
  }
  return number;
}

/** The scale of the column is not applied: nothing that is compared has one. */
function numeric(value: unknown): number {
  const number = typeof value === 'number' ? value : Number(text(value).trim() || 'empty');
  if (Number.isNaN(number)) throw invalid('numeric', text(value));
  return number;
}

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) throw new DatabaseError(`malformed array literal: "${text(value)}"`);
  return value.map(text);
}

function readInteger(source: string): number {
  return /^\s*[+-]?\d+\s*$/.test(source) ? Number(source) : Number.NaN;
}

function boolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  const word = text(value).trim().toLowerCase();
  if (!truths.has(word) && !lies.has(word)) throw invalid('boolean', text(value));
  return truths.has(word);
}

function uuid(source: string): string {
  if (!uuidForm.test(source)) throw invalid('uuid', source);
  return source.toLowerCase();
}

function status(type: ColumnType, source: string): string {
  if (!statuses.includes(source)) throw new DatabaseError(`invalid input value for enum ${type}: "${source}"`);
  return source;
}

/** Returns the instant the way PostgREST shows it; a time without a zone is UTC, the time zone of the session. */
function timestamp(source: string): string {
  const match = timestampForm.exec(source);
  if (match === null) {
    if (looksLikeDate.test(source)) throw outOfRange(source);
    throw invalid('timestamp with time zone', source);
  }
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] =
    match;
  if (!dateExists(Number(year), Number(month), Number(day))) throw outOfRange(source);
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) throw outOfRange(source);
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // By far the most common form needs no arithmetic, and a bulk load has two of them a record.
  if (zone === 'Z') return `${wall}${fraction.slice(0, 7).replace(/\.?0+$/, '')}+00:00`;
  return postgresTime(new Date(Date.parse(`${wall}${fraction.slice(0, 4)}Z`) - offsetMs(zone)));
}

function dateExists(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  return day <= 28 || day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || '0');
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

/** `2026-12-31T00:00:00+00:00`: no zeros at the end of a fraction, and an offset in place of the Z. */
export function postgresTime(instant: Date): string {
  const iso = instant.toISOString();
  return `${iso.slice(0, -5)}${iso.slice(-5, -1).replace(/\.?0+$/, '')}+00:00`;
}

function invalid(type: string, source: string): DatabaseError {
  return new DatabaseError(`invalid input syntax for type ${type}: "${source}"`);
}

function outOfRange(source: string): DatabaseError {
  return new DatabaseError(`date/time field value out of range: "${source}"`);
}
