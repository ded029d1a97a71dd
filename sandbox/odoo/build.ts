import type { Random } from '../random.ts';
import type { Database, Row } from './database.ts';
import { secondOf } from './instant.ts';

/** What building a row needs: chance, the next id of its model, the stamp of the transaction and the day it turns around. */
export interface Maker {
  random: Random;
  database: Database;
  nextId(model: string): number;
  stamp(): string;
  /** Milliseconds. */
  now(): number;
}

/** Texts that break careless encoders: quotes, markup, umlauts, characters beyond the basic plane, percent signs. */
const texts = [
  'Assembly',
  'Saw to length',
  'Final inspection',
  "O'Brien",
  'Müller & Söhne',
  '100% "steel" <x>',
  'Schweißen 🔩 Ø40',
  'a\\b/c?d=e&f#g',
  '数控加工中心',
  "''quoted''",
  '[brackets] | pipes',
];

/** A text for a required field. */
export function anyName(random: Random): string {
  return `${random.pick(texts)}${random.chance(0.5) ? ` ${random.int(1, 99)}` : ''}`;
}

function anyText(random: Random): string | null {
  return random.chance(0.25) ? null : anyName(random);
}

/** A moment some weeks around `now`, to the second; now and then none. */
export function anyMoment({ random, now }: Maker): string | null {
  if (random.chance(0.06)) return null;
  return secondOf(now() + random.int(-20 * 24, 70 * 24) * 3_600_000 + random.int(0, 3599) * 1000);
}

export function anyQuantity(random: Random): number {
  return random.chance(0.9) ? random.int(1, 250) : random.int(1, 99_999) / 1000;
}

/** Minutes for a whole order; some are exactly half a minute. */
export function anyMinutes(random: Random): number {
  return random.pick([0, 0.5, 1.4999, 15, 30.5, random.int(1, 2000), random.int(1, 200_000) / 100]);
}

function stamped(maker: Maker, model: string): Row {
  const stamp = maker.stamp();
  return { id: maker.nextId(model), create_uid: 2, create_date: stamp, write_uid: 2, write_date: stamp };
}

export function buildWorkCenter(maker: Maker, company: number): Row {
  const { random } = maker;
  return {
    ...stamped(maker, 'mrp.workcenter'),
    name: anyName(random),
    code: random.chance(0.5) ? null : `WC${random.int(1, 99)}`,
    active: !random.chance(0.1),
    sequence: random.int(1, 20),
    color: random.int(0, 11),
    time_efficiency: 100,
    default_capacity: 1,
    costs_hour: 0,
    company_id: company,
    note: null,
  };
}

export function buildEquipment(maker: Maker): Row {
  const { random } = maker;
  const location = random.pick([null, 8, 9, 10]);
  return {
    ...stamped(maker, 'maintenance.equipment'),
    name: anyName(random),
    active: !random.chance(0.1),
    serial_no: random.chance(0.3) ? null : `SN-${random.int(1000, 9999)}`,
    model: anyText(random),
    category_id: random.pick([null, 3, 5]),
    location: location === null ? null : `Hall ${location}`,
    location_id: location,
    note: null,
    assign_date: secondOf(maker.now()).slice(0, 10),
    scrap_date: random.chance(0.05) ? '2026-01-31' : null,
    cost: 0,
    owner_user_id: null,
    company_id: null,
  };
}

export function buildPartner(maker: Maker): Row {
  const { random } = maker;
  const row = stamped(maker, 'res.partner');
  return { ...row, name: `${anyName(random)} Ltd ${row.id}`, active: true, ref: null, is_company: true };
}

export function buildProduct(maker: Maker): Row {
  const { random } = maker;
  const row = stamped(maker, 'product.product');
  const code = random.chance(0.2) ? null : `${random.pick(['FG', 'BRK-', 'RAL 7035/', "O'N"])}${row.id}`;
  return { ...row, name: anyName(random), default_code: code, barcode: null, active: true, uom_id: 1 };
}

export function anyRow({ random, database }: Maker, model: string): Row {
  return random.pick(database.table(model).ordered());
}

/** A sales order, and the one line that it starts with. */
export function buildSale(maker: Maker, state: string, company: number): [Row, Row] {
  const { random, now } = maker;
  const head = stamped(maker, 'sale.order');
  const order: Row = {
    ...head,
    name: `S${String(head.id).padStart(5, '0')}`,
    state,
    locked: state === 'sale' && random.chance(0.2),
    partner_id: anyRow(maker, 'res.partner').id,
    client_order_ref: anyText(random),
    origin: null,
    date_order: secondOf(now() - random.int(0, 40) * 3_600_000),
    commitment_date: anyMoment(maker),
    note: null,
    amount_total: random.int(0, 999_999) / 100,
    company_id: company,
  };
  return [order, buildLine(maker, order.id)];
}

export function buildLine(maker: Maker, order: number): Row {
  const { random } = maker;
  return {
    ...stamped(maker, 'sale.order.line'),
    name: anyName(random),
    order_id: order,
    sequence: 10,
    product_id: anyRow(maker, 'product.product').id,
    product_uom_qty: random.int(1, 50),
    product_uom: 1,
    product_uom_id: 1,
  };
}

/** A manufacturing order; `sale` is the order that it is made for. */
export function buildProduction(maker: Maker, { state, company, sale, line }: ProductionSeed): Row {
  const { random, now } = maker;
  const head = stamped(maker, 'mrp.production');
  return {
    ...head,
    name: `${company === 1 ? 'WH' : 'CHI'}/MO/${String(head.id).padStart(5, '0')}`,
    priority: random.pick(['0', '0', '1']),
    backorder_sequence: 0,
    origin: sale === undefined ? random.pick([null, 'Reordering rule', 'OP/00017, OP/00018']) : String(sale['name']),
    product_id: anyRow(maker, 'product.product').id,
    product_qty: anyQuantity(random),
    product_uom_id: 1,
    qty_producing: 0,
    date_deadline: random.chance(0.4) ? null : anyMoment(maker),
    date_start: secondOf(now() + random.int(0, 500) * 3_600_000),
    date_finished: anyMoment(maker),
    bom_id: null,
    state,
    user_id: 2,
    company_id: company,
    procurement_group_id: head.id,
    sale_line_id: line?.id ?? null,
  };
}

export interface ProductionSeed {
  state: string;
  company: number;
  sale?: Row;
  line?: Row;
}

/** The delivery that a manufacturing order was created for: it carries the link to the sales order. */
export function buildMove(maker: Maker, production: Row, line: Row): Row {
  return {
    ...stamped(maker, 'stock.move'),
    sequence: 10,
    product_id: production['product_id'] ?? null,
    product_uom_qty: line['product_uom_qty'] ?? 1,
    state: 'waiting',
    created_production_id: production.id,
    sale_line_id: line.id,
    company_id: production['company_id'] ?? 1,
  };
}

/** The `position`-th work order (from 0) of a manufacturing order. */
export function buildWorkOrder(maker: Maker, production: Row, position: number): Row {
  const { random, database } = maker;
  const centers = centersOf(database, production['company_id'] as number);
  const planned = random.chance(0.6);
  const cancelled = production['state'] === 'cancel';
  const state = cancelled ? 'cancel' : position === 0 ? 'ready' : random.pick(['ready', 'progress', 'done']);
  return {
    ...stamped(maker, 'mrp.workorder'),
    name: anyName(random),
    sequence: planned ? position : 100,
    workcenter_id: random.pick(centers).id,
    production_id: production.id,
    qty_produced: 0,
    state,
    date_start: planned ? anyMoment(maker) : null,
    date_finished: planned ? anyMoment(maker) : null,
    duration_expected: anyMinutes(random),
    duration: 0,
    operation_id: null,
    blocked_by_workorder_ids: [],
  };
}

/** Work centers of a company; there is always one in company 1. */
export function centersOf(database: Database, company: number): Row[] {
  return database.table('mrp.workcenter').by('company_id', company);
}
