import type { Table } from '../types.ts';
import type { Refusal } from './backend.ts';
import { ApiError, badRequest, DatabaseError } from './errors.ts';
import type { Row, Store } from './store.ts';
import { type Definition, definitions, type Incoming, type Reference } from './tables.ts';

/** What all records of one request share. */
export interface Batch {
  store: Store;
  refuse: Refusal;
  /** Time of the request as PostgreSQL prints it. */
  stamp: string;
  /** Texts and rules of `bulk-sync` instead of those of `PUT sync`. */
  bulk: boolean;
  /** The rules of the released code where they fall short of the documentation. */
  released: boolean;
  /** The place of the next cell that comes without one; looked up when first needed. */
  nextSequence?: number;
}

/** What became of one record. */
export interface Outcome {
  action: 'created' | 'updated';
  row: Row;
}

/**
 * Creates or updates one record by (external_source, external_id), then its nested children.
 * Throws `ApiError` for what the handlers check and `DatabaseError` for what the database refuses.
 */
export function upsert(batch: Batch, table: Table, body: Incoming): Outcome {
  const definition = definitions[table];
  checkRequired(batch, definition, body);
  const source = String(body['external_source']);
  const parents = parentsOf(batch, definition, { body, source });
  const refusal = batch.refuse(table, body);
  if (refusal !== undefined) throw badRequest(refusal);
  const outcome = write(batch, table, { body, source, parents });
  if (table === 'jobs' && Array.isArray(body['parts'])) nestParts(batch, outcome.row, body['parts'] as Incoming[]);
  return outcome;
}

function checkRequired(batch: Batch, definition: Definition, body: Incoming): void {
  const required = definition.required;
  if (batch.bulk) {
    if (!body['external_id'] || !body['external_source']) {
      throw badRequest('external_id and external_source are required');
    }
    if (required.some((name) => !body[name])) throw badRequest(definition.requiredInBulk);
    return;
  }
  for (const name of ['external_id', 'external_source']) {
    if (!body[name]) throw badRequest(`${name} is required for sync operations`);
  }
  for (const name of required) {
    if (!body[name]) throw badRequest(`${name} is required`);
  }
}

interface Named {
  body: Incoming;
  source: string;
}

function parentsOf(batch: Batch, definition: Definition, record: Named): Incoming {
  const parents: Incoming = {};
  for (const reference of definition.references) {
    const id = parentId(batch, reference, record);
    if (!id) {
      const valid = batch.bulk ? 'valid ' : '';
      throw badRequest(`${reference.column} or ${valid}${reference.alias} is required`);
    }
    parents[reference.column] = id;
  }
  return parents;
}

/**
 * The uuid given or the one behind the alias, which bulk requests look up in any source. Absent and not found are one thing to
 * this API.
 */
function parentId({ store, bulk }: Pick<Batch, 'store' | 'bulk'>, reference: Reference, named: Named): unknown {
  const { body, source } = named;
  const given = body[reference.column];
  const alias = body[reference.alias];
  if (given || !alias) return given;
  if (reference.by === 'external') {
    const id = String(alias);
    return (bulk ? store.byExternalId(reference.table, id) : store.bySource(reference.table, source, id))?.id;
  }
  const [only, second] = store.byKey(reference.table, String(alias));
  return second === undefined ? only?.id : undefined;
}

function write(batch: Batch, table: Table, record: Named & { parents: Incoming }): Outcome {
  const { store, stamp } = batch;
  const { body, source, parents } = record;
  const externalId = String(body['external_id']);
  const existing = store.bySource(table, source, externalId);
  const columns = Object.assign(definitions[table].read(body, existing === undefined), parents);
  if (batch.released) restrict(columns, batch.bulk && existing !== undefined && table !== 'resources');
  if (existing !== undefined) {
    store.update(table, existing, { columns, stamp });
    return { action: 'updated', row: existing };
  }
  if (table === 'cells') columns['sequence'] = placeOf(batch, columns['sequence']);
  return { action: 'created', row: store.insert(table, columns, { externalId, source, stamp }) };
}

/** v0.1.0 knows no planned times, and its bulk updates of jobs, parts and operations never write a status. */
function restrict(columns: Incoming, keepStatus: boolean): void {
  columns['planned_start'] = undefined;
  columns['planned_end'] = undefined;
  if (keepStatus) columns['status'] = undefined;
}

/** A new cell without a sequence goes to the end; a single sync takes an explicit null for a value, as its code does. */
function placeOf(batch: Batch, given: unknown): unknown {
  if (given !== undefined && (given !== null || !batch.bulk)) return given;
  if (batch.nextSequence === undefined) {
    let last = 0;
    for (const row of batch.store.rows('cells')) last = Math.max(last, Number(row.values['sequence']));
    batch.nextSequence = last + 1;
  }
  batch.nextSequence += 1;
  return batch.nextSequence - 1;
}

/** Children inherit the source of the job. Incomplete ones are skipped and errors of children are lost, without a word. */
function nestParts(batch: Batch, job: Row, parts: Incoming[]): void {
  for (const part of parts) {
    if (!part['external_id'] || !part['part_number']) continue;
    const row = nest(batch, 'parts', { body: part, source: job.source, parents: { job_id: job.id } });
    if (row !== undefined && Array.isArray(part['operations'])) {
      nestOperations(batch, row, part['operations'] as Incoming[]);
    }
  }
}

function nestOperations(batch: Batch, part: Row, operations: Incoming[]): void {
  const [, cell] = definitions.operations.references;
  if (cell === undefined) return;
  for (const body of operations) {
    if (!body['external_id'] || !body['operation_name']) continue;
    const cellId = parentId(batch, cell, { body, source: part.source });
    if (!cellId) continue;
    nest(batch, 'operations', { body, source: part.source, parents: { part_id: part.id, cell_id: cellId } });
  }
}

function nest(batch: Batch, table: Table, child: Named & { parents: Incoming }): Row | undefined {
  try {
    // The status of a nested child is never read.
    return write(batch, table, { ...child, body: { ...child.body, status: undefined } }).row;
  } catch (error) {
    if (error instanceof DatabaseError || error instanceof ApiError) return undefined;
    throw error;
  }
}
