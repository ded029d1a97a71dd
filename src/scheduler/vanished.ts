import { recordKey, refOf } from '../core/records.ts';
import { type Entity, entities, type MesRecord, type RecordRef, toSendAgain, type Window } from '../core/types.ts';
import { commitRemoved, commitWithdrawn, deliverRows } from './delivery.ts';
import type { DeletePolicy, Deletes, Pass } from './pass-types.ts';
import { remove } from './removals.ts';

export function policyOf(deletes: Deletes | undefined, entity: Entity): DeletePolicy {
  return deletes?.policies[entity] ?? 'mark';
}

export interface Vanished {
  records: readonly MesRecord[];
  /** Parents whose children are settled by this. */
  childrenRead?: readonly string[];
}

/** Tells the MES of records that are believed to be gone, by the policy of each entity; children before parents. */
export async function dealWithVanished(
  pass: Pass,
  { records, childrenRead = [] }: Vanished,
  signal: AbortSignal,
): Promise<void> {
  const marked: MesRecord[] = [];
  for (const entity of entities.toReversed()) {
    const gone = records.filter((record) => record.entity === entity);
    const policy = policyOf(pass.deletes, entity);
    if (gone.length === 0 || policy === 'ignore') continue;
    marked.push(...(policy === 'delete' ? await removeAll(pass, gone, signal) : gone));
  }
  if (marked.length === 0 && childrenRead.length === 0) return;
  await deliverRows(
    pass,
    {
      mapped: [{ kind: 'good', key: '', stamp: null, records: (await latest(pass, marked)).map(cancelled) }],
      force: false,
      resume: null,
      childrenRead,
    },
    signal,
  );
}

/** Tells the MES of what the ERP lists as deleted: its own word, in need of no second sighting and no guard. */
export async function deliverDeletions(pass: Pass, window: Window, signal: AbortSignal): Promise<void> {
  const { stream, store, session } = pass;
  if (stream.gone === undefined || window.mode === 'full') return;
  for await (const refs of stream.gone(window, signal)) {
    const records = await store.heldOf(session.source, refs);
    if (records.length > 0) await dealWithVanished(pass, { records }, signal);
    if (pass.state.leftOver) await commitWithdrawn(pass, beside(refs, records));
  }
}

/** Those that the MES does not hold: what waits or is set aside of them must not go out any more. */
function beside(refs: readonly RecordRef[], held: readonly MesRecord[]): RecordRef[] {
  const keys = new Set(held.map(recordKey));
  return refs.filter((ref) => !keys.has(recordKey(ref)));
}

/** Where the MES refused a newer version of a record, that one is cancelled: its content is more recent. */
async function latest({ store, session }: Pass, records: readonly MesRecord[]): Promise<MesRecord[]> {
  const found: MesRecord[] = [];
  for (const [entity, some] of Map.groupBy(records, (record) => record.entity)) {
    const ids = some.map(({ externalId }) => externalId);
    const refused = await store.refused(session.source, entity, ids);
    found.push(...some.map((record) => refused.get(record.externalId) ?? record));
  }
  return found;
}

function cancelled(record: MesRecord): MesRecord {
  const inactive = record.entity === 'cell' || record.entity === 'resource' ? { active: false } : {};
  return { ...record, fields: { ...record.fields, ...inactive }, lifecycle: 'cancelled', onlyIfKnown: true };
}

/** Deletes in the MES; resolves to the records that must stay there, to be marked. */
async function removeAll(pass: Pass, gone: readonly MesRecord[], signal: AbortSignal): Promise<MesRecord[]> {
  const { store, session } = pass;
  const [first] = gone;
  if (first === undefined) return [];
  const { entity } = first;
  const ids = gone.map(({ externalId }) => externalId);
  const known = await store.lookup(session.source, entity, ids);
  const withChildren = new Set(await store.withLiveBelow(session.source, entity, ids));
  const kept: MesRecord[] = [];
  for (const record of gone) {
    const entry = known.get(record.externalId);
    const mesId = entry?.mesId ?? null;
    // Without an id, or with one of before a restore, there is nothing to delete it by; a parent must not go before its children.
    if (mesId === null || entry?.hash === toSendAgain || withChildren.has(record.externalId)) {
      kept.push(record);
      continue;
    }
    if (await remove(pass, { entity, mesId, record }, signal)) await commitRemoved(pass, [refOf(record)]);
    else kept.push(record);
  }
  return kept;
}
