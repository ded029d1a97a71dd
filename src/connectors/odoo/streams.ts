import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import type { Lifecycle, MesRecord, RecordRef } from '../../core/types.ts';
import { ceilInteger, roundAway } from '../fields.ts';
import { idOf, nameOf, type OdooRow } from '../protocols/odoo-model.ts';
import { defineOdooStream, type OdooStreamDefinition } from '../protocols/odoo-stream.ts';
import { readOdooTime } from '../protocols/odoo-times.ts';
import { completeProductions } from './links.ts';

/** What mappings need beside the row; see docs/connectors/odoo.md for every field. */
export interface OdooContext {
  source: string;
  numberPrefix: string;
}

const id = z.number();
const text = z.string().nullish();
const amount = z.number().nullish();
const flag = z.boolean().nullish();
/** A many2one: its id and its name. */
const link = z.union([z.tuple([z.number(), z.string()]), z.number()]);
const maybeLink = link.nullish();

/** What the job of an order without a sales order is called. */
const stockPrefix = 'STOCK-';

const hourly = 3600;
const daily = 86_400;

const workCenters = defineOdooStream({
  name: 'work-centers',
  entity: 'cell',
  model: 'mrp.workcenter',
  app: 'Manufacturing',
  mayBeAbsent: false,
  watches: [],
  childStream: null,
  fullReadEverySeconds: hourly,
  laid: [],
  keyFields: [],
  owns: [{ entity: 'cell' }],
  schema: z.object({ id, name: z.string(), active: flag }),
  isTold: () => true,
  refs: (row) => [{ entity: 'cell', externalId: String(row.id) }],
  toRecords(row, { source }: OdooContext) {
    const active = row.active !== false;
    const fields = { name: `${row.name} (${row.id})`, active };
    const lifecycle = active ? 'active' : 'cancelled';
    return [{ entity: 'cell', source, externalId: String(row.id), parents: {}, fields, lifecycle }];
  },
});

const equipment = defineOdooStream({
  name: 'equipment',
  entity: 'resource',
  model: 'maintenance.equipment',
  app: 'Maintenance',
  mayBeAbsent: true,
  watches: [],
  childStream: null,
  fullReadEverySeconds: hourly,
  laid: [],
  keyFields: [],
  owns: [{ entity: 'resource' }],
  schema: z.object({
    id,
    name: z.string(),
    serial_no: text,
    location: text,
    location_id: maybeLink,
    active: flag,
    scrap_date: text,
  }),
  isTold: () => true,
  refs: (row) => [{ entity: 'resource', externalId: String(row.id) }],
  toRecords(row, { source }: OdooContext) {
    const active = row.active !== false && !row.scrap_date;
    const fields = {
      name: `${row.name} (${row.id})`,
      type: 'equipment',
      identifier: row.serial_no || null,
      location: row.location || nameOf(row.location_id),
      active,
    };
    const lifecycle = active ? 'active' : 'cancelled';
    return [{ entity: 'resource', source, externalId: String(row.id), parents: {}, fields, lifecycle }];
  },
});

const salesSchema = z.object({
  id,
  name: z.string(),
  state: z.string(),
  partner_id: link,
  commitment_date: text,
  locked: flag,
});

type SalesOrder = z.output<typeof salesSchema>;

const salesOrders = defineOdooStream({
  name: 'sales-orders',
  entity: 'job',
  model: 'sale.order',
  app: 'Sales',
  mayBeAbsent: true,
  watches: ['partner_id'],
  childStream: null,
  fullReadEverySeconds: daily,
  laid: [],
  keyFields: ['state'],
  owns: [{ entity: 'job', startsNotWith: stockPrefix }],
  schema: salesSchema,
  isTold: isSold,
  refs: (row) => [{ entity: 'job', externalId: String(row.id) }],
  toRecords: (row, context: OdooContext) => [jobOf(row, context)],
});

function isSold({ state }: Pick<SalesOrder, 'state'>): boolean {
  return state === 'sale' || state === 'done';
}

function jobOf(row: SalesOrder, { source, numberPrefix }: OdooContext): MesRecord {
  const fields = {
    job_number: numberPrefix + row.name,
    customer: nameOf(row.partner_id),
    due_date: readOdooTime(row.commitment_date),
  };
  const lifecycle: Lifecycle = row.locked === true || row.state === 'done' ? 'closed' : 'active';
  return { entity: 'job', source, externalId: String(row.id), parents: {}, fields, lifecycle };
}

const made: ReadonlySet<unknown> = new Set(['confirmed', 'progress', 'to_close', 'done']);

const productionSchema = z.object({
  id,
  name: z.string(),
  state: z.string(),
  product_id: link,
  product_qty: amount,
  origin: text,
  sale_line_id: maybeLink,
  company_id: maybeLink,
  date_deadline: text,
  date_finished: text,
  date_planned_finished: text,
  workorder_ids: z.array(z.number()).nullish(),
  product: z.object({ default_code: text, name: text }).nullish(),
  sale: z.union([salesSchema, z.literal('hidden')]).nullish(),
});

const manufacturingOrders = defineOdooStream({
  name: 'manufacturing-orders',
  entity: 'part',
  otherEntities: ['job'],
  model: 'mrp.production',
  app: 'Manufacturing',
  mayBeAbsent: false,
  watches: ['product_id'],
  members: 'workorder_ids',
  childStream: 'work-orders',
  fullReadEverySeconds: daily,
  laid: ['product', 'sale'],
  keyFields: ['state', 'origin', 'sale_line_id', 'company_id', 'workorder_ids'],
  owns: [{ entity: 'part' }, { entity: 'job', startsWith: stockPrefix }],
  schema: productionSchema,
  complete: completeProductions,
  isTold: (row) => made.has(row.state),
  refs(row) {
    const part: RecordRef = { entity: 'part', externalId: String(row.id) };
    return row.sale ? [part] : [{ entity: 'job', externalId: stockPrefix + row.id }, part];
  },
  toRecords(row, context: OdooContext) {
    const { source } = context;
    const sale = visibleSale(row);
    const externalId = String(row.id);
    const lifecycle: Lifecycle = row.state === 'done' ? 'closed' : 'active';
    const material = row.product?.default_code || row.product?.name || nameOf(row.product_id) || 'Unknown';
    const stock = stockJobOf(row, context);
    const part: MesRecord = {
      entity: 'part',
      source,
      externalId,
      parents: { job: sale ? String(sale.id) : stock.externalId },
      fields: {
        part_number: `${material}|${row.name}`,
        material,
        quantity: Math.max(1, ceilInteger(row.product_qty ?? 1, 'product_qty')),
      },
      lifecycle,
    };
    if (!sale) return [{ ...stock, lifecycle }, part];
    // An order that has its sales order now may have been made to stock before.
    const was: MesRecord = { ...stock, lifecycle: 'cancelled', onlyIfKnown: true };
    // One that outlives its sales order needs a job all the same, also where the MES never heard of it.
    return isSold(sale) ? [was, part] : [was, { ...jobOf(sale, context), lifecycle: 'cancelled' }, part];
  },
});

type Production = z.output<typeof productionSchema>;

function stockJobOf(row: Production, { source, numberPrefix }: OdooContext): MesRecord {
  const due = readOdooTime(row.date_deadline) ?? readOdooTime(row.date_planned_finished ?? row.date_finished);
  const fields = { job_number: numberPrefix + stockPrefix + row.name, customer: null, due_date: due };
  return { entity: 'job', source, externalId: stockPrefix + row.id, parents: {}, fields, lifecycle: 'active' };
}

function visibleSale({ name, sale }: Production): SalesOrder | null {
  if (sale !== 'hidden') return sale ?? null;
  throw new RecordError(
    `${name} is made for a sales order that the user may not see. Give the user Sales: All Documents, and every company that is read.`,
  );
}

const workOrders = defineOdooStream({
  name: 'work-orders',
  entity: 'operation',
  model: 'mrp.workorder',
  app: 'Manufacturing',
  mayBeAbsent: false,
  watches: [],
  parent: { model: 'mrp.production', field: 'production_id', rows: 'workorder_ids', fields: ['state'] },
  childStream: null,
  fullReadEverySeconds: daily,
  laid: ['parent', 'rank'],
  keyFields: ['state', 'production_id'],
  owns: [{ entity: 'operation' }],
  schema: z.object({
    id,
    name: z.string(),
    state: z.string(),
    production_id: link,
    workcenter_id: link,
    sequence: amount,
    duration_expected: amount,
    date_start: text,
    date_finished: text,
    date_planned_start: text,
    date_planned_finished: text,
    parent: z.object({ state: z.string() }).nullish(),
    rank: z.number().nullish(),
  }),
  complete: async (rows) => layRanks(rows),
  isTold: (row) => row.state !== 'cancel' && made.has(row.parent?.state),
  refs: (row) => [{ entity: 'operation', externalId: String(row.id) }],
  toRecords(row, { source }: OdooContext) {
    const parents = { part: String(idOf(row.production_id)), cell: String(idOf(row.workcenter_id)) };
    const fields = {
      operation_name: row.name,
      sequence: 10 * (row.rank ?? 1),
      estimated_time_minutes: Math.round(roundAway(row.duration_expected ?? 0)),
      planned_start: readOdooTime(row.date_planned_start ?? row.date_start),
      planned_end: readOdooTime(row.date_planned_finished ?? row.date_finished),
    };
    const lifecycle: Lifecycle = row.state === 'done' ? 'closed' : 'active';
    return [{ entity: 'operation', source, externalId: String(row.id), parents, fields, lifecycle }];
  },
});

/** Places from 1 among all work orders of their manufacturing order: numbers of Odoo's own repeat and have gaps. */
function layRanks(rows: readonly OdooRow[]): void {
  for (const siblings of Map.groupBy(rows, (row) => idOf(row['production_id'])).values()) {
    const place = (row: OdooRow) => Number(row['sequence'] ?? 0);
    const sorted = siblings.toSorted((one, other) => place(one) - place(other) || one.id - other.id);
    for (const [index, row] of sorted.entries()) row['rank'] = index + 1;
  }
}

/** The streams in dependency order: parents before children. */
export const odooStreams: readonly OdooStreamDefinition<OdooContext>[] = [
  workCenters,
  equipment,
  salesOrders,
  manufacturingOrders,
  workOrders,
];
