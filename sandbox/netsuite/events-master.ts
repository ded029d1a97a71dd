import { anyName, anyQuantity, buildGroup, workCentersOf } from './build.ts';
import type { Row } from './database.ts';
import { isOpen } from './events-workorders.ts';
import { change, deletion, type Event, type Kind, lockOf, mainLineOf, pickRow, write } from './world.ts';

const isWorkCenter = (row: Row): boolean => row['ismanufacturingworkcenter'] === 'T';
const centers: Kind = { table: 'entitygroup', noun: 'work center', fits: isWorkCenter };
const anything = (): boolean => true;

export const workCenterCreated: Event = (world) => {
  if (workCentersOf(world).length === 0) return undefined;
  const row = buildGroup(world, true);
  const locks = [lockOf('entitygroup', row)];
  return { label: `work center ${row.key} created`, locks, changes: [{ table: 'entitygroup', row }] };
};

export const workCenterRenamed = change(centers, { verb: 'renamed' }, (_row, { random }) => ({
  groupname: anyName(random),
}));

export const workCenterDeactivated = change(
  centers,
  { verb: 'deactivated', fits: (row) => row['isinactive'] === 'F' },
  () => ({ isinactive: 'T' }),
);

export const workCenterActivated = change(
  centers,
  { verb: 'activated', fits: (row) => row['isinactive'] === 'T' },
  () => ({ isinactive: 'F' }),
);

/** Only one that no task names, not even one that a save is about to write, and never the last one. */
export const workCenterDeleted: Event = (world) => {
  const { database } = world;
  const tasks = database.table('manufacturingoperationtask');
  const written = database.pending().map((change) => change.row['manufacturingworkcenter']);
  const isFree = (row: Row): boolean =>
    isWorkCenter(row) && tasks.by('manufacturingworkcenter', row.key).length === 0 && !written.includes(row.key);
  const row = pickRow(world, 'entitygroup', isFree);
  if (row === undefined || workCentersOf(world).length < 2) return undefined;
  const changes = deletion(world, { table: 'entitygroup', row, type: 'Manufacturing Work Center' });
  return { label: `work center ${row.key} deleted`, locks: [lockOf('entitygroup', row)], changes };
};

/** No order moves with it. */
export const customerRenamed = change(
  { table: 'customer', noun: 'customer', fits: anything },
  { verb: 'renamed' },
  (row, { random }) => ({ companyname: random.chance(0.2) ? null : `${anyName(random)} Inc ${row.key}` }),
);

/** No order moves with it. */
export const itemRenamed = change(
  { table: 'item', noun: 'item', fits: anything },
  { verb: 'renumbered' },
  (row, { random }) => ({ itemid: `NEW${random.int(1, 9)}-${row.key}` }),
);

/** An id among the deleted records means nothing without its type: an item may have the number of a living order. */
export const entryOfAnotherType: Event = (world) => {
  const row = pickRow(world, 'transaction');
  if (row === undefined) return undefined;
  const [, entry] = deletion(world, { table: 'item', row: { key: row.key }, type: 'Inventory Item' });
  if (entry === undefined) return undefined;
  return { label: `item ${row.key} deleted`, locks: [`deletedrecord/${entry.row.key}`], changes: [entry] };
};

/** A script touches 50 to 300 neighbouring orders, all with the second of the save. */
export const massUpdate: Event = (world) => {
  const { random, database } = world;
  const rows = database.table('transaction').ordered();
  const start = random.int(0, Math.max(0, rows.length - 300));
  const touched = rows.slice(start, start + random.int(50, 300));
  const free = touched.filter((row) => !database.isLocked(lockOf('transaction', row)));
  if (free.length === 0) return undefined;
  const changes = free.map((row) => write(world, ['transaction', row], { memo: anyName(random) }));
  const locks = free.map((row) => lockOf('transaction', row));
  return { label: `mass update of ${free.length} transactions`, locks, changes };
};

/** An import of quantities, in descending order of id: ids and stamps run against each other within one second. */
export const quantityImport: Event = (world) => {
  const { random, database } = world;
  const rows = database.table('transaction').ordered();
  const start = random.int(0, Math.max(0, rows.length - 60));
  const orders = rows
    .slice(start, start + 60)
    .filter((row) => isOpen(row) && !database.isLocked(lockOf('transaction', row)));
  const changes = orders.reverse().flatMap((row) => {
    const main = mainLineOf(world, row);
    const line = main === undefined ? [] : [write(world, ['transactionline', main], { quantity: anyQuantity(random) })];
    return [write(world, ['transaction', row]), ...line];
  });
  if (changes.length === 0) return undefined;
  const locks = orders.map((row) => lockOf('transaction', row));
  return { label: `import of ${orders.length} work orders`, locks, changes };
};
