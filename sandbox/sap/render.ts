import { millisecondsOf } from './instant.ts';
import type { EntitySet, Kind, Property, Service } from './metadata.ts';
import { type Row, strip, type Value } from './model.ts';
import { escapeXml } from './xml.ts';

/** How one answer shows its rows. */
export interface View {
  service: Service;
  set: EntitySet;
  select: readonly Property[];
  /** Scheme and host under which the client came, for `__metadata.uri`. */
  origin: string;
  /** V4 only: decimals as text instead of numbers. */
  ieee754?: boolean;
}

/** A collection as it leaves the server; `count` and `next` when asked for or needed. */
export interface Collection {
  rows: readonly Row[];
  count?: number;
  next?: string;
}

const v2Json: Record<Kind, (value: Value) => Value> = {
  text: (value) => value,
  id: (value) => strip(String(value)),
  material: (value) => strip(String(value)),
  flag: (value) => (value === true ? 'X' : ''),
  boolean: (value) => value,
  decimal: (value) => Number(value).toFixed(3),
  date: (value) => `/Date(${Date.parse(`${value}T00:00:00Z`)})/`,
  time: (value) => String(value).replace(/(\d\d):(\d\d):(\d\d)/, 'PT$1H$2M$3S'),
  stamp7: v2Stamp,
  stamp0: v2Stamp,
  char14: (value) => value,
};

/** SAP often leaves the offset out; which rows lack it here depends on the value, so that a row looks the same each time. */
function v2Stamp(value: Value): string {
  const ms = millisecondsOf(String(value));
  return ms % 3 === 0 ? `/Date(${ms})/` : `/Date(${ms}+0000)/`;
}

const v4Json: Record<Kind, (value: Value) => Value> = {
  ...v2Json,
  id: (value) => value,
  flag: (value) => value,
  decimal: (value) => value,
  date: (value) => value,
  time: (value) => value,
  stamp7: (value) => `${value}Z`,
  stamp0: (value) => `${value}Z`,
  char14: (value) => `${isoOf(String(value))}.0000000Z`,
};

function isoOf(char14: string): string {
  return char14.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6');
}

function shown(value: Value | undefined, kind: Kind, view: View): Value {
  if (value === undefined || value === null) return null;
  if (view.service.protocol !== 'v4') return v2Json[kind](value);
  return kind === 'decimal' && view.ieee754 === true ? v2Json.decimal(value) : v4Json[kind](value);
}

/** The JSON body of a collection in the shape of the service's protocol. */
export function collectionJson(collection: Collection, view: View): string {
  const { count, next } = collection;
  const rows = collection.rows.map((row) => entity(row, view));
  if (view.service.protocol === 'v1') return JSON.stringify({ d: rows });
  if (view.service.protocol === 'v2') {
    const extra = {
      ...(count === undefined ? {} : { __count: String(count) }),
      ...(next === undefined ? {} : { __next: next }),
    };
    return JSON.stringify({ d: { results: rows, ...extra } });
  }
  return JSON.stringify({
    '@odata.context': `$metadata#${view.set.name}`,
    ...(count === undefined ? {} : { '@odata.count': count }),
    value: rows,
    ...(next === undefined ? {} : { '@odata.nextLink': next }),
  });
}

/** The JSON body of a single entity. */
export function entityJson(row: Row, view: View): string {
  if (view.service.protocol !== 'v4') return JSON.stringify({ d: entity(row, view) });
  return JSON.stringify({ '@odata.context': `$metadata#${view.set.name}/$entity`, ...entity(row, view) });
}

function entity(row: Row, view: View): Record<string, unknown> {
  const etag = etagOf(row, view);
  const result: Record<string, unknown> = {};
  if (view.service.protocol === 'v4') {
    if (etag !== undefined) result['@odata.etag'] = etag;
  } else {
    const uri = uriOf(row, view);
    const type = `${view.service.namespace}.${view.set.type}`;
    result['__metadata'] = { id: uri, uri, type, ...(etag === undefined ? {} : { etag }) };
  }
  for (const { name, column, kind } of view.select) result[name] = shown(row[column], kind, view);
  return result;
}

function etagOf(row: Row, { service, set }: View): string | undefined {
  const property = set.properties.find(({ column }) => column === set.etag);
  if (property === undefined || service.protocol === 'v1') return undefined;
  const value = String(row[property.column]);
  if (service.protocol === 'v4') return `W/"SADL-${value.replace(/\D/g, '')}"`;
  return property.kind === 'char14' ? `W/"'${value}'"` : `W/"datetimeoffset'${value.replace(/\.0{7}$/, '')}Z'"`;
}

function uriOf(row: Row, view: View): string {
  const keys = view.set.properties.filter(({ key }) => key);
  const literals = keys.map((property) => {
    if (property.kind === 'date') return `datetime'${row[property.column]}T00:00:00'`;
    return `'${String(shown(row[property.column], property.kind, view)).replaceAll("'", "''")}'`;
  });
  const predicate =
    keys.length === 1 ? literals[0] : keys.map(({ name }, position) => `${name}=${literals[position]}`).join(',');
  return `${view.origin}${view.service.path}/${view.set.name}(${predicate})`;
}

/** The Atom feed that a V2 service sends to whoever does not ask for JSON. */
export function collectionAtom({ rows }: Collection, view: View): string {
  const entries = rows.map((row) => {
    const uri = escapeXml(uriOf(row, view));
    const fields = view.select.map(({ name, column, kind }) => atomField(name, row[column] ?? null, kind));
    return `<entry><id>${uri}</id><title type="text">${uri}</title><content type="application/xml"><m:properties>${fields.join('')}</m:properties></content></entry>`;
  });
  return `<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" xml:base="${view.origin}${view.service.path}/"><title type="text">${view.set.name}</title>${entries.join('')}</feed>`;
}

function atomField(name: string, value: Value, kind: Kind): string {
  if (value === null) return `<d:${name} m:null="true"/>`;
  const iso = kind.startsWith('stamp') ? `${value}Z` : kind === 'date' ? `${value}T00:00:00` : v2Json[kind](value);
  return `<d:${name}>${escapeXml(String(iso))}</d:${name}>`;
}
