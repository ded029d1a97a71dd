import type { Table } from '../types.ts';
import type { ColumnType, Value } from './columns.ts';

/** A record as a client sends it. */
export type Incoming = Record<string, unknown>;

interface Column {
  name: string;
  type: ColumnType;
  /** What an insert without a value stores; null unless given. */
  initial?: Value;
  notNull?: true;
}

/** How one record of the API becomes one row: everything that differs between the five functions. */
export interface Definition {
  table: Table;
  /** Key of the row in answers: `job`. */
  singular: string;
  /** What a client must send besides the external key, in the order in which it is checked. */
  required: readonly string[];
  /** The sentence of a bulk answer when one of them is missing. */
  requiredInBulk: string;
  columns: readonly Column[];
  /** The column looked up by value: unique with the named constraint, or just searched (cells, by operations). */
  key?: { column: string; constraint?: string };
  references: readonly Reference[];
  /** The columns that a body sets; undefined leaves the column alone (on creation: to its initial value). */
  read(body: Incoming, creating: boolean): Incoming;
}

/** A parent, named either by its uuid in `column` or by the documented `alias`. */
export interface Reference {
  column: string;
  alias: string;
  table: Table;
  /** `external` looks in the same external_source, `name` wants exactly one row of that name. */
  by: 'external' | 'name';
  constraint: string;
}

const notNull = true;
const external = 'external' as const;
const status = (body: Incoming, creating: boolean) => body['status'] || (creating ? 'not_started' : undefined);

const cells: Definition = {
  table: 'cells',
  singular: 'cell',
  required: ['name'],
  requiredInBulk: 'name is required',
  columns: [
    { name: 'name', type: 'text', notNull },
    { name: 'color', type: 'text' },
    { name: 'sequence', type: 'integer', notNull },
    { name: 'active', type: 'boolean', initial: true, notNull },
  ],
  key: { column: 'name' },
  references: [],
  read: (body) => ({
    name: body['name'],
    color: body['color'] || '#3B82F6',
    sequence: body['sequence'],
    active: body['active'] ?? true,
  }),
};

const resources: Definition = {
  table: 'resources',
  singular: 'resource',
  required: ['name', 'type'],
  requiredInBulk: 'name and type are required',
  columns: [
    { name: 'name', type: 'text', notNull },
    { name: 'type', type: 'text', notNull },
    { name: 'description', type: 'text' },
    { name: 'identifier', type: 'text' },
    { name: 'location', type: 'text' },
    { name: 'status', type: 'text', initial: 'available' },
    { name: 'metadata', type: 'json' },
    { name: 'active', type: 'boolean', initial: true, notNull },
  ],
  key: { column: 'name', constraint: 'resources_tenant_id_name_key' },
  references: [],
  read: (body) => ({
    name: body['name'],
    type: body['type'],
    description: body['description'],
    identifier: body['identifier'],
    location: body['location'],
    status: body['status'] || 'available',
    metadata: body['metadata'],
    active: body['active'] ?? true,
  }),
};

const jobs: Definition = {
  table: 'jobs',
  singular: 'job',
  required: ['job_number'],
  requiredInBulk: 'job_number is required',
  columns: [
    { name: 'job_number', type: 'text', notNull },
    { name: 'customer', type: 'text' },
    { name: 'due_date', type: 'timestamp' },
    { name: 'priority', type: 'integer', initial: 0 },
    { name: 'notes', type: 'text' },
    { name: 'metadata', type: 'json' },
    { name: 'status', type: 'job_status', initial: 'not_started' },
  ],
  key: { column: 'job_number', constraint: 'jobs_tenant_id_job_number_key' },
  references: [],
  read: (body, creating) => ({
    job_number: body['job_number'],
    customer: body['customer_name'] || body['customer'],
    due_date: body['due_date'],
    priority: creating ? body['priority'] || 0 : body['priority'],
    notes: body['notes'] || body['description'],
    metadata: body['metadata'],
    status: status(body, creating),
  }),
};

const parts: Definition = {
  table: 'parts',
  singular: 'part',
  required: ['part_number'],
  requiredInBulk: 'part_number is required',
  columns: [
    { name: 'job_id', type: 'uuid', notNull },
    { name: 'part_number', type: 'text', notNull },
    { name: 'material', type: 'text', notNull },
    { name: 'quantity', type: 'integer', initial: 1 },
    { name: 'notes', type: 'text' },
    { name: 'metadata', type: 'json' },
    { name: 'status', type: 'job_status', initial: 'not_started' },
  ],
  key: { column: 'part_number', constraint: 'parts_tenant_id_part_number_key' },
  references: [
    { column: 'job_id', alias: 'job_external_id', table: 'jobs', by: external, constraint: 'parts_job_id_fkey' },
  ],
  read: (body, creating) => ({
    part_number: body['part_number'],
    material: body['material'] || 'Unknown',
    quantity: body['quantity'] || 1,
    notes: body['notes'],
    metadata: body['metadata'],
    status: status(body, creating),
  }),
};

const operations: Definition = {
  table: 'operations',
  singular: 'operation',
  required: ['operation_name'],
  requiredInBulk: 'operation_name is required',
  columns: [
    { name: 'part_id', type: 'uuid', notNull },
    { name: 'cell_id', type: 'uuid', notNull },
    { name: 'operation_name', type: 'text', notNull },
    { name: 'sequence', type: 'integer', notNull },
    { name: 'estimated_time', type: 'integer', notNull },
    { name: 'notes', type: 'text' },
    { name: 'planned_start', type: 'timestamp' },
    { name: 'planned_end', type: 'timestamp' },
    { name: 'status', type: 'task_status', initial: 'not_started' },
  ],
  references: [
    { column: 'part_id', alias: 'part_external_id', table: 'parts', by: external, constraint: 'tasks_part_id_fkey' },
    { column: 'cell_id', alias: 'cell_name', table: 'cells', by: 'name', constraint: 'tasks_stage_id_fkey' },
  ],
  read: (body, creating) => ({
    operation_name: body['operation_name'],
    sequence: body['sequence'] || 1,
    estimated_time: body['estimated_time_minutes'] || body['estimated_time'] || 0,
    notes: body['notes'],
    planned_start: body['planned_start'],
    planned_end: body['planned_end'],
    status: status(body, creating),
  }),
};

/** The five synchronised tables. The rules of what an omitted field becomes are in the `read` of each. */
export const definitions: Record<Table, Definition> = { cells, resources, jobs, parts, operations };
