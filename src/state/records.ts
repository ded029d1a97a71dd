import { groupBy } from '../core/groups.ts';
import { businessKeyOf } from '../core/records.ts';
import {
  type Change,
  type Entity,
  type LedgerEntry,
  type Lifecycle,
  type MesRecord,
  toSendAgain,
  unknownContent,
} from '../core/types.ts';
import { type Database, prepare, prepareArrays, type Value } from './database.ts';
import { fieldMarks } from './field-marks.ts';
import type { ChildQuery } from './store.ts';

/** One record that the MES now holds. */
export interface DeliveredRecord {
  change: Change;
  mesId: string | null;
}

/** What the MES is known to hold, by scope (source and entity) and external id. Methods that write belong into a transaction. */
export interface Records {
  /** The small number that stands for a source and an entity; made when it is new. */
  scope(source: string, entity: Entity): number;
  /** Every source and entity of which there is or was a record. */
  scopes(): { source: string; entity: Entity }[];
  lookup(source: string, entity: Entity, externalIds: readonly string[]): Map<string, LedgerEntry>;
  /** `keepRecords` keeps them whole. */
  deliver(scope: number, deliveries: readonly DeliveredRecord[], keepRecords: boolean): void;
  refuse(scope: number, change: Change): void;
  /** Content that the MES refused may be sent again. */
  acceptAgain(scope: number, externalIds: readonly string[]): void;
  restamp(scope: number, externalId: string, stamp: string): void;
  /** What hangs on these may be gone with them, or hang on rows that are not theirs any more: it counts as lost. Whether there was any. */
  loseBelow(source: string, entity: Entity, externalIds: readonly string[]): boolean;
  /** Forgets what was deleted in the MES; what hangs on it counts as lost. */
  remove(source: string, entity: Entity, externalIds: readonly string[]): void;
  /** The MES does not list these any more: they are to be sent again, their ids stay. */
  markLost(scope: number, externalIds: readonly string[]): void;
  /** Forgets what was delivered and refused, so that everything is sent again; the MES ids stay. */
  resend(source: string, entity: Entity): void;
  /** The same of every source. */
  resendAll(): void;
  childrenOf(query: ChildQuery): MesRecord[];
  count(source: string, entity: Entity): number;
}

/** SQL: the MES has the record, and has not lost it since; `isThere` of core. */
export const isThere = `hash IS NOT NULL AND (hash <> '${unknownContent}' OR mes_id IS NOT NULL)`;

type EntryRow = [number, string | null, string | null, string | null, Lifecycle, string | null, string | null];

export function createRecords(database: Database): Records {
  return { ...scopes(database), ...queries(database), ...changes(database) };
}

function scopes(database: Database): Pick<Records, 'scope' | 'scopes'> {
  const find = prepare<{ id: number }>(database, 'SELECT id FROM scopes WHERE source = ? AND entity = ?');
  const create = prepare(database, 'INSERT INTO scopes (source, entity) VALUES (?, ?)');
  const all = prepare<{ source: string; entity: Entity }>(database, 'SELECT source, entity FROM scopes');
  return {
    scopes: () => all.all(),
    // Not cached: an id made in a transaction that fails afterwards does not exist.
    scope: (source, entity) => find.get(source, entity)?.id ?? Number(create.run(source, entity).lastInsertRowid),
  };
}

const scopeOf = '(SELECT id FROM scopes WHERE source = ? AND entity = ?)';

function queries(database: Database): Pick<Records, 'lookup' | 'childrenOf' | 'count'> {
  // One query a page: a thousand single ones take 3.6 times as long. CROSS JOIN keeps the ids on the outside.
  const find = prepareArrays<EntryRow>(
    database,
    `SELECT asked.key, hash, mes_id, business_key, lifecycle, refused_hash, stamp
     FROM json_each(?) AS asked CROSS JOIN records ON scope = ${scopeOf} AND external_id = asked.value`,
  );
  // By name: left to itself SQLite goes through the whole scope for each parent.
  const byParent = (parent: 'job' | 'part') =>
    prepare<{ record: string }>(
      database,
      `SELECT record FROM json_each(?) AS asked CROSS JOIN records INDEXED BY records_by_${parent}
       ON scope = ${scopeOf} AND ${parent} = asked.value WHERE record IS NOT NULL`,
    );
  const children = { job: byParent('job'), part: byParent('part') };
  const total = prepare<{ total: number }>(
    database,
    `SELECT count(*) AS total FROM records WHERE scope = ${scopeOf} AND lifecycle <> 'cancelled'`,
  );
  return {
    lookup(source, entity, externalIds) {
      const entries = new Map<string, LedgerEntry>();
      for (const row of find.all(JSON.stringify(externalIds), source, entity)) {
        const [index, hash, mesId, businessKey, lifecycle, refusedHash, stamp] = row;
        entries.set(externalIds[index] ?? '', { hash, mesId, businessKey, lifecycle, refusedHash, stamp });
      }
      return entries;
    },
    childrenOf({ source, entity, parent, parentIds }) {
      const rows = children[parent].all(JSON.stringify(parentIds), source, entity);
      return rows.map((row): MesRecord => JSON.parse(row.record));
    },
    count: (source, entity) => total.get(source, entity)?.total ?? 0,
  };
}

function changes(database: Database): Omit<Records, 'scope' | 'scopes' | 'lookup' | 'childrenOf' | 'count'> {
  const insertMany = prepare(database, `INSERT OR IGNORE ${rowsOf(plainColumns, rowsAtOnce)}`);
  const upsertMany = prepare(database, upsertOf([], rowsAtOnce));
  const upsertOne = prepare(database, upsertOf([], 1));
  const putMany = (shared: Shared, plain: readonly DeliveredRecord[]) => {
    const values: Value[] = [...shared];
    for (const delivery of plain) addPlain(values, delivery);
    const areNew = plain.every(({ change }) => change.known === undefined);
    // Before an upsert of many SQLite copies each page that it touches, to undo it by itself: what is new goes without.
    if (!areNew || insertMany.run(...values).changes !== plain.length) upsertMany.run(...values);
  };
  const putPlain = (shared: Shared, plain: readonly DeliveredRecord[]) => {
    const whole = plain.length - (plain.length % rowsAtOnce);
    for (let at = 0; at < whole; at += rowsAtOnce) putMany(shared, plain.slice(at, at + rowsAtOnce));
    for (const delivery of plain.slice(whole)) upsertOne.run(...addPlain([...shared], delivery));
  };
  const upsertKept = prepare(database, upsertOf(keptColumns, 1));
  const refuse = prepare(
    database,
    `INSERT INTO records (scope, external_id, lifecycle, refused_hash) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET refused_hash = excluded.refused_hash`,
  );
  const acceptAgain = prepare(
    database,
    `UPDATE records SET refused_hash = NULL
     WHERE scope = ? AND refused_hash IS NOT NULL AND external_id IN (SELECT value FROM json_each(?))`,
  );
  const restamp = prepare(database, 'UPDATE records SET stamp = ? WHERE scope = ? AND external_id = ?');
  const ofIds = 'WHERE scope = ? AND external_id IN (SELECT value FROM json_each(?))';
  const markLost = prepare(database, `UPDATE records SET hash = NULL ${ofIds}`);
  const resendAll = `UPDATE records SET hash = ${hashToResend}, refused_hash = NULL`;
  const resend = prepare(database, `${resendAll} WHERE scope = ${scopeOf}`);
  return {
    deliver(scope, deliveries, keepRecords) {
      const plain: DeliveredRecord[] = [];
      for (const delivery of deliveries) {
        const { change } = delivery;
        if (!keepRecords && change.stamp === null) plain.push(delivery);
        else {
          const values = addPlain([scope, change.record.lifecycle], delivery);
          upsertKept.run(...values, ...keptValues(change, keepRecords));
        }
      }
      const byLifecycle = groupBy(plain, ({ change }) => change.record.lifecycle);
      for (const [lifecycle, alike] of byLifecycle) putPlain([scope, lifecycle], alike);
    },
    refuse: (scope, { record, hash }) => void refuse.run(scope, record.externalId, record.lifecycle, hash),
    acceptAgain: (scope, externalIds) => void acceptAgain.run(scope, JSON.stringify(externalIds)),
    restamp: (scope, externalId, stamp) => void restamp.run(stamp, scope, externalId),
    ...remover(database),
    markLost: (scope, externalIds) => void markLost.run(scope, JSON.stringify(externalIds)),
    resend: (source, entity) => void resend.run(source, entity),
    resendAll: () => database.exec(resendAll),
  };
}

/** New `hash` of a record to be sent again: it still counts as present, so its children need not wait; without a MES id its presence is unproven. */
const hashToResend = `CASE WHEN hash IS NULL OR hash = '${unknownContent}' THEN hash WHEN mes_id IS NULL THEN '${unknownContent}' ELSE '${toSendAgain}' END`;

/**
 * New `hash` of a record that may have gone with its parent: null (not there) where the MES id stays as a trace, else unknown. What is to be sent again
 * since a restore stays so: nothing is deleted by its id.
 */
const hashOfLost = `CASE WHEN hash = '${toSendAgain}' THEN hash WHEN hash IS NULL OR mes_id IS NOT NULL THEN NULL ELSE '${unknownContent}' END`;

function remover(database: Database): Pick<Records, 'loseBelow' | 'remove'> {
  const ids = '(SELECT value FROM json_each(?2))';
  const of = (entity: Entity) => `scope = (SELECT id FROM scopes WHERE source = ?1 AND entity = '${entity}')`;
  // What was told as cancelled has nothing more to tell: lost, it would wait for its parent for ever.
  const counts = "lifecycle <> 'cancelled'";
  const loseThose = (entity: 'part' | 'operation', parents: string) =>
    prepare(
      database,
      `UPDATE records INDEXED BY records_by_${parentOf[entity]} SET hash = ${hashOfLost}
       WHERE ${of(entity)} AND ${parentOf[entity]} IN ${parents} AND ${counts}`,
    );
  const partsOfJobs = `(SELECT external_id FROM records INDEXED BY records_by_job WHERE ${of('part')} AND job IN ${ids})`;
  const below: Partial<Record<Entity, ReturnType<typeof prepare>[]>> = {
    job: [loseThose('operation', partsOfJobs), loseThose('part', ids)],
    part: [loseThose('operation', ids)],
  };
  const remove = prepare(
    database,
    `DELETE FROM records WHERE scope = (SELECT id FROM scopes WHERE source = ?1 AND entity = ?3) AND external_id IN ${ids}`,
  );
  const lose = (source: string, entity: Entity, ids: string) =>
    (below[entity] ?? []).reduce((sum, each) => sum + Number(each.run(source, ids).changes), 0);
  return {
    loseBelow: (source, entity, externalIds) => lose(source, entity, JSON.stringify(externalIds)) > 0,
    remove(source, entity, externalIds) {
      const gone = JSON.stringify(externalIds);
      lose(source, entity, gone);
      remove.run(source, gone, entity);
    },
  };
}

const parentOf = { part: 'job', operation: 'part' } as const;

/** What most records fill; binding the others too would cost them a fifth more. Scope and lifecycle are bound once for many. */
const plainColumns = ['external_id', 'hash', 'mes_id', 'business_key', 'marks'];
const keptColumns = ['stamp', 'job', 'part', 'record'];
type Shared = readonly [scope: number, lifecycle: Lifecycle];
/** Rows a statement: binding by the fifty takes a quarter off a commit. */
const rowsAtOnce = 50;

function addPlain(values: Value[], { change: { record, hash }, mesId }: DeliveredRecord): Value[] {
  values.push(record.externalId, hash, mesId, businessKeyOf(record), fieldMarks(record));
  return values;
}

function keptValues(change: Change, keepRecords: boolean): Value[] {
  const { record, stamp } = change;
  if (!keepRecords) return [stamp, null, null, null];
  const { job = null, part = null } = record.parents;
  return [stamp, job, part, record.lifecycle === 'cancelled' ? null : recordJson(change)];
}

function upsertOf(kept: readonly string[], rows: number): string {
  const others = keptColumns.map((name) => `${name} = ${kept.includes(name) ? `excluded.${name}` : 'NULL'}`);
  return `
    INSERT ${rowsOf([...plainColumns, ...kept], rows)}
    ON CONFLICT DO UPDATE SET
      hash = excluded.hash, mes_id = coalesce(excluded.mes_id, mes_id), business_key = excluded.business_key,
      lifecycle = excluded.lifecycle, marks = excluded.marks, refused_hash = NULL, ${others.join(', ')}`;
}

/** SQL: rows of one scope and lifecycle. */
function rowsOf(columns: readonly string[], rows: number): string {
  const row = `(?1, ?2, ${columns.map(() => '?').join(', ')})`;
  return `INTO records (scope, lifecycle, ${columns.join(', ')}) VALUES ${Array(rows).fill(row).join(', ')}`;
}

/** The record as JSON, with its fields as they were stringified for the hash: not a second time. */
export function recordJson({ record, fieldsJson }: Change): string {
  const { fields, ...rest } = record;
  return `${JSON.stringify(rest).slice(0, -1)},"fields":${fieldsJson}}`;
}
