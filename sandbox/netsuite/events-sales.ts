import { anyDay, anyName, anyRow, buildSale, buildTransaction, saleLines } from './build.ts';
import type { Change, Row } from './database.ts';
import { futureStamp } from './initial.ts';
import { change, deletion, type Event, hasStatus, type Kind, lockOf, pickRow, write } from './world.ts';

const table = 'transaction';
const sales: Kind = { table, noun: 'sales order', fits: (row) => row['type'] === 'SalesOrd' };

/** Told to the MES: neither waiting for approval nor cancelled. */
export function isSold(row: Row): boolean {
  return row['type'] === 'SalesOrd' && !hasStatus(row, 'AC');
}

function created(status: string, verb: string): Event {
  return (world) => {
    const sale = buildSale(world, status);
    const lines = saleLines(world, sale).map((row): Change => ({ table: 'transactionline', row }));
    const locks = [lockOf(table, sale)];
    return { label: `sales order ${sale.key} ${verb}`, locks, changes: [{ table, row: sale }, ...lines] };
  };
}

export const saleCreated = created('B', 'created');
export const saleEntered = created('A', 'entered for approval');

export const saleApproved = change(sales, { verb: 'approved', fits: (row) => hasStatus(row, 'A') }, () => ({
  status: 'B',
}));

/** An edit sends it back to whoever approves. */
export const saleSetBack = change(sales, { verb: 'set back for approval', fits: (row) => hasStatus(row, 'B') }, () => ({
  status: 'A',
}));

export const saleRescheduled = change(sales, { verb: 'rescheduled', fits: isSold }, (_row, world) =>
  world.random.chance(0.7) ? { shipdate: anyDay(world) } : { duedate: anyDay(world) },
);

export const saleCustomerChanged = change(
  sales,
  { verb: 'given to another customer', fits: isSold },
  (_row, world) => ({
    entity: anyRow(world, 'customer').key,
  }),
);

/** Document numbers can be edited. */
export const saleRenumbered = change(sales, { verb: 'renumbered', fits: isSold }, (row, { random }) => ({
  tranid: `SO-${row.key}-R${random.int(1, 9)}`,
}));

export const saleFulfilled = change(sales, { verb: 'fulfilled in part', fits: (row) => hasStatus(row, 'B') }, () => ({
  status: 'D',
}));

export const saleBilled = change(sales, { verb: 'billed', fits: (row) => hasStatus(row, 'DEF') }, () => ({
  status: 'G',
}));

export const saleClosed = change(sales, { verb: 'closed', fits: (row) => hasStatus(row, 'BDF') }, () => ({
  status: 'H',
}));

export const saleReopened = change(sales, { verb: 'reopened', fits: (row) => hasStatus(row, 'H') }, () => ({
  status: 'B',
}));

/** Its work orders stay as they are. */
export const saleCancelled = change(sales, { verb: 'cancelled', fits: (row) => hasStatus(row, 'AB') }, () => ({
  status: 'C',
}));

/** A script with a wrong clock: nobody else can set the stamp. */
export const saleInTheFuture: Event = (world) => {
  const row = pickRow(world, table, isSold);
  if (row === undefined) return undefined;
  const changed = { ...row, shipdate: anyDay(world), lastmodifieddate: futureStamp };
  return {
    label: `sales order ${row.key} changed in 2999`,
    locks: [lockOf(table, row)],
    changes: [{ table, row: changed }],
  };
};

/** Nothing of it concerns the MES, but header and line move. */
export const saleLineReworded: Event = (world) => {
  const row = pickRow(world, table, isSold);
  if (row === undefined) return undefined;
  const lines = world.database.table('transactionline').by('transaction', row.key);
  const changes = [
    write(world, [table, row]),
    ...lines.map((line) => write(world, ['transactionline', line], { memo: anyName(world.random) })),
  ];
  return { label: `sales order ${row.key} reworded`, locks: [lockOf(table, row)], changes };
};

/** Purchase orders share the table and the ids. */
export const purchaseCreated: Event = (world) => {
  const row = buildTransaction(world, 'PurchOrd', { status: 'B', entity: null });
  return { label: `purchase order ${row.key} created`, locks: [lockOf(table, row)], changes: [{ table, row }] };
};

/** Only what nothing was made for can be deleted. */
export const saleDeleted: Event = (world) => {
  const lines = world.database.table('transactionline');
  const row = pickRow(
    world,
    table,
    (one) => one['type'] === 'SalesOrd' && lines.by('createdfrom', one.key).length === 0,
  );
  if (row === undefined) return undefined;
  const changes = [
    ...lines.by('transaction', row.key).map((line): Change => ({ table: 'transactionline', row: line, gone: true })),
    ...deletion(world, { table, row, type: 'Sales Order' }),
  ];
  return { label: `sales order ${row.key} deleted`, locks: [lockOf(table, row)], changes };
};
