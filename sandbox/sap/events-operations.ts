import { anyText, anyWall, anyWork, later } from '../random-values.ts';
import { buildOperation } from './build.ts';
import type { Transaction } from './database.ts';
import { operationsOf, written } from './events-orders.ts';
import { type Operation, strip } from './model.ts';
import { char14Now, type Event, lockOf, pickRow, pickWorkCenter, today, type World } from './world.ts';

/** Changes an operation that fits; its own stamp moves, the header's does not. */
function change(
  verb: string,
  fits: (row: Operation) => boolean,
  edit: (row: Operation, world: World) => Partial<Operation>,
): Event {
  return (world): Transaction | undefined => {
    const before = pickRow(world, 'operations', fits);
    if (before === undefined) return undefined;
    const row = { ...before, LastChangeDateTime: char14Now(world), ...edit(before, world) };
    const label = `operation ${strip(row.ManufacturingOrder)}/${row.ManufacturingOrderOperation} ${verb}`;
    return { label, locks: [lockOf('operations', row)], changes: [{ table: 'operations', row }] };
  };
}

export const operationChanged = change(
  'changed',
  () => true,
  (row, world) => {
    const { random } = world;
    const center = pickWorkCenter(world);
    const start = anyWall(random, center.Plant, today(world));
    const end = later(start, random.int(1, 30));
    const piece = anyWork(random);
    return {
      MfgOrderOperationText: anyText(random),
      WorkCenterInternalID: center.WorkCenterInternalID,
      WorkCenter: center.WorkCenter,
      ProductionPlant: center.Plant,
      OpErlstSchedldExecStrtDte: start.date,
      OpErlstSchedldExecStrtTme: start.time,
      OpErlstSchedldExecEndDte: end.date,
      OpErlstSchedldExecEndTme: end.time,
      WorkCenterStandardWorkQty2: piece.quantity,
      WorkCenterStandardWorkQtyUnit2: piece.unit,
      OperationIsConfirmed: row.OperationIsConfirmed || random.chance(0.3),
    };
  },
);

export const operationFlaggedDeleted = change(
  'flagged as deleted',
  (row) => !row.OperationIsDeleted,
  () => ({ OperationIsDeleted: true }),
);

export const operationInTheFuture = change(
  'changed with a stamp in 2999',
  () => true,
  (_row, { random }) => ({ MfgOrderOperationText: anyText(random), LastChangeDateTime: '29991231235959' }),
);

/** A new operation behind the last one of the main sequence; the order's header stamp moves with it. */
export const operationAdded: Event = (world) => {
  const order = pickRow(world, 'productionOrders');
  if (order === undefined) return undefined;
  const numbers = operationsOf(world, order)
    .filter((row) => Number(row.ManufacturingOrderSequence) === 0)
    .map((row) => Number(row.ManufacturingOrderOperation));
  const operation = Math.max(0, ...numbers) + 10;
  if (operation > 9990) return undefined;
  const { random } = world;
  const step = { item: world.numbers.item, sequence: 0, operation, subOperation: '' };
  world.numbers.item += 1;
  const stamp = char14Now(world);
  const row = buildOperation(random, step, { order, workCenter: pickWorkCenter(world), today: today(world), stamp });
  const changes = [{ table: 'operations', row } as const];
  return written({ ...order, LastChangeDateTime: stamp }, `got operation ${row.ManufacturingOrderOperation}`, changes);
};

/** An operation goes physically, with its sub-operations; only the header's stamp tells. The last one never goes. */
export const operationVanished: Event = (world) => {
  const order = pickRow(world, 'productionOrders');
  if (order === undefined) return undefined;
  const operations = operationsOf(world, order);
  if (operations.length === 0) return undefined;
  const picked = world.random.pick(operations);
  const gone = operations.filter((row) => row === picked || isPartOf(row, picked));
  if (gone.length === operations.length) return undefined;
  const changes = gone.map((row) => ({ table: 'operations', row, gone: true }) as const);
  const verb = `lost operation ${picked.ManufacturingOrderOperation}`;
  return written({ ...order, LastChangeDateTime: char14Now(world) }, verb, changes);
};

function isPartOf(row: Operation, whole: Operation): boolean {
  return (
    whole.ManufacturingOrderSubOperation === '' &&
    row.ManufacturingOrderSequence === whole.ManufacturingOrderSequence &&
    row.ManufacturingOrderOperation === whole.ManufacturingOrderOperation
  );
}
