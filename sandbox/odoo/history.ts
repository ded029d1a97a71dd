import { Timeline, ticketsOf } from '../timeline.ts';
import type { Transaction } from './database.ts';
import * as master from './events-master.ts';
import * as productions from './events-productions.ts';
import * as sales from './events-sales.ts';
import * as workOrders from './events-workorders.ts';
import { stampOf } from './instant.ts';
import type { Event, World } from './world.ts';

type Draw = readonly (readonly [number, Event])[];

/** Every kind of event and how often it happens, as tickets in a draw. */
const usual: Draw = [
  [8, sales.saleCreated],
  [6, sales.quotationCreated],
  [8, sales.quotationConfirmed],
  [14, sales.saleRescheduled],
  [6, sales.saleCustomerChanged],
  [4, sales.saleLocked],
  [6, sales.saleCancelled],
  [5, sales.saleConfirmedAgain],
  [1, sales.saleInTheFuture],
  [4, sales.lineReworded],
  [4, sales.lineAdded],
  [10, productions.linkedOrderCreated],
  [8, productions.stockOrderCreated],
  [5, productions.draftCreated],
  [6, productions.draftConfirmed],
  [8, productions.stockOrderLinked],
  [12, productions.quantityChanged],
  [8, productions.replanned],
  [5, productions.productionCancelled],
  [5, productions.productionDone],
  [6, productions.backorderCreated],
  [4, productions.originChanged],
  [1, productions.productionInTheFuture],
  [14, workOrders.durationChanged],
  [6, workOrders.renamed],
  [8, workOrders.movedToCenter],
  [6, workOrders.resequenced],
  [4, workOrders.rewrittenAsIs],
  [8, workOrders.started],
  [6, workOrders.workOrderAdded],
  [5, workOrders.workOrderCancelled],
  [8, workOrders.workOrderDeleted],
  [2, master.workCenterCreated],
  [4, master.workCenterRenamed],
  [2, master.workCenterArchived],
  [2, master.workCenterRestored],
  [2, master.equipmentCreated],
  [6, master.equipmentChanged],
  [2, master.equipmentArchived],
  [2, master.massRecompute],
  [2, master.descendingImport],
];
const renames: Draw = [
  [4, master.customerRenamed],
  [4, master.productRenamed],
];
const deletes: Draw = [
  [3, master.equipmentDeleted],
  [4, sales.saleDeleted],
  [4, productions.productionDeleted],
];

/** How late transactions commit, milliseconds: by less than the overlap of 300 s. */
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
  let stamp = '';
  const world: World = { ...surroundings, now: () => timeline.now, stamp: () => stamp };
  const tickets = ticketsOf([...usual, ...(script.renames ? renames : []), ...(script.physicalDeletes ? deletes : [])]);
  const timeline = new Timeline<Transaction>({
    random,
    start,
    lateness,
    database,
    next() {
      // All rows of a transaction carry the microsecond at which it began.
      stamp = stampOf(timeline.now, random.int(0, 999));
      return random.pick(tickets)(world) ?? productions.stockOrderCreated(world);
    },
  });
  return timeline;
}
