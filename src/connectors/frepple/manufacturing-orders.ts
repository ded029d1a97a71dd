import type { MesRecord } from '../../core/types.ts';
import { ceilInteger } from '../values.ts';
import { type LookUps, readPartLookUps } from './look-ups.ts';
import {
  closed,
  isStep,
  named,
  type Order,
  operationOf,
  orderSchema,
  orderState,
  stockPrefix,
  withdrawn,
} from './records.ts';
import { defineStream } from './stream.ts';

export const manufacturingOrders = defineStream({
  name: 'manufacturing-orders',
  entity: 'part',
  otherEntities: ['job'],
  key: 'reference',
  stamped: true,
  owns: [{ entity: 'part' }, { entity: 'job', startsWith: stockPrefix }],
  schema: orderSchema,
  read: ({ lists }, window, signal) => lists.orders(window, signal),
  lookUp: readPartLookUps,
  demandOf: (row, lookUps) => demandOf(row as Order, lookUps),
  refsOf: (externalId) => [
    { entity: 'part', externalId },
    { entity: 'job', externalId: stockPrefix + externalId },
  ],
  toRecords(row, context) {
    if (isStep(row)) return [];
    const { source, numberPrefix, lookUps } = context;
    const reference = named(row.reference);
    const state = orderState(row);
    const item = itemOf(row, lookUps);
    const demand = demandOf(row, lookUps);
    const stockJob = stockPrefix + reference;
    // The plan of what is done is emptied, or names no demand any more: no job to stock is made for it now.
    const keepsJob = state === closed && demand === undefined;
    const stock: MesRecord = {
      entity: 'job',
      source,
      externalId: stockJob,
      parents: {},
      fields: {
        job_number: numberPrefix + stockJob,
        customer: null,
        due_date: context.times.instantOf(row.enddate, 'enddate'),
      },
      // An order that has its demand now may have been made to stock before.
      ...(demand === undefined ? state : withdrawn),
    };
    const part: MesRecord = {
      entity: 'part',
      source,
      externalId: reference,
      parents: keepsJob ? {} : { job: demand ?? stockJob },
      fields: {
        part_number: `${item ?? ''}|${numberPrefix}${reference}`,
        material: item ?? 'Unknown',
        quantity: Math.max(1, ceilInteger(row.quantity ?? 1, 'quantity')),
      },
      ...state,
    };
    return [stock, part];
  },
});

/** What the order's operation makes, or the one that this is a variant of. */
function itemOf(row: Order, lookUps: LookUps): string | null {
  if (!row.operation) return null;
  const operation = operationOf(row, lookUps);
  return operation.item || lookUps.operations.get(operation.owner ?? '')?.item || null;
}

/** The demand that most of an order is for. Forecasts are pegged to as well, under names of their own. */
function demandOf({ plan }: Order, { demands: known }: LookUps): string | undefined {
  let best: [name: string, quantity: number] | undefined;
  for (const [name, share] of Object.entries(plan?.pegging ?? {})) {
    if (!known.has(name)) continue;
    const quantity = Number(share);
    if (best === undefined || quantity > best[1] || (quantity === best[1] && name < best[0])) best = [name, quantity];
  }
  return best?.[0];
}
