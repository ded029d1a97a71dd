import type { Answer, Table } from '../../types.ts';
import { type ColumnType, coerce, statuses, type Value } from '../columns.ts';
import { ApiError, DatabaseError, success } from '../errors.ts';
import type { Row } from './database.ts';
import { isVisible, type Mes } from './mes.ts';
import { checkReadable, selected } from './select.ts';

const defaultLimit = 100;
const largestLimit = 1000;

interface Rules {
  exact: readonly string[];
  partial: readonly string[];
  search: readonly string[];
  sort: readonly string[];
  /** The field sorted by when the one asked for is not in `sort`, and its direction. */
  sortedBy: readonly [field: string, direction: 'asc' | 'desc'];
}

const rules: Record<Table, Rules> = {
  cells: {
    exact: ['active'],
    partial: [],
    search: ['name'],
    sort: ['name', 'sequence', 'created_at'],
    sortedBy: ['sequence', 'asc'],
  },
  resources: {
    exact: ['type', 'status', 'active', 'external_source', 'external_id'],
    partial: [],
    search: ['name', 'description', 'identifier'],
    sort: ['name', 'type', 'status', 'created_at'],
    sortedBy: ['name', 'asc'],
  },
  jobs: {
    exact: ['status'],
    partial: ['customer', 'job_number'],
    search: ['job_number', 'customer'],
    sort: ['job_number', 'customer', 'due_date', 'created_at', 'status'],
    sortedBy: ['created_at', 'desc'],
  },
  parts: {
    exact: ['job_id', 'status'],
    partial: ['material'],
    search: ['part_number', 'material'],
    sort: ['part_number', 'created_at', 'status'],
    sortedBy: ['created_at', 'desc'],
  },
  operations: {
    exact: ['cell_id', 'part_id', 'status'],
    partial: [],
    search: ['operation_name'],
    sort: ['sequence', 'operation_name', 'created_at', 'status'],
    sortedBy: ['sequence', 'asc'],
  },
};

/** GET: one row by `?id=`, else a page with its place in the whole. Unknown parameters are ignored without a word. */
export function read(mes: Mes, table: Table, parameters: URLSearchParams): Answer {
  const id = parameters.get('id');
  try {
    checkReadable(mes.database, table);
    return id ? one(mes, table, id) : page(mes, table, parameters);
  } catch (error) {
    if (error instanceof DatabaseError) throw new Error(`Failed to fetch ${table}: ${error.message}`);
    throw error;
  }
}

function one(mes: Mes, table: Table, id: string): Answer {
  const row = mes.database.byId(table, coerce('uuid', id));
  if (row === undefined || !isVisible(mes, table, row)) throw notFound(table, id);
  return success({ [mes.database.relations[table].singular]: selected(mes.database, table, row) });
}

/** Named after the table, not after one row of it. */
export function notFound(table: Table, id: string): ApiError {
  return new ApiError(404, 'NOT_FOUND', { message: `${table} with ID ${id} not found` });
}

function page(mes: Mes, table: Table, parameters: URLSearchParams): Answer {
  const tests = testsOf(mes, table, parameters);
  const { limit, offset } = placeOf(parameters);
  // Rows that tie come in whatever order the database finds handy: here in the opposite one on every other page.
  const flipped = Math.floor(offset / limit) % 2 === 1;
  const all = sorted(mes, table, { ...orderOf(table, parameters), flipped });
  const found = tests.length === 0 ? all : all.filter((row) => tests.every((test) => test(row)));
  const total = found.length;
  if (Number.isNaN(limit + offset) || offset < 0 || offset > total) {
    throw new DatabaseError('Requested range not satisfiable');
  }
  const rows = found.slice(offset, offset + limit).map((row) => selected(mes.database, table, row));
  return success({ [table]: rows, pagination: { total, offset, limit } });
}

/** The place in a list that a request asks for; NaN where it gives no number. */
export function placeOf(parameters: URLSearchParams): { limit: number; offset: number } {
  const limit = Number.parseInt(parameters.get('limit') || String(defaultLimit), 10);
  const offset = Number.parseInt(parameters.get('offset') || '0', 10);
  return { limit: Math.min(Math.max(limit, 1), largestLimit), offset };
}

type Test = (row: Row) => boolean;

function testsOf({ database }: Mes, table: Table, parameters: URLSearchParams): Test[] {
  const tests: Test[] = [];
  for (const name of [...rules[table].exact, ...rules[table].partial]) {
    const given = parameters.get(name);
    if (given === null) continue;
    if (rules[table].partial.includes(name)) {
      tests.push(matching([name], given));
    } else {
      const wanted = coerce(database.relations[table].byName.get(name)?.type ?? 'text', given);
      tests.push((row) => row.columns[name] === wanted);
    }
  }
  const search = parameters.get('search');
  if (search) tests.push(searching(rules[table].search, search));
  return tests;
}

/** A comma or a bracket in what is searched for breaks the expression that it is pasted into. */
function searching(fields: readonly string[], search: string): Test {
  if (/[,()]/.test(search)) {
    const tree = fields.map((field) => `${field}.ilike.%${search}%`).join(',');
    throw new DatabaseError(`"failed to parse logic tree ((${tree}))" (line 1, column 1)`);
  }
  return matching(fields, search);
}

/** ILIKE between wildcards: `%`, `_` and, by grace of the layer above, `*` mean what they mean there. */
function matching(fields: readonly string[], pattern: string): Test {
  const source = pattern.replace(/\\(.)|([%*])|(_)|([.*+?^${}()|[\]\\])/gs, (...[whole, escaped, many, single]) => {
    if (many !== undefined) return '.*';
    if (single !== undefined) return '.';
    return escapeOf(escaped ?? whole);
  });
  const form = new RegExp(source, 'is');
  return ({ columns }) => fields.some((field) => columns[field] !== null && form.test(String(columns[field])));
}

function escapeOf(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

interface Order {
  field: string;
  ascending: boolean;
}

/** A field that is not allowed brings its direction to nothing as well; without `order` the default's direction holds. */
function orderOf(table: Table, parameters: URLSearchParams): Order {
  const [field, direction] = rules[table].sortedBy;
  const asked = parameters.get('sort') || field;
  if (!rules[table].sort.includes(asked)) return { field, ascending: direction === 'asc' };
  return { field: asked, ascending: (parameters.get('order') || direction) === 'asc' };
}

/** All visible rows in that order; kept, because whoever reads one page reads the next. */
function sorted(mes: Mes, table: Table, order: Order & { flipped: boolean }): readonly Row[] {
  const key = `${table} ${order.field} ${order.ascending} ${order.flipped}`;
  const version = mes.database.version(table);
  const known = mes.sorted.get(key);
  if (known?.version === version) return known.rows;
  const type = mes.database.relations[table].byName.get(order.field)?.type ?? 'text';
  const rows = [...mes.database.rows(table)].filter((row) => isVisible(mes, table, row));
  rows.sort(comparison(order, type));
  mes.sorted.set(key, { version, rows });
  return rows;
}

function comparison(order: Order & { flipped: boolean }, type: ColumnType): (a: Row, b: Row) => number {
  const { field, ascending, flipped } = order;
  const sign = ascending ? 1 : -1;
  return (a, b) => {
    const byValue = compare(rankOf(a.columns[field], type), rankOf(b.columns[field], type));
    if (byValue !== 0) return byValue * sign;
    if (field === 'created_at' && a.statement !== b.statement) return (a.statement - b.statement) * sign;
    return flipped ? a.place - b.place : b.place - a.place;
  };
}

/** Nulls are the largest of all, so that they come last on the way up. */
function compare(a: Value | undefined, b: Value | undefined): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return a < b ? -1 : 1;
}

function rankOf(value: Value | undefined, type: ColumnType): Value | undefined {
  return (type === 'job_status' || type === 'task_status') && value !== null ? statuses.indexOf(String(value)) : value;
}
