import { anyName, buildEquipment, buildWorkCenter } from './build.ts';
import { change, creation, type Event, lockOf, pickRow, write } from './world.ts';

const centers = { model: 'mrp.workcenter', noun: 'work center' };
const machines = { model: 'maintenance.equipment', noun: 'equipment' };

export const workCenterCreated: Event = (world) =>
  creation((row) => `work center ${row.id} created`, [{ model: centers.model, row: buildWorkCenter(world, 1) }]);

export const workCenterRenamed = change(centers, { verb: 'renamed' }, (_row, { random }) => ({
  name: anyName(random),
}));

export const workCenterArchived = change(centers, { verb: 'archived', fits: (row) => row['active'] === true }, () => ({
  active: false,
}));

export const workCenterRestored = change(
  centers,
  { verb: 'unarchived', fits: (row) => row['active'] === false },
  () => ({ active: true }),
);

export const equipmentCreated: Event = (world) => {
  if (!world.database.models.has(machines.model)) return undefined;
  return creation((row) => `equipment ${row.id} created`, [{ model: machines.model, row: buildEquipment(world) }]);
};

export const equipmentChanged = change(machines, { verb: 'changed' }, (_row, { random }) => {
  const place = random.pick([null, 8, 9, 10]);
  const serial = random.chance(0.2) ? null : `SN-${random.int(1, 9999)}`;
  return {
    name: anyName(random),
    serial_no: serial,
    location_id: place,
    location: place === null ? null : `Hall ${place}`,
  };
});

export const equipmentArchived = change(
  machines,
  { verb: 'archived', fits: (row) => row['active'] === true },
  (_row, { random, now }) =>
    random.chance(0.5) ? { active: false } : { scrap_date: new Date(now()).toISOString().slice(0, 10) },
);

/** Neither orders nor lines move with it. */
export const customerRenamed = change(
  { model: 'res.partner', noun: 'customer' },
  { verb: 'renamed' },
  (row, { random }) => ({
    name: `${anyName(random)} Inc ${row.id}`,
  }),
);

/** Manufacturing orders do not move with it. */
export const productRenamed = change(
  { model: 'product.product', noun: 'product' },
  { verb: 'renumbered' },
  (row, { random }) => ({
    name: anyName(random),
    default_code: random.chance(0.2) ? null : `NEW${random.int(1, 9)}-${row.id}`,
  }),
);

/** A physical delete leaves nothing behind that a reader could find. */
export const equipmentDeleted: Event = (world) => {
  const row = pickRow(world, machines.model);
  if (row === undefined) return undefined;
  const changes = [{ model: machines.model, row, gone: true as const }];
  return { label: `equipment ${row.id} deleted`, locks: [lockOf(machines.model, row)], changes };
};

const bursts = ['sale.order', 'mrp.production', 'mrp.workorder', 'sale.order.line'];

/** A recompute: 50 to 300 neighbouring rows are rewritten as they were, all with the microsecond of the transaction. */
export const massRecompute: Event = (world) => {
  const { random, database } = world;
  const model = random.pick(bursts);
  const rows = database.table(model).ordered();
  const wanted = random.int(50, 300);
  const start = random.int(0, Math.max(0, rows.length - wanted));
  const free = rows.slice(start, start + wanted).filter((row) => !database.isLocked(lockOf(model, row)));
  if (free.length === 0) return undefined;
  const changes = free.map((row) => write(world, [model, row]));
  const locks = [...new Set(free.map((row) => lockOf(model, row)))];
  return { label: `mass recompute of ${free.length} ${model}`, locks, changes };
};

/** An import that writes in descending order of id, a transaction a row: within one second ids and stamps run against each other. */
export const descendingImport: Event = (world) => {
  const { random, database } = world;
  const rows = database.table('mrp.production').ordered();
  const start = random.int(0, Math.max(0, rows.length - 30));
  const free = rows.slice(start, start + 30).filter((row) => !database.isLocked(lockOf('mrp.production', row)));
  if (free.length === 0) return undefined;
  const second = world.stamp().slice(0, 19);
  const changes = free.reverse().map((row, index) => {
    const write_date = `${second}.${String(100_000 + index * 1237).padStart(6, '0')}`;
    return { model: 'mrp.production', row: { ...row, product_qty: random.int(1, 400), write_date } };
  });
  const locks = free.map((row) => lockOf('mrp.production', row));
  return { label: `import of ${free.length} manufacturing orders`, locks, changes };
};
