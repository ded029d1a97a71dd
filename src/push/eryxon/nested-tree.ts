import { mayBeHeld } from '../../core/records.ts';
import type { Entity } from '../../core/types.ts';
import type { ReadyChange, Tree } from '../sink.ts';
import type { Capabilities } from './ability.ts';
import { type Columns, shape } from './columns.ts';
import type { Session } from './session.ts';
import { unstorable } from './unstorable.ts';
import { erpSyncColumns } from './ways.ts';

/** The MES writes children one by one, and its host ends calls that take long. */
const mostChildren = 100;
/** Characters of all fields together. */
const largestBody = 262_144;

/**
 * Of a tree what `POST /api-jobs` takes in one request; undefined when no operation is among it, or when one was sent before: its job
 * may be there.
 */
export async function selectTree(tree: Tree, session: Session, known: Capabilities): Promise<Tree | undefined> {
  const { job } = tree;
  if (columnsOf(job, session) === undefined || (await wasSent(tree, session))) return undefined;
  const selection = { session, known, left: mostChildren, room: largestBody - job.fieldsJson.length };
  const operations = Map.groupBy(
    tree.children.filter(({ record }) => record.entity === 'operation'),
    ({ record }) => record.parents.part,
  );
  const numbers = new Set<unknown>();
  const children: ReadyChange[] = [];
  for (const part of tree.children.filter(({ record }) => record.entity === 'part')) {
    const own = operations.get(part.record.externalId) ?? [];
    children.push(...selectPart(selection, { part, operations: own, numbers }));
  }
  return children.length === 0 ? undefined : { job, children };
}

async function wasSent({ children }: Tree, session: Session): Promise<boolean> {
  for (const change of children) {
    if (change.record.entity === 'operation' && (await session.posted.find(change)) !== undefined) return true;
  }
  return false;
}

interface Selection {
  session: Session;
  known: Capabilities;
  /** Children and characters that still fit. */
  left: number;
  room: number;
}

interface Branch {
  part: ReadyChange;
  operations: readonly ReadyChange[];
  /** Part numbers taken so far. */
  numbers: Set<unknown>;
}

/** A part with those of its operations that fit; nothing when the rules of the MES for nested parts would refuse it. */
function selectPart(selection: Selection, { part, operations, numbers }: Branch): ReadyChange[] {
  const { session, known } = selection;
  const columns = partColumns(part, session, known);
  if (columns === undefined || numbers.has(columns['part_number']) || !(Number(columns['quantity']) >= 1)) return [];
  const before = { left: selection.left, room: selection.room };
  const chosen = take(selection, part) ? [part] : [];
  const sequences = new Set<unknown>();
  for (const operation of chosen.length === 0 ? [] : operations) {
    const sequence = columnsOf(operation, session)?.['sequence'];
    const fits = Number(sequence) >= 1 && !sequences.has(sequence) && operation.parents?.cell?.mesId != null;
    if (!fits || !take(selection, operation)) continue;
    sequences.add(sequence);
    chosen.push(operation);
  }
  if (chosen.length < 2) {
    Object.assign(selection, before);
    return [];
  }
  numbers.add(columns['part_number']);
  return chosen;
}

function take(selection: Selection, { fieldsJson }: ReadyChange): boolean {
  if (selection.left < 1 || selection.room < fieldsJson.length) return false;
  selection.left -= 1;
  selection.room -= fieldsJson.length;
  return true;
}

/** The body of a selected tree. */
export function nestedBody({ job, children }: Tree, session: Session, known: Capabilities): string {
  const parts = new Map<string, Record<string, unknown> & { operations: unknown[] }>();
  for (const change of children) {
    const { entity, externalId, parents } = change.record;
    if (entity === 'part') {
      const columns = { ...partColumns(change, session, known), ...idsOf(change) };
      parts.set(externalId, { ...columns, operations: [] });
    } else {
      const cell = { cell_id: change.parents?.cell?.mesId ?? null };
      parts.get(parents.part ?? '')?.operations.push({ ...idsOf(change), ...cell, ...nestedColumns(change, session) });
    }
  }
  for (const change of [job, ...children]) leaveOut(change, session);
  return JSON.stringify({ ...idsOf(job), ...nestedColumns(job, session), parts: [...parts.values()] });
}

function idsOf({ record }: ReadyChange): Columns {
  return { external_id: record.externalId, external_source: record.source };
}

/** The columns of a record that was selected. */
export function nestedColumns(change: ReadyChange, session: Session): Columns {
  return columnsOf(change, session) ?? {};
}

/** undefined for what had better go by itself: it is no plain new record, or the MES could not store it. */
function columnsOf(change: ReadyChange, session: Session): Columns | undefined {
  const { record, known, hash } = change;
  if (record.lifecycle === 'cancelled' || mayBeHeld(known) || known?.refusedHash === hash) return undefined;
  if (unstorable(change) !== undefined) return undefined;
  const shaped = shape(change, { creating: true, lacking: session.lacking(record.entity) });
  return typeof shaped === 'string' ? undefined : shaped.columns;
}

function partColumns(change: ReadyChange, session: Session, { entities: { part } }: Capabilities): Columns | undefined {
  const columns = columnsOf(change, session);
  if (columns === undefined) return undefined;
  // What no later change could reach is not written at first either: it would stay as it was for ever.
  const lasting = part.put || part.post ? undefined : erpSyncColumns.part;
  const kept = Object.entries(columns).filter(([name]) => lasting?.has(name) ?? true);
  return { quantity: 1, ...Object.fromEntries(kept) };
}

function leaveOut(change: ReadyChange, session: Session): void {
  const entity: Entity = change.record.entity;
  const shaped = shape(change, { creating: true, lacking: session.lacking(entity) });
  if (typeof shaped !== 'string') for (const field of shaped.dropped) session.leaveOut(entity, field);
}
