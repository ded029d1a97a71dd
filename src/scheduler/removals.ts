import type { GoodRow } from '../connectors/define.ts';
import { recordKey } from '../core/records.ts';
import type { Removal } from '../push/pusher.ts';
import type { Pass } from './pass-types.ts';

/**
 * Removes a record from the MES; resolves to whether it is gone, which is still to be committed. That takes several requests, and between
 * them the record is neither there nor gone: so it is noted before the first.
 */
export async function remove(pass: Pass, removal: Removal, signal: AbortSignal): Promise<boolean> {
  const { store, session, deletes, requests, caller } = pass;
  if (deletes === undefined) return false;
  const { record } = removal;
  const isBegun = pass.state.removalsBegun && (await store.begunRemovals(session.source, [record])).length > 0;
  await store.beginRemoval(session.source, record);
  const result = await deletes.remover.remove(removal, signal, caller);
  requests.mes += result.requests;
  if (result.kind === 'removed') return true;
  // This time it was not touched; but an earlier one may have left it halfway.
  const isGone = isBegun && (await restore(pass, removal, signal)) === 'gone';
  if (!isGone) await store.endRemoval(session.source, record, 'there');
  return isGone;
}

async function restore(
  { deletes, requests, caller }: Pass,
  removal: Removal,
  signal: AbortSignal,
): Promise<'there' | 'gone'> {
  if (deletes === undefined) return 'there';
  const result = await deletes.remover.restore(removal, signal, caller);
  requests.mes += result.requests;
  return result.kind;
}

/** Of these records some may be back before their removal, which was cut off, was taken up again: it is taken back, as far as that can be done. */
export async function restoreRemoved(
  pass: Pass,
  rows: readonly Pick<GoodRow, 'records'>[],
  signal: AbortSignal,
): Promise<void> {
  const { store, session, state } = pass;
  if (!state.removalsBegun) return;
  const byKey = new Map(rows.flatMap(({ records }) => records).map((record) => [recordKey(record), record]));
  for (const { entity, externalId, mesId } of await store.begunRemovals(session.source, [...byKey.values()])) {
    const record = byKey.get(recordKey({ entity, externalId }));
    if (record === undefined) continue;
    await store.endRemoval(session.source, record, await restore(pass, { entity, mesId, record }, signal));
  }
}
