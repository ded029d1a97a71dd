import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import { defineODataStream } from '../protocols/odata/stream.ts';
import { readFlag } from '../protocols/odata/values.ts';
import { normalizeId, roundAway, toNumber } from '../values.ts';
import { toMinutes } from './durations.ts';
import { cellId, operationId, sapKeys } from './keys.ts';
import { decimal, flag, type SapContext, stateOf, text } from './rows.ts';

const slots = [1, 2, 3, 4, 5, 6] as const;

export const operations = defineODataStream({
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
