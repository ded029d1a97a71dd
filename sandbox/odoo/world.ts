import type { Maker } from './build.ts';
import type { Change, Row, Transaction, Value } from './database.ts';
import type { Version } from './errors.ts';

/** What an event gets to work with; `stamp()` is the same throughout a transaction, as PostgreSQL's `now()` is. */
export interface World extends Maker {
  version: Version;
}

/** One kind of business action; undefined when no document fits. */
export type Event = (world: World) => Transaction | undefined;

/** A row with other values and the stamp of this transaction; it moves even when nothing differs. */
export function rewritten(world: World, row: Row, values: Record<string, Value> = {}): Row {
  return { ...row, ...values, write_date: world.stamp() };
}

/** The change that rewrites a row. */
export function write(world: World, [model, row]: [string, Row], values: Record<string, Value> = {}): Change {
  return { model, row: rewritten(world, row, values) };
}

/** The lock of a document: work orders lock with their order, lines with theirs. */
export function lockOf(model: string, row: Row): string {
  if (model === 'mrp.workorder') return `mrp.production/${row['production_id']}`;
  if (model === 'sale.order.line') return `sale.order/${row['order_id']}`;
  return `${model}/${row.id}`;
}

const attempts = 12;

/** A random visible row that fits and that no pending transaction holds; undefined after a few vain attempts. */
export function pickRow(world: World, model: string, fits: (row: Row) => boolean = () => true): Row | undefined {
  const rows = world.database.table(model).ordered();
  for (let attempt = 0; attempt < attempts && rows.length > 0; attempt += 1) {
    const row = world.random.pick(rows);
    if (row['company_id'] !== 3 && !world.database.isLocked(lockOf(model, row)) && fits(row)) return row;
  }
  return undefined;
}

/** Model and words of a kind of document. */
export interface Kind {
  model: string;
  noun: string;
}

/** An event that writes one row that fits. */
export function change(
  { model, noun }: Kind,
  { verb, fits = () => true }: { verb: string; fits?: (row: Row, world: World) => boolean },
  edit: (row: Row, world: World) => Record<string, Value>,
): Event {
  return (world) => {
    const row = pickRow(world, model, (candidate) => fits(candidate, world));
    if (row === undefined) return undefined;
    const changes = [write(world, [model, row], edit(row, world))];
    return { label: `${noun} ${row.id} ${verb}`, locks: [lockOf(model, row)], changes };
  };
}

/** An event that brings rows into being; the first one is the document. */
export function creation(label: (row: Row) => string, changes: readonly Change[]): Transaction | undefined {
  const [first] = changes;
  if (first === undefined) return undefined;
  return { label: label(first.row), locks: changes.map(({ model, row }) => lockOf(model, row)), changes };
}
