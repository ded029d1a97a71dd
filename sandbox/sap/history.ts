import type { Random } from '../random.ts';
import { Timeline, ticketsOf } from '../timeline.ts';
import type { Database, Transaction } from './database.ts';
import * as deletes from './events-deletes.ts';
import { massChange } from './events-mass.ts';
import * as master from './events-master.ts';
import * as operations from './events-operations.ts';
import * as orders from './events-orders.ts';
import * as sales from './events-sales.ts';
import type { Plan } from './initial.ts';
import type { Event, World } from './world.ts';

/** Every kind of event and how often it happens, as tickets in a draw. */
const draw: readonly (readonly [number, Event])[] = [
  [12, sales.salesOrderCreated],
  [20, sales.salesOrderChanged],
  [8, sales.salesOrderRejected],
  [6, sales.salesOrderUnrejected],
  [6, sales.salesOrderCompleted],
  [1, sales.salesOrderInTheFuture],
  [10, orders.linkedOrderCreated],
  [8, orders.stockOrderCreated],
  [8, orders.stockOrderLinked],
  [12, orders.orderQuantityChanged],
  [6, orders.orderRescheduled],
  [8, orders.orderReleased],
  [6, orders.orderMarkedForDeletion],
  [6, orders.orderTechnicallyCompleted],
  [1, orders.orderInTheFuture],
  [24, operations.operationChanged],
  [8, operations.operationAdded],
  [10, operations.operationVanished],
  [8, operations.operationFlaggedDeleted],
  [1, operations.operationInTheFuture],
  [2, master.workCenterCreated],
  [4, master.workCenterRenamed],
  [1, master.workCenterToBeDeleted],
  [6, master.equipmentChanged],
  [6, master.equipmentMoved],
  [2, massChange],
];
/** Records that disappear without a flag or a stamp, and what belongs to it; drawn as well when the history has deletes. */
const drawDeletes: readonly (readonly [number, Event])[] = [
  [2, deletes.salesOrderDeleted],
  [2, deletes.orderDeleted],
  [1, deletes.equipmentDeleted],
  [1, deletes.workCenterDeleted],
  [3, deletes.recreated],
  [3, deletes.orderClosed],
  [2, deletes.orderArchived],
  [2, deletes.salesOrderArchived],
];

/** How late transactions commit, milliseconds. */
const lateness = { min: 60_000, max: 480_000 };

/** What the script depends on besides the first state. */
export interface Script {
  random: Random;
  /** Where the clock starts, milliseconds. */
  start: number;
  /** Whole records are deleted and archived, and numbers used again. */
  deletes: boolean;
}

/** The clock and the script: what happens next depends on the seed, on what is visible and on the clock. */
export function createHistory(
  database: Database,
  plan: Plan,
  { random, start, deletes: withDeletes }: Script,
): Timeline<Transaction> {
  const tickets = ticketsOf(withDeletes ? [...draw, ...drawDeletes] : draw);
  const world: World = {
    random,
    database,
    now: () => timeline.now,
    numbers: {
      salesOrder: plan.salesOrders,
      productionOrder: plan.stockOrders + plan.linkedOrders,
      workCenter: plan.workCenters,
      item: 100_000,
    },
    relinked: new Set(),
    deleted: { salesOrders: [], productionOrders: [], equipment: [], workCenters: [] },
  };
  const timeline = new Timeline<Transaction>({
    random,
    start,
    lateness,
    database,
    next: () => random.pick(tickets)(world) ?? sales.salesOrderCreated(world),
  });
  return timeline;
}
