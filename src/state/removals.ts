import { type Entity, type RecordRef, unknownContent } from '../core/types.ts';
import { type Database, prepare } from './database.ts';
import type { BegunRemoval } from './store.ts';

/** Removals from the MES that have begun: until it is known how one ended, the record counts as not there. Methods that write belong into a transaction. */
export interface Removals {
  begin(scope: number, externalId: string): void;
  /** Whether any has begun, of any source. */
  any(): boolean;
  /** Those of these. */
  begun(source: string, refs: readonly RecordRef[]): BegunRemoval[];
  /** It is known by now what became of these. */
  end(scope: number, externalIds: readonly string[]): void;
  /** Of this too: the MES would not let it go, and who knows as what it is there. */
  keep(scope: number, externalId: string): void;
}

export function createRemovals(database: Database): Removals {
  const begin = prepare(database, 'INSERT OR IGNORE INTO removals (scope, external_id) VALUES (?, ?)');
  const count = (hash: string) =>
    prepare(database, `UPDATE records SET hash = ${hash} WHERE scope = ? AND external_id = ?`);
  const lose = count('NULL');
  const keep = count(`'${unknownContent}'`);
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
