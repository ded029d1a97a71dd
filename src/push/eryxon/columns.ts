import { beginsWithDay } from '../../core/stamp.ts';
import type { Entity, FieldValue } from '../../core/types.ts';
import type { ReadyChange } from '../sink.ts';
import { statusFields } from './bodies.ts';

export type Columns = Record<string, FieldValue>;

interface Column {
  type: 'text' | 'integer' | 'number' | 'boolean' | 'instant';
  /** The database takes no null. */
  notNull: boolean;
  /** What stands there when the record says nothing; sent only where the database has no default of its own. */
  initial: FieldValue | undefined;
}

/**
 * The columns that installations really have and that are ours to write: `name:type`, `!` for NOT NULL, `=` before what is sent
 * when the record says nothing. Never `id` or `tenant_id`: the first would be changed, the second is ignored. Status goes by
 * rules of its own. Found in the migrations of v0.6.0 and main; the validators and the documentation name others.
 */
const lists: Record<Entity, string> = {
  cell: `name:text! description:text color:text image_url:text sequence:integer! active:boolean! wip_limit:integer
    wip_warning_threshold:integer enforce_wip_limit:boolean! show_capacity_warning:boolean! icon_name:text
    capacity_hours_per_day:number`,
  resource: `name:text! type:text! description:text identifier:text location:text active:boolean!`,
  job: `job_number:text! customer:text due_date:instant due_date_override:instant notes:text delivery_address:text
    delivery_city:text delivery_postal_code:text delivery_country:text delivery_lat:number delivery_lng:number
    total_weight_kg:number total_volume_m3:number package_count:integer priority:integer`,
  part: `part_number:text! material:text!="Unknown" quantity:integer! notes:text material_lot:text material_supplier:text
    material_cert_number:text weight_kg:number length_mm:number width_mm:number height_mm:number drawing_no:text
    cnc_program_name:text is_bullet_card:boolean!`,
  operation: `operation_name:text! sequence:integer!=1 estimated_time:integer!=0 notes:text icon_name:text
    setup_time:number run_time_per_unit:number wait_time:number changeover_time:number planned_start:instant
    planned_end:instant`,
};

const columns = Object.fromEntries(
  Object.entries(lists).map(([entity, list]) => [entity, new Map(list.split(/\s+/).map(columnOf))]),
) as Record<Entity, Map<string, Column>>;

function columnOf(entry: string): [string, Column] {
  const [, name = '', type = 'text', notNull, initial] = /^(\w+):([a-z]+)(!)?(?:=(.*))?$/.exec(entry) ?? [];
  return [
    name,
    {
      type: type as Column['type'],
      notNull: notNull !== undefined,
      initial: initial === undefined ? undefined : (JSON.parse(initial) as FieldValue),
    },
  ];
}

/** Fields of the documented API whose column has another name. */
const renamed: Partial<Record<Entity, Readonly<Record<string, string>>>> = {
  job: { customer_name: 'customer', description: 'notes' },
  operation: { estimated_time_minutes: 'estimated_time', setup_time_minutes: 'setup_time' },
};

/** Where the generic code keeps a field; undefined when it has no column for it. */
export function columnFor(entity: Entity, field: string): string | undefined {
  const name = renamed[entity]?.[field] ?? field;
  return columns[entity].has(name) ? name : undefined;
}

/** Whether a record can do without the column where this MES lacks it: ids, parents and status cannot be left out. */
export function canLeaveOut(entity: Entity, column: string): boolean {
  return columns[entity].has(column) && !requiredNames.includes(column);
}

export interface Shaped {
  columns: Columns;
  /** Fields of the record that this MES has no column for. */
  dropped: string[];
}

export interface ShapeOptions {
  /** The MES may not hold it yet: what it cannot do without is filled in. */
  creating: boolean;
  /** Columns that this installation lacks. */
  lacking: ReadonlySet<string>;
  /** Leave the status alone, whatever the record says. */
  keepStatus?: boolean;
}

/**
 * A record as the columns of its table, without ids and parents. Returns the reason as text when the MES could not store it: what
 * is caught here costs no request and spoils no batch.
 */
export function shape(change: ReadyChange, options: ShapeOptions): Shaped | string {
  const { record } = change;
  const known = columns[record.entity];
  const shaped: Shaped = { columns: {}, dropped: [] };
  const { status, ...notes } = statusFields(change) ?? {};
  const problem = fill(
    shaped,
    { known, lacking: options.lacking, entity: record.entity },
    { ...record.fields, ...notes },
  );
  const missing =
    problem === undefined && options.creating ? complete(known, shaped.columns, options.lacking) : undefined;
  if (missing !== undefined) return `The record has no ${missing}, which the MES requires.`;
  if (status !== undefined && options.keepStatus !== true) shaped.columns['status'] = status;
  return problem ?? shaped;
}

interface Table {
  known: ReadonlyMap<string, Column>;
  lacking: ReadonlySet<string>;
  entity: Entity;
}

/** Puts each field into its column; returns the reason when a value cannot be stored. */
function fill(shaped: Shaped, { known, lacking, entity }: Table, fields: Readonly<Columns>): string | undefined {
  for (const [field, given] of Object.entries(fields)) {
    const name = renamed[entity]?.[field] ?? field;
    const column = lacking.has(name) ? undefined : known.get(name);
    if (column === undefined) {
      // What says nothing is no loss.
      if (given !== null) shaped.dropped.push(field);
      continue;
    }
    const value = convert(column, given);
    if (value instanceof Error) return `${field} ${JSON.stringify(given)}: ${value.message}`;
    if (value !== undefined) shaped.columns[name] = value;
  }
  return undefined;
}

/** What tells a record to people: a MES without a column for it takes no such records. */
const requiredNames = ['name', 'type', 'job_number', 'part_number', 'operation_name'];

/** Fills in what has a stand-in; returns the name of a column that has none and that the MES cannot do without. */
function complete(
  known: ReadonlyMap<string, Column>,
  shaped: Columns,
  lacking: ReadonlySet<string>,
): string | undefined {
  for (const [name, { initial }] of known) {
    if (initial !== undefined && shaped[name] === undefined && !lacking.has(name)) shaped[name] = initial;
  }
  return requiredNames.find((name) => known.has(name) && !shaped[name]);
}

/** undefined leaves the column out: a null where the database takes none says nothing. */
function convert({ type, notNull, initial }: Column, given: FieldValue): FieldValue | undefined | Error {
  if (given === null) return notNull ? initial : null;
  if (type === 'text') return textOf(String(given), notNull);
  if (type === 'boolean') return typeof given === 'boolean' ? given : new Error('is neither true nor false.');
  if (type === 'instant') return instantOf(String(given));
  const number = typeof given === 'number' ? given : Number(String(given).trim() || Number.NaN);
  if (!Number.isFinite(number)) return new Error('is not a number.');
  if (type === 'number') return number;
  // Half up, as the documented API rounds minutes.
  const whole = Math.floor(number + 0.5);
  return Math.abs(whole) < 2 ** 31 ? whole : new Error('is too large for the MES.');
}

function textOf(text: string, notNull: boolean): string | Error {
  if (text.includes('\u0000')) return new Error('contains a NUL character, which the MES cannot store.');
  return notNull && text === '' ? new Error('is empty, and the MES requires it.') : text;
}

const instantForm = /^\d{4}-\d{2}-\d{2}(?:$|[T ])/;

/** Dates that JavaScript takes and PostgreSQL does not, such as 30 February, end here. */
function instantOf(text: string): string | Error {
  if (!instantForm.test(text) || Number.isNaN(Date.parse(text))) return new Error('is not a date.');
  return beginsWithDay(text) ? text : new Error('is not a day of the calendar.');
}
