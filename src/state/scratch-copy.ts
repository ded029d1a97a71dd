import type { Entity, RecordRef } from '../core/types.ts';
import { type Database, prepare, transaction, type Value } from './database.ts';
import type { ChildQuery } from './store.ts';

/** Brings records of a ledger into a scratch database, each once, so that what is changed there stays changed. */
export interface LedgerCopy {
  records(source: string, entity: Entity, externalIds: readonly string[]): void;
  children(query: ChildQuery): void;
  /** Every record of an entity. */
  all(source: string, entity: Entity): void;
  /** These have been removed from the scratch database and are not brought again. */
  removed(source: string, refs: readonly RecordRef[]): void;
}

type Row = Record<string, Value>;

const nothing: LedgerCopy = {
  records: () => undefined,
  children: () => undefined,
  all: () => undefined,
  removed: () => undefined,
};

/**
 * Copies all but the records and the history at once: it is little. The ledger is seen as it is at this moment until its connection is
 * closed, whatever a daemon writes meanwhile. Both have the same tables.
 */
export function openLedgerCopy(base: Database | null, scratch: Database): LedgerCopy {
  if (base === null) {
    for (const key of ['sequence', 'epoch']) prepare(scratch, 'INSERT INTO meta VALUES (?, 0)').run(key);
    return nothing;
  }
  base.exec('BEGIN');
  transaction(scratch, () => {
    for (const table of tablesOf(base)) {
      if (table !== 'records' && table !== 'runs') insertInto(scratch, table)(selectAll(base, table));
    }
    insertInto(scratch, 'records')(prepare<Row>(base, behindParked).all());
  });
  return createCopy(base, scratch);
}

/** Whether a parked record is ready is for its parents to say. */
const behindParked = `
  SELECT records.* FROM parked JOIN records USING (scope, external_id)
  UNION
  SELECT records.* FROM parked JOIN scopes AS own ON own.id = parked.scope
  JOIN json_each(parked.record, '$.parents') AS parent
  JOIN scopes AS theirs ON theirs.source = own.source AND theirs.entity = parent.key
  JOIN records ON records.scope = theirs.id AND records.external_id = parent.value`;

const scopeOf = '(SELECT id FROM scopes WHERE source = ? AND entity = ?)';

function createCopy(base: Database, scratch: Database): LedgerCopy {
  const insert = insertInto(scratch, 'records');
  const byId = prepare<Row>(
    base,
    `SELECT records.* FROM json_each(?) AS asked CROSS JOIN records ON scope = ${scopeOf} AND external_id = asked.value`,
  );
  const byParent = (parent: 'job' | 'part') =>
    prepare<Row>(
      base,
      `SELECT records.* FROM json_each(?) AS asked CROSS JOIN records INDEXED BY records_by_${parent}
       ON scope = ${scopeOf} AND ${parent} = asked.value`,
    );
  const children = { job: byParent('job'), part: byParent('part') };
  const behind = prepare<Row>(
    base,
    `SELECT * FROM records WHERE scope = ${scopeOf} AND external_id > ? ORDER BY external_id LIMIT ${atOnce}`,
  );
  const complete = new Set<string>();
  const gone = new Set<string>();
  const scopeId = prepare<{ id: number }>(base, 'SELECT id FROM scopes WHERE source = ? AND entity = ?');
  const add = (rows: readonly Row[]) => {
    const present = gone.size === 0 ? rows : rows.filter((row) => !gone.has(`${row['scope']} ${row['external_id']}`));
    if (present.length > 0) transaction(scratch, () => insert(present));
  };
  return {
    records: (source, entity, ids) => add(byId.all(JSON.stringify(ids), source, entity)),
    children: ({ source, entity, parent, parentIds }) =>
      add(children[parent].all(JSON.stringify(parentIds), source, entity)),
    removed(source, refs) {
      for (const { entity, externalId } of refs) gone.add(`${scopeId.get(source, entity)?.id} ${externalId}`);
    },
    all(source, entity) {
      if (complete.has(`${source}\n${entity}`)) return;
      complete.add(`${source}\n${entity}`);
      // Sorted by id as it stands in the table; no id sorts before the first page's bound.
      for (let rows = behind.all(source, entity, ''); rows.length > 0; ) {
        add(rows);
        rows = rows.length < atOnce ? [] : behind.all(source, entity, rows.at(-1)?.['external_id'] ?? '');
      }
    },
  };
}

/** Records a read of a whole entity. */
const atOnce = 5000;

function tablesOf(database: Database): string[] {
  const tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
  return prepare<{ name: string }>(database, tables)
    .all()
    .map(({ name }) => name);
}

function selectAll(database: Database, table: string): Row[] {
  return prepare<Row>(database, `SELECT * FROM ${table}`).all();
}

function insertInto(database: Database, table: string): (rows: readonly Row[]) => void {
  const columns = prepare<{ name: string }>(database, 'SELECT name FROM pragma_table_info(?)')
    .all(table)
    .map(({ name }) => name);
  const values = columns.map(() => '?').join(', ');
  const insert = prepare(database, `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${values})`);
  return (rows) => {
    for (const row of rows) insert.run(...columns.map((name) => row[name] ?? null));
  };
}
