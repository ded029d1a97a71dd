import { isThere } from '../core/records.ts';
import type { Change, Entity, LedgerEntry, Outcome, Parents, RecordRef } from '../core/types.ts';
import type { ParentEntry, ReadyChange } from './sink.ts';

/** Looks records up in the ledger. */
export type Lookup = (entity: Entity, externalIds: readonly string[]) => Promise<Map<string, LedgerEntry>>;

/** The ledger as a push sees it. */
export interface PushLedger {
  lookup: Lookup;
  /** Told of changes before a request may bring them to the MES. */
  noteSending?(changes: readonly Change[]): Promise<void>;
}

interface Arrivals {
  /** Records delivered by this push, by `<entity>/<externalId>`: parents that the ledger does not know yet. */
  arrived: ReadonlyMap<string, ParentEntry>;
  /** Takes in what is parked. */
  outcomes: Outcome[];
}

const parentKinds = ['job', 'part', 'cell'] as const satisfies readonly (keyof Parents)[];

/** The changes whose parents the MES holds; the others are parked. */
export async function resolveParents(
  group: readonly Change[],
  lookup: Lookup,
  { arrived, outcomes }: Arrivals,
): Promise<readonly ReadyChange[]> {
  if (group.every(isOrphan)) return group;
  const known = new Map<string, ParentEntry>(arrived);
  for (const kind of parentKinds) {
    const ids = new Set(group.map(({ record }) => record.parents[kind]).filter((id) => id !== undefined));
    const wanted = [...ids].filter((id) => !arrived.has(`${kind}/${id}`));
    const found = wanted.length === 0 ? [] : await lookup(kind, wanted);
    for (const [id, entry] of found) if (isThere(entry)) known.set(`${kind}/${id}`, entry);
  }
  const ready: ReadyChange[] = [];
  for (const change of group) {
    const parents = tieParents(change, known);
    if ('waitsFor' in parents) outcomes.push({ kind: 'parked', change, waitsFor: parents.waitsFor });
    else ready.push(withParents(change, parents.found));
  }
  return ready;
}

function isOrphan({ record: { parents } }: Change): boolean {
  return parents.job === undefined && parents.part === undefined && parents.cell === undefined;
}

type FoundParents = NonNullable<ReadyChange['parents']>;

/** Named one by one: spreading a thousand objects costs as much as hashing them. */
function withParents({ record, fieldsJson, hash, known, stamp }: Change, parents: FoundParents): ReadyChange {
  return { record, fieldsJson, hash, known, stamp, parents };
}

function tieParents(
  { record }: Change,
  known: ReadonlyMap<string, ParentEntry>,
): { found: FoundParents } | { waitsFor: RecordRef } {
  const found: Partial<Record<keyof Parents, ParentEntry>> = {};
  for (const kind of parentKinds) {
    const externalId = record.parents[kind];
    if (externalId === undefined) continue;
    const entry = known.get(`${kind}/${externalId}`);
    if (entry === undefined) return { waitsFor: { entity: kind, externalId } };
    found[kind] = entry;
  }
  return { found };
}
