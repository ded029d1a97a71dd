import { hash } from 'node:crypto';
import type { Answer, Table } from '../../types.ts';
import { ApiError, badRequest, DatabaseError, success } from '../errors.ts';
import type { Incoming } from '../tables.ts';
import type { Row } from './database.ts';
import { jobFindings } from './job-rules.ts';
import { checkRefusal, findExternal, type Mes, parse, written } from './mes.ts';

const largestBatch = 1000;

/** PUT /api-x/sync: the body goes into the table column by column, with the marks of a synchronisation. */
export function syncOne(mes: Mes, table: Table, text: string): Answer {
  const body = parse(text);
  for (const name of ['external_id', 'external_source']) {
    if (!body[name]) throw badRequest(`${name} is required for sync operations`);
  }
  checkJob(table, body);
  checkRefusal(mes, table, body);
  const { singular } = mes.database.relations[table];
  try {
    const { action, row } = upsert(mes, table, body);
    return success({ [singular]: row.columns, action }, action === 'created' ? 201 : 200);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new Error(`Failed to sync ${table}: ${error.message}`);
  }
}

/** Throws the 422 of a job that its rules find fault with; no other table has rules. */
export function checkJob(table: Table, body: Incoming): void {
  const details = table === 'jobs' ? jobFindings(body) : [];
  if (details.length === 0) return;
  const message = `✗ ${details.length} validation error(s) in job`;
  throw new ApiError(422, 'VALIDATION_ERROR', { message, extra: { details } });
}

interface Counters {
  created: number;
  updated: number;
  failed: number;
  errors: { item: Incoming; error: unknown }[];
}

/** POST /api-x/bulk-sync: counts what was tried. What the database says to it is lost. */
export function syncMany(mes: Mes, table: Table, text: string): Answer {
  const items = itemsOf(table, parse(text));
  const results: Counters = { created: 0, updated: 0, failed: 0, errors: [] };
  for (const item of items) {
    const error = faultOf(mes, table, item);
    if (error === undefined) {
      results[tryItem(mes, table, item)] += 1;
    } else {
      results.failed += 1;
      results.errors.push({ item, error });
    }
  }
  return success({ results, total: items.length });
}

function itemsOf(table: Table, body: Incoming): Incoming[] {
  const items = [body['items'], body[table]].find((list) => Array.isArray(list)) as Incoming[] | undefined;
  if (items === undefined) {
    throw badRequest(`Request body must contain either "items" array or "${table}" array`);
  }
  if (items.length > largestBatch) throw badRequest(`Maximum ${largestBatch} items per bulk-sync request`);
  return items;
}

/** What is wrong with an item before the database sees it: a text, or the findings of the rules as a list. */
function faultOf(mes: Mes, table: Table, item: Incoming): unknown {
  try {
    for (const name of ['external_id', 'external_source']) if (!item[name]) return `${name} is required`;
    const findings = table === 'jobs' ? jobFindings(item) : [];
    if (findings.length > 0) return findings;
    return mes.surroundings.refuse(table, item);
  } catch (error) {
    return error instanceof Error ? error.message : 'Unknown error';
  }
}

function tryItem(mes: Mes, table: Table, item: Incoming): 'created' | 'updated' {
  const action = findExternal(mes, table, item) === undefined ? 'created' : 'updated';
  if (mes.surroundings.lies()) return action;
  try {
    upsert(mes, table, item);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
  }
  return action;
}

function upsert(mes: Mes, table: Table, body: Incoming): { action: 'created' | 'updated'; row: Row } {
  const existing = findExternal(mes, table, body);
  const stamp = mes.surroundings.now().toISOString();
  const marked = { ...body, tenant_id: undefined, synced_at: stamp, sync_hash: digest(JSON.stringify(body)) };
  if (existing === undefined) {
    const [row] = mes.database.insert(table, [marked]) as [Row];
    written(mes, table, row);
    return { action: 'created', row };
  }
  mes.database.update(table, existing, { ...marked, updated_at: stamp });
  written(mes, table, existing);
  return { action: 'updated', row: existing };
}

/** How this API shortens a SHA-256. */
export function digest(text: string): string {
  return hash('sha256', text).slice(0, 32);
}
