import { z } from 'zod';
import type { RecordRef, RecordSet } from '../../core/types.ts';
import type { StreamKeys } from '../protocols/odata/stream.ts';
import { normalizeId } from '../values.ts';

/** The ids of SAP's records, made in one place for whole rows and for keys alone; see docs/connectors/sap.md. */

const text = z.string().nullish();

/** What the job of an order without a sales order is called. */
export const stockPrefix = 'STOCK-';

export function cellId(plant: string, workCenter: string): string {
  return `${normalizeId(plant)}-${normalizeId(workCenter)}`;
}

/** The sales order behind a production order; empty for one that is made for stock. */
export function salesOrderOf(row: { SalesOrder?: string | null | undefined }): string {
  return normalizeId(row.SalesOrder ?? '').replace(/^0$/, '');
}

interface OperationKey {
  ManufacturingOrder: string;
  ManufacturingOrderSequence?: string | null | undefined;
  ManufacturingOrderOperation: string;
  ManufacturingOrderSubOperation?: string | null | undefined;
}

export function operationId(row: OperationKey): string {
  const sequence = normalizeId(row.ManufacturingOrderSequence || '0');
  const { ManufacturingOrderOperation: step, ManufacturingOrderSubOperation: subStep } = row;
  return [normalizeId(row.ManufacturingOrder), sequence, step, subStep].filter(Boolean).join('-');
}

function defineKeys<Schema extends z.ZodObject>(keys: {
  keySchema: Schema;
  toKeys(row: z.output<Schema>): RecordRef[];
  owns: readonly RecordSet[];
}): StreamKeys {
  return keys;
}

export const sapKeys = {
  workCenters: defineKeys({
    keySchema: z.object({ WorkCenter: z.string(), Plant: z.string() }),
    toKeys: (row) => [{ entity: 'cell', externalId: cellId(row.Plant, row.WorkCenter) }],
    owns: [{ entity: 'cell' }],
  }),
  equipment: defineKeys({
    keySchema: z.object({ Equipment: z.string() }),
    toKeys: (row) => [{ entity: 'resource', externalId: normalizeId(row.Equipment) }],
    owns: [{ entity: 'resource' }],
  }),
  salesOrders: defineKeys({
    keySchema: z.object({ SalesOrder: z.string() }),
    toKeys: (row) => [{ entity: 'job', externalId: normalizeId(row.SalesOrder) }],
    owns: [{ entity: 'job', startsNotWith: stockPrefix }],
  }),
  productionOrders: defineKeys({
    keySchema: z.object({ ManufacturingOrder: z.string(), SalesOrder: text }),
    toKeys(row) {
      const order = normalizeId(row.ManufacturingOrder);
      const part: RecordRef = { entity: 'part', externalId: order };
      return salesOrderOf(row) === '' ? [{ entity: 'job', externalId: stockPrefix + order }, part] : [part];
    },
    owns: [{ entity: 'part' }, { entity: 'job', startsWith: stockPrefix }],
  }),
  operations: defineKeys({
    keySchema: z.object({
      ManufacturingOrder: z.string(),
      ManufacturingOrderSequence: text,
      ManufacturingOrderOperation: z.string(),
      ManufacturingOrderSubOperation: text,
    }),
    toKeys: (row) => [{ entity: 'operation', externalId: operationId(row) }],
    owns: [{ entity: 'operation' }],
  }),
};
