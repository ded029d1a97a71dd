import { anyMinute, anyName, anyTimes, buildTask, workCentersOf } from './build.ts';
import type { Row } from './database.ts';
import { isOpen } from './events-workorders.ts';
import { change, type Event, type Kind, lockOf, mainLineOf, pickRow, tasksOf, type World, write } from './world.ts';

const table = 'manufacturingoperationtask';
/** Tasks of open work orders. None of these events moves a stamp anywhere. */
const tasks: Kind = { table, noun: 'task', fits: (row, world) => isOpen(orderOf(world, row)) };

function orderOf({ database }: World, row: Row): Row {
  return database.table('transaction').get(Number(row['workorder'])) ?? row;
}

export const taskTimed = change(tasks, { verb: 'took another time' }, (_row, { random }) => anyTimes(random));

export const taskRenamed = change(tasks, { verb: 'renamed' }, (_row, { random }) => ({ title: anyName(random) }));

export const taskReplanned = change(tasks, { verb: 'replanned' }, (_row, world) => ({
  startdatetime: anyMinute(world),
  enddate: anyMinute(world),
}));

export const taskMoved = change(tasks, { verb: 'moved to another work center' }, (_row, world) => ({
  manufacturingworkcenter: world.random.pick(workCentersOf(world)).key,
}));

export const taskResequenced = change(tasks, { verb: 'resequenced' }, (_row, { random }) => ({
  operationsequence: random.int(1, 99),
}));

/** A completion; the first one puts the order in process, which moves the order. */
export const taskCompleted: Event = (world) => {
  const row = pickRow(world, table, (one) => one['status'] !== 'COMPLETE' && tasks.fits(one, world));
  if (row === undefined) return undefined;
  const order = orderOf(world, row);
  const values = { status: 'COMPLETE', completedquantity: row['inputquantity'] ?? null };
  const changes = [write(world, [table, row], values)];
  if (order['status'] === 'B') changes.push(write(world, ['transaction', order], { status: 'D' }));
  return { label: `task ${row.key} completed`, locks: [lockOf(table, row)], changes };
};

export const taskAdded: Event = (world) => {
  const order = pickRow(world, 'transaction', isOpen);
  if (order === undefined || workCentersOf(world).length === 0) return undefined;
  const quantity = Number(mainLineOf(world, order)?.['quantity'] ?? 1);
  const row = buildTask(world, order, { position: tasksOf(world, order).length, quantity });
  return { label: `task ${row.key} added`, locks: [lockOf('transaction', order)], changes: [{ table, row }] };
};

/** It is not among the deleted records, and its order does not move. */
export const taskDeleted: Event = (world) => {
  const row = pickRow(world, table, (one) => tasks.fits(one, world));
  if (row === undefined) return undefined;
  return { label: `task ${row.key} deleted`, locks: [lockOf(table, row)], changes: [{ table, row, gone: true }] };
};
