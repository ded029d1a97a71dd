import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import type { Lifecycle, MesRecord } from '../../core/types.ts';
import { toMinutes } from '../durations.ts';
import { ceilInteger, normalizeId, roundAway, toNumber } from '../fields.ts';
import { defineODataStream, type ODataStreamDefinition } from '../protocols/odata/stream.ts';
import { readFlag } from '../protocols/odata/values.ts';
import { cellId, operationId, salesOrderOf, sapKeys, stockPrefix } from './keys.ts';

/** What mappings need beside the row; see docs/connectors/sap.md for every field. */
export interface SapContext {
  source: string;
  numberPrefix: string;
  /** Zone of plant-local times. */
  zoneOf(plant: string): string;
  /** The connector's zone, for days without a plant. */
  timeZone: string;
  /** Midnight of an OData day in a zone, as UTC; null when there is no day. */
  dayAt(day: string | null | undefined, timeZone: string): string | null;
  /** An OData day and time of day in a zone, as UTC; null when there is no day. */
  timeAt(day: string | null | undefined, time: string | null | undefined, timeZone: string): string | null;
  standardValues: { setup: number | null; perPiece: readonly number[]; baseQuantity: number };
}

const text = z.string().nullish();
const decimal = z.union([z.string(), z.number()]).nullish();
const flag = z.union([z.string(), z.boolean()]).nullish();

const workCenters = defineODataStream({
  name: 'work-centers',
  entity: 'cell',
  path: {
    v2: '/sap/opu/odata/sap/API_WORK_CENTERS/A_WorkCenters',
    v4: '/sap/opu/odata4/sap/api_work_center/srvd_a2x/sap/workcenter/0001/WorkCenterHeader',
  },
  key: ['WorkCenterInternalID', 'WorkCenterTypeCode'],
  // There is a stamp, but it is null for work centers untouched since an upgrade, and a filter never returns those.
  stamp: null,
  stampKind: { v2: 'none', v4: 'none' },
  fullReadEverySeconds: 3600,
  validTo: null,
  parentProperty: null,
  childStream: null,
  schema: z.object({ WorkCenter: z.string(), Plant: z.string(), WorkCenterDesc: text, WorkCenterIsToBeDeleted: flag }),
  ...sapKeys.workCenters,
  toRecords(row, { source }: SapContext) {
    const externalId = cellId(row.Plant, row.WorkCenter);
    const active = !readFlag(row.WorkCenterIsToBeDeleted);
    const fields = { name: `${externalId} ${row.WorkCenterDesc ?? ''}`.trim(), active };
    return [{ entity: 'cell', source, externalId, parents: {}, fields, lifecycle: active ? 'active' : 'cancelled' }];
  },
});

const equipment = defineODataStream({
  name: 'equipment',
  entity: 'resource',
  path: { v2: '/sap/opu/odata/sap/API_EQUIPMENT/Equipment', v4: null },
  key: ['Equipment', 'ValidityEndDate'],
  stamp: 'LastChangeDateTime',
  stampKind: { v2: 'second', v4: 'second' },
  fullReadEverySeconds: 3600,
  validTo: 'ValidityEndDate',
  parentProperty: null,
  childStream: null,
  schema: z.object({
    Equipment: z.string(),
    EquipmentName: text,
    EquipmentCategory: text,
    ManufacturerSerialNumber: text,
    AssetLocation: text,
    EquipmentIsMarkedForDeletion: flag,
  }),
  ...sapKeys.equipment,
  toRecords(row, { source }: SapContext) {
    const externalId = normalizeId(row.Equipment);
    const active = !readFlag(row.EquipmentIsMarkedForDeletion);
    const fields = {
      name: `${externalId} ${row.EquipmentName ?? ''}`.trim(),
      type: row.EquipmentCategory === 'P' ? 'tooling' : 'equipment',
      identifier: row.ManufacturerSerialNumber || null,
      location: row.AssetLocation || null,
      active,
    };
    return [
      { entity: 'resource', source, externalId, parents: {}, fields, lifecycle: active ? 'active' : 'cancelled' },
    ];
  },
});

const salesOrders = defineODataStream({
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

const productionOrders = defineODataStream({
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

const slots = [1, 2, 3, 4, 5, 6] as const;

const operations = defineODataStream({
  name: 'operations',
  entity: 'operation',
  path: {
    v2: '/sap/opu/odata/sap/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrderOperation_2',
    v4: '/sap/opu/odata4/sap/api_productionorder/srvd_a2x/sap/productionorder/0001/ProductionOrderOperation',
  },
  key: ['OrderInternalBillOfOperations', 'OrderIntBillOfOperationsItem'],
  stamp: 'LastChangeDateTime',
  stampKind: { v2: 'char14', v4: 'timestamp' },
  fullReadEverySeconds: 86_400,
  validTo: null,
  parentProperty: 'ManufacturingOrder',
  childStream: null,
  schema: z.object({
    ManufacturingOrder: z.string(),
    ManufacturingOrderSequence: text,
    ManufacturingOrderOperation: z.string(),
    ManufacturingOrderSubOperation: text,
    MfgOrderOperationText: text,
    ProductionPlant: z.string(),
    WorkCenter: z.string(),
    OpErlstSchedldExecStrtDte: text,
    OpErlstSchedldExecStrtTme: text,
    OpErlstSchedldExecEndDte: text,
    OpErlstSchedldExecEndTme: text,
    OpPlannedTotalQuantity: decimal,
    ...Object.fromEntries(slots.map((slot) => [`WorkCenterStandardWorkQty${slot}`, decimal])),
    ...Object.fromEntries(slots.map((slot) => [`WorkCenterStandardWorkQtyUnit${slot}`, text])),
    OperationIsDeleted: flag,
    OperationIsTechlyCompleted: flag,
    OperationIsClosed: flag,
  }),
  ...sapKeys.operations,
  toRecords(row, context: SapContext) {
    const order = normalizeId(row.ManufacturingOrder);
    const sequence = normalizeId(row.ManufacturingOrderSequence || '0');
    const step = row.ManufacturingOrderOperation;
    const zone = context.zoneOf(row.ProductionPlant);
    return [
      {
        entity: 'operation',
        source: context.source,
        externalId: operationId(row),
        parents: { part: order, cell: cellId(row.ProductionPlant, row.WorkCenter) },
        fields: {
          operation_name: row.MfgOrderOperationText || step,
          sequence:
            wholeNumber(sequence, 'ManufacturingOrderSequence') * 10_000 +
            wholeNumber(step, 'ManufacturingOrderOperation'),
          estimated_time_minutes: estimatedMinutes(row, context.standardValues),
          planned_start: context.timeAt(row.OpErlstSchedldExecStrtDte, row.OpErlstSchedldExecStrtTme, zone),
          planned_end: context.timeAt(row.OpErlstSchedldExecEndDte, row.OpErlstSchedldExecEndTme, zone),
        },
        lifecycle: stateOf(
          readFlag(row.OperationIsDeleted),
          readFlag(row.OperationIsTechlyCompleted) || readFlag(row.OperationIsClosed),
        ),
      },
    ];
  },
});

/** The standard streams in dependency order: parents before children. */
export const sapStreams: readonly ODataStreamDefinition<SapContext>[] = [
  workCenters,
  equipment,
  salesOrders,
  productionOrders,
  operations,
];

function stateOf(cancelled: boolean, closed: boolean): Lifecycle {
  if (cancelled) return 'cancelled';
  return closed ? 'closed' : 'active';
}

function wholeNumber(raw: string, what: string): number {
  if (/^\d+$/.test(raw)) return Number(raw);
  throw new RecordError(`${what} is not a number: ${JSON.stringify(raw)}. The MES orders operations by number.`);
}

/** Set-up plus time a piece x planned quantity / base quantity, in whole minutes. */
function estimatedMinutes(row: Record<string, unknown>, values: SapContext['standardValues']): number {
  const quantity = toNumber(asNumeric(row['OpPlannedTotalQuantity']), 'OpPlannedTotalQuantity');
  const setup = values.setup === null ? 0 : slotMinutes(row, values.setup);
  const perPiece = values.perPiece.reduce((sum, slot) => sum + slotMinutes(row, slot), 0);
  return Math.round(roundAway(setup + (perPiece * quantity) / values.baseQuantity));
}

function slotMinutes(row: Record<string, unknown>, slot: number): number {
  const quantity = toNumber(asNumeric(row[`WorkCenterStandardWorkQty${slot}`]), `WorkCenterStandardWorkQty${slot}`);
  return toMinutes(
    quantity,
    String(row[`WorkCenterStandardWorkQtyUnit${slot}`] ?? ''),
    `WorkCenterStandardWorkQtyUnit${slot}`,
  );
}

function asNumeric(value: unknown): string | number {
  return typeof value === 'number' || (typeof value === 'string' && value !== '') ? value : 0;
}
