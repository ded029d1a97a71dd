import type { Database, Row } from '../database.ts';
import type { Column, Table } from '../schema.ts';
import type { Prepared, Source } from './scope.ts';
import type { Session, SqlValue } from './values.ts';

/** What statements are run against. */
export interface Target {
  database: Database;
  session: Session;
  /** Throws when the table does not exist or the role may not see it. */
  table(name: string): Table;
  /** False for rows that the role may not see; they are left out without a word. Absent when it may see all. */
  shows?: ((table: string, row: Row) => boolean) | undefined;
  /** What BUILTIN.DF and BUILTIN.CF show of a column of a row. */
  display(column: Column, row: Row): SqlValue;
  code(column: Column, row: Row): SqlValue;
  /** Turns with every request: what a statement leaves open comes in another order every time. */
  turn: number;
}

/** A source of a query with the place where its rows come from: a table, or a query instead. */
export interface Supplied extends Source {
  prepared?: Prepared;
}
