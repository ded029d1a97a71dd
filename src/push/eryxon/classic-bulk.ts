import { TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
import { type Batch, BatchRefusedError, type ReadyChange, type SinkResult, type Transport } from '../sink.ts';
import { type Answer, readAnswer } from './answers.ts';
import { classicBody, listBody, tables } from './bodies.ts';
import { jsonHeaders, requireStarting } from './request.ts';
import { missingParent, nameTaken, readVerdict, SchemaError } from './verdict.ts';

/**
 * The documented way: `POST /api-<table>/bulk-sync` with per-record results, 1 to 1000 records, also for a single one.
 * Resolves to undefined when this MES has no such endpoint.
 */
export async function deliverBulk(base: string, batch: Batch, transport: Transport): Promise<SinkResult[] | undefined> {
  const table = tables[batch.entity];
  const body = listBody(`{"${table}"`, batch.changes.map(classicBody));
  const path = `${base}/api-${table}/bulk-sync`;
  const answer = readAnswer(
    await transport.request({ method: 'POST', path, headers: jsonHeaders, body, carries: batch.changes }),
    `POST ${path}`,
  );
  requireStarting(answer, `api-${table}`);
  if (answer.status === 404 || answer.status === 405) return undefined;
  if (answer.data === undefined) throw refusal(answer);
  return matchResults(batch.changes, readResults(answer.data, path));
}

/** A refusal that names no record. */
export function refusal({ status, code, message }: Answer): BatchRefusedError {
  return new BatchRefusedError(`The MES refused it: HTTP ${status} ${code} ${message}`.trim());
}

function readResults(data: unknown, path: string): unknown[] {
  const results = isObject(data) ? data['results'] : undefined;
  if (Array.isArray(results)) return results;
  if (isObject(results)) {
    // Another generation than was found: the answer proves nothing about any record.
    throw new SchemaError(`${path} answers with counters only.`);
  }
  throw new TransientError(`The MES answered ${path} in a form that is not known.`);
}

/** By external id where the answer names one, by position where it does not. */
function matchResults(changes: readonly ReadyChange[], raw: readonly unknown[]): SinkResult[] {
  // Nearly always: one result a record, in the order sent.
  if (
    raw.length === changes.length &&
    changes.every((change, index) => idOf(raw[index]) === change.record.externalId)
  ) {
    return changes.map((change, index) => readResult(raw[index], change));
  }
  const known = new Map(changes.map((change) => [change.record.externalId, change]));
  const named = new Map<string, SinkResult>();
  for (const entry of raw) {
    const id = idOf(entry);
    if (id !== undefined) named.set(id, readResult(entry, known.get(id)));
  }
  return changes.map((change, index) => {
    const unnamed = raw.length === changes.length && idOf(raw[index]) === undefined;
    const placed = unnamed ? readResult(raw[index], change) : undefined;
    return named.get(change.record.externalId) ?? placed ?? { kind: 'unproven' };
  });
}

function idOf(entry: unknown): string | undefined {
  const id = isObject(entry) ? entry['external_id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

function readResult(entry: unknown, change: ReadyChange | undefined): SinkResult {
  if (!isObject(entry)) return { kind: 'unproven' };
  const { action, id, error } = entry;
  if (action === 'created' || action === 'updated') {
    return { kind: 'delivered', action, mesId: typeof id === 'string' ? id : null };
  }
  if (action !== 'error') return { kind: 'unproven' };
  return readRecordError(String(error ?? 'no reason given'), change);
}

/** A record's own error: its parent is missing, or it is refused. */
export function readRecordError(message: string, change: ReadyChange | undefined): SinkResult {
  const verdict = readVerdict(message);
  if (verdict.kind === 'duplicate' && change !== undefined && !verdict.constraint.endsWith('_external_sync')) {
    return { kind: 'refused', reason: nameTaken(change, verdict.constraint) };
  }
  if (verdict.kind !== 'missing-parent' || change === undefined) return { kind: 'refused', reason: message };
  return missingParent(verdict.parent, change, message);
}
