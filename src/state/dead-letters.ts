import type { Entity, MesRecord } from '../core/types.ts';
import { type Database, limitTo, prepare, type Value } from './database.ts';
import type { BadRow, DeadLetter } from './store.ts';

export type LetterFilter = { stream?: string; id?: number };

/** What was set aside: rows that never became records, records that the MES refused. Methods that write belong into a transaction. */
export interface DeadLetters {
  any(stream: string): boolean;
  list(filter: LetterFilter): DeadLetter[];
  /** The refused records among these, by external id. */
  refused(source: string, entity: Entity, externalIds: readonly string[]): Map<string, MesRecord>;
  /** Content that failed again counts up; a row that was merely read again does not: then false. */
  addRow(stream: string, row: BadRow, now: Date): boolean;
  addRecord(stream: string, refusal: { key: string; reason: string; payload: string }, now: Date): void;
  settle(stream: string, keys: readonly string[]): void;
  /** Marks for another try, and lets the MES be asked again for the same content. */
  retry(filter: LetterFilter): number;
  drop(filter: LetterFilter): number;
  /** Those marked by hand and those whose pause is over, oldest first. */
  due(stream: string, limit: number, now: Date): { records: MesRecord[]; rows: unknown[]; letters: number[] };
  /** Settles letters that were tried again, unless they were refused again meanwhile. */
  settleRetried(ids: readonly number[], now: Date): void;
  /** `since` is when the oldest was set aside. */
  counts(): { stream: string; count: number; since: string }[];
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

function queries(database: Database): Pick<DeadLetters, 'any' | 'list' | 'refused' | 'due' | 'counts'> {
  const any = prepare(database, 'SELECT 1 FROM dead_letters WHERE stream = ? LIMIT 1');
  const list = prepare<LetterRow>(
    database,
    `SELECT id, stream, stage, key, reason, payload, count, first_at AS firstAt, last_at AS lastAt,
       next_at AS nextRetry, due
     FROM dead_letters WHERE ${chosen} ORDER BY id`,
  );
  const refused = prepare<{ payload: string }>(
    database,
    `SELECT payload FROM dead_letters WHERE stage = 'push' AND payload ->> '$.source' = ?
     AND key IN (SELECT ? || value FROM json_each(?)) ORDER BY last_at`,
  );
  const due = prepare<{ id: number; stage: string; payload: string }>(
    database,
    `SELECT id, stage, payload FROM dead_letters WHERE stream = ? AND (due = 1 OR next_at <= ?) ORDER BY id ${limitTo('?')}`,
  );
  const counts = prepare<{ stream: string; count: number; since: string }>(
    database,
    'SELECT stream, count(*) AS count, min(first_at) AS since FROM dead_letters GROUP BY stream',
  );
  return {
    any: (stream) => any.get(stream) !== undefined,
    list: (filter) => list.all(...chosenBy(filter)).map((row) => ({ ...row, due: row.due === 1 })),
    refused(source, entity, externalIds) {
      const letters = refused.all(source, `${entity}/`, JSON.stringify(externalIds));
      const records = letters.map(({ payload }): MesRecord => JSON.parse(payload));
      return new Map(records.map((record) => [record.externalId, record]));
    },
    due(stream, limit, now) {
      // Mostly there is none, and the look at each is the dearer one.
      if (any.get(stream) === undefined) return { records: [], rows: [], letters: [] };
      const letters = due.all(stream, now.toISOString(), limit);
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

function changes(database: Database): Omit<DeadLetters, 'any' | 'list' | 'refused' | 'due' | 'counts'> {
  const add = prepare(database, insert);
  const addUnlessSeen = prepare(
    database,
    `${insert} WHERE due = 1 OR next_at <= ?6 OR reason <> excluded.reason OR payload <> excluded.payload`,
  );
  const settle = prepare(
    database,
    'DELETE FROM dead_letters WHERE stream = ? AND key IN (SELECT value FROM json_each(?))',
  );
  const settleRetried = prepare(
    database,
    'DELETE FROM dead_letters WHERE (due = 1 OR next_at <= ?) AND id IN (SELECT value FROM json_each(?))',
  );
  const retry = prepare(database, `UPDATE dead_letters SET due = 1 WHERE ${chosen}`);
  const acceptAgain = prepare(database, acceptChosenAgain);
  const drop = prepare(database, `DELETE FROM dead_letters WHERE ${chosen}`);
  return {
    addRow: (stream, { stage, key, reason, payload }, now) =>
      addUnlessSeen.run(stream, stage, rowKey(key), reason, payload, ...nextTries(now)).changes > 0,
    addRecord: (stream, { key, reason, payload }, now) =>
      void add.run(stream, 'push', key, reason, payload, ...nextTries(now)),
    settle: (stream, keys) => void settle.run(stream, JSON.stringify(keys)),
    settleRetried: (ids, now) => void settleRetried.run(now.toISOString(), JSON.stringify(ids)),
    retry(filter) {
      acceptAgain.run(...chosenBy(filter));
      return Number(retry.run(...chosenBy(filter)).changes);
    },
    drop: (filter) => Number(drop.run(...chosenBy(filter)).changes),
  };
}

/** Minutes from a refusal to the next try, by the tries so far; after the last one a person decides. */
const pausesMinutes = [5, 30, 120, 480, 1440];

/** This moment, and the next try after each number of tries so far. */
function nextTries(now: Date): string[] {
  return [now, ...pausesMinutes.map((minutes) => new Date(now.getTime() + minutes * 60_000))].map((at) =>
    at.toISOString(),
  );
}

/** Other content begins anew; a try that a person asked for takes none of those that come by themselves. */
const retriesNow = `CASE WHEN payload <> excluded.payload THEN 0 WHEN due = 1 THEN retries ELSE retries + 1 END`;

/** ?6 is this moment, ?7 to ?11 the next try after none to four tries. */
const insert = `
  INSERT INTO dead_letters (stream, stage, key, reason, payload, count, first_at, last_at, due, retries, next_at)
  VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, 0, 0, ?7)
  ON CONFLICT (stream, key) DO UPDATE SET
    stage = excluded.stage, reason = excluded.reason, payload = excluded.payload,
    count = count + 1, last_at = excluded.last_at, due = 0, retries = ${retriesNow},
    next_at = CASE ${retriesNow} WHEN 0 THEN ?7 WHEN 1 THEN ?8 WHEN 2 THEN ?9 WHEN 3 THEN ?10 WHEN 4 THEN ?11 END`;

const acceptChosenAgain = `
  UPDATE records SET refused_hash = NULL WHERE (scope, external_id) IN (
    SELECT scopes.id, payload ->> '$.externalId' FROM dead_letters
    JOIN scopes ON source = payload ->> '$.source' AND entity = payload ->> '$.entity'
    WHERE stage = 'push' AND stream = coalesce(?1, stream) AND dead_letters.id = coalesce(?2, dead_letters.id))`;
