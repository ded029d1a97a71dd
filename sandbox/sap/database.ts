import { LateCommits } from '../late-commits.ts';
import { keyColumns, type Row, type TableName, type Tables } from './model.ts';
import { Table } from './table.ts';

/** One row written or, when `gone`, deleted by a transaction; `archived` tells that its business was closed before. */
export type Change = { [T in TableName]: { table: T; row: Tables[T]; gone?: true; archived?: true } }[TableName];

/** What one business action does; `locks` names the documents nobody else may touch until it is committed. */
export interface Transaction {
  label: string;
  locks: readonly string[];
  changes: readonly Change[];
  /** Never visible later than it happened: a row that goes bears no stamp that could be older. */
  prompt?: true;
}

/** Hears of every change at the moment it becomes visible, with the row that was visible before. */
export type Observer = (change: Change, before: Row | undefined) => void;

/** The committed state, and the transactions that have stamped their rows but are not committed yet. */
export class Database {
  readonly #tables: { [T in TableName]: Table<Tables[T]> } = {
    workCenters: new Table(keyColumns.workCenters),
    equipment: new Table(keyColumns.equipment),
    salesOrders: new Table(keyColumns.salesOrders),
    productionOrders: new Table(keyColumns.productionOrders),
    operations: new Table(keyColumns.operations),
  };
  readonly #late = new LateCommits<Transaction>();
  #observer: Observer | undefined;

  observe(observer: Observer): void {
    this.#observer = observer;
  }

  table<T extends TableName>(name: T): Table<Tables[T]> {
    return this.#tables[name];
  }

  isLocked(lock: string): boolean {
    return this.#late.isLocked(lock);
  }

  /** True when a pending transaction writes a row like that. */
  awaits(like: (change: Change) => boolean): boolean {
    return this.#late.pending().some(({ changes }) => changes.some(like));
  }

  commit(transaction: Transaction): void {
    for (const change of transaction.changes) this.apply(change);
  }

  /** Keeps a transaction invisible until the clock passes `visibleAt`; its documents stay locked, as SAP's enqueue does. */
  defer(transaction: Transaction, visibleAt: number): void {
    this.#late.defer(transaction, visibleAt);
  }

  /** Commits what is due at `now`, in the order in which it becomes visible. */
  commitDue(now: number): void {
    for (const transaction of this.#late.takeDue(now)) this.commit(transaction);
  }

  apply(change: Change): void {
    const table: Table<Row> = this.#tables[change.table];
    const before = table.get(table.keyOf(change.row));
    if (change.gone === true) table.remove(change.row);
    else table.put(change.row);
    this.#observer?.(change, before);
  }
}
