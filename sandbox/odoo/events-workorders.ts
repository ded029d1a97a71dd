import { anyMinutes, anyName, buildWorkOrder, centersOf } from './build.ts';
import type { Row } from './database.ts';
import { secondOf } from './instant.ts';
import { isMade } from './oracle.ts';
import { change, type Event, lockOf, pickRow, type World, write } from './world.ts';

const model = 'mrp.workorder';
const orders = { model, noun: 'work order' };

function productionOf({ database }: World, row: Row): Row | undefined {
  return database.table('mrp.production').get(row['production_id'] as number);
}

function isLive(row: Row, world: World): boolean {
  const production = productionOf(world, row);
  return row['state'] !== 'cancel' && production !== undefined && isMade(production);
}

/** The manufacturing order does not move. */
export const durationChanged = change(orders, { verb: 'took another time', fits: isLive }, (_row, { random }) => ({
  duration_expected: anyMinutes(random),
}));

export const renamed = change(orders, { verb: 'renamed', fits: isLive }, (_row, { random }) => ({
  name: anyName(random),
}));

export const movedToCenter = change(orders, { verb: 'moved to another work center', fits: isLive }, (row, world) => {
  const company = productionOf(world, row)?.['company_id'] as number;
  return { workcenter_id: world.random.pick(centersOf(world.database, company)).id };
});

/** Its siblings do not move, though they come before or after others now; 17 has no such field. */
export const resequenced = change(
  orders,
  { verb: 'resequenced', fits: (row, world) => world.version === 19 && isLive(row, world) },
  (_row, { random }) => ({ sequence: random.int(0, 8) }),
);

/** Writes what is there already: the stamp moves all the same. */
export const rewrittenAsIs = change(orders, { verb: 'saved without a change' }, () => ({}));

/** Starting moves the order, too. */
export const started: Event = (world) => {
  const row = pickRow(world, model, (one) => one['state'] === 'ready' && isLive(one, world));
  const production = row === undefined ? undefined : productionOf(world, row);
  if (row === undefined || production === undefined) return undefined;
  const state = production['state'] === 'confirmed' ? 'progress' : (production['state'] ?? null);
  const changes = [
    write(world, [model, row], { state: 'progress', date_start: secondOf(world.now()) }),
    write(world, ['mrp.production', production], { state }),
  ];
  return { label: `work order ${row.id} started`, locks: [lockOf(model, row)], changes };
};

export const workOrderAdded: Event = (world) => {
  const production = pickRow(
    world,
    'mrp.production',
    (row) => row['state'] === 'confirmed' || row['state'] === 'progress',
  );
  if (production === undefined) return undefined;
  const row = buildWorkOrder(world, production, 9);
  const changes = [{ model, row }, write(world, ['mrp.production', production])];
  return { label: `work order ${row.id} added`, locks: [lockOf(model, row)], changes };
};

export const workOrderCancelled = change(orders, { verb: 'cancelled', fits: isLive }, () => ({ state: 'cancel' }));

/** It leaves no trace but the stamp of its manufacturing order, and a gap in `workorder_ids`. */
export const workOrderDeleted: Event = (world) => {
  const row = pickRow(world, model, (one) => one['state'] !== 'done' && isLive(one, world));
  const production = row === undefined ? undefined : productionOf(world, row);
  if (row === undefined || production === undefined) return undefined;
  const changes = [{ model, row, gone: true as const }, write(world, ['mrp.production', production])];
  return { label: `work order ${row.id} deleted`, locks: [lockOf(model, row)], changes };
};
