import { z } from 'zod';
import { defineODataStream } from '../protocols/odata/stream.ts';
import { normalizeId } from '../values.ts';
import { sapKeys } from './keys.ts';
import { type SapContext, stateOf, text } from './rows.ts';

export const salesOrders = defineODataStream({
  name: 'sales-orders',
  entity: 'job',
  path: {
    v2: '/sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder',
    v4: '/sap/opu/odata4/sap/api_salesorder/srvd_a2x/sap/salesorder/0001/SalesOrder',
  },
  key: ['SalesOrder'],
  stamp: 'LastChangeDateTime',
  stampKind: { v2: 'timestamp', v4: 'timestamp' },
  fullReadEverySeconds: 86_400,
  validTo: null,
  parentProperty: null,
  childStream: null,
  schema: z.object({
    SalesOrder: z.string(),
    SoldToParty: text,
    RequestedDeliveryDate: text,
    OverallSDProcessStatus: text,
    OverallSDDocumentRejectionSts: text,
  }),
  ...sapKeys.salesOrders,
  toRecords(row, context: SapContext) {
    const externalId = normalizeId(row.SalesOrder);
    const fields = {
      job_number: context.numberPrefix + externalId,
      customer: row.SoldToParty ? normalizeId(row.SoldToParty) : null,
      due_date: context.dayAt(row.RequestedDeliveryDate, context.timeZone),
    };
    const lifecycle = stateOf(row.OverallSDDocumentRejectionSts === 'C', row.OverallSDProcessStatus === 'C');
    return [{ entity: 'job', source: context.source, externalId, parents: {}, fields, lifecycle }];
  },
});
