import type { Table } from '../../types.ts';
import type { Incoming } from '../tables.ts';
import type { Database, Row } from './database.ts';

/** The columns that reading shows, a table each; `*` is all of them. Nothing but resources shows external ids. */
const shown: Record<Table, readonly string[] | '*'> = {
  cells: words('id name color sequence active created_at updated_at'),
  resources: '*',
  jobs: words('id job_number customer due_date due_date_override status notes metadata created_at updated_at'),
  parts: words(
    'id part_number material quantity status file_paths notes drawing_no cnc_program_name is_bullet_card created_at updated_at',
  ),
  operations: words(
    'id operation_name sequence status estimated_time actual_time cell_id part_id planned_start planned_end started_at completed_at created_at updated_at',
  ),
};

const embedded = {
  partOfJob: words('id part_number material quantity status'),
  jobOfPart: words('id job_number customer'),
  cell: words('id name color'),
  part: words('id part_number material'),
  job: words('id job_number'),
};

function words(list: string): readonly string[] {
  return list.split(' ');
}

/** Throws when the table lacks a column that reading asks for, so that nothing of it can be read at all. */
export function checkReadable({ relations }: Database, table: Table): void {
  const names = shown[table];
  const lacking = names === '*' ? undefined : names.find((name) => !relations[table].byName.has(name));
  if (lacking !== undefined) throw new Error(`Failed to fetch ${table}: column ${table}.${lacking} does not exist`);
}

/** A row as reading shows it, with what is embedded; dead parents and parts are embedded like live ones. */
export function selected(database: Database, table: Table, row: Row): Incoming {
  const names = shown[table];
  const result = names === '*' ? row.columns : pick(row, names);
  const { columns } = row;
  if (table === 'jobs') {
    const parts = database.referring('parts', 'job_id', columns['id']);
    return { ...result, parts: [...parts].map((part) => pick(part, embedded.partOfJob)) };
  }
  if (table === 'parts')
    return { ...result, job: pick(parent(database, 'jobs', columns['job_id']), embedded.jobOfPart) };
  if (table !== 'operations') return result;
  const part = parent(database, 'parts', columns['part_id']);
  return {
    ...result,
    cell: pick(parent(database, 'cells', columns['cell_id']), embedded.cell),
    part: {
      ...pick(part, embedded.part),
      job: pick(parent(database, 'jobs', part.columns['job_id']), embedded.job),
    },
  };
}

/** Foreign keys hold, so there is one. */
function parent(database: Database, table: Table, id: unknown): Row {
  const row = database.byId(table, id);
  if (row === undefined) throw new Error(`The simulated database lost ${table} ${String(id)}.`);
  return row;
}

function pick({ columns }: Row, names: readonly string[]): Incoming {
  const result: Incoming = {};
  for (const name of names) result[name] = columns[name];
  return result;
}
