import { type Database, prepare } from './database.ts';

/** Streams that must be read whole, because the MES has lost a record of theirs. Methods that write belong into a transaction. */
export interface ReadsDue {
  mark(streams: readonly string[]): void;
  /** The stream's mark; 0 when there is none. */
  latest(stream: string): number;
  /** Settles the mark unless it was made anew since. */
  settleUpTo(stream: string, mark: number): void;
}

export function createReadsDue(database: Database): ReadsDue {
  // A new mark, also where there is one: a read under way may be past the record that was lost meanwhile.
  const mark = prepare(database, 'INSERT OR REPLACE INTO reads_due (stream) SELECT value FROM json_each(?)');
  const latest = prepare<{ id: number }>(database, 'SELECT id FROM reads_due WHERE stream = ?');
  const settleUpTo = prepare(database, 'DELETE FROM reads_due WHERE stream = ? AND id <= ?');
  return {
    mark: (streams) => void mark.run(JSON.stringify(streams)),
    latest: (stream) => latest.get(stream)?.id ?? 0,
    settleUpTo: (stream, id) => void settleUpTo.run(stream, id),
  };
}
