import { isHeld } from '../../core/records.ts';
import type { Entity } from '../../core/types.ts';
import type { ParentEntry, ReadyChange, SinkResult } from '../sink.ts';
import { type Columns, shape } from './columns.ts';
import { findByKey, readRows } from './lists.ts';
import type { Call } from './request.ts';

/** A record as its table takes it, with its parents by id; or what became of it without a request. */
export type Prepared = { columns: Columns } | { result: SinkResult };

export interface PrepareOptions {
  /** Without what identifies it: for an update by id. */
  byId?: boolean;
  keepStatus?: boolean;
}

export async function prepare(call: Call, change: ReadyChange, options: PrepareOptions = {}): Promise<Prepared> {
  const { entity, session } = call;
  const { record } = change;
  const creating = options.byId !== true && !isHeld(change.known);
  const lacking = session.lacking(entity);
  const shaped = shape(change, { creating, lacking, ...(options.keepStatus === true ? { keepStatus: true } : {}) });
  if (typeof shaped === 'string') return { result: { kind: 'refused', reason: shaped } };
  for (const field of shaped.dropped) session.leaveOut(entity, field);
  const parents = await parentIds(call, change);
  if ('result' in parents) return parents;
  const { columns } = shaped;
  const needsPlace = creating && entity === 'cell' && columns['sequence'] === undefined && !lacking.has('sequence');
  if (needsPlace) columns['sequence'] = await nextPlace(call);
  const ids = options.byId === true ? {} : { external_id: record.externalId, external_source: record.source };
  return { columns: { ...ids, ...parents.columns, ...columns } };
}

const parentKinds = ['job', 'part', 'cell'] as const satisfies readonly Entity[];

/** By our own map in the ledger; where that does not know the id, by the parent's number or name. */
async function parentIds(call: Call, { record, parents }: ReadyChange): Promise<Prepared> {
  const columns: Columns = {};
  for (const kind of parentKinds) {
    const externalId = record.parents[kind];
    if (externalId === undefined) continue;
    const id = await idOf(call, kind, parents?.[kind]);
    if (id === undefined) return { result: { kind: 'waiting', waitsFor: { entity: kind, externalId } } };
    columns[`${kind}_id`] = id;
  }
  return { columns };
}

async function idOf(call: Call, entity: Entity, entry: ParentEntry | undefined): Promise<string | undefined> {
  if (entry === undefined || entry.mesId !== null) return entry?.mesId ?? undefined;
  if (entry.businessKey === null) return undefined;
  const name = `${entity}/${entry.businessKey}`;
  const known = call.session.ids.get(name);
  if (known !== undefined) return known;
  const rows = (await findByKey({ ...call, entity }, entry.businessKey)) ?? [];
  const [only] = rows;
  // Of two cells of one name neither is known to be meant.
  if (only === undefined || rows.length > 1) return undefined;
  const id = String(only['id']);
  call.session.ids.set(name, id);
  return id;
}

/** A new cell goes to the end, as the documented API puts it: its column takes no null. */
async function nextPlace(call: Call): Promise<number> {
  const { session } = call;
  session.lastCell ??= readLastCell(call).catch((error: unknown) => {
    session.lastCell = undefined;
    throw error;
  });
  const last = await session.lastCell;
  last.sequence += 1;
  return last.sequence;
}

async function readLastCell(call: Call): Promise<{ sequence: number }> {
  const [last] = (await readRows(call, '&sort=sequence&order=desc', 1)) ?? [];
  return { sequence: Number(last?.['sequence'] ?? 0) || 0 };
}
