import type { LookUp } from '../protocols/odoo/look-ups.ts';
import { idOf, type OdooModels, type OdooRow } from '../protocols/odoo/model.ts';

/** Fields of a sales order that tell what it is to the MES. */
const salesFields = ['name', 'state', 'partner_id', 'commitment_date', 'locked', 'company_id'];

const products = { model: 'product.product', fields: ['default_code', 'name'] };
const moves = { model: 'stock.move', fields: ['created_production_id', 'sale_line_id'] };
const saleLines = { model: 'sale.order.line', fields: ['order_id'] };
const sales = { model: 'sale.order', fields: salesFields };

/** Every model that is read below. */
export const productionLookUps: readonly LookUp[] = [products, { ...moves, onlyWith: moves.fields }, saleLines, sales];

/** Lays `product` and `sale` into manufacturing orders; see docs/connectors/odoo.md for how a job is found. */
export async function completeProductions(
  rows: readonly OdooRow[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<void> {
  await layProducts(rows, models, signal);
  const lines = await saleLinesOf(rows, models, signal);
  const orders = await ordersOfLines([...lines.values()], models, signal);
  const unlinked = rows.filter(({ id }) => !lines.has(id));
  const named = await ordersByName(unlinked, models, signal);
  for (const row of rows) {
    const line = lines.get(row.id);
    // A line that the account may not see is no reason to make a job up.
    row['sale'] = line === undefined ? (named.get(originOf(row)) ?? null) : (orders.get(line) ?? 'hidden');
  }
}

async function layProducts(rows: readonly OdooRow[], models: OdooModels, signal: AbortSignal): Promise<void> {
  const ids = distinct(rows.map((row) => idOf(row['product_id'])));
  if (ids.length === 0) return;
  const query = { ...products, domain: [['id', 'in', ids]] };
  const found = new Map((await models.all(query, signal)).map((product) => [product.id, product]));
  for (const row of rows) row['product'] = found.get(idOf(row['product_id']) ?? 0) ?? null;
}

/** Sales order line by manufacturing order: by its stock move, the lowest first, or else by the order itself. */
async function saleLinesOf(
  rows: readonly OdooRow[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<Map<number, number>> {
  const lines = new Map<number, number>();
  const linked = await models.known(moves.model, moves.fields, signal);
  const made = [
    ['created_production_id', 'in', rows.map(({ id }) => id)],
    ['sale_line_id', '!=', false],
  ];
  const told = linked?.size === moves.fields.length ? await models.all({ ...moves, domain: made }, signal) : [];
  const found = [
    ...told.map((move) => [idOf(move['created_production_id']), idOf(move['sale_line_id'])] as const),
    ...rows.map((row) => [row.id, idOf(row['sale_line_id'])] as const),
  ];
  for (const [order, line] of found) {
    if (order !== null && line !== null && !lines.has(order)) lines.set(order, line);
  }
  return lines;
}

/** Sales orders by their lines. */
async function ordersOfLines(
  lines: readonly number[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<Map<number, OdooRow | undefined>> {
  if (lines.length === 0) return new Map();
  const query = { ...saleLines, domain: [['id', 'in', distinct(lines)]] };
  const found = await models.all(query, signal);
  const ids = distinct(found.map((line) => idOf(line['order_id'])));
  const about = { ...sales, domain: [['id', 'in', ids]] };
  const orders = new Map((await models.all(about, signal)).map((order) => [order.id, order]));
  return new Map(found.map((line) => [line.id, orders.get(idOf(line['order_id']) ?? 0)]));
}

/** Sales orders by company and name. */
async function ordersByName(
  rows: readonly OdooRow[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<Map<string, OdooRow>> {
  const names = distinct(rows.map((row) => (typeof row['origin'] === 'string' ? row['origin'] : null)));
  if (names.length === 0) return new Map();
  const query = { ...sales, domain: [['name', 'in', names]] };
  const found = new Map<string, OdooRow>();
  for (const order of await models.all(query, signal)) {
    const place = placeOf(order['company_id'], order['name']);
    if (!found.has(place)) found.set(place, order);
  }
  return found;
}

function originOf(row: OdooRow): string {
  return placeOf(row['company_id'], row['origin']);
}

function placeOf(company: unknown, name: unknown): string {
  return `${idOf(company)} ${name}`;
}

function distinct<T>(values: readonly (T | null)[]): T[] {
  return [...new Set(values.filter((value) => value !== null))];
}
