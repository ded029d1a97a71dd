import {
  anyDay,
  anyMinute,
  anyQuantity,
  buildTask,
  buildWorkOrder,
  linkRows,
  linkTables,
  workCentersOf,
  workOrderLines,
} from './build.ts';
import type { Change, Row, Transaction, Value } from './database.ts';
import { isSold } from './events-sales.ts';
import { futureStamp } from './initial.ts';
import { deletion, type Event, hasStatus, lockOf, mainLineOf, pickRow, tasksOf, type World, write } from './world.ts';

const table = 'transaction';
const taskTable = 'manufacturingoperationtask';

/** Told to the MES: neither planned nor cancelled. */
export function isMade(row: Row): boolean {
  return row['type'] === 'WorkOrd' && !hasStatus(row, 'AC');
}

/** Released or in process. */
export function isOpen(row: Row): boolean {
  return row['type'] === 'WorkOrd' && hasStatus(row, 'BD');
}

/** A work order with its lines and tasks. */
function creation(world: World, status: string, createdfrom: number | null): { order: Row; changes: Change[] } {
  const order = buildWorkOrder(world, status);
  const lines = workOrderLines(world, order, createdfrom);
  const quantity = Number(lines[0]?.['quantity'] ?? 1);
  const count = workCentersOf(world).length > 0 ? world.random.int(1, 5) : 0;
  const tasks = Array.from({ length: count }, (_, position) => buildTask(world, order, { position, quantity }));
  // The order comes last, and goes first, so that nobody sees it without its lines.
  const changes = [
    ...lines.map((row) => ({ table: 'transactionline', row })),
    ...tasks.map((row) => ({ table: taskTable, row })),
    { table, row: order },
  ];
  return { order, changes };
}

function created(status: string, verb: string): Event {
  return (world) => {
    const { order, changes } = creation(world, status, null);
    return { label: `work order ${order.key} ${verb}`, locks: [lockOf(table, order)], changes };
  };
}

export const stockOrderCreated = created('B', 'created to stock');
export const orderPlanned = created('A', 'planned');

function createdFor(fits: (sale: Row) => boolean): Event {
  return (world) => {
    const sale = pickRow(world, table, fits);
    if (sale === undefined) return undefined;
    const { order, changes } = creation(world, 'B', sale.key);
    const locks = [lockOf(table, order), lockOf(table, sale)];
    const label = `work order ${order.key} created for sales order ${sale.key}`;
    return { label, locks, changes: [...changes, ...linkRows(world, sale.key, order.key)] };
  };
}

export const linkedOrderCreated = createdFor(isSold);
/** Somebody does not wait for the approval, which may never come. */
export const earlyOrderCreated = createdFor((row) => row['type'] === 'SalesOrd' && hasStatus(row, 'A'));

/** Made for another work order: to stock, as far as the MES is concerned. */
export const subassemblyCreated: Event = (world) => {
  const parent = pickRow(world, table, isOpen);
  if (parent === undefined) return undefined;
  const { order, changes } = creation(world, 'B', parent.key);
  const locks = [lockOf(table, order), lockOf(table, parent)];
  return { label: `work order ${order.key} created for work order ${parent.key}`, locks, changes };
};

/** What one save does to the header, the main line and every task of a work order. */
interface Edit {
  header?: Record<string, Value>;
  line?: Record<string, Value>;
  task?: (row: Row) => Record<string, Value>;
}

/** Header and main line move; tasks have no stamps to move. */
function edited(verb: string, fits: (row: Row) => boolean, edit: (world: World, main: Row) => Edit): Event {
  return (world) => {
    const row = pickRow(world, table, fits);
    const main = row === undefined ? undefined : mainLineOf(world, row);
    if (row === undefined || main === undefined) return undefined;
    const { header, line, task } = edit(world, main);
    const changes = [write(world, [table, row], header)];
    if (line !== undefined) changes.push(write(world, ['transactionline', main], line));
    if (task !== undefined)
      changes.push(...tasksOf(world, row).map((one) => write(world, [taskTable, one], task(one))));
    return { label: `work order ${row.key} ${verb}`, locks: [lockOf(table, row)], changes };
  };
}

function is(letters: string): (row: Row) => boolean {
  return (row) => row['type'] === 'WorkOrd' && hasStatus(row, letters);
}

export const orderReleased = edited('released', is('A'), () => ({ header: { status: 'B' } }));
export const orderSetBack = edited('set back to planned', is('B'), () => ({ header: { status: 'A' } }));
export const orderCancelled = edited('cancelled', is('ABD'), () => ({ header: { status: 'C' } }));
export const orderClosed = edited('closed', is('DG'), () => ({ header: { status: 'H' } }));

export const orderBuilt = edited('built', is('D'), () => ({
  header: { status: 'G' },
  task: ({ inputquantity = null }) => ({ status: 'COMPLETE', completedquantity: inputquantity }),
}));

export const quantityChanged = edited('quantity changed', isOpen, ({ random }) => {
  const quantity = anyQuantity(random);
  return { line: { quantity }, task: () => ({ inputquantity: quantity }) };
});

export const orderReplanned = edited('replanned', isOpen, (world) => ({
  header: { duedate: anyDay(world), startdate: anyDay(world), enddate: anyDay(world) },
  task: () => ({ startdatetime: anyMinute(world), enddate: anyMinute(world) }),
}));

export const orderRenumbered = edited('renumbered', isMade, ({ random }, main) => ({
  header: { tranid: `WO-${main['transaction']}-R${random.int(1, 9)}` },
}));

/** Saved as it was: the stamp moves all the same. */
export const orderSavedAsIs = edited('saved without a change', isMade, () => ({}));

export const orderInTheFuture: Event = (world) => {
  const row = pickRow(world, table, isOpen);
  if (row === undefined) return undefined;
  const changed = { ...row, tranid: `WO-${row.key}-F`, lastmodifieddate: futureStamp };
  const locks = [lockOf(table, row)];
  return { label: `work order ${row.key} changed in 2999`, locks, changes: [{ table, row: changed }] };
};

/** An order to stock is taken for a customer: the line gets the link and its stamp moves, the header only with `header`. */
function linked(header: boolean): Event {
  return (world) => {
    const sale = pickRow(world, table, isSold);
    const row = pickRow(world, table, (one) => isOpen(one) && mainLineOf(world, one)?.['createdfrom'] === null);
    const main = row === undefined ? undefined : mainLineOf(world, row);
    if (sale === undefined || row === undefined || main === undefined) return undefined;
    const link = linkRows(world, sale.key, row.key);
    const changes = [write(world, ['transactionline', main], { createdfrom: sale.key }), ...link];
    if (header) changes.push(write(world, [table, row]));
    const locks = [lockOf(table, row), lockOf(table, sale)];
    return { label: `work order ${row.key} linked to sales order ${sale.key}`, locks, changes };
  };
}

export const orderLinked = linked(true);
export const orderLinkedQuietly = linked(false);

export const orderDeleted: Event = (world) => {
  const lines = world.database.table('transactionline');
  const row = pickRow(
    world,
    table,
    (one) => one['type'] === 'WorkOrd' && lines.by('createdfrom', one.key).length === 0,
  );
  return row === undefined ? undefined : deleted(world, row);
};

/** Lines and tasks go with it, and only the order itself is listed. */
function deleted(world: World, row: Row): Transaction {
  const lines = world.database.table('transactionline').by('transaction', row.key);
  const changes = [
    ...deletion(world, { table, row, type: 'Work Order' }),
    ...linkTables.flatMap((name) => gone(name, world.database.table(name).by('nextdoc', row.key))),
    ...gone(taskTable, tasksOf(world, row)),
    ...gone('transactionline', lines),
  ];
  return { label: `work order ${row.key} deleted`, locks: [lockOf(table, row)], changes };
}

function gone(name: string, rows: readonly Row[]): Change[] {
  return rows.map((row) => ({ table: name, row, gone: true }));
}
