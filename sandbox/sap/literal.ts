import { edmType } from './edmx.ts';
import { badRequest } from './errors.ts';
import type { Kind, Property, Service } from './metadata.ts';
import { pad, type Value } from './model.ts';

type Protocol = Service['protocol'];

/** A literal as the tokenizer found it: its type by its looks, before it is known what it is compared with. */
export interface Literal {
  type: 'string' | 'datetime' | 'datetimeoffset' | 'date' | 'time' | 'number' | 'boolean' | 'null' | 'guid';
  text: string;
}

const patterns: Record<'v2' | 'v4', readonly [Literal['type'], RegExp][]> = {
  v2: [
    ['datetimeoffset', /datetimeoffset'([^']*)'/y],
    ['datetime', /datetime'([^']*)'/y],
    ['time', /time'([^']*)'/y],
    ['guid', /guid'([^']*)'/y],
    ['string', /'((?:[^']|'')*)'/y],
    ['boolean', /(true|false)\b/y],
    ['null', /(null)\b/y],
    ['number', /(-?\d+(?:\.\d+)?)[MmLlDdFf]?(?![\w.:'-])/y],
  ],
  v4: [
    ['string', /'((?:[^']|'')*)'/y],
    ['datetimeoffset', /(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?)(?![\w.:'-])/y],
    ['guid', /([\da-fA-F]{8}-(?:[\da-fA-F]{4}-){3}[\da-fA-F]{12})(?![\w.:'-])/y],
    ['date', /(\d{4}-\d\d-\d\d)(?![\w.:'-])/y],
    ['time', /(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?![\w.:'-])/y],
    ['boolean', /(true|false)\b/y],
    ['null', /(null)\b/y],
    ['number', /(-?\d+(?:\.\d+)?)(?![\w.:'-])/y],
  ],
};

/** The literal that starts at `start`, and where it ends; undefined when there is none of this protocol. */
export function literalAt(
  text: string,
  start: number,
  protocol: Protocol,
): { literal: Literal; end: number } | undefined {
  for (const [type, pattern] of patterns[protocol === 'v4' ? 'v4' : 'v2']) {
    pattern.lastIndex = start;
    const match = pattern.exec(text);
    if (match === null) continue;
    const inner = match[1] ?? '';
    return { literal: { type, text: type === 'string' ? inner.replaceAll("''", "'") : inner }, end: pattern.lastIndex };
  }
  return undefined;
}

/** Which literals each Edm type accepts; anything else is a type mismatch, which the gateway refuses. */
const accepted: Record<string, readonly Literal['type'][]> = {
  'Edm.String': ['string'],
  'Edm.Boolean': ['boolean'],
  'Edm.Decimal': ['number'],
  'Edm.DateTime': ['datetime'],
  'Edm.DateTimeOffset': ['datetimeoffset'],
  'Edm.Date': ['date'],
  'Edm.Time': ['time'],
  'Edm.TimeOfDay': ['time'],
};

/** `literal` in the stored form of `property`, so that plain comparison with the column gives SAP's answer. */
export function storedValue(literal: Literal, property: Property, protocol: Protocol): Value {
  if (literal.type === 'null') return null;
  const type = edmType(property.kind, protocol);
  if (!accepted[type]?.includes(literal.type)) {
    throw badRequest(`Invalid literal '${literal.text}' for property '${property.name}' of type '${type}'`);
  }
  return converters[property.kind](literal.text, property);
}

const converters: Record<Kind, (text: string, property: Property) => Value> = {
  text: (text) => text,
  id: (text, { length = 0 }) => pad(text, length),
  material: (text) => (/^\d+$/.test(text) ? pad(text, 18) : text),
  // A text other than X or empty equals no flag; it is kept as text, which no stored Boolean equals.
  flag: (text) => (text === 'X' || text === 'true' ? true : text === '' || text === 'false' ? false : text),
  boolean: (text) => text === 'true',
  decimal: (text) => Number(text),
  date: (text) => wallClock(text).replace(/T00:00:00\.0{7}$/, ''),
  time: clockTime,
  stamp7: instant,
  stamp0: instant,
  // V2 compares texts; a V4 instant becomes the same text, with its fraction behind it if it has one.
  char14: (text) =>
    text.includes('T')
      ? instant(text)
          .replace(/\.0{7}$/, '')
          .replace(/[-:T]/g, '')
      : text,
};

const stampPattern = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)?(Z|[+-]\d\d:\d\d)?$/;

function parts(text: string): { wall: string; fraction: string; zone: string } {
  const match = stampPattern.exec(text);
  const [, date = '', minutes = '00:00', seconds = '00', fraction = '', zone = ''] = match ?? [];
  const wall = `${date}T${minutes}:${seconds}`;
  const ms = Date.parse(`${wall}Z`);
  if (match === null || Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== wall) {
    throw badRequest(`Malformed date and time literal '${text}'`);
  }
  return { wall, fraction: fraction.padEnd(7, '0'), zone };
}

function wallClock(text: string): string {
  const { wall, fraction, zone } = parts(text);
  if (zone !== '') throw badRequest(`A datetime literal has no time zone: '${text}'`);
  return `${wall}.${fraction}`;
}

function instant(text: string): string {
  const { wall, fraction, zone } = parts(text);
  if (zone === '') throw badRequest(`A datetimeoffset literal needs a time zone: '${text}'`);
  return `${new Date(Date.parse(wall + zone)).toISOString().slice(0, 19)}.${fraction}`;
}

function clockTime(text: string): string {
  const iso = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/.exec(text);
  const plain = /^(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?$/.exec(text);
  const [, hours = '0', minutes = '0', seconds = '0'] = iso ?? plain ?? [];
  if (iso === null && plain === null) throw badRequest(`Malformed time literal '${text}'`);
  return [hours, minutes, seconds].map((part) => part.padStart(2, '0')).join(':');
}
