import { LateCommits } from '../late-commits.ts';
import type { Field, Model } from './fields.ts';

/** A stored value; datetimes are `YYYY-MM-DD hh:mm:ss` with microseconds on stamps, many2ones are ids, null is SQL's. */
export type Value = string | number | boolean | null | readonly number[];
export type Row = { id: number; write_date: string | null } & Record<string, Value>;

/** One row written or, when `gone`, deleted by a transaction. */
export interface Change {
  model: string;
  row: Row;
  gone?: true;
}

/** What one transaction does; `locks` names the documents nobody else may touch until it is committed. */
export interface Transaction {
  label: string;
  locks: readonly string[];
  changes: readonly Change[];
}

/** Hears of every change at the moment it becomes visible, with the row that was visible before. */
export type Observer = (change: Change, before: Row | undefined) => void;

/** The rows of one model, by id, in order of id, and by what a many2one points to. */
export class Table {
  readonly #rows = new Map<number, Row>();
  readonly #sides = new Map<string, Map<Value, Set<number>>>();
  #ordered: Row[] | undefined;

  get(id: number): Row | undefined {
    return this.#rows.get(id);
  }

  /** All rows in order of id. */
  ordered(): readonly Row[] {
    this.#ordered ??= [...this.#rows.values()].sort((one, other) => one.id - other.id);
    return this.#ordered;
  }

  /** The rows whose `field` holds `value`, in order of id. */
  by(field: string, value: Value): Row[] {
    const ids = [...(this.#side(field).get(value) ?? [])].sort((one, other) => one - other);
    return ids.map((id) => this.#rows.get(id)).filter((row) => row !== undefined);
  }

  put(row: Row): Row | undefined {
    const before = this.#rows.get(row.id);
    this.#rows.set(row.id, row);
    this.#place(row, before);
    for (const [field, side] of this.#sides) {
      if (before !== undefined) side.get(before[field] ?? null)?.delete(row.id);
      enter(side, row[field] ?? null, row.id);
    }
    return before;
  }

  remove(id: number): Row | undefined {
    const before = this.#rows.get(id);
    if (before === undefined) return undefined;
    this.#rows.delete(id);
    this.#ordered = undefined;
    for (const [field, side] of this.#sides) side.get(before[field] ?? null)?.delete(id);
    return before;
  }

  /** Keeps the sorted list as long as that is cheap: a row replaced in its place, or added at the end. */
  #place(row: Row, before: Row | undefined): void {
    const list = this.#ordered;
    if (list === undefined) return;
    const last = list.at(-1);
    if (before === undefined && (last === undefined || last.id < row.id)) list.push(row);
    else if (before === undefined) this.#ordered = undefined;
    else list[firstAfter(list, row.id - 1)] = row;
  }

  #side(field: string): Map<Value, Set<number>> {
    let side = this.#sides.get(field);
    if (side === undefined) {
      side = new Map();
      for (const row of this.#rows.values()) enter(side, row[field] ?? null, row.id);
      this.#sides.set(field, side);
    }
    return side;
  }
}

/** Position of the first row whose id is above `id`. */
export function firstAfter(rows: readonly Row[], id: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle]?.id ?? 0) > id) high = middle;
    else low = middle + 1;
  }
  return low;
}

function enter(side: Map<Value, Set<number>>, value: Value, id: number): void {
  const ids = side.get(value);
  if (ids === undefined) side.set(value, new Set([id]));
  else ids.add(id);
}

/** The committed state, and the transactions that have stamped their rows but are not committed yet. */
export class Database {
  readonly models: ReadonlyMap<string, Model>;
  readonly #tables = new Map<string, Table>();
  readonly #late = new LateCommits<Transaction>();
  #observer: Observer | undefined;

  constructor(models: ReadonlyMap<string, Model>) {
    this.models = models;
  }

  observe(observer: Observer): void {
    this.#observer = observer;
  }

  table(model: string): Table {
    let table = this.#tables.get(model);
    if (table === undefined) {
      table = new Table();
      this.#tables.set(model, table);
    }
    return table;
  }

  field(model: string, name: string): Field | undefined {
    return this.models.get(model)?.fields[name];
  }

  isLocked(lock: string): boolean {
    return this.#late.isLocked(lock);
  }

  commit(transaction: Transaction): void {
    for (const change of transaction.changes) this.apply(change);
  }

  /** Keeps a transaction invisible until the clock passes `visibleAt`; others would wait for its row locks. */
  defer(transaction: Transaction, visibleAt: number): void {
    this.#late.defer(transaction, visibleAt);
  }

  /** Commits what is due at `now`, in the order in which it becomes visible. */
  commitDue(now: number): void {
    for (const transaction of this.#late.takeDue(now)) this.commit(transaction);
  }

  apply(change: Change): void {
    const table = this.table(change.model);
    const before = change.gone === true ? table.remove(change.row.id) : table.put(change.row);
    this.#observer?.(change, before);
  }
}
