import type { Answer } from '../../types.ts';
import { success } from '../errors.ts';
import type { Incoming } from '../tables.ts';
import {
  changesOf,
  type Entity,
  entities,
  existingRows,
  hashOf,
  keyOf,
  type LookUp,
  parentIds,
} from './erp-entities.ts';
import type { Mes } from './mes.ts';

const askedFor: Record<Entity, string> = {
  jobs: 'job_number customer due_date priority status sync_hash',
  parts: 'part_number material quantity status sync_hash',
  resources: 'name type status sync_hash',
};

interface Verdict {
  status: 'create' | 'update' | 'unchanged' | 'error';
  existing_id?: unknown;
  changes?: string[];
  error?: string;
}

/** POST /api-erp-sync/diff: what a sync would do, as far as keys and hashes tell; parents are looked for in the database only. */
export function diff(mes: Mes, body: Incoming): Answer {
  const results: Incoming = {};
  const summary = {
    total_entities: 0,
    total_records: 0,
    total_to_create: 0,
    total_to_update: 0,
    total_unchanged: 0,
    total_errors: 0,
  };
  for (const entity of entities) {
    if (!Array.isArray(body[entity])) continue;
    const result = diffEntity(mes, entity, body[entity] as Incoming[]);
    results[entity] = result;
    summary.total_entities += 1;
    summary.total_records += result.total;
    summary.total_to_create += result.to_create;
    summary.total_to_update += result.to_update;
    summary.total_unchanged += result.unchanged;
    summary.total_errors += result.errors;
  }
  return success({ summary, entities: results });
}

function diffEntity(mes: Mes, entity: Entity, records: Incoming[]) {
  const existing = existingRows(mes, entity, { records, asked: askedFor[entity] });
  const jobs = entity === 'parts' ? parentIds(mes, records) : new Map<unknown, unknown>();
  const verdicts = records.map((record) => {
    const error = faultOf(entity, record) ?? (entity === 'parts' ? orphanage(record, jobs) : undefined);
    const verdict = error === undefined ? verdictOf(entity, record, existing) : { status: 'error' as const, error };
    const { external_id, external_source } = record;
    return { external_id: external_id || 'unknown', external_source: external_source || 'unknown', ...verdict };
  });
  const count = (status: Verdict['status']) => verdicts.filter((verdict) => verdict.status === status).length;
  return {
    entity_type: entity,
    total: records.length,
    to_create: count('create'),
    to_update: count('update'),
    unchanged: count('unchanged'),
    errors: count('error'),
    records: verdicts,
  };
}

function verdictOf(entity: Entity, record: Incoming, existing: LookUp): Verdict {
  const row = existing.get(keyOf(record));
  if (row === undefined) return { status: 'create' };
  const existing_id = row.columns['id'];
  if (row.columns['sync_hash'] === hashOf(record)) return { status: 'unchanged', existing_id };
  return { status: 'update', existing_id, changes: changesOf(entity, row, record) };
}

function faultOf(entity: Entity, record: Incoming): string | undefined {
  if (!record['external_id'] || !record['external_source']) return 'external_id and external_source are required';
  if (entity === 'jobs') return record['job_number'] ? undefined : 'job_number is required';
  if (entity === 'parts') return record['part_number'] ? undefined : 'part_number is required';
  return record['name'] && record['type'] ? undefined : 'name and type are required';
}

function orphanage(part: Incoming, jobs: ReadonlyMap<unknown, unknown>): string | undefined {
  const external = part['job_external_id'];
  if (part['job_id'] || jobs.has(external)) return undefined;
  return external ? `Job with external_id "${external}" not found` : 'job_id or job_external_id is required';
}
