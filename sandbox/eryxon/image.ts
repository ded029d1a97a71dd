import { type ImageRecord, type MesImage, type Table, tables } from '../types.ts';
import type { Value } from './columns.ts';
import type { Row, Store } from './store.ts';

type Fields = ImageRecord['fields'];

/** The stored records, of one source or of all, in the words of the documented API: external ids and names in place of uuids. */
export function imageOf(store: Store, source?: string): MesImage {
  return Object.fromEntries(tables.map((table) => [table, tableImage(store, table, source)])) as MesImage;
}

function tableImage(store: Store, table: Table, source: string | undefined): Map<string, ImageRecord> {
  const image = new Map<string, ImageRecord>();
  for (const row of store.rows(table)) {
    if (source === undefined || row.source === source) image.set(row.externalId, recordOf(store, table, row));
  }
  return image;
}

function recordOf(store: Store, table: Table, row: Row): ImageRecord {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(row.values)) if (isPlain(value)) fields[name] = value;
  if (table === 'parts')
    rename(fields, ['job_id', 'job_external_id'], externalIdOf(store, 'jobs', row.values['job_id']));
  if (table === 'operations') {
    rename(fields, ['part_id', 'part_external_id'], externalIdOf(store, 'parts', row.values['part_id']));
    const cell = store.byId('cells', row.values['cell_id'])?.values['name'];
    rename(fields, ['cell_id', 'cell_name'], cell === undefined || !isPlain(cell) ? null : cell);
    rename(fields, ['estimated_time', 'estimated_time_minutes'], fields['estimated_time'] ?? null);
  }
  const onHold = table !== 'resources' && fields['status'] === 'on_hold';
  return onHold ? { externalId: row.externalId, fields, onHold } : { externalId: row.externalId, fields };
}

function rename(fields: Fields, [from, to]: [string, string], value: string | number | boolean | null): void {
  delete fields[from];
  fields[to] = value;
}

function externalIdOf(store: Store, table: Table, id: unknown): string | null {
  return store.byId(table, id)?.externalId ?? null;
}

/** Free JSON (metadata) is not part of the image. */
function isPlain(value: Value): value is string | number | boolean | null {
  return value === null || typeof value !== 'object';
}
