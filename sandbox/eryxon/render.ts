import { createHash } from 'node:crypto';
import { type Table, tables } from '../types.ts';
import type { Row, Store } from './store.ts';
import type { Incoming } from './tables.ts';

const tenant = '11111111-1111-1111-1111-111111111111';

/** Every column of a row in the order of the real tables; those that no synchronisation writes have their initial value. */
const templates: Record<Table, string> = {
  cells:
    'id tenant_id name description color image_url sequence active created_at updated_at wip_limit wip_warning_threshold enforce_wip_limit=false show_capacity_warning=true icon_name capacity_hours_per_day=8 external_id external_source synced_at deleted_at deleted_by sync_hash',
  resources:
    'id tenant_id name type description identifier location status metadata active created_at updated_at external_id external_source synced_at deleted_at deleted_by sync_hash',
  jobs: 'id tenant_id job_number customer due_date due_date_override status current_cell_id notes metadata created_at updated_at delivery_address delivery_city delivery_postal_code delivery_country="NL" delivery_lat delivery_lng total_weight_kg total_volume_m3 package_count=1 external_id external_source synced_at sync_hash deleted_at deleted_by priority started_at paused_at resumed_at completed_at actual_duration',
  parts:
    'id tenant_id job_id parent_part_id part_number material quantity status current_cell_id file_paths notes metadata created_at updated_at image_paths=[] material_lot material_supplier material_cert_number weight_kg length_mm width_mm height_mm drawing_no cnc_program_name is_bullet_card=false external_id external_source synced_at sync_hash deleted_at deleted_by',
  operations:
    'id tenant_id part_id cell_id assigned_operator_id operation_name sequence estimated_time actual_time=0 status completion_percentage=0 notes created_at updated_at completed_at metadata icon_name setup_time=0 run_time_per_unit=0 wait_time=0 changeover_time=0 planned_start planned_end external_id external_source synced_at deleted_at deleted_by status_before_hold sync_hash started_at paused_at resumed_at',
};

function initialRow(table: Table): Incoming {
  const columns = templates[table].split(' ').map((entry) => {
    const [name = '', initial] = entry.split('=');
    return [name, initial === undefined ? null : JSON.parse(initial)] as const;
  });
  return Object.fromEntries(columns);
}

const initialRows = Object.fromEntries(tables.map((table) => [table, initialRow(table)])) as Record<Table, Incoming>;

/** What lists show of a row; the rest of the columns, external ids above all, stays hidden. */
const listed: Record<Table, string> = {
  cells: 'id name color sequence active created_at updated_at',
  resources: templates.resources.replace(/=\S+/g, ''),
  jobs: 'id job_number customer due_date due_date_override status priority notes metadata created_at updated_at',
  parts:
    'id part_number material quantity status file_paths notes metadata created_at updated_at parent_part_id material_lot material_supplier material_cert_number drawing_no cnc_program_name is_bullet_card',
  operations:
    'id operation_name sequence estimated_time actual_time status completion_percentage notes completed_at created_at updated_at',
};

/** A whole row, as the single endpoints return it. */
export function wholeRow(table: Table, row: Row, body?: Incoming): Incoming {
  const hashed = body !== undefined && table !== 'cells' && table !== 'operations';
  return {
    ...initialRows[table],
    ...row.values,
    id: row.id,
    tenant_id: tenant,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    external_id: row.externalId,
    external_source: row.source,
    synced_at: row.updatedAt,
    ...(hashed ? { sync_hash: hashOf(body) } : {}),
  };
}

/** A row as a list shows it, with its parents in place of their ids. */
export function listedRow(store: Store, table: Table, row: Row): Incoming {
  const shown = pick(wholeRow(table, row), listed[table]);
  if (table === 'parts') shown['job'] = short(store, 'jobs', row.values['job_id']);
  if (table === 'operations') {
    const part = short(store, 'parts', row.values['part_id']);
    const partRow = store.byId('parts', row.values['part_id']);
    shown['part'] = { ...part, job: short(store, 'jobs', partRow?.values['job_id']) };
    shown['cell'] = short(store, 'cells', row.values['cell_id']);
  }
  return shown;
}

/** The parts that a list of jobs embeds, by job id; found in one pass because a job does not know its parts. */
export function embeddedParts(store: Store, jobs: readonly Row[]): Map<string, Incoming[]> {
  const byJob = new Map<string, Incoming[]>(jobs.map((job) => [job.id, []]));
  for (const part of store.rows('parts')) {
    const list = byJob.get(String(part.values['job_id']));
    list?.push(pick(wholeRow('parts', part), 'id part_number material quantity status file_paths notes metadata'));
  }
  return byJob;
}

const embedded: Partial<Record<Table, string>> = {
  jobs: 'id job_number customer',
  parts: 'id part_number material',
  cells: 'id name color sequence',
};

function short(store: Store, table: Table, id: unknown): Incoming | null {
  const row = store.byId(table, id);
  return row === undefined ? null : pick(wholeRow(table, row), embedded[table] ?? 'id');
}

function pick(row: Incoming, names: string): Incoming {
  return Object.fromEntries(names.split(' ').map((name) => [name, row[name]]));
}

function hashOf(body: Incoming): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 32);
}
