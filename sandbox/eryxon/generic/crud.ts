import type { Answer, Table } from '../../types.ts';
import { coerce } from '../columns.ts';
import { badRequest, DatabaseError, success } from '../errors.ts';
import { createJob, createPart } from './create.ts';
import { notFound, read } from './lists.ts';
import { type Call, checkRefusal, isVisible, type Mes, parse, written } from './mes.ts';
import { syncMany, syncOne } from './sync.ts';

/** The five generic functions. With another method than its own, `sync` is a path like any other: POST to it creates. */
export function answerTable(mes: Mes, table: Table, call: Call): Answer {
  const { method, action, parameters, body } = call;
  if (method === 'PUT' && action === 'sync') return syncOne(mes, table, body);
  if (method === 'POST' && action === 'bulk-sync') return syncMany(mes, table, body);
  if (method === 'GET') return read(mes, table, parameters);
  if (method === 'POST') return create(mes, table, body);
  if (method === 'PATCH' || method === 'PUT') return update(mes, table, call);
  if (method === 'DELETE') return remove(mes, table, parameters.get('id'));
  throw badRequest(`Method ${method} not allowed`);
}

function create(mes: Mes, table: Table, text: string): Answer {
  const body = parse(text);
  if (table === 'jobs') return createJob(mes, body);
  if (table === 'parts') return createPart(mes, body);
  checkRefusal(mes, table, body);
  const { database } = mes;
  const [row] = saying(`Failed to create ${table}`, () => database.insert(table, [{ ...body, tenant_id: undefined }]));
  if (row === undefined) throw new Error('Nothing was created.');
  written(mes, table, row);
  return success({ [database.relations[table].singular]: row.columns }, 201);
}

/** Any column that is given, but for three; no timestamp moves, and no rule is looked at. */
function update(mes: Mes, table: Table, call: Call): Answer {
  const given = call.parameters.get('id');
  if (!given) throw badRequest('ID parameter is required for updates');
  const { tenant_id: _tenant, id: _id, created_at: _created, ...changes } = parse(call.body);
  const { database } = mes;
  const failure = `Failed to update ${table}`;
  const row = saying(failure, () => {
    database.check(table, changes);
    return database.byId(table, coerce('uuid', given));
  });
  // An update of no column finds no row either.
  const empty = Object.keys(changes).length === 0;
  if (row === undefined || empty || !isVisible(mes, table, row)) throw notFound(table, given);
  const { external_id, external_source } = row.columns;
  checkRefusal(mes, table, { external_id, external_source, ...changes });
  saying(failure, () => database.update(table, row, changes));
  written(mes, table, row);
  return success({ [database.relations[table].singular]: row.columns });
}

/** Whether anything was there to delete is not looked at. */
function remove(mes: Mes, table: Table, given: string | null): Answer {
  if (!given) throw badRequest('ID parameter is required for deletion');
  saying(`Failed to delete ${table}`, () => {
    const row = mes.database.byId(table, coerce('uuid', given));
    if (row !== undefined && isVisible(mes, table, row)) discard(mes, table, String(row.columns['id']));
  });
  return success({ message: 'Deleted successfully' });
}

/** Deletes as the table does. Throws `DatabaseError` for a cell that anything refers to, dead operations included. */
export function discard({ database, surroundings }: Mes, table: Table, id: string): void {
  const row = database.byId(table, id);
  if (row === undefined) return;
  if (!database.relations[table].softDelete) database.remove(table, row);
  else database.update(table, row, { deleted_at: surroundings.now().toISOString() });
}

/** Puts the sentence of the function before what the database says. */
function saying<T>(sentence: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof DatabaseError) throw new Error(`${sentence}: ${error.message}`);
    throw error;
  }
}
