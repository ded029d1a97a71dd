import { Timeline, ticketsOf } from '../timeline.ts';
import type { Transaction } from './database.ts';
import * as master from './events-master.ts';
import * as sales from './events-sales.ts';
import * as tasks from './events-tasks.ts';
import * as orders from './events-workorders.ts';
import type { Event, World } from './world.ts';

type Draw = readonly (readonly [number, Event])[];

/** Every kind of event and how often it happens, as tickets in a draw. */
const usual: Draw = [
  [8, sales.saleCreated],
  [6, sales.saleEntered],
  [6, sales.saleApproved],
  [4, sales.saleSetBack],
  [14, sales.saleRescheduled],
  [6, sales.saleCustomerChanged],
  [3, sales.saleRenumbered],
  [5, sales.saleFulfilled],
  [4, sales.saleBilled],
  [4, sales.saleClosed],
  [3, sales.saleReopened],
  [6, sales.saleCancelled],
  [1, sales.saleInTheFuture],
  [5, sales.saleLineReworded],
  [3, sales.purchaseCreated],
  [12, orders.linkedOrderCreated],
  [4, orders.earlyOrderCreated],
  [8, orders.stockOrderCreated],
  [3, orders.subassemblyCreated],
  [5, orders.orderPlanned],
  [6, orders.orderReleased],
  [3, orders.orderSetBack],
  [12, orders.quantityChanged],
  [8, orders.orderReplanned],
  [3, orders.orderRenumbered],
  [4, orders.orderSavedAsIs],
  [5, orders.orderLinked],
  [6, orders.orderCancelled],
  [5, orders.orderBuilt],
  [4, orders.orderClosed],
  [1, orders.orderInTheFuture],
  [12, tasks.taskTimed],
  [6, tasks.taskRenamed],
  [6, tasks.taskReplanned],
  [8, tasks.taskMoved],
  [4, tasks.taskResequenced],
  [10, tasks.taskCompleted],
  [6, tasks.taskAdded],
  [8, tasks.taskDeleted],
  [2, master.workCenterCreated],
  [4, master.workCenterRenamed],
  [2, master.workCenterDeactivated],
  [2, master.workCenterActivated],
  [2, master.entryOfAnotherType],
  [2, master.massUpdate],
  [3, master.quantityImport],
];
const unstamped: Draw = [
  [4, master.customerRenamed],
  [4, master.itemRenamed],
  [4, orders.orderLinkedQuietly],
];
const deletes: Draw = [
  [4, sales.saleDeleted],
  [4, orders.orderDeleted],
  [2, master.workCenterDeleted],
];

/** How late saves commit, milliseconds: by less than the overlap of 300 s. */
const lateness = { min: 20_000, max: 270_000 };

/** What the script may do besides. */
export interface Script {
  renames: boolean;
  physicalDeletes: boolean;
}

/** The clock and the script: what happens next depends on the seed, on what is visible and on the clock. */
export function createHistory(
  surroundings: Omit<World, 'now' | 'stamp'>,
  { script, start }: { script: Script; start: number },
): Timeline<Transaction> {
  const { random, database } = surroundings;
  let stamp = 0;
  const world: World = { ...surroundings, now: () => timeline.now, stamp: () => stamp };
  const tickets = ticketsOf([
    ...usual,
    ...(script.renames ? unstamped : []),
    ...(script.physicalDeletes ? deletes : []),
  ]);
  const timeline = new Timeline<Transaction>({
    random,
    start,
    lateness,
    database,
    next() {
      // Stamps are cut to the second, and taken before the save is committed.
      stamp = Math.floor(timeline.now / 1000) * 1000;
      return random.pick(tickets)(world) ?? orders.stockOrderCreated(world);
    },
  });
  return timeline;
}
