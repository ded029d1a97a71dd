import { type Database, limitTo, prepare } from './database.ts';
import type { ResumePoint, Run } from './store.ts';

/** Where an interrupted pass can go on, with what was true when it began. */
export interface Interrupted {
  /** Run of the stream, as the watermark file numbers it, from which the pass started. */
  run: number;
  point: ResumePoint;
  /** The latest mark of children due when the pass began. */
  childrenMark: number;
}

/** Passes over streams: the one under way and the last ones that ended. Methods that write belong into a transaction. */
export interface Passes {
  interrupted(stream: string): Interrupted | undefined;
  save(stream: string, interrupted: Interrupted): void;
  /** Adds to the history, which shows the last hundred of a stream; oldest first. */
  record(stream: string, runs: readonly Run[]): void;
  /** Newest first. */
  history(stream: string): Run[];
  /** The last of each stream that has any. */
  last(): Map<string, Run>;
}

/** Runs of a stream that the history shows. */
export const historyLength = 100;
/** What is older goes by the twenty: a deletion with each run writes as much again. */
const pruneEvery = 20;
/** The run so many before the last of its stream. */
const back = (count: number) => `(SELECT id FROM runs WHERE stream = ?1 ORDER BY id DESC LIMIT 1 OFFSET ${count})`;

export function createPasses(database: Database): Passes {
  const find = prepare<{ run: number; point: string; childrenMark: number }>(
    database,
    'SELECT run, point, children_mark AS childrenMark FROM resume WHERE stream = ?',
  );
  const save = prepare(
    database,
    'INSERT OR REPLACE INTO resume (stream, run, point, children_mark) VALUES (?, ?, ?, ?)',
  );
  const record = prepare(database, 'INSERT INTO runs (stream, figures) VALUES (?, ?)');
  const prune = prepare(
    database,
    `DELETE FROM runs WHERE stream = ?1 AND id <= ${back(historyLength)} AND EXISTS ${back(historyLength + pruneEvery)}`,
  );
  const history = prepare<{ figures: string }>(
    database,
    `SELECT figures FROM runs WHERE stream = ? ORDER BY id DESC ${limitTo('?')}`,
  );
  const last = prepare<{ stream: string; figures: string }>(
    database,
    'SELECT stream, figures FROM runs WHERE id IN (SELECT MAX(id) FROM runs GROUP BY stream)',
  );
  return {
    interrupted(stream) {
      const row = find.get(stream);
      return row === undefined ? undefined : { ...row, point: JSON.parse(row.point) };
    },
    save: (stream, { run, point, childrenMark }) => void save.run(stream, run, JSON.stringify(point), childrenMark),
    record(stream, runs) {
      for (const run of runs) record.run(stream, JSON.stringify(run));
      prune.run(stream);
    },
    history: (stream) => history.all(stream, historyLength).map(({ figures }) => JSON.parse(figures)),
    last: () => new Map(last.all().map(({ stream, figures }) => [stream, JSON.parse(figures)])),
  };
}
