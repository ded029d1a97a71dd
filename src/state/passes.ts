import { type Database, prepare } from './database.ts';
import type { PassFinish, ResumePoint } from './store.ts';

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
  /** Adds to the history, which keeps the last thousand. */
  record(sequence: number, finish: PassFinish): void;
}

const historyLength = 1000;

export function createPasses(database: Database): Passes {
  const find = prepare<{ run: number; point: string; childrenMark: number }>(
    database,
    'SELECT run, point, children_mark AS childrenMark FROM resume WHERE stream = ?',
  );
  const save = prepare(
    database,
    'INSERT OR REPLACE INTO resume (stream, run, point, children_mark) VALUES (?, ?, ?, ?)',
  );
  const record = prepare(
    database,
    'INSERT INTO runs (sequence, stream, watermark, full_read_at, swept_at, finished_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const prune = prepare(database, 'DELETE FROM runs WHERE sequence <= ?');
  return {
    interrupted(stream) {
      const row = find.get(stream);
      return row === undefined ? undefined : { ...row, point: JSON.parse(row.point) };
    },
    save: (stream, { run, point, childrenMark }) => void save.run(stream, run, JSON.stringify(point), childrenMark),
    record(sequence, { stream, watermark, fullReadAt, sweptAt, finishedAt }) {
      record.run(sequence, stream, watermark?.value ?? null, fullReadAt, sweptAt, finishedAt);
      prune.run(sequence - historyLength);
    },
  };
}
