import { dateOf } from '../local-time.ts';
import type { Random } from '../random.ts';
import type { Database, Transaction } from './database.ts';
import { char14Of, stampOf } from './instant.ts';
import type { Row, TableName, Tables, WorkCenter } from './model.ts';

/** What an event gets to work with. */
export interface World {
  random: Random;
  database: Database;
  /** The simulated clock, milliseconds. */
  now(): number;
  /** The next free number of each range, counted from 0. */
  numbers: { salesOrder: number; productionOrder: number; workCenter: number; item: number };
  /** Orders that once made to stock: rescheduling them would leave open which end date their old STOCK job shows. */
  relinked: Set<string>;
  /** Documents that were deleted, not archived, as they last were: their numbers may be used again. */
  deleted: { [T in Exclude<TableName, 'operations'>]: Tables[T][] };
}

/** One kind of business action; undefined when no document fits. */
export type Event = (world: World) => Transaction | undefined;

/** A fresh 7-digit stamp of now; the clock has more digits than the millisecond that V2 shows. */
export function stampNow(world: World): string {
  return stampOf(world.now(), world.random.int(0, 9999));
}

/** A fresh stamp of now, to the second, as the gateway keeps it for equipment. */
export function secondNow(world: World): string {
  return stampOf(Math.floor(world.now() / 1000) * 1000, 0);
}

/** A fresh `YYYYMMDDhhmmss` stamp of now. */
export function char14Now(world: World): string {
  return char14Of(world.now());
}

/** Today in UTC. */
export function today(world: World): string {
  return dateOf(world.now());
}

/** The lock of a document: operations lock with their order, validity segments with their equipment. */
export function lockOf(table: TableName, row: Row): string {
  if (table === 'operations') return `productionOrders/${row['ManufacturingOrder']}`;
  if (table === 'productionOrders') return `productionOrders/${row['ManufacturingOrder']}`;
  if (table === 'equipment') return `equipment/${row['Equipment']}`;
  return `${table}/${row[table === 'salesOrders' ? 'SalesOrder' : 'WorkCenterInternalID']}`;
}

const attempts = 12;

/** A random visible row that fits and that no pending transaction holds; undefined after a few vain attempts. */
export function pickRow<T extends TableName>(
  world: World,
  table: T,
  fits: (row: Tables[T]) => boolean = () => true,
): Tables[T] | undefined {
  const { rows } = world.database.table(table).ordered([]);
  for (let attempt = 0; attempt < attempts && rows.length > 0; attempt += 1) {
    const row = world.random.pick(rows) as Tables[T];
    if (!world.database.isLocked(lockOf(table, row)) && fits(row)) return row;
  }
  return undefined;
}

/** A work center an operation can be put on; there is always one. */
export function pickWorkCenter(world: World): WorkCenter {
  return world.random.pick(world.database.table('workCenters').ordered([]).rows) as WorkCenter;
}
