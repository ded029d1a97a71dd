import type { Answer, Table } from '../../types.ts';
import type { Surroundings } from '../backend.ts';
import { badRequest } from '../errors.ts';
import type { Traits } from '../generation.ts';
import type { Incoming } from '../tables.ts';
import type { Database, Row } from './database.ts';

/** What the generic functions work on. */
export interface Mes {
  database: Database;
  traits: Traits;
  surroundings: Surroundings;
  /** Writes through the API by table and external id, of rows that are gone as well. */
  writes: Record<Table, Map<string, number>>;
  /** What erp-sync notes of itself, latest last. */
  imports: Incoming[];
  /** Rows in an order that a list asked for, as long as the table does not change. */
  sorted: Map<string, { version: number; rows: Row[] }>;
}

/** A request as a function sees it: `action` is the last segment of the path, which may be the function's own name. */
export interface Call {
  method: string;
  action: string;
  parameters: URLSearchParams;
  body: string;
}

/** One function of the API. Throws `ApiError`, or anything else for a 500 with the error's text. */
export type ApiFunction = (mes: Mes, call: Call) => Answer;

/** Reads a body the way these functions do: what is no JSON ends as a 500 in the words of the parser. */
export function parse(text: string): Incoming {
  return JSON.parse(text) as Incoming;
}

/** Counts a write for the hook of that name. */
export function written(mes: Mes, table: Table, row: Row): void {
  const externalId = row.columns['external_id'];
  if (typeof externalId !== 'string') return;
  mes.writes[table].set(externalId, (mes.writes[table].get(externalId) ?? 0) + 1);
}

/** Throws the 400 of a record that a test wants refused. */
export function checkRefusal(mes: Mes, table: Table, body: Incoming): void {
  const refusal = mes.surroundings.refuse(table, body);
  if (refusal !== undefined) throw badRequest(refusal);
}

/** Alive, or of a table whose rows never count as dead. */
export function isVisible({ database }: Mes, table: Table, row: Row): boolean {
  return !database.relations[table].softDelete || row.columns['deleted_at'] === null;
}

/** What the functions find under an external key: never a dead row, though its key stays taken. */
export function findExternal(mes: Mes, table: Table, record: Incoming): Row | undefined {
  const row = mes.database.bySource(table, String(record['external_source']), String(record['external_id']));
  return row !== undefined && isVisible(mes, table, row) ? row : undefined;
}

/** Rows that are alive. */
export function countOf(mes: Mes, table: Table): number {
  return [...mes.database.rows(table)].filter((row) => isVisible(mes, table, row)).length;
}
