import type { Answer } from '../../types.ts';
import { postgresTime } from '../columns.ts';
import { badRequest, DatabaseError, success } from '../errors.ts';
import type { Incoming } from '../tables.ts';
import { diff } from './erp-diff.ts';
import {
  columnsOf,
  columnsOfNew,
  type Entity,
  entities,
  existingRows,
  hashOf,
  keyOf,
  parentIds,
} from './erp-entities.ts';
import { type Call, type Mes, parse, written } from './mes.ts';

type Action = 'created' | 'updated' | 'skipped' | 'error';

interface Result {
  external_id: unknown;
  id?: unknown;
  action: Action;
  error?: string;
}

interface Outcome {
  total: number;
  created: number;
  updated: number;
  skipped: number;
  errors: number;
  results: Result[];
  duration_ms: number;
}

const methodOf: Record<string, string> = { diff: 'POST', sync: 'POST', status: 'GET' };

/** /api-erp-sync, which knows jobs, parts and resources, and neither operations nor cells. */
export function erpSync(mes: Mes, { method, action, parameters, body }: Call): Answer {
  const allowed = methodOf[action];
  if (allowed === undefined) throw badRequest('Invalid endpoint. Use /diff, /sync, or /status');
  if (method !== allowed) {
    const message = `Method not allowed. Supported methods: ${allowed}`;
    const error = { code: 'METHOD_NOT_ALLOWED', message, statusCode: 405 };
    return { status: 405, body: JSON.stringify({ success: false, error }) };
  }
  if (action === 'status') return status(mes, parameters);
  return action === 'diff' ? diff(mes, parseStrictly(body)) : sync(mes, parseStrictly(body));
}

function parseStrictly(text: string): Incoming {
  try {
    return parse(text);
  } catch {
    throw badRequest('Invalid JSON in request body');
  }
}

function sync(mes: Mes, body: Incoming): Answer {
  const options = (body['options'] ?? {}) as Incoming;
  const started = mes.surroundings.now().getTime();
  const results: Partial<Record<Entity, Outcome>> = {};
  for (const entity of entities) {
    const records = body[entity];
    if (!Array.isArray(records) || records.length === 0) continue;
    const outcome = syncEntity(mes, entity, { records, skip: options['skip_unchanged'] !== false });
    if (options['record_history'] !== false) note(mes, entity, outcome);
    results[entity] = outcome;
  }
  const outcomes = Object.values(results);
  const sum = (name: 'total' | 'created' | 'updated' | 'skipped' | 'errors') =>
    outcomes.reduce((total, outcome) => total + outcome[name], 0);
  const summary = {
    total_entities: outcomes.length,
    total_records: sum('total'),
    total_created: sum('created'),
    total_updated: sum('updated'),
    total_skipped: sum('skipped'),
    total_errors: sum('errors'),
    duration_ms: mes.surroundings.now().getTime() - started,
  };
  return success({ summary, entities: results });
}

interface Change {
  id: unknown;
  externalId: unknown;
  columns: Incoming;
}

/** Errors and unchanged records come first in the results, then the new ones, then the changed ones. */
function syncEntity(mes: Mes, entity: Entity, request: { records: Incoming[]; skip: boolean }): Outcome {
  const { records, skip } = request;
  const started = mes.surroundings.now().getTime();
  const existing = existingRows(mes, entity, { records, asked: 'sync_hash' });
  const jobs = entity === 'parts' ? parentIds(mes, records) : new Map<unknown, unknown>();
  const results: Result[] = [];
  const fresh: Incoming[] = [];
  const changes: Change[] = [];
  for (const record of records) {
    const { external_id, external_source } = record;
    const jobId = record['job_id'] || jobs.get(record['job_external_id']);
    const error = faultOf(entity, record, jobId) ?? mes.surroundings.refuse(entity, record);
    if (error !== undefined) {
      results.push({ external_id: external_id || 'unknown', action: 'error', error });
      continue;
    }
    const row = existing.get(keyOf(record));
    const sync_hash = hashOf(record);
    const columns = { ...columnsOf[entity](record, jobId), synced_at: new Date(started).toISOString(), sync_hash };
    if (row === undefined) {
      fresh.push({ ...columns, ...columnsOfNew[entity](record), external_id, external_source });
    } else if (skip && row.columns['sync_hash'] === sync_hash) {
      results.push({ external_id, id: row.columns['id'], action: 'skipped' });
    } else {
      changes.push({
        id: row.columns['id'],
        externalId: external_id,
        columns: { ...columns, updated_at: columns.synced_at },
      });
    }
  }
  results.push(...insertAll(mes, entity, fresh), ...changes.map((change) => apply(mes, entity, change)));
  const count = (action: Action) => results.filter((result) => result.action === action).length;
  return {
    total: records.length,
    created: count('created'),
    updated: count('updated'),
    skipped: count('skipped'),
    errors: count('error'),
    results,
    duration_ms: mes.surroundings.now().getTime() - started,
  };
}

function faultOf(entity: Entity, record: Incoming, jobId: unknown): string | undefined {
  const has = (...names: string[]) => names.every((name) => record[name]);
  if (entity === 'resources') {
    const complete = has('external_id', 'external_source', 'name', 'type');
    return complete ? undefined : 'Missing required fields (external_id, external_source, name, type)';
  }
  if (!has('external_id', 'external_source', entity === 'jobs' ? 'job_number' : 'part_number')) {
    return 'Missing required fields';
  }
  return entity === 'parts' && !jobId ? 'job_id or valid job_external_id required' : undefined;
}

/** One statement for all: what is wrong with one of them is said of each. */
function insertAll(mes: Mes, entity: Entity, records: Incoming[]): Result[] {
  if (records.length === 0) return [];
  try {
    return mes.database.insert(entity, records).map((row) => {
      written(mes, entity, row);
      return { external_id: row.columns['external_id'], id: row.columns['id'], action: 'created' };
    });
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return records.map(({ external_id }) => ({ external_id, action: 'error', error: error.message }));
  }
}

function apply(mes: Mes, entity: Entity, { id, externalId, columns }: Change): Result {
  const row = mes.database.byId(entity, id);
  if (row === undefined) throw new Error(`The simulated database lost ${entity} ${String(id)}.`);
  try {
    mes.database.update(entity, row, columns);
    written(mes, entity, row);
    return { external_id: externalId, id, action: 'updated' };
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return { external_id: externalId, action: 'error', error: error.message };
  }
}

/** A call with errors counts as completed as long as anything was written. */
function note(mes: Mes, entity: Entity, outcome: Outcome): void {
  const { total, created, updated, skipped, errors, results } = outcome;
  const now = mes.surroundings.now();
  const failed = results.filter(({ action }) => action === 'error');
  mes.imports.push({
    id: mes.surroundings.mintId(),
    tenant_id: '11111111-1111-1111-1111-111111111111',
    entity_type: entity,
    operation: 'upsert',
    source: 'api_erp_sync',
    status: errors > 0 && created + updated === 0 ? 'failed' : 'completed',
    record_count: 0,
    total_records: total,
    created_count: created,
    updated_count: updated,
    skipped_count: skipped,
    error_count: errors,
    sync_hash: null,
    // Kept as jsonb, which has an order of keys of its own.
    errors: errors > 0 ? failed.map(({ error, action, external_id }) => ({ error, action, external_id })) : null,
    metadata: {},
    started_at: postgresTime(new Date(now.getTime() - outcome.duration_ms)),
    completed_at: postgresTime(now),
    created_at: postgresTime(now),
  });
}

const shownByDefault = 20;
const shownAtMost = 100;

function status(mes: Mes, parameters: URLSearchParams): Answer {
  const [entity, source] = [parameters.get('entity_type'), parameters.get('source')];
  const limit = Math.min(Number.parseInt(parameters.get('limit') || String(shownByDefault), 10), shownAtMost);
  const history = mes.imports
    .filter((entry) => (!entity || entry['entity_type'] === entity) && (!source || entry['source'] === source))
    .toReversed()
    .slice(0, limit);
  const count = (value: string) => history.filter((entry) => entry['status'] === value).length;
  const sum = (name: string) => history.reduce((total, entry) => total + Number(entry[name]), 0);
  const stats = {
    total_syncs: history.length,
    successful: count('completed'),
    failed: count('failed'),
    total_created: sum('created_count'),
    total_updated: sum('updated_count'),
    total_errors: sum('error_count'),
  };
  return success({ stats, history });
}
