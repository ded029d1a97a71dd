import { z } from 'zod';
import type { MesRecord } from '../../core/types.ts';
import { defineODataStream } from '../protocols/odata/stream.ts';
import { readFlag } from '../protocols/odata/values.ts';
import { ceilInteger, normalizeId } from '../values.ts';
import { salesOrderOf, sapKeys, stockPrefix } from './keys.ts';
import { decimal, flag, type SapContext, stateOf, text } from './rows.ts';

export const productionOrders = defineODataStream({
  name: 'production-orders',
  entity: 'part',
  otherEntities: ['job'],
  path: {
    v2: '/sap/opu/odata/sap/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrder_2',
    v4: '/sap/opu/odata4/sap/api_productionorder/srvd_a2x/sap/productionorder/0001/ProductionOrder',
  },
  key: ['ManufacturingOrder'],
  stamp: 'LastChangeDateTime',
  stampKind: { v2: 'char14', v4: 'timestamp' },
  fullReadEverySeconds: 86_400,
  validTo: null,
  parentProperty: null,
  childStream: 'operations',
  schema: z.object({
    ManufacturingOrder: z.string(),
    SalesOrder: text,
    Material: text,
    TotalQuantity: decimal,
    ProductionPlant: text,
    MfgOrderScheduledEndDate: text,
    OrderIsMarkedForDeletion: flag,
    OrderIsDeleted: flag,
    OrderIsTechnicallyCompleted: flag,
    OrderIsClosed: flag,
  }),
  ...sapKeys.productionOrders,
  toRecords(row, context: SapContext) {
    const { source } = context;
    const order = normalizeId(row.ManufacturingOrder);
    const salesOrder = salesOrderOf(row);
    const stockJob = stockPrefix + order;
    const cancelled = readFlag(row.OrderIsMarkedForDeletion) || readFlag(row.OrderIsDeleted);
    const lifecycle = stateOf(cancelled, readFlag(row.OrderIsTechnicallyCompleted) || readFlag(row.OrderIsClosed));
    const due = context.dayAt(row.MfgOrderScheduledEndDate, context.zoneOf(row.ProductionPlant ?? ''));
    const stockFields = { job_number: context.numberPrefix + stockJob, customer: null, due_date: due };
    const stock: MesRecord = {
      entity: 'job',
      source,
      externalId: stockJob,
      parents: {},
      fields: stockFields,
      lifecycle,
    };
    const part: MesRecord = {
      entity: 'part',
      source,
      externalId: order,
      parents: { job: salesOrder === '' ? stockJob : salesOrder },
      fields: {
        part_number: `${row.Material ?? ''}|${context.numberPrefix}${order}`,
        material: row.Material || 'Unknown',
        quantity: Math.max(1, ceilInteger(row.TotalQuantity ?? 1, 'TotalQuantity')),
      },
      lifecycle,
    };
    // An order that has its sales order now may have been make-to-stock before.
    return salesOrder === '' ? [stock, part] : [{ ...stock, lifecycle: 'cancelled', onlyIfKnown: true }, part];
  },
});
