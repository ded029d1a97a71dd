import type { Random } from '../random.ts';
import type { Clock } from './clock.ts';
import type { Database, Transaction } from './database.ts';
import type { Order, Row, Tables } from './model.ts';
import { decimalText } from './values.ts';

/** What an event gets to work with. */
export interface World {
  random: Random;
  database: Database;
  clock: Clock;
  /** Work orders are a type of their own (since 9.13). */
  splits: boolean;
  /** The next free number of each range. */
  numbers: { demand: number; order: number; resource: number };
  /** Operations without steps, and routings by their number of steps. */
  singles: string[];
  routings: Map<number, string[]>;
  /** Starts a plan run unless one is under way; says whether it did. */
  startPlanRun(): boolean;
}

/** One kind of action; undefined when nothing fits. */
export type Event = (world: World) => Transaction | undefined;

/** Steps of a routing lock with their order. */
export function lockOf(table: string, row: Row): string {
  if (table === 'operationplan') return `${table}/${row['owner'] ?? row['reference']}`;
  return `${table}/${row['name'] ?? row['id']}`;
}

const attempts = 24;

/** A random visible row that fits and that no pending transaction holds; undefined after some vain attempts. */
export function pickRow<T extends keyof Tables>(
  { random, database }: World,
  table: T,
  fits: (row: Tables[T]) => boolean = () => true,
): Tables[T] | undefined {
  const rows = database.table(table);
  for (let attempt = 0; attempt < attempts && rows.size > 0; attempt += 1) {
    const row = rows.at(random.int(0, rows.size - 1));
    if (row !== undefined && !database.isLocked(lockOf(table, row)) && fits(row)) return row;
  }
  return undefined;
}

/** A random order that is no step of another. */
export function pickOrder(world: World, fits: (row: Order) => boolean = () => true): Order | undefined {
  return pickRow(world, 'operationplan', (row) => row.owner === null && row.reference !== '' && fits(row));
}

/** The transaction that writes rows of one table; the label names the first. */
export function written(table: string, rows: readonly Row[], verb: string): Transaction | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const label = `${table} ${first['reference'] ?? first['name'] ?? first['id']} ${verb}`;
  return {
    label,
    locks: [...new Set(rows.map((row) => lockOf(table, row)))],
    changes: rows.map((row) => ({ table, row })),
  };
}

/** A number as a decimal column shows it. */
export function decimal(value: number): string {
  return decimalText(value) ?? '0.00000000';
}
