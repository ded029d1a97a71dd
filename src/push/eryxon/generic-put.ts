import { TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
import { isHeld } from '../../core/records.ts';
import type { ReadyChange, SinkResult } from '../sink.ts';
import { prepare } from './prepare.ts';
import { decideNext, refusalText } from './refusal.ts';
import { ask, type Call, type Report, requireKnown } from './request.ts';

/** One `PUT /api-<table>/sync` a record with real columns: an upsert whose answer shows the row. One after the other. */
export async function genericPut(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  for (const change of changes) report(change, await putOne(call, change));
}

async function putOne(call: Call, change: ReadyChange): Promise<SinkResult> {
  const prepared = await prepare(call, change);
  if ('result' in prepared) return prepared.result;
  const { columns } = prepared;
  const answer = await ask(call, { method: 'PUT', rest: '/sync', body: JSON.stringify(columns), carries: [change] });
  if (answer.data !== undefined) return holdAnew(call, change, readRow(call, answer.data));
  requireKnown(answer, 'PUT sync');
  const message = refusalText(answer);
  // The MES does not hold it any more, and a new row needs more than an update brings.
  if (isHeld(change.known) && message.includes('null value in column')) {
    return putOne(call, { ...change, known: undefined });
  }
  const next = await decideNext(call, { change, message, columns });
  if (next.kind === 'done') return next.result;
  return next.kind === 'again' ? putOne(call, change) : patchOne(call, change, next.mesId);
}

/** Updates a record by its id; resolves to undefined when there is none of that id. */
export async function tryPatch(call: Call, change: ReadyChange, mesId: string): Promise<SinkResult | undefined> {
  const prepared = await prepare(call, change, { byId: true });
  if ('result' in prepared) return prepared.result;
  const { columns } = prepared;
  const rest = `?id=${encodeURIComponent(mesId)}`;
  const answer = await ask(call, { method: 'PATCH', rest, body: JSON.stringify(columns), carries: [change] });
  if (answer.data !== undefined) return { ...readRow(call, answer.data, 'updated'), mesId };
  if (answer.status === 404) return undefined;
  const next = await decideNext(call, { change, message: refusalText(answer), columns });
  if (next.kind === 'done') return next.result;
  return next.kind === 'again' ? tryPatch(call, change, mesId) : { kind: 'refused', reason: refusalText(answer) };
}

/** What was cancelled before, and gone from the MES, has just come back as a new row: it is put on hold once more. */
export async function holdAnew(
  call: Call,
  change: ReadyChange,
  done: SinkResult & { kind: 'delivered' },
): Promise<SinkResult> {
  const { record, known } = change;
  const isAnew = done.action === 'created' && isHeld(known) && known?.lifecycle === 'cancelled';
  if (!isAnew || record.lifecycle !== 'cancelled' || done.mesId === null || !call.ability.post) return done;
  return (await tryPatch(call, { ...change, known: undefined }, done.mesId)) ?? done;
}

async function patchOne(call: Call, change: ReadyChange, mesId: string): Promise<SinkResult> {
  const gone = `The MES lists ${change.record.entity} ${change.record.externalId} and does not find it by its id ${mesId}.`;
  return (await tryPatch(call, change, mesId)) ?? { kind: 'refused', reason: gone, there: true };
}

/** The row as the MES answers a write of it: the proof. Throws TransientError for any other form. */
export function readRow(call: Call, data: unknown, done?: 'created' | 'updated'): SinkResult & { kind: 'delivered' } {
  const row = isObject(data) ? data[call.entity] : undefined;
  const action = done ?? (isObject(data) ? data['action'] : undefined);
  const id = isObject(row) ? row['id'] : undefined;
  if (typeof id !== 'string' || (action !== 'created' && action !== 'updated')) {
    throw new TransientError(`The MES answered a write of ${call.entity} in a form that is not known.`);
  }
  return { kind: 'delivered', action, mesId: id };
}
