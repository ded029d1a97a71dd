import { type ImageRecord, type MesImage, type Table, tables } from '../../types.ts';
import type { Columns, Database } from './database.ts';
import { isVisible, type Mes } from './mes.ts';
import type { Relation } from './schema.ts';

/** Columns that are about the row and not about what it stands for. */
const housekeeping: ReadonlySet<string> = new Set(
  'id tenant_id created_at updated_at external_id external_source synced_at sync_hash deleted_at deleted_by'.split(' '),
);

/** Columns that the documented API calls by another name. */
const documentedNames: Partial<Record<Table, Record<string, string>>> = {
  parts: { job_id: 'job_external_id' },
  operations: {
    part_id: 'part_external_id',
    cell_id: 'cell_name',
    estimated_time: 'estimated_time_minutes',
    setup_time: 'setup_time_minutes',
  },
};

/** The fields that a record of the table has in an image, by column. */
export function imageFields({ table, columns }: Relation): Map<string, string> {
  const plain = columns.filter(({ name, type }) => type !== 'json' && type !== 'text[]' && !housekeeping.has(name));
  return new Map(plain.map(({ name }) => [name, documentedNames[table]?.[name] ?? name]));
}

/** The live rows that came from outside, from one source or from any, in the words of the documented API. */
export function imageOf(mes: Mes, source?: string): MesImage {
  return Object.fromEntries(tables.map((table) => [table, tableImage(mes, table, source)])) as MesImage;
}

function tableImage(mes: Mes, table: Table, source: string | undefined): Map<string, ImageRecord> {
  const fields = [...imageFields(mes.database.relations[table])];
  const image = new Map<string, ImageRecord>();
  for (const row of mes.database.rows(table)) {
    const externalId = row.columns['external_id'];
    if (typeof externalId !== 'string' || !isVisible(mes, table, row)) continue;
    if (source !== undefined && row.columns['external_source'] !== source) continue;
    const record: ImageRecord = { externalId, fields: fieldsOf(mes.database, row.columns, fields) };
    if (table !== 'resources' && row.columns['status'] === 'on_hold') record.onHold = true;
    image.set(externalId, record);
  }
  return image;
}

function fieldsOf(database: Database, columns: Columns, fields: [string, string][]): ImageRecord['fields'] {
  const result: ImageRecord['fields'] = {};
  for (const [name, field] of fields) result[field] = shown(database, field, columns[name]) as string;
  return result;
}

function shown(database: Database, field: string, value: unknown): unknown {
  if (field === 'job_external_id') return database.byId('jobs', value)?.columns['external_id'] ?? null;
  if (field === 'part_external_id') return database.byId('parts', value)?.columns['external_id'] ?? null;
  if (field === 'cell_name') return database.byId('cells', value)?.columns['name'] ?? null;
  return value;
}
