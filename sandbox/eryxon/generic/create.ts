import type { Answer, Table } from '../../types.ts';
import { requireRoom } from '../backend.ts';
import { ApiError, badRequest, DatabaseError, success } from '../errors.ts';
import type { Incoming } from '../tables.ts';
import type { Columns } from './database.ts';
import { checkRefusal, countOf, type Mes, written } from './mes.ts';
import { checkJob } from './sync.ts';

interface Failures {
  parts: { part: Incoming; error: string }[];
  operations: { operation: Incoming; part_id: unknown; error: string }[];
}

/**
 * POST /api-jobs: a job with nested parts and operations, one statement each and no transaction. Children that fail are
 * told of in `warnings` of an answer that is a success all the same.
 */
export function createJob(mes: Mes, body: Incoming): Answer {
  checkJob('jobs', body);
  requireRoom(mes.surroundings, 'jobs', () => countOf(mes, 'jobs'));
  const { parts, ...own } = body;
  const job = insertOrFail(mes, 'jobs', own);
  const failures: Failures = { parts: [], operations: [] };
  const created: Incoming[] = [];
  for (const part of listOf(parts)) {
    const { operations, ...ownPart } = part;
    const result = attempt(mes, 'parts', { ...ownPart, job_id: job['id'], status: ownPart['status'] || 'not_started' });
    if (typeof result === 'string') {
      failures.parts.push({ part: ownPart, error: result });
      continue;
    }
    created.push({ ...result, operations: createOperations(mes, { part: result, operations, failures }) });
  }
  const count = { failed_parts: failures.parts.length, failed_operations: failures.operations.length };
  const message = 'Job created but some nested resources failed';
  const failed = count.failed_parts + count.failed_operations > 0;
  const warnings = failed ? { warnings: { message, ...count, details: failures } } : {};
  return success({ job: { ...job, parts: created, ...warnings } }, 201);
}

/** POST /api-parts: a part with nested operations. Operations that fail are left out without a word. */
export function createPart(mes: Mes, body: Incoming): Answer {
  for (const name of ['part_number', 'job_id']) if (!body[name]) throw badRequest(`${name} is required`);
  requireRoom(mes.surroundings, 'parts', () => countOf(mes, 'parts'));
  const { operations, ...own } = body;
  const part = insertOrFail(mes, 'parts', { ...own, status: own['status'] || 'not_started' });
  const list = listOf(operations).map((operation) => ({ ...operation, status: 'not_started' }));
  return success({ part: { ...part, operations: createOperations(mes, { part, operations: list }) } }, 201);
}

function createOperations(mes: Mes, nested: { part: Columns; operations: unknown; failures?: Failures }): Columns[] {
  const { part, operations, failures } = nested;
  const created: Columns[] = [];
  for (const [index, operation] of listOf(operations).entries()) {
    const { sequence, status } = operation;
    const result = attempt(mes, 'operations', {
      ...operation,
      part_id: part['id'],
      sequence: sequence || index + 1,
      status: status || 'not_started',
    });
    if (typeof result === 'string') failures?.operations.push({ operation, part_id: part['id'], error: result });
    else created.push(result);
  }
  return created;
}

function listOf(given: unknown): Incoming[] {
  return Array.isArray(given) ? given : [];
}

function insertOrFail(mes: Mes, table: 'jobs' | 'parts', body: Incoming): Columns {
  checkRefusal(mes, table, body);
  try {
    return insert(mes, table, body);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new Error(`Failed to create ${mes.database.relations[table].singular}: ${error.message}`);
  }
}

/** The row as it was stored, or the text of what was wrong. */
function attempt(mes: Mes, table: Table, body: Incoming): Columns | string {
  try {
    checkRefusal(mes, table, body);
    return insert(mes, table, body);
  } catch (error) {
    if (error instanceof DatabaseError || error instanceof ApiError) return error.message;
    throw error;
  }
}

function insert(mes: Mes, table: Table, body: Incoming): Columns {
  const [row] = mes.database.insert(table, [{ ...body, tenant_id: undefined }]);
  if (row === undefined) throw new Error('Nothing was created.');
  written(mes, table, row);
  return row.columns;
}
