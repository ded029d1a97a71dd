import { anyQuantity } from '../random-values.ts';
import { anyTime, buildOrder, later, referenceOf } from './build.ts';
import type { Transaction } from './database.ts';
import { isReleased, type Order } from './model.ts';
import { stepsFor } from './steps.ts';
import { decimal, type Event, pickOrder, pickRow, type World, written } from './world.ts';

/** The steps that the database holds of an order. */
export function stepsOfOrder({ database }: World, { reference }: Order): Order[] {
  return database.table('operationplan').by('owner', reference);
}

/** Changes an order that fits, and its steps with it; each row gets a stamp of its own, microseconds apart. */
function change(
  verb: string,
  fits: (row: Order, world: World) => boolean,
  edit: (row: Order, world: World, step: boolean) => Partial<Order>,
): Event {
  return (world) => {
    const order = pickOrder(world, (row) => fits(row, world));
    if (order === undefined) return undefined;
    const write = (row: Order, step: boolean): Order => {
      return { ...row, ...edit(row, world, step), lastmodified: world.clock.stamp() };
    };
    const changed = write(order, false);
    const common = { quantity: changed.quantity, status: changed.status };
    const steps = stepsOfOrder(world, order).map((step) => {
      const status = step.status === order.status ? common.status : step.status;
      return { ...write(step, true), quantity: common.quantity, status };
    });
    return written('operationplan', [changed, ...steps], verb);
  };
}

function created(world: World, at: Partial<Order>): Transaction | undefined {
  const { random, numbers, clock } = world;
  const routing = random.chance(0.6) ? world.routings.get(random.pick([2, 3])) : undefined;
  const status = random.pick(['approved', 'confirmed'] as const);
  const reference = referenceOf(numbers.order);
  numbers.order += 1;
  const operation = random.pick(routing ?? world.singles);
  const seed = { reference, status, operation, plan: {}, today: clock.stamp(), lastmodified: clock.stamp() };
  const order = { ...buildOrder(random, seed), ...at };
  return written('operationplan', [order, ...stepsFor(world, order)], 'created');
}

/** Posted by the ERP: nothing is pegged before the next run, so it makes to stock until then. */
export const orderCreated: Event = (world) => created(world, {});

/** The API takes it, the engine rejects it: the next run deletes it. */
export const orderWithoutOperation: Event = (world) => created(world, { operation: null });

/** Posted without a reference: the server stores it under the empty one. */
export const orderWithoutReference: Event = (world) => {
  if (world.database.table('operationplan').get('') !== undefined) return undefined;
  return created(world, { reference: '', operation: world.random.pick(world.singles) });
};

export const quantityChanged = change('quantity changed', isReleased, (_row, { random }, step) =>
  step ? {} : { quantity: decimal(anyQuantity(random)) },
);

export const orderRescheduled = change('rescheduled', isReleased, (_row, { random, clock }) => {
  const startdate = anyTime(random, clock.stamp());
  return { startdate, enddate: later(startdate, random.int(1, 90)) };
});

export const orderConfirmed = change(
  'confirmed',
  ({ status }) => status === 'approved',
  () => ({ status: 'confirmed' }),
);

/** What a planner does with a proposal: it keeps its reference, and from then on that is stable. */
export const proposalApproved = change(
  'approved',
  ({ status }) => status === 'proposed',
  () => ({ status: 'approved' }),
);

export const orderProposedAgain = change(
  'back to proposed',
  (row, world) => row.status === 'approved' && stepsOfOrder(world, row).every(({ status }) => status === 'approved'),
  () => ({ status: 'proposed' }),
);

/** A step reports that it runs: there is no status for it but `confirmed` and a start that is past. */
export const stepStarted: Event = (world) => {
  const row = pickRow(world, 'operationplan', (each) => each.reference !== '' && isReleased(each));
  if (row === undefined) return undefined;
  const { clock, random } = world;
  const quantity_completed = random.chance(0.5) ? decimal(random.int(0, 5)) : row.quantity_completed;
  const started = { status: 'confirmed', startdate: clock.stamp(), quantity_completed } as const;
  return written('operationplan', [{ ...row, ...started, lastmodified: clock.stamp() }], 'started');
};

/** A restore or an import by SQL: the row is another, its `lastmodified` is old. Only a whole read sees it. */
export const quantityChangedBySql: Event = (world) => {
  const row = pickOrder(world, isReleased);
  if (row === undefined) return undefined;
  const quantity = decimal(anyQuantity(world.random));
  const steps = stepsOfOrder(world, row).map((step) => ({ ...step, quantity }));
  return written('operationplan', [{ ...row, quantity }, ...steps], 'quantity changed by SQL');
};

/** 50 to 300 orders (fewer if there are fewer) of one import: one stamp for all. */
export const ordersImported: Event = (world) => {
  const { random, database, clock } = world;
  const all = database.table('operationplan');
  const start = random.int(0, Math.max(0, all.size - 1));
  const stamp = clock.stamp();
  const rows: Order[] = [];
  for (let place = start; place < start + random.int(50, 300); place += 1) {
    const row = all.at(place);
    if (row === undefined || !isReleased(row) || database.isLocked(`operationplan/${row.owner ?? row.reference}`))
      continue;
    const moved = anyTime(random, stamp);
    rows.push({ ...row, startdate: moved, enddate: later(moved, 8), source: 'import', lastmodified: stamp });
  }
  return written('operationplan', rows, `and ${rows.length - 1} more imported`);
};

/** With the option `deletes` only. */
export const orderDeleted: Event = (world) => {
  const order = pickOrder(world);
  if (order === undefined) return undefined;
  const changes = [...stepsOfOrder(world, order), order].map((row) => ({
    table: 'operationplan',
    row,
    gone: true as const,
  }));
  return { label: `operationplan ${order.reference} deleted`, locks: [`operationplan/${order.reference}`], changes };
};

/** With the option `deletes` only: one step of several. */
export const stepDeleted: Event = (world) => {
  const row = pickRow(world, 'operationplan', ({ owner }) => owner !== null);
  if (row === undefined) return undefined;
  const changes = [{ table: 'operationplan', row, gone: true as const }];
  return { label: `operationplan ${row.reference} deleted`, locks: [`operationplan/${row.owner}`], changes };
};
