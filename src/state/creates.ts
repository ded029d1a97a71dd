import { type Entity, type SentCreate, type SourceRef, unknownContent } from '../core/types.ts';
import { type Database, prepare } from './database.ts';

/** Creates that were sent and are not known to be there. Methods that write belong into a transaction. */
export interface Creates {
  find(ref: SourceRef): SentCreate | undefined;
  /** `doubtful`: a row that is found in its place need not be that of the create, until an answer has named its id. */
  note(creates: readonly SentCreate[], doubtful: boolean): void;
  forget(refs: readonly SourceRef[]): void;
  /** Everything is to be sent again: what was created counts as unknown content, but for what cannot be sent without its id. */
  doubt(source: string, entity: Entity): void;
  /** Nobody knows any more what became of any of them. */
  doubtAll(): void;
  /** The ledger has the ids of these. */
  settle(scope: number, externalIds: readonly string[]): void;
  /** Whether there are any in a scope. */
  any(scope: number): boolean;
}

type Row = Pick<SentCreate, 'hash' | 'mesId' | 'businessKey'>;

export function createCreates(database: Database, scopeOf: (source: string, entity: Entity) => number): Creates {
  const find = prepare<Row>(
    database,
    `SELECT hash, mes_id AS mesId, business_key AS businessKey FROM creates
     WHERE scope = (SELECT id FROM scopes WHERE source = ? AND entity = ?) AND external_id = ?`,
  );
  const note = prepare(database, 'INSERT OR REPLACE INTO creates VALUES (?, ?, ?, ?, ?)');
  const settle = prepare(
    database,
    'DELETE FROM creates WHERE scope = ? AND external_id IN (SELECT value FROM json_each(?))',
  );
  const doubt = prepare(database, 'UPDATE creates SET hash = ? WHERE scope = ? AND mes_id IS NOT NULL');
  const doubtAll = prepare(database, 'UPDATE creates SET hash = ?');
  const any = prepare(database, 'SELECT 1 FROM creates WHERE scope = ? LIMIT 1');
  return {
    find({ source, entity, externalId }) {
      const row = find.get(source, entity, externalId);
      return row && { source, entity, externalId, ...row };
    },
    note(creates, doubtful) {
      for (const { source, entity, externalId, hash, mesId, businessKey } of creates) {
        const content = doubtful && mesId === null ? unknownContent : hash;
        note.run(scopeOf(source, entity), externalId, content, mesId, businessKey);
      }
    },
    forget(refs) {
      for (const { source, entity, externalId } of refs)
        settle.run(scopeOf(source, entity), JSON.stringify([externalId]));
    },
    doubt: (source, entity) => void doubt.run(unknownContent, scopeOf(source, entity)),
    doubtAll: () => void doubtAll.run(unknownContent),
    settle: (scope, externalIds) => void settle.run(scope, JSON.stringify(externalIds)),
    any: (scope) => any.get(scope) !== undefined,
  };
}
