import { type Table, tables } from '../../types.ts';
import { coerce, postgresTime, type Value } from '../columns.ts';
import { DatabaseError } from '../errors.ts';
import type { Incoming } from '../tables.ts';
import { type Relation, relationsOf, type Unique } from './schema.ts';

export type Columns = Record<string, Value>;

/** One stored row. */
export interface Row {
  columns: Columns;
  /** Rows of one INSERT have one moment of creation in the real database; two statements never do. */
  readonly statement: number;
  readonly place: number;
}

interface Index {
  constraint: string;
  keyOf: (columns: Columns) => string | undefined;
  rows: Map<string, Row>;
}

interface TableStore {
  relation: Relation;
  template: Columns;
  /** The primary key first, the external key last. */
  indexes: readonly [Index, ...Index[]];
  /** By referring column, then by the id referred to. */
  referring: ReadonlyMap<string, Map<string, Set<Row>>>;
  /** Every external_source there has been. */
  sources: Set<string>;
  /** Changes with every write, for whoever keeps something that was worked out from the rows. */
  version: number;
  placed: number;
}

/** The one tenant there is. */
const tenant = '11111111-1111-1111-1111-111111111111';

/** The tables in memory, with the types and constraints of the real database and its texts when they are violated. */
export class Database {
  readonly relations: Record<Table, Relation>;
  readonly #tables: Record<Table, TableStore>;
  readonly #mintId: () => string;
  readonly #now: () => Date;
  #statements = 0;

  constructor(options: { complete: boolean; mintId: () => string; now: () => Date }) {
    this.relations = relationsOf(options.complete);
    this.#mintId = options.mintId;
    this.#now = options.now;
    this.#tables = Object.fromEntries(tables.map((table) => [table, emptyTable(this.relations[table])])) as Record<
      Table,
      TableStore
    >;
  }

  rows(table: Table): Iterable<Row> {
    return this.#tables[table].indexes[0].rows.values();
  }

  version(table: Table): number {
    return this.#tables[table].version;
  }

  byId(table: Table, id: unknown): Row | undefined {
    return this.#tables[table].indexes[0].rows.get(String(id));
  }

  /** The row of that external key, dead or alive. */
  bySource(table: Table, source: string, externalId: string): Row | undefined {
    const index = this.#tables[table].indexes.at(-1);
    return index?.rows.get(joined(source, externalId));
  }

  /** The rows of that external id, one a source at most. */
  byExternalId(table: Table, externalId: string): Row[] {
    const sources = this.#tables[table].sources;
    const found = [...sources].map((source) => this.bySource(table, source, externalId));
    return found.filter((row) => row !== undefined);
  }

  /** Rows of `table` whose `column` refers to the id, in the order in which they came to do so. */
  referring(table: Table, column: string, id: unknown): ReadonlySet<Row> {
    return this.#tables[table].referring.get(column)?.get(String(id)) ?? nothing;
  }

  /** One INSERT of all records: they are stored together or not at all. Throws `DatabaseError`. */
  insert(table: Table, records: readonly Incoming[]): Row[] {
    const store = this.#tables[table];
    for (const record of records) checkNames(store.relation, record);
    // All values are converted before the first row is stored: a bad value anywhere hides what else is wrong.
    const prepared = records.map((record) => this.#prepare(store, record));
    const inserted: Row[] = [];
    this.#statements += 1;
    try {
      for (const columns of prepared) {
        checkNotNull(store.relation, columns);
        checkUnique(store, columns, undefined);
        store.placed += 1;
        const row: Row = { columns, statement: this.#statements, place: store.placed };
        reindex(store, row, { after: columns });
        inserted.push(row);
      }
      for (const { columns } of inserted) this.#checkReferences(store, columns, undefined);
    } catch (error) {
      for (const row of inserted) reindex(store, row, { before: row.columns });
      throw error;
    }
    return inserted;
  }

  /** Throws `DatabaseError`; nothing is changed then. */
  update(table: Table, row: Row, changes: Incoming): void {
    const store = this.#tables[table];
    checkNames(store.relation, changes);
    const before = row.columns;
    const columns = { ...before, ...converted(store.relation, changes) };
    checkNotNull(store.relation, columns);
    checkUnique(store, columns, row);
    this.#checkReferences(store, columns, before);
    if (columns['id'] !== before['id']) this.#checkReferred(table, before['id']);
    reindex(store, row, { before, after: columns });
    row.columns = columns;
  }

  /** Deletes for good. Throws `DatabaseError` while anything, dead or alive, refers to the row. */
  remove(table: Table, row: Row): void {
    this.#checkReferred(table, row.columns['id']);
    reindex(this.#tables[table], row, { before: row.columns });
  }

  /** Throws `DatabaseError` for what the database would say of the names and values of an update, whatever row it meets. */
  check(table: Table, changes: Incoming): void {
    checkNames(this.relations[table], changes);
    converted(this.relations[table], changes);
  }

  #prepare(store: TableStore, record: Incoming): Columns {
    const stamp = postgresTime(this.#now());
    const given = converted(store.relation, record);
    const origin = { id: given['id'] ?? this.#mintId(), tenant_id: tenant, created_at: stamp, updated_at: stamp };
    return { ...store.template, ...origin, ...given, tenant_id: tenant };
  }

  #checkReferences(store: TableStore, columns: Columns, before: Columns | undefined): void {
    const { table, references } = store.relation;
    for (const { column, table: parent, constraint } of references) {
      const id = columns[column];
      if (id === null || id === before?.[column]) continue;
      if (parent !== 'profiles' && this.#tables[parent].indexes[0].rows.has(String(id))) continue;
      throw new DatabaseError(`insert or update on table "${table}" violates foreign key constraint "${constraint}"`);
    }
  }

  #checkReferred(table: Table, id: unknown): void {
    for (const { relation, referring } of Object.values(this.#tables)) {
      for (const reference of relation.references) {
        if (reference.table !== table || !referring.get(reference.column)?.get(String(id))?.size) continue;
        const constraint = `foreign key constraint "${reference.constraint}" on table "${relation.table}"`;
        throw new DatabaseError(`update or delete on table "${table}" violates ${constraint}`);
      }
    }
  }
}

const nothing: ReadonlySet<Row> = new Set();

function emptyTable(relation: Relation): TableStore {
  const [primary, ...others] = relation.uniques;
  const tracked = relation.references.filter(({ table }) => table !== 'profiles');
  return {
    relation,
    template: Object.fromEntries(relation.columns.map(({ name, initial }) => [name, initial])),
    indexes: [indexOf(primary), ...others.map(indexOf)],
    referring: new Map(tracked.map(({ column }) => [column, new Map()])),
    sources: new Set(),
    version: 0,
    placed: 0,
  };
}

function indexOf({ constraint, columns: [first, second] }: Unique): Index {
  return {
    constraint,
    keyOf: (columns) => keyOf(columns[first], second === undefined ? '' : columns[second]),
    rows: new Map(),
  };
}

/** Nulls are never equal, so a key with one in it is none. */
function keyOf(first: Value | undefined, second: Value | undefined): string | undefined {
  if (first === null || second === null) return undefined;
  return joined(String(first), String(second));
}

function joined(first: string, second: string): string {
  return second === '' ? first : `${first}\u0000${second}`;
}

function checkNames({ table, byName }: Relation, record: Incoming): void {
  for (const name of Object.keys(record)) {
    if (record[name] === undefined || byName.has(name)) continue;
    throw new DatabaseError(`Could not find the '${name}' column of '${table}' in the schema cache`);
  }
}

/** What the record says of the columns; what it leaves out is left out. */
function converted({ columns }: Relation, record: Incoming): Columns {
  const result: Columns = {};
  for (const { name, type } of columns) {
    const given = record[name];
    if (given !== undefined) result[name] = coerce(type, given);
  }
  return result;
}

function checkNotNull({ table, columns: all }: Relation, columns: Columns): void {
  for (const { name, notNull } of all) {
    if (!notNull || columns[name] !== null) continue;
    throw new DatabaseError(`null value in column "${name}" of relation "${table}" violates not-null constraint`);
  }
}

function checkUnique(store: TableStore, columns: Columns, self: Row | undefined): void {
  for (const { constraint, keyOf: key, rows } of store.indexes) {
    const value = key(columns);
    const holder = value === undefined ? undefined : rows.get(value);
    if (holder === undefined || holder === self) continue;
    throw new DatabaseError(`duplicate key value violates unique constraint "${constraint}"`);
  }
}

interface States {
  before?: Columns;
  after?: Columns;
}

/** Keeps the indexes true to a row that comes (no `before`), changes, or goes (no `after`). */
function reindex(store: TableStore, row: Row, states: States): void {
  const { before, after } = states;
  store.version += 1;
  const source = after?.['external_source'];
  if (typeof source === 'string') store.sources.add(source);
  for (const { keyOf: key, rows } of store.indexes) {
    const [old, next] = [before && key(before), after && key(after)];
    if (old === next) continue;
    if (old !== undefined) rows.delete(old);
    if (next !== undefined) rows.set(next, row);
  }
  for (const [column, byParent] of store.referring) refer(byParent, row, [before?.[column], after?.[column]]);
}

function refer(
  byParent: Map<string, Set<Row>>,
  row: Row,
  ids: [old: Value | undefined, next: Value | undefined],
): void {
  const [old = null, next = null] = ids;
  if (old === next) return;
  if (old !== null) byParent.get(String(old))?.delete(row);
  if (next === null) return;
  const rows = byParent.get(String(next));
  if (rows === undefined) byParent.set(String(next), new Set([row]));
  else rows.add(row);
}
