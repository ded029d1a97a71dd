import {
  buildEquipment,
  buildOperation,
  buildProductionOrder,
  buildSalesOrder,
  buildWorkCenter,
  planSteps,
} from './build.ts';
import type { Change, Transaction } from './database.ts';
import { equipmentWritten, workCenterWritten } from './events-master.ts';
import { operationsOf, written as orderWritten } from './events-orders.ts';
import { written as salesOrderWritten } from './events-sales.ts';
import { char14Of, stampOf } from './instant.ts';
import {
  type Operation,
  type ProductionOrder,
  type Row,
  type SalesOrder,
  strip,
  type TableName,
  type Tables,
} from './model.ts';
import { char14Now, type Event, lockOf, pickWorkCenter, today, type World } from './world.ts';

/** A document rests this long after its last change before it is archived (months in a real system), milliseconds. */
const residenceMs = 900_000;
/** Rows looked at for one that fits. */
const looked = 500;

/** A visible row that fits and that no pending transaction holds: the first behind a random place. */
function findRow<T extends TableName>(
  world: World,
  table: T,
  fits: (row: Tables[T]) => boolean,
): Tables[T] | undefined {
  const { rows } = world.database.table(table).ordered([]);
  const start = world.random.int(0, Math.max(0, rows.length - 1));
  for (let step = 0; step < Math.min(looked, rows.length); step += 1) {
    const row = rows[(start + step) % rows.length] as Tables[T];
    if (!world.database.isLocked(lockOf(table, row)) && fits(row)) return row;
  }
  return undefined;
}

function vanished(label: string, changes: readonly Change[], archived: boolean): Transaction {
  const marked = changes.map((change): Change => ({ ...change, gone: true, ...(archived ? { archived: true } : {}) }));
  return { label, locks: [], changes: marked, prompt: true };
}

/** SAP deletes and archives a sales order only when nothing follows from it. */
function hasOrders({ database }: World, { SalesOrder }: SalesOrder): boolean {
  const [from, to] = database
    .table('productionOrders')
    .ordered([{ column: 'SalesOrder', descending: false }])
    .span({ low: SalesOrder, high: SalesOrder });
  return (
    to > from ||
    database.awaits((change) => change.table === 'productionOrders' && change.row.SalesOrder === SalesOrder)
  );
}

function restsSince({ LastChangeDateTime }: Row, limit: string): boolean {
  return String(LastChangeDateTime) < limit;
}

function salesOrderGone(archived: boolean): Event {
  return (world) => {
    const limit = stampOf(world.now() - residenceMs, 0);
    const row = findRow(world, 'salesOrders', (candidate) => {
      const closed = candidate.OverallSDProcessStatus === 'C';
      return closed === archived && (!archived || restsSince(candidate, limit)) && !hasOrders(world, candidate);
    });
    if (row === undefined) return undefined;
    if (!archived) world.deleted.salesOrders.push(row);
    const label = `sales order ${strip(row.SalesOrder)} ${archived ? 'archived' : 'deleted'}`;
    return vanished(label, [{ table: 'salesOrders', row }], archived);
  };
}

export const salesOrderDeleted = salesOrderGone(false);
export const salesOrderArchived = salesOrderGone(true);

function isClosed(row: ProductionOrder): boolean {
  return row.OrderIsTechnicallyCompleted || row.OrderIsClosed;
}

function operationIsClosed(row: Operation): boolean {
  return row.OperationIsTechlyCompleted || row.OperationIsClosed;
}

/** An open order goes with its open operations, or a closed one with its closed operations: half closed ones stay. */
function orderGone(archived: boolean): Event {
  return (world) => {
    const limit = char14Of(world.now() - residenceMs);
    const row = findRow(world, 'productionOrders', (candidate) => {
      if (isClosed(candidate) !== archived || (archived && !restsSince(candidate, limit))) return false;
      return operationsOf(world, candidate).every((operation) => operationIsClosed(operation) === archived);
    });
    if (row === undefined) return undefined;
    if (!archived) world.deleted.productionOrders.push(row);
    const operations = operationsOf(world, row).map((operation): Change => ({ table: 'operations', row: operation }));
    const label = `production order ${strip(row.ManufacturingOrder)} ${archived ? 'archived' : 'deleted'}`;
    return vanished(label, [...operations, { table: 'productionOrders', row }], archived);
  };
}

export const orderDeleted = orderGone(false);
export const orderArchived = orderGone(true);

/** Closes an order with all its operations, as the status of the header is handed down. */
export const orderClosed: Event = (world) => {
  const row = findRow(world, 'productionOrders', (candidate) => !isClosed(candidate));
  if (row === undefined) return undefined;
  const LastChangeDateTime = char14Now(world);
  const operations = operationsOf(world, row).map((operation): Change => {
    const closed = { OperationIsTechlyCompleted: true, OperationIsClosed: true, LastChangeDateTime };
    return { table: 'operations', row: { ...operation, ...closed } };
  });
  const closed = { OrderIsTechnicallyCompleted: true, OrderIsClosed: true, LastChangeDateTime };
  return orderWritten({ ...row, ...closed }, 'closed', operations);
};

/** All validity segments of a piece of equipment go. */
export const equipmentDeleted: Event = (world) => {
  const row = findRow(world, 'equipment', () => true);
  if (row === undefined) return undefined;
  const { database, deleted } = world;
  const [from, to] = database.table('equipment').ordered([]).span({ low: row.Equipment, high: row.Equipment });
  const segments = database.table('equipment').ordered([]).rows.slice(from, to) as Tables['equipment'][];
  deleted.equipment.push(row);
  const changes = segments.map((segment): Change => ({ table: 'equipment', row: segment }));
  return vanished(`equipment ${strip(row.Equipment)} deleted`, changes, false);
};

/** A work center goes once its operations have been moved to another one, in the same transaction. */
export const workCenterDeleted: Event = (world) => {
  const { database, random } = world;
  const row = findRow(world, 'workCenters', () => true);
  if (row === undefined || database.table('workCenters').size < 4) return undefined;
  const id = row.WorkCenterInternalID;
  const index = database.table('operations').ordered([{ column: 'WorkCenterInternalID', descending: false }]);
  const [from, to] = index.span({ low: id, high: id });
  const operations = index.rows.slice(from, to) as Operation[];
  const busy = operations.some((operation) => database.isLocked(lockOf('operations', operation)));
  if (
    busy ||
    database.awaits((change) => 'WorkCenterInternalID' in change.row && change.row.WorkCenterInternalID === id)
  )
    return undefined;
  const others = database
    .table('workCenters')
    .ordered([])
    .rows.filter((other) => other !== row);
  const heir = random.pick(others) as Tables['workCenters'];
  const LastChangeDateTime = char14Now(world);
  const { WorkCenter, Plant: ProductionPlant, WorkCenterInternalID } = heir;
  const moved = operations.map((operation): Change => {
    const place = { WorkCenter, ProductionPlant, WorkCenterInternalID, LastChangeDateTime };
    return { table: 'operations', row: { ...operation, ...place } };
  });
  world.deleted.workCenters.push(row);
  const label = `work center ${row.Plant}-${row.WorkCenter} deleted`;
  return { ...vanished(label, [], false), changes: [...moved, { table: 'workCenters', row, gone: true }] };
};

/** Takes a deleted row out of the pool, the latest first every other time. */
function take<T extends keyof World['deleted']>(world: World, table: T): World['deleted'][T][number] | undefined {
  const pool = world.deleted[table];
  const position = world.random.chance(0.5) ? pool.length - 1 : world.random.int(0, Math.max(0, pool.length - 1));
  return pool.splice(position, 1)[0];
}

const again = 'created again under its old number';

/** Somebody enters a document anew under the number of a deleted one; what SAP numbers internally is new. */
export const recreated: Event = (world) => {
  const filled = (['salesOrders', 'productionOrders', 'equipment', 'workCenters'] as const).filter(
    (table) => world.deleted[table].length > 0,
  );
  if (filled.length === 0) return undefined;
  return makers[world.random.pick(filled)](world);
};

const makers: Record<keyof World['deleted'], Event> = {
  salesOrders(world) {
    const old = take(world, 'salesOrders');
    if (old === undefined) return undefined;
    const row = buildSalesOrder(world.random, 0, { ms: world.now(), ticks: world.random.int(0, 9999) });
    return salesOrderWritten({ ...row, SalesOrder: old.SalesOrder }, again);
  },
  productionOrders(world) {
    const old = take(world, 'productionOrders');
    if (old === undefined) return undefined;
    const { random, numbers } = world;
    const seed = { number: numbers.productionOrder, today: today(world), moment: { ms: world.now(), ticks: 0 } };
    numbers.productionOrder += 1;
    const order = { ...buildProductionOrder(random, seed), ManufacturingOrder: old.ManufacturingOrder };
    const operations = planSteps(random, random.int(1, 5)).map((step): Change => {
      const details = { order, workCenter: pickWorkCenter(world), today: today(world), stamp: char14Now(world) };
      return { table: 'operations', row: buildOperation(random, step, details) };
    });
    return orderWritten(order, again, operations);
  },
  equipment(world) {
    const old = take(world, 'equipment');
    if (old === undefined) return undefined;
    const row = buildEquipment(world.random, 0, { ms: world.now(), ticks: 0 });
    return equipmentWritten([{ ...row, Equipment: old.Equipment, ValidityStartDate: today(world) }], again);
  },
  workCenters(world) {
    const old = take(world, 'workCenters');
    if (old === undefined) return undefined;
    const row = buildWorkCenter(world.random, world.numbers.workCenter, { ms: world.now(), ticks: 0 });
    world.numbers.workCenter += 1;
    // The next free number stays free as a name: only the internal id is used up.
    return workCenterWritten({ ...row, WorkCenter: old.WorkCenter, Plant: old.Plant }, again);
  },
};
