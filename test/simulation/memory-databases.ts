import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { commitStep } from './disk.ts';
import { put } from './memory-files.ts';

/** A connection that outlives those who open and close it, with every statement that was ever prepared on it. */
interface Connection {
  database: DatabaseSync;
  statements: Map<string, StatementSync>;
}

/** Rows by table. */
export type Rows = ReadonlyMap<string, readonly Record<string, never>[]>;

const connections = new Map<string, Connection>();
/** Connections to emptied ledgers: their tables are there. */
const spare: Connection[] = [];
const mostSpare = 4;

function statementOf({ database, statements }: Connection, sql: string): StatementSync {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const statement = database.prepare(sql);
  statements.set(sql, statement);
  return statement;
}

function tablesOf(connection: Connection, schema: string): string[] {
  const rows = statementOf(connection, `SELECT name FROM ${schema} WHERE type = 'table'`).all();
  return rows.map(({ name }) => String(name));
}

/**
 * Opens a database below the directory of memory. To open and to close one, and to prepare a hundred statements, costs as much as
 * several passes; so the connection stays, and closing only takes what a closed connection takes: a transaction and what is private.
 */
export function openInMemory(path: string): DatabaseSync {
  const connection = connections.get(path) ?? { database: new DatabaseSync(':memory:'), statements: new Map() };
  if (!connections.has(path)) {
    connections.set(path, connection);
    for (const name of [path, `${path}-wal`]) put(name, '');
  }
  const { database } = connection;
  let writing = false;
  const opened: Pick<DatabaseSync, 'exec' | 'prepare' | 'close' | 'isTransaction'> = {
    exec(sql) {
      writing = sql === 'BEGIN IMMEDIATE' || (writing && sql !== 'ROLLBACK');
      if (sql === 'COMMIT' && writing) commitStep();
      if (sql === 'COMMIT') writing = false;
      database.exec(sql);
    },
    prepare: (sql) => statementOf(connection, sql),
    get isTransaction() {
      return database.isTransaction;
    },
    close() {
      if (database.isTransaction) database.exec('ROLLBACK');
      for (const name of tablesOf(connection, 'sqlite_temp_schema'))
        statementOf(connection, `DELETE FROM temp.${name}`).run();
    },
  };
  return opened as DatabaseSync;
}

/** What a ledger holds. */
export function readRows(path: string): Rows {
  const connection = connections.get(path);
  if (connection === undefined) throw new Error(`There is no database ${path}.`);
  const rows = new Map<string, Record<string, never>[]>();
  for (const name of tablesOf(connection, 'sqlite_schema')) {
    rows.set(name, statementOf(connection, `SELECT * FROM ${name}`).all() as Record<string, never>[]);
  }
  return rows;
}

/** Where nothing is yet, a database with these rows. Needs one that has been given up, with the same tables; false when there is none. */
export function takeSpare(path: string, rows: Rows): boolean {
  const connection = spare.pop();
  if (connection === undefined) return false;
  connections.set(path, connection);
  for (const name of [path, `${path}-wal`]) put(name, '');
  for (const [name, values] of rows) {
    for (const row of values) {
      const columns = Object.keys(row);
      const sql = `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
      statementOf(connection, sql).run(...Object.values(row));
    }
  }
  return true;
}

/** Empties it; another run may have the connection. */
export function giveUp(path: string): void {
  const connection = connections.get(path);
  if (connection === undefined) return;
  connections.delete(path);
  const tables = tablesOf(connection, 'sqlite_schema');
  for (const name of tables) statementOf(connection, `DELETE FROM ${name}`).run();
  // Runs that make a state of their own besides leave more than the next ones take.
  if (tables.length > 0 && spare.length < mostSpare) spare.push(connection);
  else connection.database.close();
}
