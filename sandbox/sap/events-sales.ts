import { anyText, anyWall } from '../random-values.ts';
import { buildSalesOrder } from './build.ts';
import type { Transaction } from './database.ts';
import type { SalesOrder } from './model.ts';
import { strip } from './model.ts';
import { type Event, lockOf, pickRow, stampNow, today, type World } from './world.ts';

/** The transaction that writes a sales order. */
export function written(row: SalesOrder, verb: string): Transaction {
  const label = `sales order ${strip(row.SalesOrder)} ${verb}`;
  return { label, locks: [lockOf('salesOrders', row)], changes: [{ table: 'salesOrders', row }] };
}

/** Changes a sales order that fits, and stamps it. */
function change(
  verb: string,
  fits: (row: SalesOrder) => boolean,
  edit: (row: SalesOrder, world: World) => Partial<SalesOrder>,
): Event {
  return (world) => {
    const row = pickRow(world, 'salesOrders', fits);
    if (row === undefined) return undefined;
    const stamps = { LastChangeDateTime: stampNow(world), LastChangeDate: today(world) };
    return written({ ...row, ...stamps, ...edit(row, world) }, verb);
  };
}

export const salesOrderCreated: Event = (world) => {
  const moment = { ms: world.now(), ticks: world.random.int(0, 9999) };
  const row = buildSalesOrder(world.random, world.numbers.salesOrder, moment);
  world.numbers.salesOrder += 1;
  return written(row, 'created');
};

export const salesOrderChanged = change(
  'changed',
  () => true,
  (row, { random }) => ({
    PurchaseOrderByCustomer: anyText(random),
    RequestedDeliveryDate: random.chance(0.05) ? null : anyWall(random, '1710', row.LastChangeDate).date,
    SoldToParty: random.chance(0.2) ? String(17_100_000 + random.int(1, 60)).padStart(10, '0') : row.SoldToParty,
  }),
);

export const salesOrderRejected = change(
  'rejected',
  (row) => row.OverallSDDocumentRejectionSts !== 'C',
  () => ({ OverallSDDocumentRejectionSts: 'C' }),
);

export const salesOrderUnrejected = change(
  'un-rejected',
  (row) => row.OverallSDDocumentRejectionSts === 'C',
  () => ({ OverallSDDocumentRejectionSts: 'A' }),
);

export const salesOrderCompleted = change(
  'completed',
  (row) => row.OverallSDProcessStatus !== 'C',
  () => ({ OverallSDProcessStatus: 'C', OverallTotalDeliveryStatus: 'C' }),
);

/** A clock of another system wrote the stamp: the row stays at the far end of every ordering and has to be delivered. */
export const salesOrderInTheFuture = change(
  'changed with a stamp in 2999',
  () => true,
  (_row, { random }) => ({
    PurchaseOrderByCustomer: anyText(random),
    LastChangeDateTime: '2999-12-31T23:59:59.1234567',
  }),
);
