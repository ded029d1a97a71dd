import { anyMoment, anyName, anyRow, buildLine, buildSale } from './build.ts';
import type { Row } from './database.ts';
import { futureStamp } from './initial.ts';
import { change, creation, type Event, lockOf, pickRow, type World, write } from './world.ts';

const orders = { model: 'sale.order', noun: 'sales order' };
const confirmed = (row: Row): boolean => row['state'] === 'sale';

function created(state: string, verb: string): Event {
  return (world) => {
    if (!world.database.models.has('sale.order')) return undefined;
    const [order, line] = buildSale(world, state, 1);
    return creation(
      () => `sales order ${order.id} ${verb}`,
      [
        { model: 'sale.order.line', row: line },
        { model: 'sale.order', row: order },
      ],
    );
  };
}

export const quotationCreated = created('draft', 'quoted');
export const saleCreated = created('sale', 'created');

export const quotationConfirmed = change(
  orders,
  { verb: 'confirmed', fits: (row) => row['state'] === 'draft' || row['state'] === 'sent' },
  () => ({ state: 'sale' }),
);

export const saleRescheduled = change(orders, { verb: 'rescheduled', fits: confirmed }, (_row, world) => ({
  commitment_date: anyMoment(world),
}));

export const saleCustomerChanged = change(
  orders,
  { verb: 'given to another customer', fits: confirmed },
  (_row, world) => ({
    partner_id: anyRow(world, 'res.partner').id,
  }),
);

export const saleLocked = change(
  orders,
  { verb: 'locked', fits: (row) => confirmed(row) && row['locked'] !== true },
  () => ({
    locked: true,
  }),
);

/** Its manufacturing orders stay as they are. Odoo refuses it for a locked order: "Please unlock it first." */
export const saleCancelled = change(
  orders,
  { verb: 'cancelled', fits: (row) => confirmed(row) && row['locked'] !== true },
  () => ({ state: 'cancel' }),
);

export const saleConfirmedAgain = change(
  orders,
  { verb: 'confirmed again', fits: (row) => row['state'] === 'cancel' },
  () => ({ state: 'sale' }),
);

/** A server whose clock was wrong: nobody else can set the stamp. */
export const saleInTheFuture: Event = (world) => {
  const row = pickRow(world, orders.model, confirmed);
  if (row === undefined) return undefined;
  const changed = { ...row, commitment_date: anyMoment(world), write_date: futureStamp };
  const locks = [lockOf(orders.model, row)];
  return { label: `sales order ${row.id} changed in 2999`, locks, changes: [{ model: orders.model, row: changed }] };
};

/** The order does not move. */
export const lineReworded = change(
  { model: 'sale.order.line', noun: 'sales line' },
  { verb: 'reworded' },
  (_row, { random }) => ({ name: anyName(random) }),
);

export const lineAdded: Event = (world) => {
  const row = pickRow(world, orders.model, confirmed);
  return row === undefined ? undefined : withLine(world, row);
};

function withLine(world: World, row: Row): ReturnType<Event> {
  const changes = [
    { model: 'sale.order.line', row: buildLine(world, row.id) },
    write(world, [orders.model, row], { amount_total: world.random.int(0, 999_999) / 100 }),
  ];
  return { label: `sales order ${row.id} got a line`, locks: [lockOf(orders.model, row)], changes };
}

/** Only quotations and cancelled orders can be deleted, here those that no manufacturing order was made for. */
export const saleDeleted: Event = (world) => {
  const { database } = world;
  const isFree = (row: Row): boolean =>
    row['state'] !== 'sale' &&
    database.table('mrp.production').by('origin', row['name'] ?? null).length === 0 &&
    database
      .table('sale.order.line')
      .by('order_id', row.id)
      .every((line) => database.table('stock.move').by('sale_line_id', line.id).length === 0);
  const row = pickRow(world, orders.model, isFree);
  if (row === undefined) return undefined;
  const lines = database.table('sale.order.line').by('order_id', row.id);
  const changes = [
    ...lines.map((line) => ({ model: 'sale.order.line', row: line, gone: true as const })),
    { model: orders.model, row, gone: true as const },
  ];
  return { label: `sales order ${row.id} deleted`, locks: [lockOf(orders.model, row)], changes };
};
