import type { Maker } from './build.ts';
import type { Change, Row, Transaction, Value } from './database.ts';

/** What an event gets to work with; `stamp()` is the same throughout a save. */
export type World = Maker;

/** One kind of business action; undefined when no record fits. */
export type Event = (world: World) => Transaction | undefined;

const stamps: Record<string, string> = {
  transaction: 'lastmodifieddate',
  transactionline: 'linelastmodifieddate',
  item: 'lastmodifieddate',
  customer: 'lastmodifieddate',
};

/** The change that rewrites a row, with the stamp of this save where its table has one. */
export function write(world: World, [table, row]: [string, Row], values: Record<string, Value> = {}): Change {
  const column = stamps[table];
  const stamp = column === undefined ? {} : { [column]: world.stamp() };
  return { table, row: { ...row, ...values, ...stamp } };
}

/** The lock of a record: lines and tasks lock with their transaction. */
export function lockOf(table: string, row: Row): string {
  return `${table}/${row['transaction'] ?? row['workorder'] ?? row.key}`.replace(
    /^[a-z]+line|^manufact[a-z]+/,
    'transaction',
  );
}

const attempts = 30;

/** A random visible row that fits and that no pending save holds; undefined after a few vain attempts. */
export function pickRow(world: World, table: string, fits: (row: Row) => boolean = () => true): Row | undefined {
  const rows = world.database.table(table).ordered();
  for (let attempt = 0; attempt < attempts && rows.length > 0; attempt += 1) {
    const row = world.random.pick(rows);
    if (!world.database.isLocked(lockOf(table, row)) && fits(row)) return row;
  }
  return undefined;
}

/** Table and words of a kind of record, and which of its rows are meant. */
export interface Kind {
  table: string;
  noun: string;
  fits(row: Row, world: World): boolean;
}

/** An event that writes one row that fits. */
export function change(
  { table, noun, fits: isKind }: Kind,
  { verb, fits = () => true }: { verb: string; fits?: (row: Row, world: World) => boolean },
  edit: (row: Row, world: World) => Record<string, Value>,
): Event {
  return (world) => {
    const row = pickRow(world, table, (candidate) => isKind(candidate, world) && fits(candidate, world));
    if (row === undefined) return undefined;
    const changes = [write(world, [table, row], edit(row, world))];
    return { label: `${noun} ${row.key} ${verb}`, locks: [lockOf(table, row)], changes };
  };
}

/** A row with the status of one of those letters. */
export function hasStatus(row: Row, letters: string): boolean {
  return letters.includes(String(row['status']));
}

/** The tasks of a work order. */
export function tasksOf({ database }: Pick<World, 'database'>, order: Row): Row[] {
  return database.table('manufacturingoperationtask').by('workorder', order.key);
}

/** The line that stands for a whole transaction. */
export function mainLineOf({ database }: Pick<World, 'database'>, order: Row): Row | undefined {
  return database
    .table('transactionline')
    .by('transaction', order.key)
    .find((line) => line['mainline'] === 'T');
}

/** What a deletion leaves: an entry to the minute in the list of deleted records, and nothing else. */
export function deletion(world: World, { table, row, type }: { table: string; row: Row; type: string }): Change[] {
  const key = world.nextId('deletedrecord');
  const entry: Row = {
    key,
    recordid: row.key,
    recordtypeid: recordTypeIds[table] ?? null,
    type,
    name: row['tranid'] ?? row['groupname'] ?? null,
    context: 'UIF',
    deletedby: 3,
    deleteddate: Math.floor(world.now() / 60_000) * 60_000,
    iscustomrecord: 'F',
    iscustomlist: 'F',
  };
  return [
    { table, row, gone: true },
    { table: 'deletedrecord', row: entry },
  ];
}

const recordTypeIds: Record<string, number> = { transaction: -30, item: -10, entitygroup: -7 };
