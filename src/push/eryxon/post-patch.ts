import { TransientError } from '../../core/errors.ts';
import { isHeld } from '../../core/records.ts';
import { unknownContent } from '../../core/types.ts';
import type { ReadyChange, SinkResult } from '../sink.ts';
import { readRow, tryPatch } from './generic-put.ts';
import { findByKey } from './lists.ts';
import type { Posted } from './posted.ts';
import { prepare } from './prepare.ts';
import { decideNext, refusalText } from './refusal.ts';
import { ask, type Call, type Report, requireKnown } from './request.ts';
import { readVerdict } from './verdict.ts';

/**
 * `POST /api-<table>` to create, `PATCH ?id=` to change, by our own map of ids: for tables whose sync does not work. A create is
 * noted before and after it, because its answer may be the only place that ever shows the id.
 */
export async function postPatch(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  for (const change of changes) report(change, await writeOne(call, change));
}

async function writeOne(call: Call, change: ReadyChange): Promise<SinkResult> {
  // A row that was made anew is younger than the one that the ledger knows.
  const before = await call.session.posted.find(change);
  const mesId = before?.mesId ?? change.known?.mesId ?? null;
  if (mesId === null) return call.session.planLimit.waiting(change) ?? create(call, change, before);
  // Created by a run that ended before it could keep the id, with this very content.
  if (before?.mesId === mesId && before.hash === change.hash) return { kind: 'delivered', action: 'created', mesId };
  // Should this run end before it can keep what it changed, the row is not that of its create any more.
  if (before?.mesId === mesId) await call.session.posted.note(change, mesId, { ...before, hash: unknownContent });
  // Deleted there for good, if its id is not found: then it is new again.
  const unansweredCreate = before?.mesId === null ? before : undefined;
  return (await tryPatch(call, change, mesId)) ?? (await create(call, change, unansweredCreate));
}

/** `askedBefore` is a create whose answer never came. */
async function create(call: Call, change: ReadyChange, askedBefore: Posted | undefined): Promise<SinkResult> {
  const { posted, planLimit } = call.session;
  const prepared = await prepare(call, { ...change, known: undefined });
  if ('result' in prepared) return prepared.result;
  const { columns } = prepared;
  // Of two creates whose answers are lost nobody knows which one took effect.
  const sure = askedBefore === undefined || askedBefore.hash === change.hash;
  await posted.note(change, null, sure ? undefined : { ...askedBefore, hash: unknownContent });
  let outcomeUnknown = false;
  const onUnknownOutcome = () => {
    outcomeUnknown = true;
  };
  const body = JSON.stringify(columns);
  const answer = await ask(call, { method: 'POST', body, carries: [change], onUnknownOutcome });
  if (answer.data !== undefined) {
    const created = readRow(call, answer.data, 'created');
    await posted.note(change, created.mesId);
    planLimit.taken(call.entity);
    return created;
  }
  requireKnown(answer, 'POST');
  const message = refusalText(answer);
  // Refused because an earlier try, whose answer was lost, has created it; or else this one has not taken effect.
  // A restored state never knows of which content; it has been noted so.
  const before = outcomeUnknown ? await posted.find(change) : askedBefore;
  // What an earlier create may have left is of unknown content: a later try of this one must not be taken for its delivery.
  if (before !== undefined) await posted.note(change, null, before);
  else await posted.forget(change.record);
  const next = await decideNext(call, { change, message, columns });
  if (next.kind === 'again') return create(call, change, before);
  if (next.kind === 'adopt') return adopt(call, change, next.mesId);
  const renamed = isOwnExternalKey(message) ? await findRenamed(call, before) : undefined;
  if (renamed !== undefined) return adopt(call, change, renamed);
  const beyondPlan = planLimit.refused(call.entity, answer);
  if (beyondPlan !== undefined) return beyondPlan;
  return isOwnExternalKey(message) ? withoutId(call, change, before) : next.result;
}

/** The row of a create whose answer was lost, by the name that it was created under. */
async function findRenamed(call: Call, askedBefore: Posted | undefined): Promise<string | undefined> {
  if (askedBefore?.businessKey == null) return undefined;
  const rows = (await findByKey(call, askedBefore.businessKey)) ?? [];
  return rows.length === 1 ? String(rows[0]?.['id']) : undefined;
}

async function adopt(call: Call, change: ReadyChange, mesId: string): Promise<SinkResult> {
  const updated = await tryPatch(call, change, mesId);
  if (updated !== undefined) return updated;
  throw new TransientError(`The MES lists ${call.entity} ${change.record.externalId} and does not find it by its id.`);
}

function isOwnExternalKey(message: string): boolean {
  const verdict = readVerdict(message);
  return verdict.kind === 'duplicate' && verdict.constraint.endsWith('_external_sync');
}

/** The MES has it and tells its id nowhere. */
function withoutId(call: Call, change: ReadyChange, askedBefore: Posted | undefined): SinkResult {
  // Where it had a row before, that may be the one in the way, though it was deleted: only of the first one a refusal is a proof.
  const isFirst = change.known?.mesId == null;
  if (isFirst && askedBefore?.hash === change.hash) return { kind: 'delivered', action: 'created', mesId: null };
  const { entity, externalId } = change.record;
  const how =
    isHeld(change.known) || askedBefore !== undefined
      ? 'was created by a request whose answer was lost, or since a backup that was restored'
      : 'exists';
  const reason =
    `${entity} ${externalId} ${how}, and this MES tells its id nowhere, so that it cannot be changed (idx_${call.entity}s_external_sync). ` +
    'Delete its row in the database of the MES, or have the list of that table mended and run `state rebuild`, then retry.';
  return { kind: 'refused', reason, there: true };
}
