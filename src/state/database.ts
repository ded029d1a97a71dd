import { closeSync, fdatasync, openSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { systemCode } from './failure.ts';

export type Database = DatabaseSync;
export type Value = string | number | null;

/** A prepared statement whose rows have the shape that its SQL names. */
export interface Statement<Row = never> {
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
  run(...values: Value[]): { changes: number | bigint; lastInsertRowid: number | bigint };
}

const busyTimeoutMs = 1000;

/** Opens the database of that path; a simulation has its own. */
export type OpenDatabase = (path: string, options: { readOnly: boolean }) => Database;

/** Opens a database file; a new one can be read by nobody else. Waits up to a second for another's lock. */
export function openDatabase(path: string, options: { readOnly: boolean }): Database {
  if (!options.readOnly) createPrivately(path);
  return new DatabaseSync(path, { readOnly: options.readOnly, timeout: busyTimeoutMs });
}

/** A private database in a temporary file of the system's, gone when it is closed; nothing of it need survive anything. */
export function openScratchDatabase(): Database {
  const database = new DatabaseSync('');
  database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384');
  return database;
}

/** Prepared when it is first used: an idle daemon, and each of a thousand short ones, never needs most of its statements. */
export function prepare<Row = never>(database: Database, sql: string): Statement<Row> {
  let statement: Statement<Row> | undefined;
  const ready = () => {
    statement ??= database.prepare(sql) as unknown as Statement<Row>;
    return statement;
  };
  return {
    get: (...values) => ready().get(...values),
    all: (...values) => ready().all(...values),
    run: (...values) => ready().run(...values),
  };
}

/** As `prepare`, with each row as an array in the order of its columns: half the time of objects for rows by the thousand. */
export function prepareArrays<Row extends readonly Value[]>(database: Database, sql: string): Statement<Row> {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement as unknown as Statement<Row>;
}

/**
 * SQL: no more rows than this parameter says. With a bare `LIMIT ?` SQLite 3.53 compiles the statement anew for every value that is
 * bound, which takes twenty times as long as to find that there is nothing.
 */
export function limitTo(parameter: string): string {
  return `LIMIT 0 + ${parameter}`;
}

/** All or nothing: what throws inside, or fails to become durable, has changed nothing. */
export function transaction<T>(database: Database, work: () => T): T {
  return within(database, 'BEGIN IMMEDIATE', work);
}

/** Reads of one moment, in half the time that they take one by one: each by itself takes and gives back the file's locks. */
export function readTogether<T>(database: Database, work: () => T): T {
  return within(database, 'BEGIN', work);
}

function within<T>(database: Database, begin: string, work: () => T): T {
  database.exec(begin);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Puts a database's write-ahead log on the disk. */
export interface LogFlush {
  /** Resolves when everything committed before the call survives a power cut. */
  flush(): Promise<void>;
  close(): void;
}

/**
 * Flushes beside the event loop what SQLite itself, with `synchronous = FULL`, would make the whole process wait for. Needs
 * `synchronous = NORMAL`, with which SQLite still orders log and database at checkpoints, so that a power cut can take the
 * latest commits but never damage the file.
 */
export function createLogFlush(path: string): LogFlush {
  // Closing it drops no lock: SQLite's are on the database and its shared memory, none on the log.
  let log: number | undefined;
  return {
    async flush() {
      log ??= openSync(`${path}-wal`, 'r+');
      const file = log;
      await new Promise<void>((resolve, reject) => {
        fdatasync(file, (error) => (error === null ? resolve() : reject(error)));
      });
    },
    close() {
      if (log !== undefined) closeSync(log);
      log = undefined;
    },
  };
}

/** Copies a database in use into a new file, a few pages at a time beside other work; what is committed meanwhile is in the copy. */
export async function copyDatabase(database: Database, path: string): Promise<void> {
  createPrivately(path);
  await backup(database, path, { rate: 1000 });
}

/**
 * Exclusively, so that an existing file is not even opened: closing any handle of a file drops every POSIX lock that this
 * process holds on it, SQLite's too.
 */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}
