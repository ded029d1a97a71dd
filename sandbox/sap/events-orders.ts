import { anyQuantity, anyWall, later } from '../random-values.ts';
import { buildOperation, buildProductionOrder, planSteps } from './build.ts';
import type { Change, Transaction } from './database.ts';
import { isMakeToStock, type Operation, type ProductionOrder, strip } from './model.ts';
import { char14Now, type Event, lockOf, pickRow, pickWorkCenter, today, type World } from './world.ts';

/** The visible operations of an order. */
export function operationsOf(world: World, order: ProductionOrder): Operation[] {
  const index = world.database.table('operations').ordered([{ column: 'ManufacturingOrder', descending: false }]);
  const [from, to] = index.span({ low: order.ManufacturingOrder, high: order.ManufacturingOrder });
  return index.rows.slice(from, to) as Operation[];
}

/** The transaction that writes an order and, with it, other rows of the same order. */
export function written(row: ProductionOrder, verb: string, others: readonly Change[] = []): Transaction {
  const label = `production order ${strip(row.ManufacturingOrder)} ${verb}`;
  return { label, locks: [lockOf('productionOrders', row)], changes: [{ table: 'productionOrders', row }, ...others] };
}

interface Edit {
  order: Partial<ProductionOrder>;
  others?: readonly Change[];
}

/** Changes a production order that fits, and stamps its header. */
function change(
  verb: string,
  fits: (row: ProductionOrder, world: World) => boolean,
  edit: (row: ProductionOrder, world: World) => Edit,
): Event {
  return (world) => {
    const row = pickRow(world, 'productionOrders', (candidate) => fits(candidate, world));
    if (row === undefined) return undefined;
    const { order, others } = edit(row, world);
    return written({ ...row, LastChangeDateTime: char14Now(world), ...order }, verb, others);
  };
}

function created(verb: string, linked: boolean): Event {
  return (world) => {
    const salesOrder = linked ? pickRow(world, 'salesOrders')?.SalesOrder : undefined;
    if (linked && salesOrder === undefined) return undefined;
    const { random, numbers } = world;
    const moment = { ms: world.now(), ticks: 0 };
    const seed = { number: numbers.productionOrder, today: today(world), moment };
    const order = buildProductionOrder(random, salesOrder === undefined ? seed : { ...seed, salesOrder });
    numbers.productionOrder += 1;
    const operations = planSteps(random, random.int(1, 5)).map((step): Change => {
      const details = { order, workCenter: pickWorkCenter(world), today: today(world), stamp: char14Now(world) };
      return { table: 'operations', row: buildOperation(random, step, details) };
    });
    return written(order, verb, operations);
  };
}

export const linkedOrderCreated = created('created', true);
export const stockOrderCreated = created('created to stock', false);

export const stockOrderLinked: Event = (world) => {
  const salesOrder = pickRow(world, 'salesOrders')?.SalesOrder;
  if (salesOrder === undefined) return undefined;
  const link = change(
    `linked to sales order ${strip(salesOrder)}`,
    (row) => isMakeToStock(row) && !row.OrderIsMarkedForDeletion && !row.OrderIsDeleted,
    () => ({ order: { SalesOrder: salesOrder, SalesOrderItem: '000010' } }),
  );
  const transaction = link(world);
  if (transaction?.changes[0]?.table === 'productionOrders') {
    world.relinked.add(transaction.changes[0].row.ManufacturingOrder);
  }
  return transaction;
};

export const orderQuantityChanged = change(
  'quantity changed',
  () => true,
  (row, world) => {
    const TotalQuantity = anyQuantity(world.random);
    const others = operationsOf(world, row).map((operation): Change => {
      const changed = { OpPlannedTotalQuantity: TotalQuantity, LastChangeDateTime: char14Now(world) };
      return { table: 'operations', row: { ...operation, ...changed } };
    });
    return { order: { TotalQuantity }, others };
  },
);

export const orderRescheduled = change(
  'rescheduled',
  (row, world) => !world.relinked.has(row.ManufacturingOrder),
  (row, world) => {
    const start = anyWall(world.random, row.ProductionPlant, today(world));
    const end = later(start, world.random.int(1, 200));
    return {
      order: {
        MfgOrderScheduledStartDate: start.date,
        MfgOrderScheduledStartTime: start.time,
        MfgOrderScheduledEndDate: end.date,
        MfgOrderScheduledEndTime: end.time,
      },
    };
  },
);

export const orderReleased = change(
  'released',
  (row) => !row.OrderIsReleased,
  () => ({ order: { OrderIsReleased: true } }),
);

export const orderMarkedForDeletion = change(
  'marked for deletion',
  (row) => !row.OrderIsMarkedForDeletion,
  () => ({ order: { OrderIsMarkedForDeletion: true } }),
);

export const orderTechnicallyCompleted = change(
  'technically completed',
  (row) => !row.OrderIsTechnicallyCompleted,
  () => ({ order: { OrderIsTechnicallyCompleted: true } }),
);

export const orderInTheFuture = change(
  'changed with a stamp in 2999',
  () => true,
  (_row, { random }) => ({ order: { TotalQuantity: random.int(1, 250), LastChangeDateTime: '29991231235959' } }),
);
