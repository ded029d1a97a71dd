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
  await store.beginRemoval(session.source, removal.record);
  const result = await deletes.remover.remove(removal, signal, caller);
  requests.mes += result.requests;
  if (result.kind === 'kept') await store.endRemoval(session.source, removal.record, 'there');
  return result.kind === 'removed';
}

/** Of these records some may be back before their removal, which was cut off, was taken up again: it is taken back, as far as that can be done. */
export async function restoreRemoved(
  { store, session, state, deletes, requests, caller }: Pass,
  rows: readonly Pick<GoodRow, 'records'>[],
  signal: AbortSignal,
): Promise<void> {
  if (!state.removalsBegun || deletes === undefined) return;
  const byKey = new Map(rows.flatMap(({ records }) => records).map((record) => [recordKey(record), record]));
  for (const { entity, externalId, mesId } of await store.begunRemovals(session.source, [...byKey.values()])) {
    const record = byKey.get(recordKey({ entity, externalId }));
    if (record === undefined) continue;
    const result = await deletes.remover.restore({ entity, mesId, record }, signal, caller);
    requests.mes += result.requests;
    await store.endRemoval(session.source, record, result.kind);
  }
}
