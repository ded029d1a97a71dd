import type { ImageRecord, Table } from '../types.ts';
import type { Database } from './database.ts';
import type { Demand, Operation, Order, Resource } from './model.ts';
import { topOf } from './orders.ts';
import { instantOf, parseDuration } from './values.ts';

/** What the mapping of docs/connectors/frepple.md needs besides the row. */
export interface Context {
  database: Database;
  zone: string;
}

const hundredMillion = 100_000_000n;
const minuteMicroseconds = 60_000_000n;

/** Machines and pools (nothing above them) are cells; the members of pools, and tools, are resources. */
export function tableOf({ owner, subcategory }: Resource): Table & ('cells' | 'resources') {
  return owner === null && subcategory !== 'tool' ? 'cells' : 'resources';
}

export function resourceRecord(row: Resource): ImageRecord {
  const { name, location, subcategory } = row;
  if (tableOf(row) === 'cells') return { externalId: name, fields: { name, active: true } };
  const type = subcategory === 'tool' ? 'tooling' : 'equipment';
  return { externalId: name, fields: { name, type, location, active: true } };
}

export function jobRecord({ name, customer, due }: Demand, { zone }: Context): ImageRecord {
  const due_date = due === null ? null : instantOf(zone, due);
  return { externalId: name, fields: { job_number: name, customer, due_date } };
}

/** The demand that most of an order is for; undefined when there is none, so that the order gets a STOCK job. */
export function demandOf({ plan }: Order, { database }: Context): string | undefined {
  const shares = Object.entries(plan?.pegging ?? {}).filter(
    ([name]) => database.table('demand').get(name) !== undefined,
  );
  shares.sort(([oneName, one], [otherName, other]) => other - one || (oneName < otherName ? -1 : 1));
  return shares[0]?.[0];
}

export function stockId({ reference }: Order): string {
  return `STOCK-${reference}`;
}

export function stockRecord(order: Order, { zone }: Context): ImageRecord {
  const externalId = stockId(order);
  const due_date = order.enddate === null ? null : instantOf(zone, order.enddate);
  return { externalId, fields: { job_number: externalId, customer: null, due_date } };
}

export function partNumber(order: Order, { database }: Context): string {
  return `${operationOf(order, database)?.item ?? ''}|${order.reference}`;
}

export function partRecord(order: Order, context: Context): ImageRecord {
  const item = operationOf(order, context.database)?.item ?? null;
  const fields = {
    part_number: partNumber(order, context),
    material: item ?? 'Unknown',
    quantity: Math.max(1, Math.ceil(Number(order.quantity))),
    job_external_id: demandOf(order, context) ?? stockId(order),
  };
  return { externalId: order.reference, fields };
}

/** True when an order is its own only operation: its operation has no steps. */
export function isSingle(order: Order, { database }: Context): boolean {
  const operation = operationOf(order, database);
  return operation !== undefined && operation.type !== 'routing';
}

/** An operation of the MES: a step, or an order without steps. */
export function operationRecord(order: Order, { database, zone }: Context): ImageRecord {
  const operation = operationOf(order, database);
  const fields = {
    operation_name: order.operation,
    sequence: operation?.priority ?? 1,
    estimated_time_minutes: operation === undefined ? 0 : minutesOf(operation, order.quantity),
    planned_start: order.startdate === null ? null : instantOf(zone, order.startdate),
    planned_end: order.enddate === null ? null : instantOf(zone, order.enddate),
    part_external_id: order.owner ?? order.reference,
    cell_name: cellOf(order, database),
  };
  return { externalId: order.reference, fields };
}

/** Whole minutes, rounded half up; in whole numbers, because half a minute must be exactly half. */
export function minutesOf({ duration, duration_per, type }: Operation, quantity: string): number {
  const fixed = BigInt(parseDuration(duration ?? '0') ?? 0);
  const piece = type === 'fixed_time' ? 0n : BigInt(parseDuration(duration_per ?? '0') ?? 0);
  const pieces = BigInt(quantity.replace('.', ''));
  const total = fixed * hundredMillion + piece * pieces;
  const unit = minuteMicroseconds * hundredMillion;
  return Number((2n * total + unit) / (2n * unit));
}

/** The top of the hierarchy of the resource that the operation needs first (priority, then id), tools aside. */
function cellOf({ operation }: Order, database: Database): string | null {
  const needed = database.table('operationresource').by('operation', operation);
  needed.sort((one, other) => one.priority - other.priority || one.id - other.id);
  for (const { resource } of needed) {
    const top = database.table('resource').get(topOf(resource, database));
    if (top !== undefined && tableOf(top) === 'cells') return top.name;
  }
  return null;
}

function operationOf({ operation }: Order, database: Database): Operation | undefined {
  return database.table('operation').get(operation ?? '');
}
