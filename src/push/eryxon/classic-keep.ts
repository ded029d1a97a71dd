import { isHeld } from '../../core/records.ts';
import type { Entity } from '../../core/types.ts';
import type { Batch, ReadyChange } from '../sink.ts';
import { collect, openList, readOne } from './lists.ts';
import type { Row } from './pages.ts';
import type { Call } from './request.ts';

interface Kept {
  column: string;
  /** How many are looked at by their ids rather than in the list; cells cannot be. */
  byId: number;
}

/**
 * What people at the MES set, and an update by the documented API puts back to a value of its own when the record does not name it: "available"
 * and a blue.
 */
const keeps: Partial<Record<Entity, Kept>> = {
  cell: { column: 'color', byId: 0 },
  resource: { column: 'status', byId: 1 },
};

/** What has to be looked at before these are updated: records by their ids, or the whole list. */
export function looksBefore({ entity, changes }: Batch): { ids: string[] } | 'list' | undefined {
  const kept = keeps[entity];
  if (kept === undefined) return undefined;
  const held = changes.filter(({ known, record }) => isHeld(known) && record.fields[kept.column] == null);
  if (held.length === 0) return undefined;
  const ids = held.flatMap(({ known }) => known?.mesId ?? []);
  return ids.length === held.length && ids.length <= kept.byId ? { ids } : 'list';
}

/** The changes with what is to stay as it is, read just before they go out. */
export async function keepWhatIsSet(call: Call, changes: readonly ReadyChange[]): Promise<readonly ReadyChange[]> {
  const looks = looksBefore({ entity: call.entity, changes });
  const column = keeps[call.entity]?.column;
  if (looks === undefined || column === undefined) return changes;
  const rows = looks === 'list' ? await allRows(call) : await Promise.all(looks.ids.map((id) => readOne(call, id)));
  const values = new Map<unknown, unknown>();
  for (const row of rows) {
    if (row === undefined) continue;
    values.set(row['id'], row[column]);
    // Listed with resources only.
    values.set(keyOf(row['external_source'], row['external_id']), row[column]);
  }
  return changes.map((change) => {
    const { externalId, source, fields } = change.record;
    if (fields[column] != null) return change;
    const value = values.get(change.known?.mesId) ?? values.get(keyOf(source, externalId));
    return typeof value === 'string'
      ? { ...change, fieldsJson: JSON.stringify({ ...fields, [column]: value }) }
      : change;
  });
}

async function allRows(call: Call): Promise<Row[]> {
  const list = await openList(call, '');
  const rows = list === undefined ? [] : await collect(list.rows);
  await call.session.sawList(call.entity, list?.requests() ?? 1);
  return rows;
}

function keyOf(source: unknown, externalId: unknown): string {
  return JSON.stringify([source, externalId]);
}
