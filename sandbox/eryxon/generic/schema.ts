import type { Table } from '../../types.ts';
import type { ColumnType, Value } from '../columns.ts';

/** A column of the database as a generic function meets it: its name is the field name of the API. */
export interface Column {
  name: string;
  type: ColumnType;
  initial: Value;
  notNull: boolean;
}

/** A foreign key. People (`profiles`) are not simulated: whoever names one finds the key violated. */
export interface Reference {
  column: string;
  table: Table | 'profiles';
  constraint: string;
}

/** A unique key over one tenant; dead rows count, rows with a null in it do not. */
export interface Unique {
  constraint: string;
  columns: readonly [string] | readonly [string, string];
}

export interface Relation {
  table: Table;
  /** Key of one row in answers: `job`. */
  singular: string;
  /** DELETE leaves a dead row behind, and reading does not show it. */
  softDelete: boolean;
  columns: readonly Column[];
  byName: ReadonlyMap<string, Column>;
  /** In the order in which the database looks at them: primary key, business key, external key. */
  uniques: readonly [Unique, ...Unique[]];
  references: readonly Reference[];
}

/**
 * The columns in the order of the real tables: `name:type`, `!` for NOT NULL, `=` before the initial value as JSON.
 * A leading `~` marks a column that the functions write and no migration creates.
 */
const columnLists: Record<Table, string> = {
  cells: `id:uuid! tenant_id:uuid! name:text! description:text color:text image_url:text sequence:integer!
    active:boolean=true created_at:timestamp updated_at:timestamp wip_limit:integer wip_warning_threshold:integer
    enforce_wip_limit:boolean=false show_capacity_warning:boolean=true icon_name:text capacity_hours_per_day:numeric=8
    external_id:text external_source:text synced_at:timestamp deleted_at:timestamp deleted_by:uuid ~sync_hash:text`,
  resources: `id:uuid! tenant_id:uuid! name:text! type:text! description:text identifier:text location:text
    status:text="available" metadata:json active:boolean=true created_at:timestamp updated_at:timestamp
    external_id:text external_source:text synced_at:timestamp deleted_at:timestamp deleted_by:uuid ~sync_hash:text`,
  jobs: `id:uuid! tenant_id:uuid! job_number:text! customer:text due_date:timestamp due_date_override:timestamp
    status:job_status="not_started" current_cell_id:uuid notes:text metadata:json created_at:timestamp
    updated_at:timestamp delivery_address:text delivery_city:text delivery_postal_code:text delivery_country:text="NL"
    delivery_lat:numeric delivery_lng:numeric total_weight_kg:numeric total_volume_m3:numeric package_count:integer=1
    external_id:text external_source:text synced_at:timestamp sync_hash:text deleted_at:timestamp deleted_by:uuid
    ~priority:integer=0 ~started_at:timestamp ~paused_at:timestamp ~resumed_at:timestamp ~completed_at:timestamp
    ~actual_duration:integer`,
  parts: `id:uuid! tenant_id:uuid! job_id:uuid! parent_part_id:uuid part_number:text! material:text!
    quantity:integer=1 status:job_status="not_started" current_cell_id:uuid file_paths:text[] notes:text metadata:json
    created_at:timestamp updated_at:timestamp image_paths:text[]=[] material_lot:text material_supplier:text
    material_cert_number:text weight_kg:numeric length_mm:numeric width_mm:numeric height_mm:numeric drawing_no:text
    cnc_program_name:text is_bullet_card:boolean=false external_id:text external_source:text synced_at:timestamp
    sync_hash:text deleted_at:timestamp deleted_by:uuid`,
  operations: `id:uuid! tenant_id:uuid! part_id:uuid! cell_id:uuid! assigned_operator_id:uuid operation_name:text!
    sequence:integer! estimated_time:integer! actual_time:integer=0 status:task_status="not_started"
    completion_percentage:integer=0 notes:text created_at:timestamp updated_at:timestamp completed_at:timestamp
    metadata:json icon_name:text setup_time:numeric=0 run_time_per_unit:numeric=0 wait_time:numeric=0
    changeover_time:numeric=0 planned_start:timestamp planned_end:timestamp external_id:text external_source:text
    synced_at:timestamp deleted_at:timestamp deleted_by:uuid status_before_hold:task_status ~sync_hash:text
    ~started_at:timestamp ~paused_at:timestamp ~resumed_at:timestamp`,
};

/** Primary keys still have the names that their tables had at first. */
const primaryKeys: Record<Table, string> = {
  cells: 'stages_pkey',
  resources: 'resources_pkey',
  jobs: 'jobs_pkey',
  parts: 'parts_pkey',
  operations: 'tasks_pkey',
};

const businessKeys: Partial<Record<Table, Unique>> = {
  resources: { constraint: 'resources_tenant_id_name_key', columns: ['name'] },
  jobs: { constraint: 'jobs_tenant_id_job_number_key', columns: ['job_number'] },
  parts: { constraint: 'parts_tenant_id_part_number_key', columns: ['part_number'] },
};

const references: Record<Table, string> = {
  cells: 'deleted_by>profiles=cells_deleted_by_fkey',
  resources: 'deleted_by>profiles=resources_deleted_by_fkey',
  jobs: 'current_cell_id>cells=jobs_current_stage_id_fkey deleted_by>profiles=jobs_deleted_by_fkey',
  parts: `current_cell_id>cells=parts_current_stage_id_fkey deleted_by>profiles=parts_deleted_by_fkey
    job_id>jobs=parts_job_id_fkey parent_part_id>parts=parts_parent_part_id_fkey`,
  operations: `deleted_by>profiles=operations_deleted_by_fkey
    assigned_operator_id>profiles=tasks_assigned_operator_id_fkey part_id>parts=tasks_part_id_fkey
    cell_id>cells=tasks_stage_id_fkey`,
};

/** The database that the migrations make, or with `complete` the one that the code was written for. */
export function relationsOf(complete: boolean): Record<Table, Relation> {
  const names = Object.keys(columnLists) as Table[];
  return Object.fromEntries(names.map((table) => [table, relationOf(table, complete)])) as Record<Table, Relation>;
}

function relationOf(table: Table, complete: boolean): Relation {
  const columns = columnLists[table]
    .split(/\s+/)
    .filter((entry) => complete || !entry.startsWith('~'))
    .map(columnOf);
  const business = businessKeys[table];
  return {
    table,
    singular: table.slice(0, -1),
    softDelete: table !== 'cells',
    columns,
    byName: new Map(columns.map((column) => [column.name, column])),
    uniques: [
      { constraint: primaryKeys[table], columns: ['id'] },
      ...(business === undefined ? [] : [business]),
      { constraint: `idx_${table}_external_sync`, columns: ['external_source', 'external_id'] },
    ],
    references: references[table].split(/\s+/).map(referenceOf),
  };
}

function columnOf(entry: string): Column {
  const [, name = '', type = 'text', notNull, initial = 'null'] =
    /^~?(\w+):([a-z_[\]]+)(!)?(?:=(.*))?$/.exec(entry) ?? [];
  return { name, type: type as ColumnType, notNull: notNull !== undefined, initial: JSON.parse(initial) as Value };
}

function referenceOf(entry: string): Reference {
  const [, column = '', table = '', constraint = ''] = /^(\w+)>(\w+)=(\w+)$/.exec(entry) ?? [];
  return { column, table: table as Table, constraint };
}
