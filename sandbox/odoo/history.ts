import type { Random } from '../random.ts';
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

/** Share of the transactions that commit later than they stamp, and by how much: less than the overlap of 300 s. */
const lateShare = 0.12;
const lateness = { min: 20_000, max: 270_000 };

/** What the script may do besides. */
export interface Script {
  renames: boolean;
  physicalDeletes: boolean;
}

/** The clock and the script: what happens next depends on the seed, on what is visible and on the clock. */
export class History {
  readonly #world: World;
  readonly #random: Random;
  readonly #tickets: readonly Event[];
  #now: number;
  #stamp = '';

  constructor(world: Omit<World, 'now' | 'stamp'>, { script, start }: { script: Script; start: number }) {
    this.#now = start;
    this.#random = world.random;
    this.#world = { ...world, now: () => this.#now, stamp: () => this.#stamp };
    const draw = [...usual, ...(script.renames ? renames : []), ...(script.physicalDeletes ? deletes : [])];
    this.#tickets = draw.flatMap(([count, event]) => Array.from({ length: count }, () => event));
  }

  get now(): number {
    return this.#now;
  }

  /** Moves the clock and commits what has become due. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('The simulated clock only moves forward.');
    this.#now += Math.floor(ms);
    this.#world.database.commitDue(this.#now);
  }

  /** Commits every pending transaction, whatever the clock says. */
  settle(): void {
    this.#world.database.commitDue(Number.POSITIVE_INFINITY);
  }

  play(events: number): string[] {
    return Array.from({ length: events }, () => this.#next());
  }

  #next(): string {
    this.advance(this.#pause());
    // All rows of a transaction carry the microsecond at which it began.
    this.#stamp = stampOf(this.#now, this.#random.int(0, 999));
    const event = this.#random.pick(this.#tickets);
    const transaction = event(this.#world) ?? productions.stockOrderCreated(this.#world);
    if (transaction === undefined) return 'nothing happened';
    return this.#random.chance(lateShare) ? this.#late(transaction) : this.#commit(transaction);
  }

  /** Some events share one millisecond, most follow within a second. */
  #pause(): number {
    const kind = this.#random.next();
    if (kind < 0.2) return 0;
    return kind < 0.75 ? this.#random.int(1, 900) : this.#random.int(1000, 20_000);
  }

  #commit(transaction: Transaction): string {
    this.#world.database.commit(transaction);
    return transaction.label;
  }

  #late(transaction: Transaction): string {
    const visibleAt = this.#now + this.#random.int(lateness.min, lateness.max);
    this.#world.database.defer(transaction, visibleAt);
    return `${transaction.label} (visible at ${new Date(visibleAt).toISOString()})`;
  }
}
