import { searchError } from '../errors.ts';

/** A mask such as `YYYY-MM-DD"T"HH24:MI:SS` cut into format elements and what stands between them. */
type Part = { element: Element } | { text: string };
type Element = keyof typeof elements;

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];

interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  milli: number;
  /** 12 with an afternoon marker. */
  halfDay: number;
}

/** How an element looks, how it is read, and which field it stands for. Longer names of one beginning come first. */
const elements = {
  YYYY: { show: ({ year }: Fields) => pad(year, 4), form: '\\d{4}', field: 'year' },
  RRRR: { show: ({ year }: Fields) => pad(year, 4), form: '\\d{4}', field: 'year' },
  YY: { show: ({ year }: Fields) => pad(year % 100, 2), form: '\\d{2}', field: 'year' },
  MON: { show: ({ month }: Fields) => months[month - 1] ?? '', form: '[A-Za-z]{3}', field: 'month' },
  MM: { show: ({ month }: Fields) => pad(month, 2), form: '\\d{1,2}', field: 'month' },
  MI: { show: ({ minute }: Fields) => pad(minute, 2), form: '\\d{1,2}', field: 'minute' },
  DD: { show: ({ day }: Fields) => pad(day, 2), form: '\\d{1,2}', field: 'day' },
  HH24: { show: ({ hour }: Fields) => pad(hour, 2), form: '\\d{1,2}', field: 'hour' },
  HH12: { show: ({ hour }: Fields) => pad(hour % 12 || 12, 2), form: '\\d{1,2}', field: 'hour' },
  HH: { show: ({ hour }: Fields) => pad(hour % 12 || 12, 2), form: '\\d{1,2}', field: 'hour' },
  SS: { show: ({ second }: Fields) => pad(second, 2), form: '\\d{1,2}', field: 'second' },
  FF3: { show: ({ milli }: Fields) => pad(milli, 3), form: '\\d{1,9}', field: 'milli' },
  FF6: { show: ({ milli }: Fields) => pad(milli * 1000, 6), form: '\\d{1,9}', field: 'milli' },
  FF: { show: ({ milli }: Fields) => pad(milli, 3), form: '\\d{1,9}', field: 'milli' },
  AM: { show: ({ hour }: Fields) => (hour < 12 ? 'AM' : 'PM'), form: '[AaPp][Mm]', field: 'halfDay' },
  PM: { show: ({ hour }: Fields) => (hour < 12 ? 'AM' : 'PM'), form: '[AaPp][Mm]', field: 'halfDay' },
} as const satisfies Record<string, { show(fields: Fields): string; form: string; field: keyof Fields }>;

const names = Object.keys(elements) as Element[];
const masks = new Map<string, Part[]>();

/** A wall-clock time (milliseconds as if UTC) by a mask. Throws for an element that is unknown (ORA-01821). */
export function formatMoment(mask: string, wall: number): string {
  const date = new Date(wall);
  const fields: Fields = {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    milli: date.getUTCMilliseconds(),
    halfDay: 0,
  };
  return partsOf(mask)
    .map((part) => ('text' in part ? part.text : elements[part.element].show(fields)))
    .join('');
}

/** The wall-clock time that a text shows by a mask; throws when the text does not fit it (ORA-01861) or no such day exists. */
export function parseMoment(mask: string, text: string): number {
  const parts = partsOf(mask);
  const form = parts
    .map((part) => ('text' in part ? verbatim(part.text) : `(${elements[part.element].form})`))
    .join('');
  const match = new RegExp(`^\\s*${form}\\s*$`).exec(text);
  if (match === null) throw searchError(`ORA-01861: literal does not match format string: '${text}' is not ${mask}`);
  const fields: Fields = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, milli: 0, halfDay: -1 };
  let group = 0;
  for (const part of parts) {
    if ('text' in part) continue;
    group += 1;
    fields[elements[part.element].field] = read(part.element, match[group] ?? '');
  }
  return msOf(fields, text);
}

function msOf({ year, month, day, hour, minute, second, milli, halfDay }: Fields, text: string): number {
  const hours = halfDay < 0 ? hour : (hour % 12) + halfDay;
  const ms = Date.UTC(year, month - 1, day, hours, minute, second, milli);
  const date = new Date(ms);
  const real =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hours < 24 && minute < 60 && second < 60;
  if (!real) throw searchError(`ORA-01843: not a valid date: '${text}'`);
  return ms;
}

function read(element: Element, digits: string): number {
  if (element === 'MON') return months.indexOf(digits.toUpperCase()) + 1;
  if (element === 'AM' || element === 'PM') return digits.toUpperCase() === 'PM' ? 12 : 0;
  if (element === 'YY') return 2000 + Number(digits);
  return element.startsWith('FF') ? Math.floor(Number(`0.${digits}`) * 1000) : Number(digits);
}

function partsOf(mask: string): Part[] {
  let parts = masks.get(mask);
  if (parts === undefined) {
    parts = cut(mask);
    masks.set(mask, parts);
  }
  return parts;
}

function cut(mask: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  while (at < mask.length) {
    const rest = mask.slice(at);
    const quoted = /^"([^"]*)"/.exec(rest) ?? /^([-/.,;: ]+)/.exec(rest);
    const element = names.find((name) => rest.toUpperCase().startsWith(name));
    if (quoted !== null) parts.push({ text: quoted[1] ?? '' });
    else if (element !== undefined) parts.push({ element });
    else throw searchError(`ORA-01821: date format not recognized: ${mask}`);
    at += quoted?.[0].length ?? element?.length ?? 1;
  }
  return parts;
}

function verbatim(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

function pad(number: number, length: number): string {
  return String(number).padStart(length, '0');
}
