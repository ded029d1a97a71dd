import type { Row, Value } from './model.ts';

/** One column of an ordering. */
export interface Order {
  column: string;
  descending: boolean;
}

/** Values of one column between two bounds, both included; an absent bound is open. */
export interface Range {
  low?: Value;
  high?: Value;
}

/** Compares two values of one column; null is the smallest, as an initial value is in ABAP. */
export function compareValues(left: Value, right: Value): number {
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

/** The rows of a table kept sorted by one ordering, so that a request never sorts a whole table. */
export class Index {
  readonly order: readonly Order[];
  readonly rows: Row[];

  constructor(order: readonly Order[], rows: Iterable<Row>) {
    this.order = order;
    this.rows = [...rows].sort((left, right) => this.compare(left, right));
  }

  compare(left: Row, right: Row): number {
    for (const { column, descending } of this.order) {
      const sign = compareValues(left[column] ?? null, right[column] ?? null);
      if (sign !== 0) return descending ? -sign : sign;
    }
    return 0;
  }

  insert(row: Row): void {
    this.rows.splice(
      this.#first((other) => this.compare(other, row) >= 0),
      0,
      row,
    );
  }

  remove(row: Row): void {
    this.rows.splice(
      this.#first((other) => this.compare(other, row) >= 0),
      1,
    );
  }

  /** Position of the first row that sorts after `row`. */
  after(row: Row): number {
    return this.#first((other) => this.compare(other, row) > 0);
  }

  /** Positions [start, end) of the rows whose leading column lies in `range`. */
  span(range: Range): [number, number] {
    const lead = this.order[0];
    if (lead === undefined) return [0, this.rows.length];
    const { column, descending } = lead;
    const { low, high } = range;
    const from = descending ? high : low;
    const to = descending ? low : high;
    const turn = descending ? -1 : 1;
    const signOf = (row: Row, bound: Value): number => turn * compareValues(row[column] ?? null, bound);
    const start = from === undefined ? 0 : this.#first((row) => signOf(row, from) >= 0);
    const end = to === undefined ? this.rows.length : this.#first((row) => signOf(row, to) > 0);
    return [start, Math.max(start, end)];
  }

  #first(holds: (row: Row) => boolean): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.rows[middle];
      if (row !== undefined && holds(row)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** One table: rows by key, and an index for every ordering that was ever asked for. Rows are never changed in place. */
export class Table<R extends Row> {
  readonly #keys: readonly string[];
  readonly #rows = new Map<string, R>();
  readonly #indexes = new Map<string, Index>();

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#rows.size;
  }

  keyOf(row: Row): string {
    return this.#keys.map((column) => String(row[column])).join('/');
  }

  get(key: string): R | undefined {
    return this.#rows.get(key);
  }

  rows(): Iterable<R> {
    return this.#rows.values();
  }

  /** Adds or replaces the row of that key; returns the row it replaced. */
  put(row: R): R | undefined {
    const key = this.keyOf(row);
    const before = this.#rows.get(key);
    this.#rows.set(key, row);
    for (const index of this.#indexes.values()) {
      if (before !== undefined) index.remove(before);
      index.insert(row);
    }
    return before;
  }

  remove(row: R): void {
    const key = this.keyOf(row);
    const before = this.#rows.get(key);
    if (before === undefined) return;
    this.#rows.delete(key);
    for (const index of this.#indexes.values()) index.remove(before);
  }

  /** The index of an ordering; the key is appended, so that the order is total and a page has one end only. */
  ordered(order: readonly Order[]): Index {
    const named = new Set(order.map(({ column }) => column));
    const rest = this.#keys.filter((column) => !named.has(column));
    const total = [...order, ...rest.map((column) => ({ column, descending: false }))];
    const name = total.map(({ column, descending }) => (descending ? `-${column}` : column)).join();
    let index = this.#indexes.get(name);
    if (index === undefined) {
      index = new Index(total, this.#rows.values());
      this.#indexes.set(name, index);
    }
    return index;
  }
}
