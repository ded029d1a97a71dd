import { badRequest, GatewayError } from './errors.ts';
import { type Expression, findProperty, parseFilter } from './filter.ts';
import type { EntitySet, Property, Service } from './metadata.ts';
import type { Row } from './model.ts';
import type { Order, Table } from './table.ts';

/** What a request asks of an entity set. */
export interface Options {
  where?: Expression;
  order: Order[];
  select: readonly Property[];
  skip: number;
  top?: number;
  after?: Row;
  count: boolean;
  format?: string;
}

const known = /^\$(filter|orderby|top|skip|select|format|skiptoken|inlinecount|count)$/;

/** A raw query string as decoded names and values; a `+` is a blank, as in every form encoding. */
export function parseQuery(query: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const mark = pair.indexOf('=');
    const [name, value] = mark < 0 ? [pair, ''] : [pair.slice(0, mark), pair.slice(mark + 1)];
    options.set(decode(name), decode(value));
  }
  return options;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw badRequest('The URI is not encoded correctly');
  }
}

/** Reads the system query options of a collection; throws a `GatewayError` (400) for what the service does not know. */
export function readOptions(options: Map<string, string>, set: EntitySet, service: Service): Options {
  for (const name of options.keys()) {
    const countName = service.protocol === 'v4' ? '$inlinecount' : '$count';
    if (name.startsWith('$') && (!known.test(name) || name === countName)) {
      throw new GatewayError(
        400,
        '/IWCOR/CX_OD_BAD_REQUEST_ERROR/005056A509B11EE1BB8AF4A65EC3CA20',
        `Invalid system query option '${name}'`,
      );
    }
  }
  const filter = options.get('$filter');
  const top = options.get('$top');
  const token = options.get('$skiptoken');
  const format = options.get('$format');
  const order = readOrder(options.get('$orderby'), set);
  return {
    order,
    select: readSelect(options.get('$select'), set),
    skip: readNumber('$skip', options.get('$skip') ?? '0'),
    count: readCount(options),
    ...(filter === undefined ? {} : { where: parseFilter(filter, { ...set, protocol: service.protocol }) }),
    ...(top === undefined ? {} : { top: readNumber('$top', top) }),
    ...(token === undefined ? {} : { after: readToken(token) }),
    ...(format === undefined ? {} : { format }),
  };
}

function readOrder(text: string | undefined, set: EntitySet): Order[] {
  if (text === undefined) return [];
  return text.split(',').map((part) => {
    const [name = '', direction = 'asc', ...rest] = part.trim().split(/ +/);
    if (rest.length > 0 || !/^(asc|desc)$/.test(direction)) throw badRequest(`Invalid orderby '${part}'`);
    const property = findProperty(set.properties, name);
    if (property.filterable === false) throw badRequest(`Property '${name}' is not sortable`);
    return { column: property.column, descending: direction === 'desc' };
  });
}

function readSelect(text: string | undefined, set: EntitySet): readonly Property[] {
  if (text === undefined || text.trim() === '*') return set.properties;
  const names = new Set(text.split(',').map((name) => findProperty(set.properties, name.trim()).name));
  return set.properties.filter(({ name }) => names.has(name));
}

function readNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`Invalid value '${text}' of system query option '${name}'`);
  return Number(text);
}

function readCount(options: Map<string, string>): boolean {
  const inline = options.get('$inlinecount') ?? 'none';
  const count = options.get('$count') ?? 'false';
  if (!/^(allpages|none)$/.test(inline) || !/^(true|false)$/.test(count)) throw badRequest('Invalid count option');
  return inline === 'allpages' || count === 'true';
}

/** A skip token holds the values of the last row: it names a position, not a snapshot, so nothing is lost under changes. */
export function writeToken(table: Table<Row>, order: readonly Order[], last: Row): string {
  const columns = table.ordered(order).order.map(({ column }) => column);
  const position = Object.fromEntries(columns.map((column) => [column, last[column] ?? null]));
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function readToken(token: string): Row {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as Row;
  } catch {
    throw badRequest(`Invalid skiptoken '${token}'`);
  }
}

/** The filter that finds the one entity of a key predicate, e.g. `'1000001'` or `Equipment='1',ValidityEndDate=…`. */
export function keyFilter(predicate: string, set: EntitySet, service: Service): Expression {
  const keys = set.properties.filter(({ key }) => key);
  const named = /^\w+=/.test(predicate);
  const parts = named ? predicate.split(/,(?=\w+=)/) : [`${keys[0]?.name}=${predicate}`];
  if (parts.length !== keys.length) throw badRequest(`Invalid key predicate '${predicate}'`);
  return parseFilter(parts.map((part) => part.replace('=', ' eq ')).join(' and '), {
    ...set,
    protocol: service.protocol,
  });
}
