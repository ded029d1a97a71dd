import { parseFilter, predicateOf } from '../../sandbox/sap/filter.ts';
import type { Kind, Property } from '../../sandbox/sap/metadata.ts';
import type { ODataClient } from '../../src/connectors/protocols/odata/client.ts';
import type { ODataQuery } from '../../src/connectors/protocols/odata/url.ts';
import type { ODataVersion } from '../../src/connectors/protocols/odata/values.ts';
import type { WalkTarget } from '../../src/connectors/protocols/odata/walk.ts';
import type { StampKind } from '../../src/core/types.ts';

/** One row as it is stored: a two-part key and a stamp with seven digits, fourteen digits or a day; null was never stamped. */
export interface ModelRow {
  Group: string;
  Item: string;
  Stamp: string | null;
  /** What else the row says. */
  Text?: string;
}

/** What happens to the table between two requests; a change only ever moves a stamp forward. */
export type Event =
  | { kind: 'add'; row: ModelRow }
  | { kind: 'change'; key: string; stamp: string }
  | { kind: 'drop'; key: string };

export interface ModelOptions {
  version: ODataVersion;
  stampKind: StampKind;
  pageSize: number;
  rows: readonly ModelRow[];
  /** The n-th list happens before the n-th request (from the second on). */
  events?: readonly (readonly Event[])[];
  /** Rows an answer at most, whatever `$top`, without any next link. */
  silentCap?: number;
  /** A walk that asks more often than this runs in a circle. */
  maxRequests: number;
  filter?: string;
}

export interface Model {
  target: WalkTarget;
  requests: ODataQuery[];
  /** Keys of the rows that are there now. */
  rows(): ReadonlyMap<string, ModelRow>;
  /** Puts a row down, in place of the one of its key. */
  put(row: ModelRow): void;
}

export const keyOf = (row: Pick<ModelRow, 'Group' | 'Item'>): string => `${row.Group},${row.Item}`;

const kinds: Record<StampKind, Kind> = {
  timestamp: 'stamp7',
  second: 'stamp0',
  char14: 'char14',
  date: 'date',
  none: 'text',
};

/** A server in memory: it compares whole stamps and shows them as SAP does, cut to the millisecond in V2. */
export function createModel(options: ModelOptions): Model {
  const { version, stampKind, pageSize, events = [], silentCap = Number.POSITIVE_INFINITY } = options;
  const table = new Map(options.rows.map((row) => [keyOf(row), row]));
  const properties: Property[] = [
    { name: 'Group', column: 'Group', kind: 'text', key: true },
    { name: 'Item', column: 'Item', kind: 'text', key: true },
    // V4 has no fourteen-digit texts of its own; a custom service may still send one.
    { name: 'Stamp', column: 'Stamp', kind: stampKind === 'char14' && version === 'v4' ? 'text' : kinds[stampKind] },
  ];
  const requests: ODataQuery[] = [];

  function answer(query: ODataQuery): unknown[] {
    if (requests.length >= options.maxRequests)
      throw new Error(`The walk made more than ${options.maxRequests} requests.`);
    if (requests.length > 0) for (const event of events[requests.length - 1] ?? []) apply(table, event);
    requests.push(query);
    const holds =
      query.filter === undefined
        ? () => true
        : predicateOf(parseFilter(query.filter, { properties, protocol: version }));
    const order = (query.orderBy ?? '').split(',').map((part) => part.split(' '));
    return [...table.values()]
      .filter((row) => holds({ ...row }))
      .sort((one, other) => compare(one, other, order))
      .slice(0, Math.min(query.top, silentCap))
      .map((row) => show(row, version, stampKind));
  }

  const client: ODataClient = {
    rows: async (query) => answer(query),
    count: async () => table.size,
    propertyTypes: async () => types,
    now: () => undefined,
  };
  const types = new Map([
    ['Group', 'Edm.String'],
    ['Item', 'Edm.String'],
    ['Stamp', stampType(version, stampKind)],
  ]);
  const target: WalkTarget = {
    client,
    version,
    path: '/S/Set',
    key: ['Group', 'Item'],
    stamp: stampKind === 'none' ? undefined : 'Stamp',
    stampKind,
    types,
    filter: options.filter,
    select: ['Group', 'Item', 'Stamp'],
    pageSize,
  };
  return { target, requests, rows: () => table, put: (row) => void table.set(keyOf(row), row) };
}

function apply(table: Map<string, ModelRow>, event: Event): void {
  if (event.kind === 'drop') table.delete(event.key);
  if (event.kind === 'add' && !table.has(keyOf(event.row))) table.set(keyOf(event.row), event.row);
  if (event.kind !== 'change') return;
  const row = table.get(event.key);
  if (row !== undefined && (row.Stamp ?? '') < event.stamp) table.set(event.key, { ...row, Stamp: event.stamp });
}

function compare(one: ModelRow, other: ModelRow, order: readonly (readonly string[])[]): number {
  for (const [name = '', direction] of order) {
    const [left, right] = [one[name as keyof ModelRow] ?? '', other[name as keyof ModelRow] ?? ''];
    if (left !== right) return (left < right ? -1 : 1) * (direction === 'desc' ? -1 : 1);
  }
  return 0;
}

function stampType(version: ODataVersion, kind: StampKind): string {
  if (kind === 'char14' || kind === 'none') return 'Edm.String';
  if (kind === 'date') return version === 'v2' ? 'Edm.DateTime' : 'Edm.Date';
  return 'Edm.DateTimeOffset';
}

function show(row: ModelRow, version: ODataVersion, kind: StampKind): unknown {
  const { Stamp } = row;
  if (Stamp === null || kind === 'char14' || kind === 'none') return { ...row };
  if (version === 'v4') return { ...row, Stamp: kind === 'date' ? Stamp : `${Stamp}Z` };
  const ms = Date.parse(kind === 'date' ? Stamp : `${Stamp.slice(0, 23)}Z`);
  return { ...row, Stamp: ms % 3 === 0 ? `/Date(${ms})/` : `/Date(${ms}+0000)/` };
}
