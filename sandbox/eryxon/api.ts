import type { Exchange } from '../http.ts';
import type { Answer } from '../types.ts';
import { type Table, tables } from '../types.ts';
import { requireRoom, type Surroundings } from './backend.ts';
import { postgresTime } from './columns.ts';
import { ApiError, badRequest, DatabaseError, failure, success } from './errors.ts';
import { functionOf, noRoute, preflight, unknownFunction } from './host.ts';
import { read } from './lists.ts';
import { wholeRow } from './render.ts';
import type { Store } from './store.ts';
import { definitions, type Incoming } from './tables.ts';
import { type Batch, upsert } from './upsert.ts';

/** What the functions work on. */
export interface Api {
  store: Store;
  surroundings: Surroundings;
  /** Without it `bulk-sync` does not exist. */
  bulk: boolean;
  /** Fall short of the documentation where v0.1.0 does. */
  released: boolean;
}

const largestBatch = 1000;
/** The released code takes fewer cells at once than the documentation says. */
const largestReleasedCellBatch = 100;
const supported = 'GET, POST, PATCH, DELETE, PUT';

/** Answers one request as the gateway and the five functions would. */
export function answer(api: Api, exchange: Exchange): Answer {
  const { name, rest } = functionOf(exchange.path);
  if (name === undefined) return noRoute();
  const table = tables.find((candidate) => `api-${candidate}` === name);
  if (table === undefined) return unknownFunction();
  if (exchange.method === 'OPTIONS') return preflight();
  try {
    api.surroundings.gate.pass(exchange.headers.authorization);
    return route(api, table, { exchange, action: rest.split('/').filter(Boolean).at(-1) ?? '' });
  } catch (error) {
    return failure(error);
  }
}

/** Only the last segment of the path counts, and with another method than its own it counts for nothing. */
function route(api: Api, table: Table, request: { exchange: Exchange; action: string }): Answer {
  const { exchange, action } = request;
  const { method } = exchange;
  if (method === 'PUT' && action === 'sync') return syncOne(api, table, exchange.body);
  if (method === 'POST' && action === 'bulk-sync') {
    return api.bulk ? syncMany(api, table, exchange.body) : unknownFunction();
  }
  const parameters = new URLSearchParams(exchange.query);
  if (method === 'GET') {
    if (api.released && table === 'operations') throw new Error(brokenOperationList);
    return read(api.store, table, parameters);
  }
  if (method === 'DELETE') return remove(api.store, table, parameters.get('id'));
  throw badRequest(`Method not allowed. Supported methods: ${supported}`);
}

/** Recorded: the list joins a table that has two relations to operations by now. */
const brokenOperationList =
  "Failed to fetch operations: Could not embed because more than one relationship was found for 'operations' and 'profiles'";

function syncOne(api: Api, table: Table, text: string): Answer {
  const body = parse(text);
  const { singular } = definitions[table];
  const known = api.store.bySource(table, String(body['external_source']), String(body['external_id']));
  if (known === undefined) requireRoom(api.surroundings, table, () => api.store.count(table));
  try {
    const { action, row } = upsert(batchOf(api, false), table, body);
    return success({ action, [singular]: wholeRow(table, row, body) }, action === 'created' ? 201 : 200);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new Error(`Failed to ${known === undefined ? 'create' : 'update'} ${singular}: ${error.message}`);
  }
}

interface Result {
  external_id: unknown;
  id?: string;
  action: string;
  error?: string;
}

function syncMany(api: Api, table: Table, text: string): Answer {
  const records = parse(text)[table];
  if (!Array.isArray(records)) throw badRequest(`${table} must be an array`);
  const largest = api.released && table === 'cells' ? largestReleasedCellBatch : largestBatch;
  if (records.length > largest) throw badRequest(`Maximum ${largest} ${table} per bulk-sync request`);
  const batch = batchOf(api, true);
  const counts = { created: 0, updated: 0, errors: 0 };
  const results = records.map((record: Incoming) => {
    const result = syncRecord(batch, table, record);
    counts[result.action === 'error' ? 'errors' : (result.action as 'created' | 'updated')] += 1;
    return result;
  });
  return success({ total: records.length, ...counts, results });
}

function syncRecord(batch: Batch, table: Table, record: Incoming): Result {
  const externalId = record['external_id'];
  try {
    const { action, row } = upsert(batch, table, record);
    return { external_id: externalId, id: row.id, action };
  } catch (error) {
    if (!(error instanceof ApiError || error instanceof DatabaseError)) throw error;
    return { external_id: externalId, action: 'error', error: error.message };
  }
}

function remove(store: Store, table: Table, id: string | null): Answer {
  const { singular } = definitions[table];
  const label = singular.charAt(0).toUpperCase() + singular.slice(1);
  if (!id) throw badRequest(`${label} ID is required in query string (?id=xxx)`);
  const row = store.byId(table, id);
  if (table === 'cells' && row !== undefined) refuseUsedCell(store, id);
  // Deleting a cell that is not there succeeds: its function never looks.
  if (row === undefined && table !== 'cells') {
    const name = table === 'resources' ? singular : label;
    throw new ApiError(404, 'NOT_FOUND', { message: `${name} with ID ${id} not found` });
  }
  if (row !== undefined) store.remove(table, row);
  if (table === 'resources') return success({ deleted: true, id });
  const message = `${label} deleted successfully`;
  return success(table === 'cells' ? { message } : { message, [`${singular}_id`]: id });
}

function refuseUsedCell(store: Store, id: string): void {
  for (const operation of store.rows('operations')) {
    if (operation.values['cell_id'] !== id) continue;
    const message = 'Cannot delete cell with existing operations. Consider deactivating instead.';
    throw new ApiError(409, 'CONFLICT', { message });
  }
}

function parse(text: string): Incoming {
  try {
    return JSON.parse(text) as Incoming;
  } catch {
    throw badRequest('Invalid JSON in request body');
  }
}

function batchOf(api: Api, bulk: boolean): Batch {
  const { store, released } = api;
  const { refuse, now } = api.surroundings;
  return { store, refuse, released, bulk, stamp: postgresTime(now()) };
}
