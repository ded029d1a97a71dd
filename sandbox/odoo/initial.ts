import type { Random } from '../random.ts';
import {
  buildEquipment,
  buildMove,
  buildPartner,
  buildProduct,
  buildProduction,
  buildSale,
  buildWorkCenter,
  buildWorkOrder,
  centersOf,
  type Maker,
} from './build.ts';
import type { Row } from './database.ts';
import type { Module } from './fields.ts';
import { stampOf } from './instant.ts';

/** How many rows of each kind make exactly the wanted number of MES records; rows that no MES sees come on top. */
export interface Plan {
  workCenters: number;
  equipment: number;
  salesOrders: number;
  stockOrders: number;
  linkedOrders: number;
  operations: number;
}

/**
 * Splits `records` into cells, resources, jobs, parts and operations (jobs : parts : operations about 1 : 1 : 3). An order
 * without a sales order counts twice, as a part and as its STOCK job. Throws below 20, where there is nothing to split.
 */
export function planRecords(records: number, absent: readonly Module[]): Plan {
  if (!Number.isInteger(records) || records < 20) throw new RangeError('A simulated Odoo needs at least 20 records.');
  const share = Math.max(1, Math.round(records * 0.03));
  const workCenters = Math.min(60, share);
  const equipment = absent.includes('maintenance') ? 0 : Math.min(200, share);
  const rest = records - workCenters - equipment;
  const orders = Math.round(rest / 5);
  const stockOrders = absent.includes('sale') ? orders : Math.round(orders / 4);
  const linkedOrders = orders - stockOrders;
  return {
    workCenters,
    equipment,
    salesOrders: linkedOrders,
    stockOrders,
    linkedOrders,
    operations: rest - 2 * orders,
  };
}

/** A stamp that a server with a wrong clock once wrote. */
export const futureStamp = '2999-12-31 23:59:59.999999';
const yearMs = 31_536_000_000;

/** Stamps before `start`: about one in six falls into one of a few mass changes, where rows share the microsecond. */
export function stampsBefore(random: Random, start: number): () => string {
  const masses = Array.from({ length: 4 }, () => stampOf(start - random.int(600_000, yearMs), random.int(0, 999)));
  return () => {
    if (random.chance(0.17)) return random.pick(masses);
    return stampOf(start - random.int(1000, 2 * yearMs), random.int(0, 999));
  };
}

/** Fills an empty database with the state at the start. */
export function fill(maker: Maker, plan: Plan): void {
  const put = (model: string, row: Row): Row => {
    maker.database.apply({ model, row });
    return row;
  };
  fillMasterData(maker, plan, put);
  const sales = fillSales(maker, plan, put);
  const orders = fillProductions(maker, plan, { sales, put });
  fillWorkOrders(maker, plan, { orders, put });
}

function fillMasterData(maker: Maker, plan: Plan, put: Put): void {
  for (const [id, name] of ['My Company (San Francisco)', 'My Company (Chicago)', 'Somebody Else'].entries()) {
    put('res.company', { id: id + 1, name, sequence: id, write_date: null });
  }
  for (let number = 0; number < plan.workCenters; number += 1) {
    put('mrp.workcenter', buildWorkCenter(maker, number % 4 === 3 ? 2 : 1));
  }
  // Of a company that the connector's account does not belong to: no search shows it.
  put('mrp.workcenter', buildWorkCenter(maker, 3));
  for (let number = 0; number < plan.equipment; number += 1) put('maintenance.equipment', buildEquipment(maker));
  for (let number = 0; number < 40; number += 1) put('res.partner', buildPartner(maker));
  for (let number = 0; number < 60; number += 1) put('product.product', buildProduct(maker));
}

/** One work order for each order first, the others wherever chance puts them. */
function fillWorkOrders(maker: Maker, plan: Plan, { orders, put }: { orders: Row[]; put: Put }): void {
  const counts = orders.map(() => 1);
  for (let left = plan.operations - orders.length; left > 0; left -= 1) {
    const position = maker.random.int(0, counts.length - 1);
    counts[position] = (counts[position] ?? 0) + 1;
  }
  for (const [index, order] of orders.entries()) {
    for (let position = 0; position < (counts[index] ?? 0); position += 1) {
      const row = buildWorkOrder(maker, order, position);
      put('mrp.workorder', index === 40 && position === 0 ? { ...row, write_date: futureStamp } : row);
    }
  }
}

type Put = (model: string, row: Row) => Row;

/** Confirmed orders, and between them the quotations and lost orders that no MES is told of. */
function fillSales(maker: Maker, plan: Plan, put: Put): Row[] {
  const { random, database } = maker;
  const sales: Row[] = [];
  while (sales.length < plan.salesOrders) {
    const state = random.chance(0.1) ? random.pick(['draft', 'sent', 'cancel']) : 'sale';
    const company = random.chance(0.2) && centersOf(database, 2).length > 0 ? 2 : 1;
    const [order, line] = buildSale(maker, state, company);
    put('sale.order.line', line);
    const number = state === 'sale' ? sales.push(order) : 0;
    // A stamp in the future, and a row that some script inserted without one.
    if (number === 41) order.write_date = futureStamp;
    if (number === 42) order.write_date = null;
    put('sale.order', order);
  }
  return sales;
}

function fillProductions(maker: Maker, plan: Plan, { sales, put }: { sales: Row[]; put: Put }): Row[] {
  const { random } = maker;
  const orders: Row[] = [];
  const total = plan.stockOrders + plan.linkedOrders;
  let stock = plan.stockOrders;
  while (orders.length < total) {
    if (random.chance(0.08)) putUnseen(maker, put);
    // Draws without replacement: exactly as many make-to-stock orders as planned, in no pattern.
    const makesToStock = random.int(1, total - orders.length) <= stock;
    if (makesToStock) stock -= 1;
    const row = putProduction(maker, makesToStock ? undefined : random.pick(sales), put);
    if (orders.push(row) === 41) put('mrp.production', { ...row, write_date: futureStamp });
  }
  return orders;
}

function putProduction(maker: Maker, sale: Row | undefined, put: Put): Row {
  const { random, database } = maker;
  const state = random.pick(['confirmed', 'confirmed', 'progress', 'to_close', 'done']);
  if (sale === undefined) return put('mrp.production', buildProduction(maker, { state, company: 1 }));
  const [line = sale] = database.table('sale.order.line').by('order_id', sale.id);
  const seed = { state, company: sale['company_id'] as number, sale, line };
  const row = buildProduction(maker, seed);
  put('stock.move', buildMove(maker, row, line));
  return put('mrp.production', row);
}

/** A draft, or an order cancelled before anybody looked: neither is ever told to a MES. */
function putUnseen(maker: Maker, put: Put): void {
  const row = put(
    'mrp.production',
    buildProduction(maker, { state: maker.random.pick(['draft', 'cancel']), company: 1 }),
  );
  put('mrp.workorder', buildWorkOrder(maker, row, 0));
}
