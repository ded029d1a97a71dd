import { dateOf } from '../local-time.ts';
import type { Random } from '../random.ts';
import { anyMaterial, anyQuantity, anyText, anyWall, anyWork, later } from '../random-values.ts';
import { char14Of, stampOf } from './instant.ts';
import {
  type Equipment,
  endOfTime,
  type Operation,
  type ProductionOrder,
  pad,
  type SalesOrder,
  type WorkCenter,
} from './model.ts';

/** The two plants; a work center's name is unique in its plant only, so both have the same names. */
export const plants = ['1710', '1720'] as const;
const areas = ['ASM', 'CNC', 'WELD', 'PAINT', 'PACK', 'TEST', 'LASER', 'BEND-'];

/** When a row is written: the instant, its 100 ns ticks, and the day scheduling turns around. */
export interface Moment {
  ms: number;
  ticks: number;
}

/** The `number`-th work center (from 0) of the site. */
export function buildWorkCenter(random: Random, number: number, moment: Moment): WorkCenter {
  const half = Math.floor(number / plants.length);
  return {
    WorkCenterInternalID: String(10_000_001 + number),
    WorkCenterTypeCode: 'A',
    WorkCenter: `${areas[half % areas.length]}${Math.floor(half / areas.length) + 1}`,
    WorkCenterDesc: anyText(random),
    Plant: plants[number % plants.length] ?? '1710',
    WorkCenterCategoryCode: random.pick(['0001', '0007']),
    WorkCenterResponsible: random.pick(['101', '102', '']),
    WorkCenterLocation: random.pick(['HALL-A', 'HALL-B', '']),
    WorkCenterIsToBeDeleted: false,
    ValidityStartDate: '1900-01-01',
    ValidityEndDate: endOfTime,
    // Nobody has touched these since the upgrade: a filter on the stamp never finds them.
    WorkCenterLastChangeDateTime: random.chance(0.4) ? null : stampOf(moment.ms, moment.ticks),
  };
}

/** The `number`-th piece of equipment (from 0) in its current validity segment. */
export function buildEquipment(random: Random, number: number, moment: Moment): Equipment {
  return {
    Equipment: number % 9 === 8 ? `ROBOT-${number}` : pad(String(10_000_001 + number), 18),
    ValidityEndDate: endOfTime,
    ValidityStartDate: '2020-01-01',
    EquipmentName: anyText(random),
    EquipmentCategory: random.pick(['P', 'M', 'Q', '']),
    ManufacturerSerialNumber: random.chance(0.3) ? '' : `SN-${random.int(1000, 9999)}/${number}`,
    AssetManufacturerName: random.pick(['Trumpf', 'Kuka', "O'Hara & Co", '']),
    AssetLocation: random.pick(['HALL-A', 'HALL-B', 'Bühne 3', '']),
    WorkCenterInternalID: '',
    WorkCenterPlant: random.pick(plants),
    LastChangeDateTime: stampOf(Math.floor(moment.ms / 1000) * 1000, 0),
    EquipmentIsMarkedForDeletion: random.chance(0.03),
  };
}

/** The sales order with the `number`-th number (from 0). */
export function buildSalesOrder(random: Random, number: number, moment: Moment): SalesOrder {
  const day = dateOf(moment.ms);
  return {
    SalesOrder: pad(String(1_000_001 + number), 10),
    SalesOrderType: 'OR',
    SalesOrganization: '1710',
    SoldToParty: random.chance(0.9) ? pad(String(17_100_000 + random.int(1, 60)), 10) : random.pick(['CUST-7', '']),
    PurchaseOrderByCustomer: anyText(random),
    CreationDate: day,
    LastChangeDate: day,
    LastChangeDateTime: stampOf(moment.ms, moment.ticks),
    SalesOrderDate: day,
    RequestedDeliveryDate: random.chance(0.04) ? null : anyWall(random, random.pick(plants), day).date,
    TotalNetAmount: random.int(0, 9_999_999) / 100,
    TransactionCurrency: 'EUR',
    OverallSDProcessStatus: random.pick(['A', 'A', 'B', 'C']),
    OverallSDDocumentRejectionSts: random.pick(['A', 'A', 'A', 'A', 'A', 'A', 'B', 'B', '', 'C']),
    OverallTotalDeliveryStatus: random.pick(['A', 'B', 'C']),
  };
}

/** What a production order needs besides its number. */
export interface OrderSeed {
  number: number;
  /** The stored sales order number; absent for make-to-stock. */
  salesOrder?: string;
  /** Day around which the order is scheduled. */
  today: string;
  moment: Moment;
}

/** The production order with the `number`-th number (from 0), freshly created. */
export function buildProductionOrder(random: Random, seed: OrderSeed): ProductionOrder {
  const plant = random.pick(plants);
  const start = anyWall(random, plant, seed.today);
  const end = later(start, random.int(1, 200));
  return {
    ManufacturingOrder: pad(String(1_000_000 + seed.number), 12),
    ManufacturingOrderCategory: '10',
    ManufacturingOrderType: 'YBM1',
    OrderIsCreated: true,
    OrderIsReleased: random.chance(0.5),
    OrderIsConfirmed: false,
    OrderIsTechnicallyCompleted: random.chance(0.1),
    OrderIsClosed: random.chance(0.03),
    OrderIsMarkedForDeletion: random.chance(0.03),
    OrderIsDeleted: random.chance(0.01),
    MfgOrderCreationDate: dateOf(seed.moment.ms),
    MfgOrderCreationTime: new Date(seed.moment.ms).toISOString().slice(11, 19),
    LastChangeDateTime: char14Of(seed.moment.ms),
    Material: anyMaterial(random),
    ProductionPlant: plant,
    MRPController: random.pick(['001', '002']),
    SalesOrder: seed.salesOrder ?? (random.chance(0.5) ? '' : '0000000000'),
    SalesOrderItem: seed.salesOrder === undefined ? '000000' : '000010',
    OrderInternalBillOfOperations: pad(String(seed.number + 1), 10),
    MfgOrderScheduledStartDate: start.date,
    MfgOrderScheduledStartTime: start.time,
    MfgOrderScheduledEndDate: end.date,
    MfgOrderScheduledEndTime: end.time,
    ProductionUnit: 'PC',
    TotalQuantity: anyQuantity(random),
    CustomerName: '',
  };
}

/** Where an operation stands in its order; `item` is the counter of the bill of operations. */
export interface Step {
  item: number;
  sequence: number;
  operation: number;
  subOperation: string;
}

/** The steps of a new order: mostly 10, 20, 30 …; some sub-operations, some on a parallel sequence. */
export function planSteps(random: Random, count: number): Step[] {
  const steps: Step[] = [];
  const parallel = random.chance(0.05) ? 1 : 0;
  for (let item = 1; item <= count; item += 1) {
    const before = steps.at(-1);
    const sub = before !== undefined && before.subOperation === '' && random.chance(0.04);
    if (sub) steps.push({ ...before, item, subOperation: '0010' });
    else steps.push({ item, sequence: item > 2 ? parallel : 0, operation: item * 10, subOperation: '' });
  }
  return steps;
}

/** What an operation needs besides its step. */
export interface OperationSeed {
  order: ProductionOrder;
  workCenter: WorkCenter;
  today: string;
  /** `YYYYMMDDhhmmss`. */
  stamp: string;
}

/** One operation of an order, freshly created. */
export function buildOperation(random: Random, step: Step, seed: OperationSeed): Operation {
  const { order, workCenter, stamp } = seed;
  const start = anyWall(random, workCenter.Plant, seed.today);
  const end = later(start, random.int(1, 30));
  const [setup, piece, labour] = [anyWork(random), anyWork(random), anyWork(random)];
  return {
    OrderInternalBillOfOperations: order.OrderInternalBillOfOperations,
    OrderIntBillOfOperationsItem: pad(String(step.item), 8),
    ManufacturingOrder: order.ManufacturingOrder,
    ManufacturingOrderSequence: pad(String(step.sequence), 6),
    ManufacturingOrderOperation: pad(String(step.operation), 4),
    ManufacturingOrderSubOperation: step.subOperation,
    MfgOrderOperationText: anyText(random),
    LastChangeDateTime: stamp,
    OperationIsCreated: true,
    OperationIsReleased: order.OrderIsReleased,
    OperationIsConfirmed: false,
    OperationIsDeleted: random.chance(0.02),
    OperationIsTechlyCompleted: false,
    OperationIsClosed: random.chance(0.02),
    WorkCenterInternalID: workCenter.WorkCenterInternalID,
    WorkCenterTypeCode: workCenter.WorkCenterTypeCode,
    WorkCenter: workCenter.WorkCenter,
    ProductionPlant: workCenter.Plant,
    OperationControlProfile: 'YBP1',
    OpErlstSchedldExecStrtDte: start.date,
    OpErlstSchedldExecStrtTme: start.time,
    OpErlstSchedldExecEndDte: end.date,
    OpErlstSchedldExecEndTme: end.time,
    OpPlannedTotalQuantity: order.TotalQuantity,
    OperationUnit: 'PC',
    WorkCenterStandardWorkQty1: setup.quantity,
    WorkCenterStandardWorkQtyUnit1: setup.unit,
    WorkCenterStandardWorkQty2: piece.quantity,
    WorkCenterStandardWorkQtyUnit2: piece.unit,
    WorkCenterStandardWorkQty3: labour.quantity,
    WorkCenterStandardWorkQtyUnit3: labour.unit,
    WorkCenterStandardWorkQty4: 0,
    WorkCenterStandardWorkQtyUnit4: '',
    WorkCenterStandardWorkQty5: 0,
    WorkCenterStandardWorkQtyUnit5: '',
    // A unit that is no duration, with nothing in it: harmless.
    WorkCenterStandardWorkQty6: 0,
    WorkCenterStandardWorkQtyUnit6: random.pick(['', 'KWH']),
  };
}
