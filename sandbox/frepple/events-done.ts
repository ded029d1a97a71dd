import { stepsOfOrder } from './events-orders.ts';
import { isDone, isReleased, type Order, type Row } from './model.ts';
import { saveOrder } from './orders.ts';
import { type Event, pickOrder, pickRow, type World } from './world.ts';

/** Saves by the web, at once, with all that the server does of its own. */
function saved(
  rows: readonly Order[],
  values: Row,
  { world, verb }: { world: World; verb: string },
): ReturnType<Event> {
  const { database, clock, splits } = world;
  for (const { reference } of rows) {
    saveOrder(values, database.table('operationplan').get(reference), { database, clock, splits, treeNumbered: true });
  }
  return { label: `operationplan ${rows[0]?.reference} ${verb}`, locks: [], changes: [] };
}

/** Completing a step completes the steps before it and, with the last one, the order, none of which gets a new stamp. */
export const stepCompleted: Event = (world) => {
  const row = pickRow(world, 'operationplan', (each) => each.owner !== null && isReleased(each));
  if (row === undefined) return undefined;
  const values = { status: 'completed', quantity_completed: row.quantity };
  return saved([row], values, { world, verb: 'completed, and what comes before it' });
};

export const orderCompleted: Event = (world) => {
  const row = pickOrder(world, isReleased);
  return row === undefined ? undefined : saved([row], { status: 'completed' }, { world, verb: 'completed' });
};

/** The stock is booked, and the plan emptied. Closing an order with open steps would leave it completed, so the steps are closed first. */
export const orderClosed: Event = (world) => {
  const row = pickOrder(world, (each) => each.status === 'completed' && stepsOfOrder(world, each).every(isDone));
  if (row === undefined) return undefined;
  return saved([...stepsOfOrder(world, row), row], { status: 'closed', plan: null }, { world, verb: 'closed' });
};

/** There is no state machine: what was completed can be confirmed again. */
export const completionReverted: Event = (world) => {
  const row = pickOrder(world, ({ status }) => status === 'completed');
  if (row === undefined) return undefined;
  return saved([row, ...stepsOfOrder(world, row)], { status: 'confirmed' }, { world, verb: 'confirmed again' });
};
