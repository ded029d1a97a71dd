import type { Random } from './random.ts';

/** What happens at one moment of a history; a `prompt` one never commits late. */
interface Happening {
  label: string;
  prompt?: boolean;
}

export interface Script<T> {
  random: Random;
  /** Where the clock starts, milliseconds. */
  start: number;
  /** By how much a late transaction commits after it has stamped its rows, milliseconds. */
  lateness: { min: number; max: number };
  database: {
    commit(transaction: T): void;
    defer(transaction: T, visibleAt: number): void;
    commitDue(now: number): void;
  };
  /** What happens now; undefined when nothing can. */
  next(): T | undefined;
}

/** Share of the transactions that commit later than they stamp. */
const lateShare = 0.12;

/** The clock of a simulated ERP, and what happens as it goes on. */
export class Timeline<T extends Happening> {
  readonly #script: Script<T>;
  #now: number;

  constructor(script: Script<T>) {
    this.#script = script;
    this.#now = script.start;
  }

  get now(): number {
    return this.#now;
  }

  /** Moves the clock and commits what has become due. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('The simulated clock only moves forward.');
    this.#now += Math.floor(ms);
    this.#script.database.commitDue(this.#now);
  }

  /** Commits every pending transaction, whatever the clock says. */
  settle(): void {
    this.#script.database.commitDue(Number.POSITIVE_INFINITY);
  }

  play(events: number): string[] {
    return Array.from({ length: events }, () => this.#next());
  }

  #next(): string {
    const { random, database, lateness } = this.#script;
    this.advance(this.#pause());
    const transaction = this.#script.next();
    if (transaction === undefined) return 'nothing happened';
    if (!random.chance(lateShare) || transaction.prompt === true) {
      database.commit(transaction);
      return transaction.label;
    }
    const visibleAt = this.#now + random.int(lateness.min, lateness.max);
    database.defer(transaction, visibleAt);
    return `${transaction.label} (visible at ${new Date(visibleAt).toISOString()})`;
  }

  /** Some events share one millisecond, most follow within a second. */
  #pause(): number {
    const { random } = this.#script;
    const kind = random.next();
    if (kind < 0.2) return 0;
    return kind < 0.75 ? random.int(1, 900) : random.int(1000, 20_000);
  }
}

/** Kinds of events, each as many times as it has tickets in the draw. */
export function ticketsOf<Event>(kinds: readonly (readonly [tickets: number, event: Event])[]): Event[] {
  return kinds.flatMap(([count, event]) => Array.from({ length: count }, () => event));
}
