import type { Entity, FieldValue, Parents } from '../../core/types.ts';
import type { ReadyChange } from '../sink.ts';

/** Table of each entity: the name in paths and bodies. */
export const tables: Readonly<Record<Entity, string>> = {
  cell: 'cells',
  resource: 'resources',
  job: 'jobs',
  part: 'parts',
  operation: 'operations',
};

/**
 * One record as the documented API takes it, as JSON text. The mapped fields were made into text once, for the sync hash, and are
 * sent as that text.
 */
export function classicBody(change: ReadyChange): string {
  const { record } = change;
  const head = JSON.stringify({
    external_id: record.externalId,
    external_source: record.source,
    ...parentFields(change),
  });
  const status = statusFields(change);
  const tail = status === undefined ? change.fieldsJson : JSON.stringify({ ...record.fields, ...status });
  return tail === '{}' ? head : `${head.slice(0, -1)},${tail.slice(1)}`;
}

/** Parents by external id, cells by the name that they were delivered under. */
function parentFields({ record, parents }: ReadyChange): Record<string, string | null> {
  const named: Record<string, string | null> = {};
  const { job, part, cell }: Parents = record.parents;
  if (job !== undefined) named['job_external_id'] = job;
  if (part !== undefined) named['part_external_id'] = part;
  if (cell !== undefined) named['cell_name'] = parents.cell?.businessKey ?? null;
  return named;
}

/**
 * Progress belongs to the shop floor: status is sent only when a record becomes cancelled, as on_hold with a note. A return to
 * active leaves the status and says so, for the people there to release it. Cells and resources carry `active` among their fields.
 */
function statusFields({ record, known }: ReadyChange): Record<string, FieldValue> | undefined {
  if (record.entity === 'cell' || record.entity === 'resource') return undefined;
  const was = known?.hash == null ? 'active' : known.lifecycle;
  const own = record.fields['notes'];
  const note = (text: string) => (own ? `${own}\n${text}` : text);
  if (record.lifecycle === 'cancelled') {
    const notes = note(`Cancelled in ${record.source}.`);
    return was === 'cancelled' ? { notes } : { status: 'on_hold', notes };
  }
  return was === 'cancelled'
    ? { notes: note(`Active again in ${record.source}; still on hold here until released.`) }
    : undefined;
}
