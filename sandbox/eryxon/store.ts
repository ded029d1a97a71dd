import { type Table, tables } from '../types.ts';
import { coerce, type Value } from './columns.ts';
import { DatabaseError } from './errors.ts';
import { type Definition, definitions, type Incoming } from './tables.ts';

/** One stored record. */
export interface Row {
  id: string;
  externalId: string;
  source: string;
  createdAt: string;
  updatedAt: string;
  /** Successful synchronisations of this external id so far, deletions in between included. */
  writes: number;
  values: Record<string, Value>;
}

interface TableStore {
  definition: Definition;
  byId: Map<string, Row>;
  bySource: Map<string, Map<string, Row>>;
  /** By external id alone, whatever the source: what the test hooks go by. */
  byExternalId: Map<string, Row>;
  /** By the value of the definition's key column. */
  byKey: Map<string, Row[]>;
  /** Writes of records that were deleted. */
  formerWrites: Map<string, number>;
}

/** What identifies a record that is about to be created, and when that is. */
export interface Origin {
  externalId: string;
  source: string;
  stamp: string;
}

/** The tables in memory with the constraints of the real database: types, NOT NULL, unique and foreign keys. */
export class Store {
  readonly #tables: Record<Table, TableStore>;
  readonly #mintId: () => string;

  constructor(mintId: () => string) {
    this.#tables = Object.fromEntries(tables.map((table) => [table, emptyTable(table)])) as Record<Table, TableStore>;
    this.#mintId = mintId;
  }

  rows(table: Table): MapIterator<Row> {
    return this.#tables[table].byId.values();
  }

  count(table: Table): number {
    return this.#tables[table].byId.size;
  }

  byId(table: Table, id: unknown): Row | undefined {
    return this.#tables[table].byId.get(String(id));
  }

  byExternalId(table: Table, externalId: string): Row | undefined {
    return this.#tables[table].byExternalId.get(externalId);
  }

  bySource(table: Table, source: string, externalId: string): Row | undefined {
    return this.#tables[table].bySource.get(source)?.get(externalId);
  }

  /** All rows whose key column has that value; more than one is possible for cells only. */
  byKey(table: Table, key: string): readonly Row[] {
    return this.#tables[table].byKey.get(key) ?? [];
  }

  writes(table: Table, externalId: string): number {
    const store = this.#tables[table];
    return store.byExternalId.get(externalId)?.writes ?? store.formerWrites.get(externalId) ?? 0;
  }

  /** Throws `DatabaseError`; nothing is stored then. */
  insert(table: Table, columns: Incoming, origin: Origin): Row {
    const store = this.#tables[table];
    const values: Record<string, Value> = {};
    for (const { name, type, initial = null } of store.definition.columns) {
      const given = columns[name];
      values[name] = given === undefined ? initial : coerce(type, given);
    }
    this.#check(store, values, undefined);
    const { externalId, source, stamp } = origin;
    const writes = (store.formerWrites.get(externalId) ?? 0) + 1;
    const row: Row = { id: this.#mintId(), externalId, source, createdAt: stamp, updatedAt: stamp, writes, values };
    store.byId.set(row.id, row);
    store.byExternalId.set(externalId, row);
    sourceMap(store, source).set(externalId, row);
    addKey(store, row);
    return row;
  }

  /** Throws `DatabaseError`; nothing is changed then. */
  update(table: Table, row: Row, change: { columns: Incoming; stamp: string }): void {
    this.edit(table, row, change.columns);
    row.updatedAt = change.stamp;
    row.writes += 1;
  }

  /** An update that leaves no trace but the values. */
  edit(table: Table, row: Row, columns: Incoming): void {
    const store = this.#tables[table];
    const values = { ...row.values };
    for (const { name, type } of store.definition.columns) {
      const given = columns[name];
      if (given !== undefined) values[name] = coerce(type, given);
    }
    this.#check(store, values, row);
    const key = store.definition.key?.column;
    const moved = key !== undefined && values[key] !== row.values[key];
    if (moved) removeKey(store, row);
    row.values = values;
    if (moved) addKey(store, row);
  }

  /** Deletes for good, with everything that refers to the row: a job takes its parts and their operations along. */
  remove(table: Table, row: Row): void {
    const store = this.#tables[table];
    store.byId.delete(row.id);
    store.bySource.get(row.source)?.delete(row.externalId);
    if (store.byExternalId.get(row.externalId) === row) store.byExternalId.delete(row.externalId);
    removeKey(store, row);
    store.formerWrites.set(row.externalId, row.writes);
    for (const child of tables) {
      for (const reference of definitions[child].references) {
        if (reference.table === table) this.#removeReferring(child, reference.column, row.id);
      }
    }
  }

  #removeReferring(table: Table, column: string, id: string): void {
    for (const row of this.rows(table)) {
      if (row.values[column] === id) this.remove(table, row);
    }
  }

  #check(store: TableStore, values: Record<string, Value>, self: Row | undefined): void {
    const { table, columns, key, references } = store.definition;
    for (const { name, notNull } of columns) {
      if (notNull && values[name] === null) {
        throw new DatabaseError(`null value in column "${name}" of relation "${table}" violates not-null constraint`);
      }
    }
    if (key?.constraint !== undefined) {
      const holder = store.byKey.get(String(values[key.column]))?.[0];
      if (holder !== undefined && holder !== self) {
        throw new DatabaseError(`duplicate key value violates unique constraint "${key.constraint}"`);
      }
    }
    for (const { column, table: parent, constraint } of references) {
      if (this.byId(parent, values[column]) !== undefined) continue;
      const text = `insert or update on table "${table}" violates foreign key constraint "${constraint}"`;
      throw new DatabaseError(text);
    }
  }
}

function emptyTable(table: Table): TableStore {
  return {
    definition: definitions[table],
    byId: new Map(),
    bySource: new Map(),
    byExternalId: new Map(),
    byKey: new Map(),
    formerWrites: new Map(),
  };
}

function sourceMap(store: TableStore, source: string): Map<string, Row> {
  let map = store.bySource.get(source);
  if (map === undefined) {
    map = new Map();
    store.bySource.set(source, map);
  }
  return map;
}

function addKey(store: TableStore, row: Row): void {
  if (store.definition.key === undefined) return;
  const value = String(row.values[store.definition.key.column]);
  const rows = store.byKey.get(value);
  if (rows === undefined) store.byKey.set(value, [row]);
  else rows.push(row);
}

function removeKey(store: TableStore, row: Row): void {
  if (store.definition.key === undefined) return;
  const value = String(row.values[store.definition.key.column]);
  const rest = store.byKey.get(value)?.filter((other) => other !== row) ?? [];
  if (rest.length === 0) store.byKey.delete(value);
  else store.byKey.set(value, rest);
}
