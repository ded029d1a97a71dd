import type { Database, Row, Value } from './database.ts';
import type { Field } from './fields.ts';
import { Float, type Json } from './python.ts';

/** Where a row lives. */
export interface Place {
  model: string;
  database: Database;
}

/** The value of a field of a row, computed where nothing is stored. */
export function fieldValue(row: Row, name: string, { model, database }: Place): Value {
  const field = database.field(model, name);
  if (field?.inverse !== undefined && field.relation !== undefined) {
    return database
      .table(field.relation)
      .by(field.inverse, row.id)
      .map(({ id }) => id);
  }
  return field?.store === false ? computed(row, name, { model, database }) : (row[name] ?? null);
}

/** Fields of work orders that stand on their manufacturing order. */
const related: Record<string, string> = {
  product_id: 'product_id',
  company_id: 'company_id',
  production_state: 'state',
  qty_production: 'product_qty',
  qty_producing: 'qty_producing',
};

function computed(row: Row, name: string, place: Place): Value {
  const { model, database } = place;
  if (name === 'display_name') return displayName(row.id, place);
  if (model === 'mrp.workorder') return ofWorkOrder(row, name, database);
  if (model === 'sale.order.line') {
    return database.table('sale.order').get(row['order_id'] as number)?.[name] ?? null;
  }
  if (name === 'expected_date') return row['date_order'] ?? null;
  if (name === 'qty_produced') return row['state'] === 'done' ? (row['product_qty'] ?? 0) : 0;
  return name === 'working_state' ? 'normal' : null;
}

function ofWorkOrder(row: Row, name: string, database: Database): Value {
  const order = database.table('mrp.production').get(row['production_id'] as number);
  const source = related[name];
  if (source !== undefined) return order?.[source] ?? null;
  if (name === 'barcode') return `${order?.['name']}/${row.id}`;
  if (name === 'working_state') return 'normal';
  return Math.max(0, Number(order?.['product_qty'] ?? 0) - Number(row['qty_produced'] ?? 0));
}

/** Names of rows whose tables nobody needs. */
const others: Record<string, Record<number, string>> = {
  'uom.uom': { 1: 'Units', 2: 'kg', 3: 'm' },
  'stock.location': { 8: 'WH/Stock', 9: 'WH/Hall A', 10: 'WH/Bühne 3' },
  'maintenance.equipment.category': { 1: 'Computers', 2: 'Software', 3: 'Machines', 4: 'Monitors', 5: 'Tools' },
  'resource.calendar': { 1: 'Standard 40 hours/week' },
  'res.users': { 1: 'OdooBot', 2: 'Mitchell Admin' },
};

/** How a row is called, in the language of the pinned context. */
export function displayName(id: number, { model, database }: Place): string {
  const row = database.table(model).get(id);
  if (row === undefined) return others[model]?.[id] ?? `${model},${id}`;
  const name = String(row['name'] ?? '');
  const { default_code: code, order_id: order } = row;
  if (model === 'product.product') return code === null ? name : `[${code}] ${name}`;
  if (model === 'mrp.workorder') {
    return `${displayName(row['production_id'] as number, { model: 'mrp.production', database })} - ${name}`;
  }
  if (model !== 'sale.order.line') return name;
  const sale = database.table('sale.order').get(order as number);
  const customer = displayName(sale?.['partner_id'] as number, { model: 'res.partner', database });
  return `${sale?.['name']} - ${name.split('\n')[0]} (${customer})`;
}

const zeroes: ReadonlySet<string> = new Set(['integer', 'float', 'monetary']);

/** A value as `read` shows it: null as false (numbers: 0), stamps cut to the second, many2ones with their names. */
export function shown(value: Value, field: Field, { database, bare }: { database: Database; bare: boolean }): Json {
  if (zeroes.has(field.type)) {
    const number = Number(value ?? 0);
    return field.type === 'integer' ? number : new Float(number);
  }
  if (value === null) return field.type.endsWith('2many') ? [] : false;
  if (field.type === 'datetime') return String(value).slice(0, 19);
  if (field.type !== 'many2one' || bare) return value as Json;
  return [value as number, displayName(value as number, { model: field.relation ?? '', database })];
}

/** Attributes of `fields_get`, in the order of their names, as Odoo sorts them. */
export function describe(field: Field, attributes: readonly string[] | undefined): Json {
  const all: Record<string, Json | undefined> = {
    readonly: field.readonly === true,
    relation: field.relation,
    relation_field: field.inverse,
    required: field.required === true,
    searchable: field.store !== false || field.related === true,
    selection: field.selection,
    sortable: field.store !== false,
    store: field.store !== false,
    string: field.string,
    type: field.type,
  };
  const kept = Object.entries(all).filter(
    ([name, value]) => value !== undefined && (attributes === undefined || attributes.includes(name)),
  );
  return Object.fromEntries(kept) as Json;
}
