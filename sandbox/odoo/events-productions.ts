import { anyMoment, anyQuantity, buildMove, buildProduction, buildWorkOrder } from './build.ts';
import type { Change, Row, Value } from './database.ts';
import { futureStamp } from './initial.ts';
import { secondOf } from './instant.ts';
import { change, creation, type Event, lockOf, pickRow, type World, write } from './world.ts';

const model = 'mrp.production';
const orders = { model, noun: 'manufacturing order' };
const isOpen = (row: Row): boolean => ['confirmed', 'progress', 'to_close'].includes(String(row['state']));

function workOrdersOf({ database }: World, row: Row): Row[] {
  return database.table('mrp.workorder').by('production_id', row.id);
}

function newWorkOrders(world: World, row: Row): Change[] {
  const count = world.random.int(1, 5);
  return Array.from({ length: count }, (_, position) => ({
    model: 'mrp.workorder',
    row: buildWorkOrder(world, row, position),
  }));
}

/** A confirmed sales order and one of its lines. */
function pickSale(world: World): { sale: Row; line: Row } | undefined {
  const sale = pickRow(world, 'sale.order', (row) => row['state'] === 'sale');
  const [line] = sale === undefined ? [] : world.database.table('sale.order.line').by('order_id', sale.id);
  return sale === undefined || line === undefined ? undefined : { sale, line };
}

function created(state: string, verb: string): Event {
  return (world) => {
    const row = buildProduction(world, { state, company: 1 });
    return creation(() => `manufacturing order ${row.id} ${verb}`, [{ model, row }, ...newWorkOrders(world, row)]);
  };
}

export const draftCreated = created('draft', 'drafted');
export const stockOrderCreated = created('confirmed', 'created to stock');

export const linkedOrderCreated: Event = (world) => {
  const found = pickSale(world);
  if (found === undefined) return undefined;
  const { sale, line } = found;
  const row = buildProduction(world, { state: 'confirmed', company: sale['company_id'] as number, sale, line });
  const move = { model: 'stock.move', row: buildMove(world, row, line) };
  const transaction = creation(() => '', [move, { model, row }, ...newWorkOrders(world, row)]);
  if (transaction === undefined) return undefined;
  const locks = [...transaction.locks, lockOf('sale.order', sale)];
  return { ...transaction, locks, label: `manufacturing order ${row.id} created for sales order ${sale.id}` };
};

/** A make-to-stock order is taken for a customer. */
export const stockOrderLinked: Event = (world) => {
  const found = pickSale(world);
  if (found === undefined) return undefined;
  const { sale, line } = found;
  const { stock } = linksOf(world);
  const row = pickRow(world, model, (one) => isOpen(one) && one['company_id'] === sale['company_id'] && stock(one));
  if (row === undefined) return undefined;
  const move = { model: 'stock.move', row: buildMove(world, row, line) };
  const changes = [move, write(world, [model, row], { origin: sale['name'] ?? null, sale_line_id: line.id })];
  const locks = [lockOf(model, row), lockOf('sale.order', sale)];
  return { label: `manufacturing order ${row.id} linked to sales order ${sale.id}`, locks, changes };
};

function linksOf({ database }: World): { stock(row: Row): boolean } {
  const moves = database.table('stock.move');
  const sales = database.table('sale.order');
  return {
    stock: (row) =>
      moves.by('created_production_id', row.id).length === 0 &&
      (row['origin'] === null || sales.by('name', row['origin'] ?? null).length === 0),
  };
}

/** An order and, in the same transaction, all its work orders. */
function withWorkOrders(
  verb: string,
  fits: (row: Row, world: World) => boolean,
  edit: (world: World) => { order: Record<string, Value>; each(): Record<string, Value> },
): Event {
  return (world) => {
    const row = pickRow(world, model, (candidate) => fits(candidate, world));
    if (row === undefined) return undefined;
    const { order, each } = edit(world);
    const others = workOrdersOf(world, row).map((child) => write(world, ['mrp.workorder', child], each()));
    const changes = [write(world, [model, row], order), ...others];
    return { label: `manufacturing order ${row.id} ${verb}`, locks: [lockOf(model, row)], changes };
  };
}

export const draftConfirmed = withWorkOrders(
  'confirmed',
  (row) => row['state'] === 'draft',
  () => ({ order: { state: 'confirmed' }, each: () => ({ state: 'ready' }) }),
);

export const quantityChanged = withWorkOrders('quantity changed', isOpen, ({ random }) => ({
  order: { product_qty: anyQuantity(random) },
  each: () => ({ duration_expected: random.int(1, 5000) / 2 }),
}));

export const replanned = withWorkOrders('replanned', isOpen, (world) => ({
  order: { date_start: secondOf(world.now() + 86_400_000), date_deadline: anyMoment(world) },
  each: () => ({ date_start: anyMoment(world), date_finished: anyMoment(world) }),
}));

export const productionCancelled = withWorkOrders('cancelled', isOpen, () => ({
  order: { state: 'cancel' },
  each: () => ({ state: 'cancel' }),
}));

export const productionDone = withWorkOrders('done', isOpen, (world) => ({
  order: { state: 'done', date_finished: secondOf(world.now()) },
  each: () => ({ state: 'done', date_finished: secondOf(world.now()) }),
}));

/** Work orders do not move. */
export const originChanged = change(
  orders,
  { verb: 'got another origin', fits: (row, world) => linksOf(world).stock(row) },
  (_row, { random }) => ({ origin: random.pick([null, 'by hand', 'OP/00099', 'S00001, S00002']) }),
);

export const productionInTheFuture: Event = (world) => {
  const row = pickRow(world, model, isOpen);
  if (row === undefined) return undefined;
  const changed = { ...row, product_qty: world.random.int(1, 250), write_date: futureStamp };
  const locks = [lockOf(model, row)];
  return { label: `manufacturing order ${row.id} changed in 2999`, locks, changes: [{ model, row: changed }] };
};

/** A partial close renames the order, and makes another for the rest; only the first one carries the move. */
export const backorderCreated: Event = (world) => {
  const row = pickRow(world, model, (candidate) => isOpen(candidate) && Number(candidate['product_qty']) >= 2);
  if (row === undefined) return undefined;
  const base = String(row['name']).replace(/-\d{3}$/, '');
  const sequence = Math.max(1, Number(row['backorder_sequence']));
  const made = Math.floor(Number(row['product_qty']) / 2);
  const named = (number: number): string => `${base}-${String(number).padStart(3, '0')}`;
  const closed = { name: named(sequence), backorder_sequence: sequence, product_qty: made, state: 'done' };
  const rest = buildProduction(world, { state: 'confirmed', company: row['company_id'] as number });
  const kept = { ...row, id: rest.id, write_date: rest.write_date, create_date: rest['create_date'] ?? null };
  const backorder: Row = {
    ...kept,
    name: named(sequence + 1),
    backorder_sequence: sequence + 1,
    product_qty: Number(row['product_qty']) - made,
  };
  const others = workOrdersOf(world, row).map((child) => write(world, ['mrp.workorder', child], finished(child)));
  const changes = [
    write(world, [model, row], closed),
    ...others,
    { model, row: backorder },
    ...newWorkOrders(world, backorder),
  ];
  return {
    label: `manufacturing order ${row.id} split, rest is ${backorder.id}`,
    locks: [lockOf(model, row)],
    changes,
  };
};

function finished(child: Row): Record<string, Value> {
  return child['state'] === 'cancel' ? {} : { state: 'done' };
}

/** Only drafts and cancelled orders can be deleted; their work orders go with them. */
export const productionDeleted: Event = (world) => {
  const row = pickRow(world, model, (candidate) => ['draft', 'cancel'].includes(String(candidate['state'])));
  if (row === undefined) return undefined;
  const children = workOrdersOf(world, row).map((child) => ({
    model: 'mrp.workorder',
    row: child,
    gone: true as const,
  }));
  const changes = [...children, { model, row, gone: true as const }];
  return { label: `manufacturing order ${row.id} deleted`, locks: [lockOf(model, row)], changes };
};
