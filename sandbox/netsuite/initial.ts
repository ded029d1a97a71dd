import type { Random } from '../random.ts';
import {
  buildCustomer,
  buildGroup,
  buildItem,
  buildSale,
  buildTask,
  buildTransaction,
  buildWorkOrder,
  linkRows,
  type Maker,
  saleLines,
  workOrderLines,
} from './build.ts';
import type { Row } from './database.ts';

/** How many rows of each kind make exactly the wanted number of MES records; rows that no MES sees come on top. */
export interface Plan {
  workCenters: number;
  salesOrders: number;
  stockOrders: number;
  linkedOrders: number;
  tasks: number;
}

/**
 * Splits `records` into cells, jobs, parts and operations (jobs : parts : operations about 1 : 1 : 3). A work order without
 * a sales order counts twice, as a part and as its STOCK job. Throws below 20, where there is nothing to split.
 */
export function planRecords(records: number, { routing }: { routing: boolean }): Plan {
  if (!Number.isInteger(records) || records < 20)
    throw new RangeError('A simulated NetSuite needs at least 20 records.');
  const workCenters = routing ? Math.min(60, Math.max(1, Math.round(records * 0.03))) : 0;
  const rest = records - workCenters;
  const orders = routing ? Math.round(rest / 5) : Math.floor(rest / 2);
  const stockOrders = Math.round(orders / 4);
  const linkedOrders = orders - stockOrders;
  const tasks = routing ? rest - 2 * orders : 0;
  return { workCenters, salesOrders: rest - tasks - orders - stockOrders, stockOrders, linkedOrders, tasks };
}

/** A stamp that a script with a wrong clock once wrote. */
export const futureStamp = Date.UTC(2999, 11, 31, 23, 59, 59);
const yearMs = 31_536_000_000;

/** Stamps before `start`: about one in six falls into one of a few mass updates, where rows share the second. */
export function stampsBefore(random: Random, start: number): () => number {
  const second = (ms: number): number => Math.floor(ms / 1000) * 1000;
  const updates = Array.from({ length: 4 }, () => second(start - random.int(600_000, yearMs)));
  return () => (random.chance(0.16) ? random.pick(updates) : second(start - random.int(1000, 2 * yearMs)));
}

type Put = (table: string, row: Row) => Row;

/** Fills an empty database with the state at the start. */
export function fill(maker: Maker, plan: Plan): void {
  const put: Put = (table, row) => {
    maker.database.apply({ table, row });
    return row;
  };
  for (const [index, name] of ['Main plant', 'Outside processing'].entries()) {
    put('location', { key: index + 1, id: index + 1, name, isinactive: 'F' });
  }
  for (let number = 0; number < plan.workCenters; number += 1) put('entitygroup', buildGroup(maker, true));
  // A group of people, which is no work center.
  put('entitygroup', buildGroup(maker, false));
  for (let number = 0; number < 40; number += 1) put('customer', buildCustomer(maker));
  for (let number = 0; number < 60; number += 1) put('item', buildItem(maker));
  const sales = fillSales(maker, plan, put);
  const orders = fillWorkOrders(maker, plan, { sales, put });
  if (plan.tasks > 0) fillTasks(maker, plan, { orders, put });
}

/** Orders that are told, and between them those that wait for approval, were cancelled, or are bought. */
function fillSales(maker: Maker, plan: Plan, put: Put): Row[] {
  const { random } = maker;
  const sales: Row[] = [];
  while (sales.length < plan.salesOrders) {
    if (random.chance(0.05)) put('transaction', buildTransaction(maker, 'PurchOrd', { status: 'B' }));
    const told = !random.chance(0.1);
    const sale = buildSale(
      maker,
      told ? random.pick(['B', 'B', 'B', 'D', 'E', 'F', 'G', 'H']) : random.pick(['A', 'C']),
    );
    const number = told ? sales.push(sale) : 0;
    // A stamp in the future, and a row that some migration left without one.
    if (number === 41) sale['lastmodifieddate'] = futureStamp;
    if (number === 42) sale['lastmodifieddate'] = null;
    put('transaction', sale);
    for (const line of saleLines(maker, sale)) put('transactionline', line);
  }
  return sales;
}

function fillWorkOrders(maker: Maker, plan: Plan, { sales, put }: { sales: Row[]; put: Put }): Row[] {
  const { random } = maker;
  const orders: Row[] = [];
  const total = plan.stockOrders + plan.linkedOrders;
  let stock = plan.stockOrders;
  while (orders.length < total) {
    if (random.chance(0.08)) putUnseen(maker, plan, put);
    // Draws without replacement: exactly as many orders to stock as planned, in no pattern.
    const toStock = random.int(1, total - orders.length) <= stock;
    if (toStock) stock -= 1;
    const order = buildWorkOrder(maker, random.pick(['B', 'B', 'B', 'D', 'D', 'G', 'H']));
    // What is made for another work order is made to stock, as far as the MES is concerned.
    const parent = orders.length > 0 && random.chance(0.2) ? random.pick(orders).key : null;
    if (toStock) putOrder(maker, { order, parent }, put);
    else putOrder(maker, { order, parent: null, sale: random.pick(sales).key }, put);
    if (orders.push(order) === 41) put('transaction', { ...order, lastmodifieddate: futureStamp });
  }
  return orders;
}

interface Origin {
  order: Row;
  /** The work order that it is made for. */
  parent: number | null;
  sale?: number;
}

function putOrder(maker: Maker, { order, parent, sale }: Origin, put: Put): void {
  put('transaction', order);
  for (const line of workOrderLines(maker, order, sale ?? parent)) put('transactionline', line);
  const links = sale === undefined ? [] : linkRows(maker, sale, order.key);
  for (const { table, row } of links) put(table, row);
}

/** A planned order, or one cancelled before anybody looked: neither is ever told to a MES. */
function putUnseen(maker: Maker, plan: Plan, put: Put): void {
  const order = buildWorkOrder(maker, maker.random.pick(['A', 'C']));
  putOrder(maker, { order, parent: null }, put);
  if (plan.tasks > 0) put('manufacturingoperationtask', buildTask(maker, order, { position: 0, quantity: 1 }));
}

/** One task for each order first, the others wherever chance puts them. */
function fillTasks(maker: Maker, plan: Plan, { orders, put }: { orders: Row[]; put: Put }): void {
  const { random, database } = maker;
  const counts = orders.map((): number => 1);
  for (let left = plan.tasks - orders.length; left > 0; left -= 1) {
    const position = random.int(0, counts.length - 1);
    counts[position] = (counts[position] ?? 0) + 1;
  }
  for (const [index, order] of orders.entries()) {
    const [main] = database.table('transactionline').by('transaction', order.key);
    for (let position = 0; position < (counts[index] ?? 0); position += 1) {
      const quantity = Number(main?.['quantity'] ?? 1);
      put('manufacturingoperationtask', buildTask(maker, order, { position, quantity }));
    }
  }
}
