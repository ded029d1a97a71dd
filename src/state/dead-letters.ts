import type { MesRecord } from '../core/types.ts';
import { type Database, prepare, type Value } from './database.ts';
import type { BadRow, DeadLetter } from './store.ts';

export type LetterFilter = { stream?: string; id?: number };

/** What was set aside: rows that never became records, records that the MES refused. Methods that write belong into a transaction. */
export interface DeadLetters {
  any(stream: string): boolean;
  list(filter: LetterFilter): DeadLetter[];
  /** Content that failed again counts up; a row that the overlap merely read again does not. */
  addRow(stream: string, row: BadRow, at: string): void;
  addRecord(stream: string, refusal: { key: string; reason: string; payload: string }, at: string): void;
  settle(stream: string, keys: readonly string[]): void;
  /** Marks for another try, and lets the MES be asked again for the same content. */
  retry(filter: LetterFilter): number;
  drop(filter: LetterFilter): number;
  due(stream: string, limit: number): { records: MesRecord[]; rows: unknown[]; letters: number[] };
  /** Settles letters that were tried again, unless they were refused again meanwhile. */
  settleRetried(ids: readonly number[]): void;
  counts(): { stream: string; count: number }[];
}

/** Key of the letter of a row that did not become a record. */
export function rowKey(key: string): string {
  return `row ${key}`;
}

type LetterRow = Omit<DeadLetter, 'due'> & { due: number };

const chosen = 'stream = coalesce(?1, stream) AND id = coalesce(?2, id)';
const chosenBy = (filter: LetterFilter): [Value, Value] => [filter.stream ?? null, filter.id ?? null];

export function createDeadLetters(database: Database): DeadLetters {
  return { ...queries(database), ...changes(database) };
}

function queries(database: Database): Pick<DeadLetters, 'any' | 'list' | 'due' | 'counts'> {
  const any = prepare(database, 'SELECT 1 FROM dead_letters WHERE stream = ? LIMIT 1');
  const list = prepare<LetterRow>(
    database,
    `SELECT id, stream, stage, key, reason, payload, count, first_at AS firstAt, last_at AS lastAt, due
     FROM dead_letters WHERE ${chosen} ORDER BY id`,
  );
  const due = prepare<{ id: number; stage: string; payload: string }>(
    database,
    'SELECT id, stage, payload FROM dead_letters WHERE stream = ? AND due = 1 ORDER BY id LIMIT ?',
  );
  const counts = prepare<{ stream: string; count: number }>(
    database,
    'SELECT stream, count(*) AS count FROM dead_letters GROUP BY stream',
  );
  return {
    any: (stream) => any.get(stream) !== undefined,
    list: (filter) => list.all(...chosenBy(filter)).map((row) => ({ ...row, due: row.due === 1 })),
    due(stream, limit) {
      const letters = due.all(stream, limit);
      const contents = (push: boolean) => letters.filter(({ stage }) => (stage === 'push') === push);
      return {
        records: contents(true).map((letter): MesRecord => JSON.parse(letter.payload)),
        rows: contents(false).map((letter): unknown => JSON.parse(letter.payload)),
        letters: letters.map(({ id }) => id),
      };
    },
    counts: () => counts.all(),
  };
}

function changes(database: Database): Omit<DeadLetters, 'any' | 'list' | 'due' | 'counts'> {
  const insert = `
    INSERT INTO dead_letters (stream, stage, key, reason, payload, count, first_at, last_at, due)
    VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, 0)
    ON CONFLICT (stream, key) DO UPDATE SET
      stage = excluded.stage, reason = excluded.reason, payload = excluded.payload,
      count = count + 1, last_at = excluded.last_at, due = 0`;
  const add = prepare(database, insert);
  const addUnlessSeen = prepare(
    database,
    `${insert} WHERE due = 1 OR reason <> excluded.reason OR payload <> excluded.payload`,
  );
  const settle = prepare(
    database,
    'DELETE FROM dead_letters WHERE stream = ? AND key IN (SELECT value FROM json_each(?))',
  );
  const settleRetried = prepare(
    database,
    'DELETE FROM dead_letters WHERE due = 1 AND id IN (SELECT value FROM json_each(?))',
  );
  const retry = prepare(database, `UPDATE dead_letters SET due = 1 WHERE ${chosen}`);
  const acceptAgain = prepare(database, acceptChosenAgain);
  const drop = prepare(database, `DELETE FROM dead_letters WHERE ${chosen}`);
  return {
    addRow: (stream, { stage, key, reason, payload }, at) =>
      void addUnlessSeen.run(stream, stage, rowKey(key), reason, payload, at),
    addRecord: (stream, { key, reason, payload }, at) => void add.run(stream, 'push', key, reason, payload, at),
    settle: (stream, keys) => void settle.run(stream, JSON.stringify(keys)),
    settleRetried: (ids) => void settleRetried.run(JSON.stringify(ids)),
    retry(filter) {
      acceptAgain.run(...chosenBy(filter));
      return Number(retry.run(...chosenBy(filter)).changes);
    },
    drop: (filter) => Number(drop.run(...chosenBy(filter)).changes),
  };
}

const acceptChosenAgain = `
  UPDATE records SET refused_hash = NULL WHERE (scope, external_id) IN (
    SELECT scopes.id, payload ->> '$.externalId' FROM dead_letters
    JOIN scopes ON source = payload ->> '$.source' AND entity = payload ->> '$.entity'
    WHERE stage = 'push' AND stream = coalesce(?1, stream) AND dead_letters.id = coalesce(?2, dead_letters.id))`;
