import { PermanentError, TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
import { BatchInterruptedError, type ReadyChange, type SinkResult } from '../sink.ts';
import { readAnswer } from './answers.ts';
import { classicBody, tables } from './bodies.ts';
import { readRecordError } from './classic-bulk.ts';
import { type Call, jsonHeaders, requireStarting } from './request.ts';

/** One `PUT /api-<table>/sync` a record, for installations without bulk-sync; one after the other, so that keys cannot race. */
export async function deliverSingly(call: SingleCall, changes: readonly ReadyChange[]): Promise<SinkResult[]> {
  const results: SinkResult[] = [];
  try {
    for (const change of changes)
      results.push(call.session.planLimit.waiting(change) ?? (await deliverOne(call, change)));
  } catch (error) {
    throw results.length === 0 ? error : new BatchInterruptedError(results, error);
  }
  return results;
}

type SingleCall = Pick<Call, 'base' | 'entity' | 'transport' | 'session'>;

async function deliverOne({ base, entity, transport, session }: SingleCall, change: ReadyChange): Promise<SinkResult> {
  const path = `${base}/api-${tables[entity]}/sync`;
  const body = classicBody(change);
  const request = { method: 'PUT', path, headers: jsonHeaders, body, carries: [change] } as const;
  const answer = readAnswer(await transport.request(request), `PUT ${path}`);
  requireStarting(answer, `api-${tables[entity]}`);
  if (answer.status === 404 || answer.status === 405) {
    throw new PermanentError(`The MES knows neither bulk-sync nor sync at ${path}. Check mes.url.`);
  }
  if (answer.data === undefined) {
    const beyondPlan = session.planLimit.refused(entity, answer);
    return beyondPlan ?? readRecordError(answer.message || `HTTP ${answer.status} ${answer.code}`, change);
  }
  const { action, id } = isObject(answer.data) ? answer.data : {};
  if (action !== 'created' && action !== 'updated') {
    throw new TransientError(`The MES answered PUT ${path} in a form that is not known.`);
  }
  if (action === 'created') session.planLimit.taken(entity);
  const row = isObject(answer.data) ? answer.data[change.record.entity] : undefined;
  const mesId = id ?? (isObject(row) ? row['id'] : undefined);
  return { kind: 'delivered', action, mesId: typeof mesId === 'string' ? mesId : null };
}
