import { LateCommits } from '../late-commits.ts';
/** A stored value: days are `YYYY-MM-DD`, timestamps are milliseconds, yes and no are `T` and `F`. */
export type Value = string | number | null;

/** `key` is unique within a table and says where its rows stand; of most tables it is the id. */
export type Row = { key: number } & Record<string, Value>;

/** One row written or, when `gone`, deleted by a save. */
export interface Change {
  table: string;
  row: Row;
  gone?: true;
}

/** What one save does; `locks` names the records nobody else may touch until it is committed. */
export interface Transaction {
  label: string;
  locks: readonly string[];
  changes: readonly Change[];
}

/** Hears of every change at the moment it becomes visible. */
export type Observer = (change: Change) => void;

/** The rows of one table, by key, in order of key, and by what a column refers to. */
export class Rows {
  readonly #rows = new Map<number, Row>();
  readonly #sides = new Map<string, Map<Value, Map<number, Row>>>();
  #ordered: Row[] | undefined;

  get(key: number): Row | undefined {
    return this.#rows.get(key);
  }

  /** All rows in order of key. */
  ordered(): readonly Row[] {
    this.#ordered ??= [...this.#rows.values()].sort((one, other) => one.key - other.key);
    return this.#ordered;
  }

  /** The rows whose key is above `key`, in order. */
  after(key: number): readonly Row[] {
    const rows = this.ordered();
    const first = firstAfter(rows, key);
    return first === 0 ? rows : rows.slice(first);
  }

  /** The rows whose `column` holds `value`, in order of key. */
  by(column: string, value: Value): Row[] {
    const found = [...(this.#side(column).get(value)?.values() ?? [])];
    return found.sort((one, other) => one.key - other.key);
  }

  put(row: Row): void {
    const before = this.#rows.get(row.key);
    this.#rows.set(row.key, row);
    this.#place(row, before);
    for (const [column, side] of this.#sides) {
      if (before !== undefined) side.get(before[column] ?? null)?.delete(row.key);
      enter(side, column, row);
    }
  }

  remove(key: number): void {
    const before = this.#rows.get(key);
    if (before === undefined) return;
    this.#rows.delete(key);
    const list = this.#ordered;
    if (list !== undefined) list.splice(firstAfter(list, key - 1), 1);
    for (const [column, side] of this.#sides) side.get(before[column] ?? null)?.delete(key);
  }

  /** Keeps the list sorted: most rows are replaced in their place, or added at the end. */
  #place(row: Row, before: Row | undefined): void {
    const list = this.#ordered;
    list?.splice(firstAfter(list, row.key - 1), before === undefined ? 0 : 1, row);
  }

  #side(column: string): Map<Value, Map<number, Row>> {
    let side = this.#sides.get(column);
    if (side === undefined) {
      side = new Map();
      for (const row of this.#rows.values()) enter(side, column, row);
      this.#sides.set(column, side);
    }
    return side;
  }
}

function firstAfter(rows: readonly Row[], key: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle]?.key ?? 0) > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

function enter(side: Map<Value, Map<number, Row>>, column: string, row: Row): void {
  const value = row[column] ?? null;
  const rows = side.get(value);
  if (rows === undefined) side.set(value, new Map([[row.key, row]]));
  else rows.set(row.key, row);
}

/** The committed state, and the saves that have stamped their rows but are not committed yet. */
export class Database {
  readonly #tables = new Map<string, Rows>();
  readonly #late = new LateCommits<Transaction>();
  #observer: Observer | undefined;

  constructor() {
    this.apply({ table: 'dual', row: { key: 1, dummy: 'X' } });
  }

  observe(observer: Observer): void {
    this.#observer = observer;
  }

  table(name: string): Rows {
    let rows = this.#tables.get(name);
    if (rows === undefined) {
      rows = new Rows();
      this.#tables.set(name, rows);
    }
    return rows;
  }

  isLocked(lock: string): boolean {
    return this.#late.isLocked(lock);
  }

  commit(transaction: Transaction): void {
    for (const change of transaction.changes) this.apply(change);
  }

  /** What saves that are not committed yet are about to write. */
  pending(): Change[] {
    return this.#late.pending().flatMap(({ changes }) => changes);
  }

  /** Keeps a save invisible until the clock passes `visibleAt`. */
  defer(transaction: Transaction, visibleAt: number): void {
    this.#late.defer(transaction, visibleAt);
  }

  /** Commits what is due at `now`, in the order in which it becomes visible. */
  commitDue(now: number): void {
    for (const transaction of this.#late.takeDue(now)) this.commit(transaction);
  }

  apply({ table, row, gone }: Change): void {
    const rows = this.table(table);
    if (gone === true) rows.remove(row.key);
    else rows.put(row);
    this.#observer?.({ table, row, ...(gone === undefined ? {} : { gone }) });
  }
}
