import type { Incoming } from '../tables.ts';
import type { Columns, Row } from './database.ts';
import { findExternal, type Mes } from './mes.ts';
import { digest } from './sync.ts';

/** The tables that erp-sync knows, in the order in which it goes through them. */
export const entities = ['jobs', 'parts', 'resources'] as const;
export type Entity = (typeof entities)[number];

/**
 * The look-up puts all external ids of a source into one URL, and beyond this length the gateway refuses it. The error
 * is logged and nothing else: the records pass for new.
 */
const longestLookUp = 16_384;
const aroundIds = 256;

/** What erp-sync leaves out of a record before it hashes it, at any depth. */
const unhashed: ReadonlySet<string> = new Set(
  'id tenant_id created_at updated_at deleted_at deleted_by synced_at sync_hash cached_at'.split(' '),
);

/** The hash of what the ERP sent, keys in order. `PUT sync` stores one of the text as it came: the two never agree. */
export function hashOf(record: Incoming): string {
  return digest(JSON.stringify(normalised(record)));
}

function normalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalised);
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value).filter((name) => !unhashed.has(name));
  return Object.fromEntries(names.sort().map((name) => [name, normalised((value as Incoming)[name])]));
}

/** The rows behind the external keys of the records; none at all when a column that is asked for does not exist. */
export function existingRows(mes: Mes, entity: Entity, query: { records: Incoming[]; asked: string }): LookUp {
  const rows: LookUp = new Map();
  const { byName } = mes.database.relations[entity];
  const keyed = query.records.filter((record) => record['external_id'] && record['external_source']);
  if (query.asked.split(' ').some((name) => !byName.has(name))) return rows;
  for (const group of Map.groupBy(keyed, (record) => record['external_source']).values()) {
    if (isTooLong(group.map((record) => record['external_id']))) continue;
    for (const record of group) {
      const row = findExternal(mes, entity, record);
      if (row !== undefined) rows.set(keyOf(record), row);
    }
  }
  return rows;
}

export type LookUp = Map<string, Row>;

/** The name of a record in a look-up. */
export function keyOf(record: Incoming): string {
  return `${record['external_source']}:${record['external_id']}`;
}

/** The ids of the parts' jobs by external id, all looked for in the source of the first part. */
export function parentIds(mes: Mes, parts: readonly Incoming[]): Map<unknown, unknown> {
  const externalIds = [...new Set(parts.map((part) => part['job_external_id']).filter(Boolean))];
  const external_source = parts[0]?.['external_source'] || '';
  const ids = new Map<unknown, unknown>();
  if (isTooLong(externalIds)) return ids;
  for (const external_id of externalIds) {
    const row = findExternal(mes, 'jobs', { external_id, external_source });
    if (row !== undefined) ids.set(external_id, row.columns['id']);
  }
  return ids;
}

function isTooLong(externalIds: readonly unknown[]): boolean {
  let length = aroundIds;
  // Three characters for the comma between two of them, which is escaped.
  for (const id of externalIds) length += encodeURIComponent(String(id)).length + 3;
  return length > longestLookUp;
}

/** What a record becomes, field by field; undefined leaves a column alone, and whatever is not named here is dropped. */
export const columnsOf: Record<Entity, (record: Incoming, jobId: unknown) => Incoming> = {
  jobs: (record) => ({
    job_number: record['job_number'],
    customer: record['customer_name'] || record['customer'],
    due_date: record['due_date'],
    priority: record['priority'],
    notes: record['notes'] || record['description'],
    metadata: record['metadata'],
  }),
  parts: (record, jobId) => ({
    job_id: jobId,
    part_number: record['part_number'],
    material: record['material'] || 'Unknown',
    quantity: record['quantity'] || 1,
    notes: record['notes'],
    metadata: record['metadata'],
  }),
  resources: (record) => ({
    name: record['name'],
    type: record['type'],
    description: record['description'],
    identifier: record['identifier'],
    location: record['location'],
    status: record['status'] || 'available',
    metadata: record['metadata'],
    active: record['active'] ?? true,
  }),
};

/** What is written on top of that when the record is new. A priority is, wanted or not, and its column may not exist. */
export const columnsOfNew: Record<Entity, (record: Incoming) => Incoming> = {
  jobs: (record) => ({ priority: record['priority'] || 0, status: record['status'] || 'not_started' }),
  parts: (record) => ({ status: record['status'] || 'not_started' }),
  resources: () => ({}),
};

type Texts = (columns: Columns, record: Incoming) => (string | undefined | false)[];

/** What a diff says of a record whose hash is another; null and absent are different things to it. */
const changeTexts: Record<Entity, Texts> = {
  jobs: ({ job_number, customer, due_date, priority, status }, record) => [
    changed('job_number', job_number, record['job_number']),
    changed('customer', customer, record['customer_name'] || record['customer']),
    changed('due_date', due_date, record['due_date']),
    record['priority'] !== undefined && changed('priority', priority, record['priority']),
    !!record['status'] && changed('status', status, record['status']),
    !!(record['notes'] || record['description']) && 'notes updated',
    !!record['metadata'] && 'metadata updated',
  ],
  parts: ({ part_number, material, quantity, status }, record) => [
    changed('part_number', part_number, record['part_number']),
    !!record['material'] && changed('material', material, record['material']),
    record['quantity'] !== undefined && changed('quantity', quantity, record['quantity']),
    !!record['status'] && changed('status', status, record['status']),
    !!record['notes'] && 'notes updated',
    !!record['metadata'] && 'metadata updated',
  ],
  resources: ({ name, type, status }, record) => [
    changed('name', name, record['name']),
    changed('type', type, record['type']),
    !!record['status'] && changed('status', status, record['status']),
    !!record['description'] && 'description updated',
    !!record['metadata'] && 'metadata updated',
  ],
};

/** Numbers are shown bare, everything else between quotes. */
function changed(name: string, is: unknown, sent: unknown): string | false {
  if (is === sent) return false;
  const bare = name === 'priority' || name === 'quantity';
  return bare ? `${name}: ${is} -> ${sent}` : `${name}: "${is}" -> "${sent}"`;
}

export function changesOf(entity: Entity, row: Row, record: Incoming): string[] {
  const texts = changeTexts[entity](row.columns, record).filter((text) => typeof text === 'string');
  return texts.length > 0 ? texts : ['data changed (hash mismatch)'];
}
