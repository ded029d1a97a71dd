import { dateOf } from '../local-time.ts';
import { anyText, anyWall } from '../random-values.ts';
import type { Change, Transaction } from './database.ts';
import { stampOf } from './instant.ts';
import type { Operation, ProductionOrder, SalesOrder } from './model.ts';
import { char14Now, type Event, lockOf, today, type World } from './world.ts';

const kinds = ['salesOrders', 'productionOrders', 'operations'] as const;
type Kind = (typeof kinds)[number];

/** A mass change: 50 to 300 neighbouring rows (fewer if there are fewer) get stamps of one and the same millisecond. */
export const massChange: Event = (world): Transaction | undefined => {
  const { random, database } = world;
  const kind = random.pick(kinds);
  const { rows } = database.table(kind).ordered([]);
  const wanted = random.int(50, 300);
  const start = random.int(0, Math.max(0, rows.length - wanted));
  const ticks = random.chance(0.5) ? random.int(0, 9999) : undefined;
  const free = rows.slice(start, start + wanted).filter((row) => !database.isLocked(lockOf(kind, row)));
  if (free.length === 0) return undefined;
  const changes = free.map((row) => rewrite(kind, row as SalesOrder & ProductionOrder & Operation, { world, ticks }));
  const locks = [...new Set(free.map((row) => lockOf(kind, row)))];
  return { label: `mass change of ${free.length} ${kind.replace(/[A-Z]/, ' $&').toLowerCase()}`, locks, changes };
};

interface Rewriting {
  world: World;
  /** The 100 ns digits all rows share; undefined when each has its own. */
  ticks: number | undefined;
}

function rewrite(kind: Kind, row: SalesOrder & ProductionOrder & Operation, { world, ticks }: Rewriting): Change {
  const { random } = world;
  if (kind === 'productionOrders') {
    const changed = { TotalQuantity: random.int(1, 250), LastChangeDateTime: char14Now(world) };
    return { table: kind, row: { ...row, ...changed } };
  }
  if (kind === 'operations') {
    const changed = { MfgOrderOperationText: anyText(random), LastChangeDateTime: char14Now(world) };
    return { table: kind, row: { ...row, ...changed } };
  }
  const RequestedDeliveryDate = anyWall(random, '1720', today(world)).date;
  const LastChangeDateTime = stampOf(world.now(), ticks ?? random.int(0, 9999));
  return {
    table: kind,
    row: { ...row, RequestedDeliveryDate, LastChangeDateTime, LastChangeDate: dateOf(world.now()) },
  };
}
