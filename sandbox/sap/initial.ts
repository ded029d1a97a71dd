import { addDays, dateOf } from '../local-time.ts';
import type { Random } from '../random.ts';
import {
  buildEquipment,
  buildOperation,
  buildProductionOrder,
  buildSalesOrder,
  buildWorkCenter,
  type Moment,
  planSteps,
} from './build.ts';
import type { Database } from './database.ts';
import { char14Of, stampOf } from './instant.ts';
import type { ProductionOrder, WorkCenter } from './model.ts';

/** How many rows of each kind make exactly the wanted number of MES records. */
export interface Plan {
  workCenters: number;
  equipment: number;
  salesOrders: number;
  stockOrders: number;
  linkedOrders: number;
  operations: number;
}

/**
 * Splits `records` into cells, resources, jobs, parts and operations (jobs : parts : operations about 1 : 1 : 3).
 * A make-to-stock order counts twice, as a part and as its STOCK job. Throws below 20, where there is nothing to split.
 */
export function planRecords(records: number): Plan {
  if (!Number.isInteger(records) || records < 20) throw new RangeError('A simulated SAP needs at least 20 records.');
  const share = Math.max(1, Math.round(records * 0.03));
  const [workCenters, equipment] = [Math.min(60, share), Math.min(200, share)];
  const rest = records - workCenters - equipment;
  const orders = Math.round(rest / 5);
  const stockOrders = Math.round(orders / 4);
  const linkedOrders = orders - stockOrders;
  return {
    workCenters,
    equipment,
    salesOrders: linkedOrders,
    stockOrders,
    linkedOrders,
    operations: rest - 2 * orders,
  };
}

const future = { seven: '2999-12-31T23:59:59.9999999', fourteen: '29991231235959' };
const yearMs = 31_536_000_000;

/** Fills an empty database with the state at `start`: everything changed some time in the two years before. */
export function fill(database: Database, plan: Plan, { random, start }: { random: Random; start: number }): void {
  const moments = momentsBefore(random.fork('moments'), start);
  const centers = fillMasterData(database, plan, { random, moments });
  for (let number = 0; number < plan.salesOrders; number += 1) {
    const row = buildSalesOrder(random, number, moments());
    if (number === 40) row.LastChangeDateTime = future.seven;
    database.apply({ table: 'salesOrders', row });
  }
  const orders = fillOrders(database, plan, { random, moments, today: dateOf(start) });
  fillOperations(database, orders, { random, moments, today: dateOf(start), centers, count: plan.operations });
}

/** Moments of change: about one in six falls into one of a few mass changes, where many rows share a millisecond. */
function momentsBefore(random: Random, start: number): () => Moment {
  const masses = Array.from({ length: 4 }, () => start - random.int(600_000, yearMs));
  return () => {
    if (random.chance(0.17)) return { ms: random.pick(masses), ticks: random.chance(0.5) ? 5000 : random.int(0, 9999) };
    return { ms: start - random.int(1000, 2 * yearMs), ticks: random.int(0, 9999) };
  };
}

interface Sources {
  random: Random;
  moments: () => Moment;
}

function fillMasterData(database: Database, plan: Plan, { random, moments }: Sources): WorkCenter[] {
  const centers: WorkCenter[] = [];
  for (let number = 0; number < plan.workCenters; number += 1) {
    const row = buildWorkCenter(random, number, moments());
    centers.push(row);
    database.apply({ table: 'workCenters', row });
  }
  for (let number = 0; number < plan.equipment; number += 1) {
    const row = buildEquipment(random, number, moments());
    const segments = random.pick([0, 0, 1, 2]);
    for (let segment = 1; segment <= segments; segment += 1) {
      const ValidityEndDate = addDays('2020-01-01', -400 * segment);
      const LastChangeDateTime = stampOf(Math.floor(moments().ms / 1000) * 1000, 0);
      const old = {
        ...row,
        ValidityEndDate,
        EquipmentName: `Old ${segment}`,
        AssetLocation: 'OLD',
        LastChangeDateTime,
      };
      database.apply({ table: 'equipment', row: { ...old, ValidityStartDate: addDays(ValidityEndDate, -399) } });
    }
    database.apply({ table: 'equipment', row });
  }
  return centers;
}

function fillOrders(database: Database, plan: Plan, sources: Sources & { today: string }): ProductionOrder[] {
  const { random, moments, today } = sources;
  const orders: ProductionOrder[] = [];
  let stock = plan.stockOrders;
  const total = plan.stockOrders + plan.linkedOrders;
  for (let number = 0; number < total; number += 1) {
    // Draws without replacement: exactly as many make-to-stock orders as planned, in no pattern.
    const makesToStock = random.int(1, total - number) <= stock;
    if (makesToStock) stock -= 1;
    const salesOrder = String(1_000_001 + random.int(0, plan.salesOrders - 1)).padStart(10, '0');
    const seed = { number, today, moment: moments(), ...(makesToStock ? {} : { salesOrder }) };
    const row = buildProductionOrder(random, seed);
    if (number === 40) row.LastChangeDateTime = future.fourteen;
    orders.push(row);
    database.apply({ table: 'productionOrders', row });
  }
  return orders;
}

function fillOperations(
  database: Database,
  orders: readonly ProductionOrder[],
  sources: Sources & { today: string; centers: readonly WorkCenter[]; count: number },
): void {
  const { random, moments, today, centers } = sources;
  // One operation for each order first, the others wherever chance puts them.
  const counts = orders.map(() => 1);
  for (let left = sources.count - orders.length; left > 0; left -= 1) {
    const position = random.int(0, counts.length - 1);
    counts[position] = (counts[position] ?? 0) + 1;
  }
  for (const [position, order] of orders.entries()) {
    for (const step of planSteps(random, counts[position] ?? 1)) {
      const stamp = char14Of(moments().ms);
      const row = buildOperation(random, step, { order, workCenter: random.pick(centers), today, stamp });
      if (position === 40 && step.item === 1) row.LastChangeDateTime = future.fourteen;
      database.apply({ table: 'operations', row });
    }
  }
}
