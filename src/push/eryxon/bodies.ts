import { mayBeHeld } from '../../core/records.ts';
import { type Entity, type FieldValue, type LedgerEntry, type Parents, unknownContent } from '../../core/types.ts';
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
 * The body of a request for many records, each as JSON text: `<head>:[…]}`. Joined in one piece: with a text put around
 * a long one all is copied once more before it is sent.
 */
export function listBody(head: string, [first = '', ...others]: readonly string[]): string {
  const last = others.pop();
  if (last === undefined) return `${head}:[${first}]}`;
  return [`${head}:[${first}`, ...others, `${last}]}`].join(',');
}

/**
 * One record as the documented API takes it, as JSON text. The mapped fields were made into text once, for the sync hash, and are
 * sent as that text.
 */
export function classicBody(change: ReadyChange): string {
  const { record, fieldsJson } = change;
  const status = statusFields(change);
  // Copies are for the few whose status changes: most fields go as they are.
  const spelled = spelledOut(record.entity, status === undefined ? record.fields : { ...record.fields, ...status });
  const plain = status === undefined && spelled === undefined;
  const fields = plain ? fieldsJson : JSON.stringify({ ...record.fields, ...status, ...spelled });
  const ids = `"external_id":${JSON.stringify(record.externalId)},"external_source":${JSON.stringify(record.source)}`;
  const own = `${ids}${parentFields(change)}`;
  return fields === '{}' ? `{${own}}` : `{${own},${fields.slice(1)}`;
}

/**
 * Fields that the functions of the documented API and of erp-sync would take for not given, put so that they mean what the record says; undefined
 * when there are none. They read `notes || description` of jobs, which an explicit null ends, and `quantity || 1` and `sequence || 1`, where
 * a zero as text is a value, and one to the column too.
 */
export function spelledOut(
  entity: Entity,
  fields: Readonly<Record<string, FieldValue | undefined>>,
): Record<string, FieldValue> | undefined {
  if (entity === 'job' && fields['notes'] === null && fields['description'] === undefined) return { description: null };
  const counted = countedFrom1[entity];
  return counted !== undefined && fields[counted] === 0 ? { [counted]: '0' } : undefined;
}

const countedFrom1: Partial<Record<Entity, string>> = { part: 'quantity', operation: 'sequence' };

/**
 * Parents by the MES's own ids where they are known: it looks external ids up in any source, and a name that two cells have in
 * none. Else by external id, and cells by the name that they were delivered under.
 */
function parentFields({ record, parents }: ReadyChange): string {
  const { job, part, cell } = record.parents;
  let named = '';
  if (job !== undefined) named += parentField('job', parents?.job?.mesId, ['job_external_id', job]);
  if (part !== undefined) named += parentField('part', parents?.part?.mesId, ['part_external_id', part]);
  if (cell !== undefined) {
    named += parentField('cell', parents?.cell?.mesId, ['cell_name', parents?.cell?.businessKey ?? null]);
  }
  return named;
}

function parentField(
  parent: keyof Parents,
  mesId: string | null | undefined,
  [alias, name]: [alias: string, name: string | null],
): string {
  return mesId == null ? `,"${alias}":${JSON.stringify(name)}` : `,"${parent}_id":${JSON.stringify(mesId)}`;
}

/** Whether it is to be on hold from now on. Cells and resources carry `active` among their fields. */
export function setsStatus({ record, known }: ReadyChange): boolean {
  const plain = record.entity === 'cell' || record.entity === 'resource';
  return record.lifecycle === 'cancelled' && !plain && !wasCancelled(known);
}

function wasCancelled(known: LedgerEntry | undefined): boolean {
  return mayBeOnHold(known) && known?.hash !== unknownContent;
}

/** Told as cancelled, or in doubt whether it was. */
function mayBeOnHold(known: LedgerEntry | undefined): boolean {
  return mayBeHeld(known) && known?.lifecycle === 'cancelled';
}

/**
 * Progress belongs to the shop floor: status is sent only when a record becomes cancelled, as on_hold with a note. A return to
 * active leaves the status and says so, for the people there to release it.
 */
export function statusFields(change: ReadyChange): Record<string, FieldValue> | undefined {
  const { record, known } = change;
  if (record.entity === 'cell' || record.entity === 'resource') return undefined;
  const own = record.fields['notes'];
  const note = (text: string) => (own ? `${own}\n${text}` : text);
  if (record.lifecycle === 'cancelled') {
    const notes = note(`Cancelled in ${record.source}.`);
    return setsStatus(change) ? { status: 'on_hold', notes } : { notes };
  }
  return mayBeOnHold(known)
    ? { notes: note(`Active again in ${record.source}; still on hold here until released.`) }
    : undefined;
}
