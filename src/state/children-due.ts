import { type Database, limitTo, prepare } from './database.ts';
import type { OpenMark } from './store.ts';

/** Parents whose children a stream must read again. Methods that write belong into a transaction. */
export interface ChildrenDue {
  mark(stream: string, parents: readonly string[]): void;
  /** Marks every active record of an entity; returns how many were not marked yet. */
  markOpen(mark: OpenMark): number;
  /** Longest marked first. */
  list(stream: string, limit: number): string[];
  settle(stream: string, parents: readonly string[]): void;
  /** The latest mark so far; 0 when there is none. */
  latest(stream: string): number;
  /** Settles the marks up to one, made before a complete read began. */
  settleUpTo(stream: string, mark: number): void;
}

export function createChildrenDue(database: Database): ChildrenDue {
  const mark = prepare(
    database,
    // A new mark, also where there is one: what settles the older one knows nothing of this change.
    'INSERT OR REPLACE INTO children_due (stream, parent) SELECT ?, value FROM json_each(?)',
  );
  const markOpen = prepare(
    database,
    `INSERT INTO children_due (stream, parent)
     SELECT ?, external_id FROM records
     WHERE scope = (SELECT id FROM scopes WHERE source = ? AND entity = ?) AND lifecycle = 'active'
     ON CONFLICT DO NOTHING`,
  );
  const list = prepare<{ parent: string }>(
    database,
    `SELECT parent FROM children_due WHERE stream = ? ORDER BY id ${limitTo('?')}`,
  );
  const settle = prepare(
    database,
    'DELETE FROM children_due WHERE stream = ? AND parent IN (SELECT value FROM json_each(?))',
  );
  const latest = prepare<{ id: number | null }>(database, 'SELECT max(id) AS id FROM children_due WHERE stream = ?');
  const settleUpTo = prepare(database, 'DELETE FROM children_due WHERE stream = ? AND id <= ?');
  return {
    mark: (stream, parents) => void mark.run(stream, JSON.stringify(parents)),
    markOpen: ({ stream, source, entity }) => Number(markOpen.run(stream, source, entity).changes),
    list: (stream, limit) => list.all(stream, limit).map((row) => row.parent),
    settle: (stream, parents) => void settle.run(stream, JSON.stringify(parents)),
    latest: (stream) => latest.get(stream)?.id ?? 0,
    settleUpTo: (stream, id) => void settleUpTo.run(stream, id),
  };
}
