import { type Entity, type RecordRef, unknownContent } from '../core/types.ts';
import { type Database, prepare } from './database.ts';
import type { BegunRemoval } from './store.ts';

/** What may be removed from the MES, and the removals that have begun: until it is known how one ended, the record counts as not there. Methods that write belong into a transaction. */
export interface Removals {
  /** Those of these records below which something is still alive. */
  withLiveBelow(source: string, entity: Entity, externalIds: readonly string[]): string[];
  begin(scope: number, externalId: string): void;
  /** Whether any has begun, of any source. */
  any(): boolean;
  /** Which of these have a removal under way. */
  begun(source: string, refs: readonly RecordRef[]): BegunRemoval[];
  /** It is known by now what became of these. */
  end(scope: number, externalIds: readonly string[]): void;
  /** The MES refused this removal: the record is there, its content unknown. */
  keep(scope: number, externalId: string): void;
}

export function createRemovals(database: Database): Removals {
  const begin = prepare(database, 'INSERT OR IGNORE INTO removals (scope, external_id) VALUES (?, ?)');
  const ofOne = 'WHERE scope = ? AND external_id = ?';
  // Active, so that sweeps miss it until the removal is proved.
  const lose = prepare(database, `UPDATE records SET hash = NULL, lifecycle = 'active' ${ofOne}`);
  const keep = prepare(database, `UPDATE records SET hash = '${unknownContent}', refused_hash = NULL ${ofOne}`);
  const any = prepare(database, 'SELECT 1 FROM removals LIMIT 1');
  const begun = prepare<{ externalId: string; mesId: string }>(
    database,
    `SELECT external_id AS externalId, mes_id AS mesId FROM removals JOIN records USING (scope, external_id)
     WHERE scope = (SELECT id FROM scopes WHERE source = ? AND entity = ?) AND mes_id IS NOT NULL
       AND external_id IN (SELECT value FROM json_each(?))`,
  );
  const end = prepare(
    database,
    'DELETE FROM removals WHERE scope = ? AND external_id IN (SELECT value FROM json_each(?))',
  );
  const idsOf = (refs: readonly RecordRef[]) => JSON.stringify(refs.map(({ externalId }) => externalId));
  return {
    withLiveBelow: liveBelow(database),
    begin(scope, externalId) {
      begin.run(scope, externalId);
      lose.run(scope, externalId);
    },
    any: () => any.get() !== undefined,
    begun: (source, refs) =>
      [...Map.groupBy<Entity, RecordRef>(refs, ({ entity }) => entity)].flatMap(([entity, some]) =>
        begun.all(source, entity, idsOf(some)).map((row) => ({ entity, ...row })),
      ),
    end: (scope, externalIds) => void end.run(scope, JSON.stringify(externalIds)),
    keep(scope, externalId) {
      end.run(scope, JSON.stringify([externalId]));
      keep.run(scope, externalId);
    },
  };
}

const scopeOf = (entity: Entity) => `(SELECT id FROM scopes WHERE source = ?1 AND entity = '${entity}')`;
/** SQL: an operation of this part is alive: of what is cancelled the ledger keeps no record. */
const operationOf = (part: string) => `EXISTS (
  SELECT 1 FROM records AS operation INDEXED BY records_by_part
  WHERE operation.scope = ${scopeOf('operation')} AND operation.part = ${part} AND operation.record IS NOT NULL)`;
/** SQL: a part of this job is alive, or an operation of one. */
const partOf = (job: string) => `EXISTS (
  SELECT 1 FROM records AS part INDEXED BY records_by_job
  WHERE part.scope = ${scopeOf('part')} AND part.job = ${job} AND (part.record IS NOT NULL OR ${operationOf('part.external_id')}))`;

function liveBelow(database: Database): Removals['withLiveBelow'] {
  const asking = (lives: string) =>
    prepare<{ id: string }>(database, `SELECT asked.value AS id FROM json_each(?2) AS asked WHERE ${lives}`);
  const below: Partial<Record<Entity, ReturnType<typeof asking>>> = {
    job: asking(partOf('asked.value')),
    part: asking(operationOf('asked.value')),
  };
  return (source, entity, externalIds) =>
    below[entity]?.all(source, JSON.stringify(externalIds)).map(({ id }) => id) ?? [];
}
