import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import type { Lifecycle, MesRecord, RecordRef } from '../../core/types.ts';
import { nameOf } from '../protocols/odoo/model.ts';
import { defineOdooStream } from '../protocols/odoo/stream.ts';
import { readOdooTime } from '../protocols/odoo/times.ts';
import { ceilInteger } from '../values.ts';
import { completeProductions, productionLookUps } from './links.ts';
import { amount, daily, id, link, made, maybeLink, type OdooContext, stockPrefix, text } from './rows.ts';
import { isSold, type SalesOrder, salesSchema } from './sales-orders.ts';

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

export const manufacturingOrders = defineOdooStream({
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
  lookUps: productionLookUps,
  // An order that outlives its sales order needs a job all the same, also where the MES never heard of it.
  companion: { stream: 'sales-orders', keyOf: ({ sale }) => (isCalledOff(sale) ? sale.id : undefined) },
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
    const material = materialOf(row);
    const stock = stockJobOf(row, context);
    const part: MesRecord = {
      entity: 'part',
      source,
      externalId,
      parents: sale === 'hidden' ? {} : { job: sale ? String(sale.id) : stock.externalId },
      fields: {
        part_number: `${material}|${context.numberPrefix}${row.name}`,
        material,
        quantity: Math.max(1, ceilInteger(row.product_qty ?? 1, 'product_qty')),
      },
      lifecycle,
    };
    if (!sale) return [{ ...stock, lifecycle }, part];
    // An order that has its sales order now may have been made to stock before.
    const was: MesRecord = { ...stock, lifecycle: 'cancelled', onlyIfKnown: true };
    return [was, part];
  },
});

function isCalledOff(sale: unknown): sale is SalesOrder {
  return typeof sale === 'object' && sale !== null && !isSold(sale as SalesOrder);
}

type Production = z.output<typeof productionSchema>;

function stockJobOf(row: Production, { source, numberPrefix }: OdooContext): MesRecord {
  const due = readOdooTime(row.date_deadline) ?? readOdooTime(row.date_planned_finished ?? row.date_finished);
  const fields = { job_number: numberPrefix + stockPrefix + row.name, customer: null, due_date: due };
  return { entity: 'job', source, externalId: stockPrefix + row.id, parents: {}, fields, lifecycle: 'active' };
}

/** Its name as Odoo shows it is made of code and name, and is another text than either: no part may be named by it for a while. */
function materialOf({ name, state, product_id: link, product }: Production): string {
  if (product || !made.has(state)) return product?.default_code || product?.name || nameOf(link) || 'Unknown';
  throw new RecordError(
    `${name} makes a product that the user may not see. Change the record rule that hides it; the order is read again when it changes, and by every whole read.`,
  );
}

/** An order that is not to be told, or not any more, need not wait for its sales order to be visible. */
function visibleSale({ name, state, sale }: Production): SalesOrder | null | 'hidden' {
  if (sale !== 'hidden' || !made.has(state)) return sale ?? null;
  throw new RecordError(
    `${name} is made for a sales order that the user may not see. Give the user Sales: All Documents, and every company that is read.`,
  );
}
