import type { Random } from '../random.ts';
import type { Clock } from './clock.ts';
import type { Database, Transaction } from './database.ts';
import * as demands from './events-demands.ts';
import * as done from './events-done.ts';
import * as master from './events-master.ts';
import * as orders from './events-orders.ts';
import type { Event, World } from './world.ts';

/** Every kind of event and how often it happens, as tickets in a draw. */
const draw: readonly (readonly [number, Event])[] = [
  [12, demands.demandCreated],
  [3, demands.inquiryCreated],
  [18, demands.demandChanged],
  [4, demands.inquiryOrdered],
  [7, demands.demandCanceled],
  [4, demands.demandReopened],
  [4, demands.demandClosed],
  [16, orders.orderCreated],
  [1, orders.orderWithoutOperation],
  [1, orders.orderWithoutReference],
  [12, orders.quantityChanged],
  [3, orders.quantityChangedBySql],
  [10, orders.orderRescheduled],
  [6, orders.orderConfirmed],
  [10, orders.proposalApproved],
  [4, orders.orderProposedAgain],
  [16, orders.stepStarted],
  [2, orders.ordersImported],
  [12, done.stepCompleted],
  [6, done.orderCompleted],
  [8, done.orderClosed],
  [3, done.completionReverted],
  [2, master.resourceCreated],
  [4, master.resourceChanged],
  [3, master.operationChanged],
  [2, planRun],
];

/** What the option `deletes` adds: rows that go without a trace, as all deletes in FrePPLe do. */
const deletes: readonly (readonly [number, Event])[] = [
  [3, demands.demandDeleted],
  [6, orders.orderDeleted],
  [6, orders.stepDeleted],
  [1, master.resourceDeleted],
];

function planRun(world: World): Transaction | undefined {
  return world.startPlanRun() ? { label: 'plan run started', locks: [], changes: [] } : undefined;
}

/** Share of the transactions that commit later than they stamp, and by how much, milliseconds. */
const lateShare = 0.12;
const lateness = { min: 60_000, max: 480_000 };

/** The script: what happens next depends on the seed, on what is visible and on the clock. */
export class History {
  readonly #database: Database;
  readonly #world: World;
  readonly #random: Random;
  readonly #clock: Clock & { advance(ms: number): void };
  readonly #tickets: readonly Event[];

  constructor(world: World, clock: Clock & { advance(ms: number): void }, options: { deletes: boolean }) {
    this.#world = world;
    this.#random = world.random;
    this.#database = world.database;
    this.#clock = clock;
    const kinds = options.deletes ? [...draw, ...deletes] : draw;
    this.#tickets = kinds.flatMap(([count, event]) => Array.from({ length: count }, () => event));
  }

  /** Moves the clock, commits what has become due, and lets a plan run get on. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('The simulated clock only moves forward.');
    this.#clock.advance(Math.floor(ms));
    this.#database.runDue(this.#clock.now());
  }

  /** Commits every pending transaction and ends a plan run, whatever the clock says. */
  settle(): void {
    this.#database.runDue(Number.POSITIVE_INFINITY);
  }

  play(events: number): string[] {
    return Array.from({ length: events }, () => this.#next());
  }

  #next(): string {
    this.advance(this.#pause());
    const event = this.#random.pick(this.#tickets);
    const transaction = event(this.#world) ?? demands.demandCreated(this.#world);
    if (transaction === undefined) return 'nothing happened';
    if (transaction.changes.length > 0 && this.#random.chance(lateShare)) return this.#late(transaction);
    this.#database.commit(transaction);
    return transaction.label;
  }

  /** Some events share one millisecond, most follow within some seconds. */
  #pause(): number {
    const kind = this.#random.next();
    if (kind < 0.2) return 0;
    return kind < 0.6 ? this.#random.int(1, 900) : this.#random.int(1000, 60_000);
  }

  #late(transaction: Transaction): string {
    const at = this.#clock.now() + this.#random.int(lateness.min, lateness.max);
    this.#database.defer(transaction, at);
    return `${transaction.label} (visible at ${new Date(at).toISOString()})`;
  }
}
