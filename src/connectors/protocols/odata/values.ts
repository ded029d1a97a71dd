import { PermanentError, RecordError } from '../../../core/errors.ts';
import { parseTime } from '../../values.ts';

/** V2 writes verbose JSON and typed literals, V4 plain ones. */
export type ODataVersion = 'v2' | 'v4';

/**
 * One value as a literal of `$filter`, by the property's EDM type. Quotes are doubled and every other form is checked,
 * so that no value, however hostile, can leave its literal. The caller percent-encodes the whole option.
 */
export function literal(version: ODataVersion, type: string, value: unknown): string {
  switch (type) {
    case 'Edm.String':
      return `'${plainText(value).replaceAll("'", "''")}'`;
    case 'Edm.DateTime':
      return `datetime'${shortTime(value).slice(0, -1)}'`;
    case 'Edm.DateTimeOffset':
      return version === 'v2' ? `datetimeoffset'${shortTime(value)}'` : shortTime(value);
    case 'Edm.Date':
      return isoTime(value).slice(0, 10);
    case 'Edm.Guid':
      return version === 'v2' ? `guid'${checked(value, guidForm)}'` : checked(value, guidForm);
    case 'Edm.Boolean':
      return checked(value, /^(true|false)$/);
    default:
      return checked(value, /^-?\d+(\.\d+)?$/);
  }
}

const dayForm = /^\d{4}-\d{2}-\d{2}/;
const guidForm = /^[\da-fA-F]{8}(-[\da-fA-F]{4}){3}-[\da-fA-F]{12}$/;

/** A row without the property, or with half a character in it, must not become a comparison with something else. */
function plainText(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && text.isWellFormed()) return text;
  throw refused(value);
}

function isoTime(value: unknown): string {
  const time = typeof value === 'string' ? parseTime(value) : undefined;
  if (time === undefined)
    throw new PermanentError(`A time was expected for an OData literal, but got ${JSON.stringify(value)}.`);
  return time.toISOString();
}

/** Without milliseconds where there are none: properties of precision 0 refuse a fraction. */
function shortTime(value: unknown): string {
  return isoTime(value).replace('.000Z', 'Z');
}

function checked(value: unknown, form: RegExp): string {
  const text = typeof value === 'object' ? '' : String(value);
  if (form.test(text)) return text;
  throw refused(value);
}

function refused(value: unknown): PermanentError {
  return new PermanentError(`${JSON.stringify(value)?.slice(0, 80)} cannot be written as an OData literal.`);
}

/**
 * A day (`/Date(ms)/`, `2026-10-01`) as YYYY-MM-DD; null when empty or an initial date such as 0000-00-00. Throws RecordError for a day that
 * no calendar has.
 */
export function readDay(raw: string | null | undefined): string | null {
  if (raw === null || raw === undefined) return null;
  const time = parseTime(raw);
  if (time !== undefined) return time.toISOString().slice(0, 10);
  if (dayForm.test(raw) && !raw.startsWith('0000')) throw new RecordError(`${raw} is not a day of the calendar.`);
  return null;
}

/** A time of day (`PT06H30M00S`, `06:30:00`) as milliseconds since midnight; 0 when empty. */
export function readTimeOfDay(raw: string | null | undefined): number {
  const parts =
    /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?$/.exec(raw ?? '') ??
    /^(\d{2}):(\d{2}):(\d{2})/.exec(raw ?? '') ??
    [];
  const [, hours, minutes, seconds] = parts;
  return (Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0)) * 1000;
}

/** Flags come as "X" and "", or as true and false. */
export function readFlag(raw: string | boolean | null | undefined): boolean {
  return raw === true || raw === 'X' || raw === 'true';
}
