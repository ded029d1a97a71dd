import { hash } from 'node:crypto';
import type { GoodRow } from '../connectors/connector.ts';
import { mayBeHeld } from '../core/records.ts';
import {
  type Change,
  type Entity,
  type LedgerEntry,
  type MesRecord,
  type Parents,
  type RecordRef,
  unknownContent,
} from '../core/types.ts';
import type { Lookup } from '../push/pusher.ts';
import type { Restamped } from '../state/store.ts';

export interface Diff {
  changes: Change[];
  /** What the MES holds already, as it is now in the ERP. */
  unchanged: RecordRef[];
  /** Cancellations of what the MES never got: nothing to send, but an older version of them that waits must not go out any more. */
  withdrawn: RecordRef[];
  /** What the MES has refused before in just this form. */
  refusedBefore: number;
  /** Unchanged records whose row carries another stamp than the ledger has. */
  restamped: Restamped[];
}

export interface DiffInput {
  rows: readonly Pick<GoodRow, 'records' | 'stamp'>[];
  lookup: Lookup;
  /** Keep and compare row stamps: for records whose children are read with them. */
  keepStamps: boolean;
  /** Send also what the MES has refused before, and what it holds already. */
  force?: boolean;
}

type Stamped = { record: MesRecord; stamp: string | null };

/** What of a page differs from what the MES is known to hold; the rest costs no request. */
export async function diffPage({ rows, lookup, keepStamps, force = false }: DiffInput): Promise<Diff> {
  const diff: Diff = { changes: [], unchanged: [], withdrawn: [], refusedBefore: 0, restamped: [] };
  for (const [entity, latest] of collapse(rows)) {
    const known = await lookup(entity, [...latest.keys()]);
    for (const { record, stamp } of latest.values()) {
      const { externalId } = record;
      const entry = known.get(externalId);
      if (isNoNews(record, entry)) {
        diff.withdrawn.push({ entity, externalId });
        continue;
      }
      const change = toChange(record, entry, keepStamps ? stamp : null);
      if (force || isNews(change)) diff.changes.push(change);
      else noteUnchanged(diff, change);
    }
  }
  return diff;
}

function isNoNews({ onlyIfKnown, onlyIfActive }: MesRecord, entry: LedgerEntry | undefined): boolean {
  // What was told as cancelled without an answer may be active.
  const isActive = entry?.lifecycle === 'active' || (entry?.lifecycle === 'cancelled' && entry.hash === unknownContent);
  if (onlyIfActive === true && !isActive) return true;
  return onlyIfKnown === true && !mayBeHeld(entry);
}

function isNews({ hash: wanted, known }: Change): boolean {
  return wanted !== known?.hash && wanted !== known?.refusedHash;
}

function noteUnchanged(diff: Diff, { record, stamp, known, hash: wanted }: Change): void {
  if (wanted === known?.hash) diff.unchanged.push({ entity: record.entity, externalId: record.externalId });
  else diff.refusedBefore += 1;
  if (stamp === null || stamp === known?.stamp) return;
  const { entity, externalId, lifecycle } = record;
  diff.restamped.push({ entity, externalId, lifecycle, stamp, hadStamp: (known?.stamp ?? null) !== null });
}

/** By entity and id; of several records of one key the last counts, so that an older state is never compared in its place. */
function collapse(rows: DiffInput['rows']): Map<Entity, Map<string, Stamped>> {
  const latest = new Map<Entity, Map<string, Stamped>>();
  for (const { records, stamp } of rows) {
    for (const record of records) {
      const ofEntity = latest.get(record.entity);
      if (ofEntity === undefined) latest.set(record.entity, new Map([[record.externalId, { record, stamp }]]));
      else ofEntity.set(record.externalId, { record, stamp });
    }
  }
  return latest;
}

/** The fields are made into text once: hashed here, sent by the sink. Parents and lifecycle are part of what is compared. */
export function toChange(record: MesRecord, known: LedgerEntry | undefined, stamp: string | null): Change {
  const fieldsJson = JSON.stringify(record.fields);
  const basis = `${record.lifecycle}\n${tiesOf(record.parents)}\n${fieldsJson}`;
  return { record, fieldsJson, hash: hash('sha256', basis, 'base64url'), known, stamp };
}

function tiesOf({ job = '', part = '', cell = '' }: Parents): string {
  return job === '' && part === '' && cell === '' ? noTies : `${job}\n${part}\n${cell}`;
}

/** As it comes out for most records, made once. */
const noTies = '\n\n';
