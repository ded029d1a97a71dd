import type { Answer, Table } from '../types.ts';
import { coerce } from './columns.ts';
import { ApiError, DatabaseError, success } from './errors.ts';
import { embeddedParts, listedRow, wholeRow } from './render.ts';
import type { Row, Store } from './store.ts';
import { definitions } from './tables.ts';

const defaultLimit = 100;
const largestLimit = 1000;

/** Columns compared as they are; every other parameter is ignored without a word, as in the real functions. */
const exact: Record<Table, readonly string[]> = {
  cells: ['active'],
  resources: ['type', 'status', 'active'],
  jobs: ['status'],
  parts: ['job_id', 'status'],
  operations: ['part_id', 'cell_id', 'status'],
};
const partial: Record<Table, readonly string[]> = {
  cells: [],
  resources: [],
  jobs: ['customer', 'job_number'],
  parts: ['material', 'part_number'],
  operations: [],
};

/** GET: one row by `?id=`, else a page. Shapes differ by table; nothing but resources shows external ids. */
export function read(store: Store, table: Table, parameters: URLSearchParams): Answer {
  const { singular } = definitions[table];
  const id = parameters.get('id');
  if (id !== null) return success({ [singular]: one(store, table, id) });
  return list(store, table, parameters);
}

function one(store: Store, table: Table, id: string): object {
  const row = store.byId(table, coerceOrFail(table, 'uuid', id));
  if (row === undefined) {
    throw new ApiError(404, 'NOT_FOUND', { message: `${definitions[table].singular} with ID ${id} not found` });
  }
  return wholeRow(table, row);
}

function list(store: Store, table: Table, parameters: URLSearchParams): Answer {
  const found = matching(store, table, parameters);
  if (table === 'cells') {
    const ordered = found.toSorted((a, b) => Number(a.values['sequence']) - Number(b.values['sequence']));
    return success({ cells: ordered.map((row) => listedRow(store, table, row)) });
  }
  const { limit, offset } = pageOf(parameters);
  const total = found.length;
  if (Number.isNaN(limit + offset) || offset < 0 || offset > total) {
    throw new Error(`Failed to fetch ${table}: Requested range not satisfiable`);
  }
  // Newest first; resources by name.
  const ordered =
    table === 'resources'
      ? found.toSorted((a, b) => (String(a.values['name']) < String(b.values['name']) ? -1 : 1))
      : found.reverse();
  const page = ordered.slice(offset, offset + limit);
  const rows = page.map((row) => listedRow(store, table, row));
  if (table === 'resources') return success({ resources: rows }, 200, { pagination: { limit, offset, total } });
  if (table === 'jobs') {
    const parts = embeddedParts(store, page);
    for (const row of rows) row['parts'] = parts.get(String(row['id'])) ?? [];
  }
  return success(rows, 200, { pagination: { limit, offset, total } });
}

function pageOf(parameters: URLSearchParams): { limit: number; offset: number } {
  const limit = Number.parseInt(parameters.get('limit') || String(defaultLimit), 10);
  return {
    limit: limit < 1 ? defaultLimit : Math.min(limit, largestLimit),
    offset: Number.parseInt(parameters.get('offset') || '0', 10),
  };
}

function matching(store: Store, table: Table, parameters: URLSearchParams): Row[] {
  const tests: ((row: Row) => boolean)[] = [];
  for (const { name, type } of definitions[table].columns) {
    const given = parameters.get(name);
    if (given === null || given === '') continue;
    if (exact[table].includes(name)) {
      const wanted = coerceOrFail(table, type, given);
      tests.push((row) => row.values[name] === wanted);
    } else if (partial[table].includes(name)) {
      const wanted = given.toLowerCase();
      tests.push((row) => String(row.values[name]).toLowerCase().includes(wanted));
    }
  }
  if (table === 'resources') tests.push(...externalTests(parameters));
  return [...store.rows(table)].filter((row) => tests.every((test) => test(row)));
}

function externalTests(parameters: URLSearchParams): ((row: Row) => boolean)[] {
  const source = parameters.get('external_source');
  const externalId = parameters.get('external_id');
  return [(row) => !source || row.source === source, (row) => !externalId || row.externalId === externalId];
}

function coerceOrFail(table: Table, ...[type, value]: Parameters<typeof coerce>): unknown {
  try {
    return coerce(type, value);
  } catch (error) {
    if (error instanceof DatabaseError) throw new Error(`Failed to fetch ${table}: ${error.message}`);
    throw error;
  }
}
