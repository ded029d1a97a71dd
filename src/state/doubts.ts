import { groupBy } from '../core/groups.ts';
import { businessKeyOf } from '../core/records.ts';
import {
  type Change,
  type Entity,
  type FieldValue,
  type Lifecycle,
  type MesRecord,
  type SourceRef,
  unknownContent,
} from '../core/types.ts';
import { type Database, prepare, type Value } from './database.ts';
import { recordJson } from './records.ts';
import type { SendNote } from './store.ts';

/** What the MES may hold though no answer says so. Methods that write belong into a transaction. */
export interface Doubts {
  /** These are about to be sent. */
  note(note: SendNote): void;
  /** What became of all that was noted for a stream is known. */
  settle(stream: string): void;
  /** Whether anything of a stream is noted. Only reads. */
  any(stream: string): boolean;
  /** All that is noted. Only reads. */
  noted(): SourceRef[];
  /** Of what was noted, for a stream or for all, nothing more will be known: it counts as doubtful. */
  recover(stream?: string): void;
  /** The MES may hold these as they were sent; `keepRecords` keeps them whole. */
  add(scope: number, changes: readonly Change[], keepRecords: boolean): void;
}

interface Noted {
  source: string;
  entity: Entity;
  lifecycle: Lifecycle;
  keep: number;
  /** JSON of one list: the columns of the first record, of the second, and so on. */
  columns: string;
}

/** Of a record that is noted: what ties it, and what the MES takes none without. The others too would make a note many times as long. */
const parentNames = { cell: [], resource: [], job: [], part: ['job'], operation: ['job', 'part', 'cell'] } as const;
const fieldNames: Readonly<Record<Entity, readonly string[]>> = {
  cell: ['name'],
  resource: ['name', 'type'],
  job: ['job_number'],
  part: ['part_number'],
  operation: ['operation_name'],
};

export function createDoubts(database: Database, scopeOf: (source: string, entity: Entity) => number): Doubts {
  const note = noter(database);
  const settle = prepare(database, 'UPDATE sending SET open = 0 WHERE stream = ? AND open = 1');
  const any = prepare(database, 'SELECT 1 FROM sending WHERE stream = ? AND open = 1 LIMIT 1');
  const notes = prepare<Noted & { stream: string }>(
    database,
    'SELECT stream, source, entity, lifecycle, keep, columns FROM sending WHERE open = 1 AND (?1 IS NULL OR stream = ?1)',
  );
  // What the ledger has of the record from before stays the best that can be told of it.
  const put = prepare(
    database,
    `INSERT INTO records (scope, external_id, hash, lifecycle, business_key, job, part, record)
     VALUES (?, ?, '${unknownContent}', ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET
       hash = excluded.hash, lifecycle = CASE WHEN ?8 OR lifecycle <> 'cancelled' THEN excluded.lifecycle ELSE lifecycle END,
       business_key = coalesce(business_key, excluded.business_key), job = coalesce(job, excluded.job), part = coalesce(part, excluded.part),
       record = coalesce(record, excluded.record)`,
  );
  const add = (scope: number, record: MesRecord, json: string | null) => {
    const { job = null, part = null } = json === null ? {} : record.parents;
    put.run(
      scope,
      record.externalId,
      record.lifecycle,
      businessKeyOf(record),
      job,
      part,
      json,
      comesBack(record) ? 1 : 0,
    );
  };
  const recover = (stream?: string) => {
    for (const { stream: of, ...each } of notes.all(stream ?? null)) {
      const scope = scopeOf(each.source, each.entity);
      for (const record of recordsOf(each)) add(scope, record, each.keep === 1 ? JSON.stringify(record) : null);
      settle.run(of);
    }
  };
  return {
    note({ stream, source, keepRecords, changes }) {
      const keep = keepRecords ? 1 : 0;
      for (const [entity, ofEntity] of groupBy(changes, ({ record }) => record.entity)) {
        for (const [lifecycle, alike] of groupBy(ofEntity, ({ record }) => record.lifecycle)) {
          note(stream, source, entity, lifecycle, keep, padded(JSON.stringify(columnsOf(entity, alike))));
        }
      }
    },
    settle: (stream) => void settle.run(stream),
    any: (stream) => any.get(stream) !== undefined,
    noted: () => notes.all(null).flatMap(recordsOf),
    recover,
    add(scope, changes, keepRecords) {
      for (const change of changes) add(scope, change.record, keepRecords ? recordJson(change) : null);
    },
  };
}

/** Where a note of the stream has been settled the next takes its place: made anew, it would cost half as much again. */
function noter(database: Database): (...values: [stream: string, ...Value[]]) => void {
  const reuse = prepare(
    database,
    `UPDATE sending SET open = 1, source = ?2, entity = ?3, lifecycle = ?4, keep = ?5, columns = ?6
     WHERE id = (SELECT id FROM sending WHERE stream = ?1 AND open = 0 LIMIT 1)`,
  );
  const insert = prepare(
    database,
    'INSERT INTO sending (open, stream, source, entity, lifecycle, keep, columns) VALUES (1, ?, ?, ?, ?, ?, ?)',
  );
  return (...values) => {
    if (reuse.run(...values).changes === 0) insert.run(...values);
  };
}

/** Only what has the length of what was there is written over it. */
function padded(json: string): string {
  return json.padEnd(Math.ceil(json.length / paddedTo) * paddedTo);
}

const paddedTo = 8192;

/** What was cancelled and is sent as active again; of the others the MES has to be told that they were on hold. */
function comesBack({ entity, lifecycle }: MesRecord): boolean {
  return lifecycle === 'active' && (entity === 'cell' || entity === 'resource');
}

function columnsOf(entity: Entity, changes: readonly Change[]): FieldValue[] {
  const parents = parentNames[entity];
  const fields = fieldNames[entity];
  const columns: FieldValue[] = [];
  for (const { record } of changes) {
    columns.push(record.externalId);
    for (const name of parents) columns.push(record.parents[name] ?? null);
    for (const name of fields) columns.push(record.fields[name] ?? null);
  }
  return columns;
}

function recordsOf({ source, entity, lifecycle, columns }: Noted): MesRecord[] {
  const values: FieldValue[] = JSON.parse(columns);
  const parents = parentNames[entity];
  const names = ['externalId', ...parents, ...fieldNames[entity]];
  const records: MesRecord[] = [];
  for (let at = 0; at < values.length; at += names.length) {
    const told = names
      .map((name, index) => [name, values[at + index] ?? null] as const)
      .filter(([, value]) => value !== null);
    const ties = told.slice(1).filter(([name]) => parents.some((parent) => parent === name));
    const fields = told.slice(1).filter((column) => !ties.includes(column));
    records.push({
      entity,
      source,
      externalId: String(values[at]),
      parents: Object.fromEntries(ties.map(([name, value]) => [name, String(value)])),
      fields: Object.fromEntries(fields),
      lifecycle,
    });
  }
  return records;
}
