import { idOf, type OdooModels, type OdooRow } from '../protocols/odoo-model.ts';

/** The sales order that a manufacturing order is made for; `hidden` when there is one that the user may not see. */
type SalesLink = { id: number } | 'hidden' | null;

/** Lays `product` and `sale` into manufacturing orders; see docs/connectors/odoo.md for how a job is found. */
export async function completeProductions(
  rows: readonly OdooRow[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<void> {
  await layProducts(rows, models, signal);
  const lines = await saleLinesOf(rows, models, signal);
  const orders = await ordersOfLines([...lines.values()], models, signal);
  const named = await ordersByName(
    rows.filter(({ id }) => !lines.has(id)),
    models,
    signal,
  );
  for (const row of rows) {
    const line = lines.get(row.id);
    const order = line === undefined ? named.get(originOf(row)) : (orders.get(line) ?? 'hidden');
    row['sale'] = (typeof order === 'number' ? { id: order } : (order ?? null)) satisfies SalesLink;
  }
}

async function layProducts(rows: readonly OdooRow[], models: OdooModels, signal: AbortSignal): Promise<void> {
  const ids = distinct(rows.map((row) => idOf(row['product_id'])));
  if (ids.length === 0) return;
  const query = { model: 'product.product', domain: [['id', 'in', ids]], fields: ['default_code', 'name'] };
  const products = new Map((await models.all(query, signal)).map((product) => [product.id, product]));
  for (const row of rows) row['product'] = products.get(idOf(row['product_id']) ?? 0) ?? null;
}

/** Sales order line by manufacturing order: by its stock move, the lowest first, or else by the order itself. */
async function saleLinesOf(
  rows: readonly OdooRow[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<Map<number, number>> {
  const lines = new Map<number, number>();
  const linked = await models.known('stock.move', ['created_production_id', 'sale_line_id'], signal);
  const made = [
    ['created_production_id', 'in', rows.map(({ id }) => id)],
    ['sale_line_id', '!=', false],
  ];
  const fields = ['created_production_id', 'sale_line_id'];
  const moves = linked?.size === 2 ? await models.all({ model: 'stock.move', domain: made, fields }, signal) : [];
  const found = [
    ...moves.map((move) => [idOf(move['created_production_id']), idOf(move['sale_line_id'])] as const),
    ...rows.map((row) => [row.id, idOf(row['sale_line_id'])] as const),
  ];
  for (const [order, line] of found) {
    if (order !== null && line !== null && !lines.has(order)) lines.set(order, line);
  }
  return lines;
}

async function ordersOfLines(
  lines: readonly number[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<Map<number, number | undefined>> {
  if (lines.length === 0) return new Map();
  const query = { model: 'sale.order.line', domain: [['id', 'in', distinct(lines)]], fields: ['order_id'] };
  const found = await models.all(query, signal);
  return new Map(found.map((line) => [line.id, idOf(line['order_id']) ?? undefined]));
}

/** Sales orders by company and name. */
async function ordersByName(
  rows: readonly OdooRow[],
  models: OdooModels,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const names = distinct(rows.map((row) => (typeof row['origin'] === 'string' ? row['origin'] : null)));
  if (names.length === 0) return new Map();
  const query = { model: 'sale.order', domain: [['name', 'in', names]], fields: ['name', 'company_id'] };
  const found = new Map<string, number>();
  for (const order of await models.all(query, signal)) {
    const place = placeOf(order['company_id'], order['name']);
    if (!found.has(place)) found.set(place, order.id);
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
