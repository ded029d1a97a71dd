import type { Json, Row, Tables } from './model.ts';
import { modelOf } from './models.ts';

/** One row written or, when `gone`, deleted. */
export interface Change {
  table: string;
  row: Row;
  gone?: true;
}

/** What one action does; `locks` names the rows (`table/key`) that nobody else may touch until it is committed. */
export interface Transaction {
  label: string;
  locks: readonly string[];
  changes: readonly Change[];
}

/** Hears of every change at the moment it becomes visible, with the row that was visible before. */
export type Observer = (change: Change, before: Row | undefined) => void;

interface Pending {
  at: number;
  locks: readonly string[];
  run: (at: number) => void;
}

/** Rows by key, in the order in which they came; rows are never changed in place. */
export class Table<R extends Row = Row> {
  readonly key: string;
  readonly #order: readonly string[];
  readonly #rows = new Map<string, R>();
  readonly #keys: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #groups = new Map<string, Map<Json, Map<string, R>>>();
  #sorted: R[] | undefined;

  constructor(key: string, order: readonly string[]) {
    this.key = key;
    this.#order = order;
  }

  get size(): number {
    return this.#rows.size;
  }

  keyOf(row: Row): string {
    return String(row[this.key]);
  }

  get(key: string): R | undefined {
    return this.#rows.get(key);
  }

  /** Any row, by its place in no particular order: for drawing lots. */
  at(place: number): R | undefined {
    const key = this.#keys[place];
    return key === undefined ? undefined : this.#rows.get(key);
  }

  rows(): Iterable<R> {
    return this.#rows.values();
  }

  /** The rows in the order of a list: by code point, as PostgreSQL's collation `C`, nulls last. */
  sorted(): readonly R[] {
    this.#sorted ??= [...this.#rows.values()].sort((left, right) => this.#compare(left, right));
    return this.#sorted;
  }

  /** The rows with that value in a column. */
  by(column: string, value: Json): R[] {
    let group = this.#groups.get(column);
    if (group === undefined) {
      group = new Map();
      this.#groups.set(column, group);
      for (const [key, row] of this.#rows) join(group, row[column] ?? null, [key, row]);
    }
    return [...(group.get(value)?.values() ?? [])];
  }

  put(row: R): R | undefined {
    const key = this.keyOf(row);
    const before = this.#rows.get(key);
    if (before === undefined) {
      this.#places.set(key, this.#keys.length);
      this.#keys.push(key);
    }
    this.#rows.set(key, row);
    this.#sorted = undefined;
    for (const [column, group] of this.#groups) {
      const value = row[column] ?? null;
      if (before !== undefined && before[column] !== value) group.get(before[column] ?? null)?.delete(key);
      join(group, value, [key, row]);
    }
    return before;
  }

  remove(key: string): void {
    const before = this.#rows.get(key);
    const place = this.#places.get(key);
    if (before === undefined || place === undefined) return;
    this.#rows.delete(key);
    this.#places.delete(key);
    const last = this.#keys.pop();
    if (last !== undefined && last !== key) {
      this.#keys[place] = last;
      this.#places.set(last, place);
    }
    this.#sorted = undefined;
    for (const [column, group] of this.#groups) group.get(before[column] ?? null)?.delete(key);
  }

  #compare(left: R, right: R): number {
    for (const column of this.#order) {
      const [one, other] = [left[column] ?? null, right[column] ?? null];
      if (one === other) continue;
      if (one === null) return 1;
      if (other === null) return -1;
      return one < other ? -1 : 1;
    }
    return 0;
  }
}

function join<R>(group: Map<Json, Map<string, R>>, value: Json, [key, row]: [string, R]): void {
  let members = group.get(value);
  if (members === undefined) {
    members = new Map();
    group.set(value, members);
  }
  members.set(key, row);
}

/** The committed state, and what has been stamped but is not committed yet. */
export class Database {
  readonly #tables = new Map<string, Table>();
  readonly #locks = new Set<string>();
  #pending: Pending[] = [];
  #serial = 0;
  #observer: Observer | undefined;

  observe(observer: Observer): void {
    this.#observer = observer;
  }

  table<T extends keyof Tables>(name: T): Table<Tables[T]>;
  table(name: string): Table;
  table(name: string): Table {
    let table = this.#tables.get(name);
    if (table === undefined) {
      const model = name === 'operationplan' ? modelOf('manufacturingorder') : modelOf(name);
      table = new Table(model?.key ?? 'name', model?.order ?? []);
      this.#tables.set(name, table);
    }
    return table;
  }

  /** The next serial number of a table without a key of its own. */
  serial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  isLocked(lock: string): boolean {
    return this.#locks.has(lock);
  }

  commit({ changes }: Pick<Transaction, 'changes'>): void {
    for (const change of changes) this.apply(change);
  }

  /** Keeps a transaction invisible until the clock passes `at`. What it changes and another has deleted since, stays deleted. */
  defer(transaction: Transaction, at: number): void {
    const existed = transaction.changes.map(({ table, row }) => this.#has(table, row));
    const run = (): void => {
      const kept = transaction.changes.filter(
        ({ table, row }, index) => existed[index] !== true || this.#has(table, row),
      );
      this.commit({ changes: kept.filter((change) => this.#ownerStands(change, kept)) });
    };
    this.schedule({ at, locks: transaction.locks, run });
  }

  schedule(pending: Pending): void {
    for (const lock of pending.locks) this.#locks.add(lock);
    this.#pending.push(pending);
  }

  /** Runs what is due at `now`, in order of its time. */
  runDue(now: number): void {
    for (;;) {
      let next: Pending | undefined;
      for (const each of this.#pending) if (each.at <= now && (next === undefined || each.at < next.at)) next = each;
      if (next === undefined) return;
      this.#pending = this.#pending.filter((each) => each !== next);
      for (const lock of next.locks) this.#locks.delete(lock);
      next.run(next.at);
    }
  }

  apply(change: Change): void {
    const table = this.table(change.table);
    const key = table.keyOf(change.row);
    const before = table.get(key);
    if (change.gone === true && before === undefined) return;
    if (change.gone === true) table.remove(key);
    else table.put(change.row);
    this.#observer?.(change, before);
  }

  #has(name: string, row: Row): boolean {
    const table = this.table(name);
    return table.get(table.keyOf(row)) !== undefined;
  }

  /** The foreign key of a work order: without its manufacturing order it cannot be saved. */
  #ownerStands({ table, row }: Change, together: readonly Change[]): boolean {
    const owner = row['owner'];
    if (table !== 'operationplan' || typeof owner !== 'string') return true;
    return this.#has(table, { reference: owner }) || together.some((other) => other.row['reference'] === owner);
  }
}
