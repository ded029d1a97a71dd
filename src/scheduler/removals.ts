import type { GoodRow } from '../connectors/connector.ts';
import { TransientError } from '../core/errors.ts';
import { recordKey } from '../core/records.ts';
import type { MesRecord } from '../core/types.ts';
import type { Removal, Restored } from '../push/pusher.ts';
import type { Pass } from './pass-types.ts';

/**
 * Removes a record from the MES; resolves to whether it is gone, which is still to be committed. That takes several requests, and between
 * them the record is neither there nor gone: so it is noted before the first that changes something.
 */
export async function remove(pass: Pass, removal: Removal, signal: AbortSignal): Promise<boolean> {
  const { store, session, state, deletes, requests, caller } = pass;
  if (deletes === undefined) return false;
  const { record } = removal;
  const wasBegun = state.removalsBegun && (await store.begunRemovals(session.source, [record])).length > 0;
  let isBegun = false;
  const begins = async () => {
    await store.beginRemoval(session.source, record);
    state.removalsBegun = true;
    isBegun = true;
  };
  const result = await deletes.remover.remove({ ...removal, begins }, signal, caller);
  requests.mes += result.requests;
  if (result.kind === 'removed') return true;
  // Whatever this one did, an earlier one may have left it halfway.
  const became = wasBegun ? await restore(pass, removal, signal) : { kind: 'there' as const };
  if (became.kind === 'refused') throw new TransientError(`${recordKey(record)}: ${became.reason}`);
  if (became.kind === 'there' && (wasBegun || isBegun)) await store.endRemoval(session.source, record, 'there');
  return became.kind === 'gone';
}

/** A record that cannot be sent, and why. */
export interface NotRestored {
  record: MesRecord;
  reason: string;
}

/**
 * Of these records some may be back before their removal, which was cut off, was taken up again: it is taken back. Resolves to those of which
 * the MES does not take it back: they must not be sent.
 */
export async function restoreRemoved(
  pass: Pass,
  rows: readonly Pick<GoodRow, 'records'>[],
  signal: AbortSignal,
): Promise<NotRestored[]> {
  const { store, session, state } = pass;
  if (!state.removalsBegun) return [];
  const notRestored: NotRestored[] = [];
  const byKey = new Map(rows.flatMap(({ records }) => records).map((record) => [recordKey(record), record]));
  for (const { entity, externalId, mesId } of await store.begunRemovals(session.source, [...byKey.values()])) {
    const record = byKey.get(recordKey({ entity, externalId }));
    if (record === undefined) continue;
    const became = await restore(pass, { entity, mesId, record }, signal);
    if (became.kind === 'refused') notRestored.push({ record, reason: became.reason });
    else await store.endRemoval(session.source, record, became.kind);
  }
  return notRestored;
}

async function restore({ deletes, requests, caller }: Pass, removal: Removal, signal: AbortSignal): Promise<Restored> {
  if (deletes === undefined) return { kind: 'there' };
  const { requests: sent, ...result } = await deletes.remover.restore(removal, signal, caller);
  requests.mes += sent;
  return result;
}
