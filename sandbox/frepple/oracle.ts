import { type ImageRecord, type MesImage, type Table, tables } from '../types.ts';
import type { Change } from './database.ts';
import * as mapping from './mapping.ts';
import { type Demand, isDone, isReleased, type Order, type Resource, type Row } from './model.ts';

/** One MES record that a row stands for, with the fields that never change. */
interface Entry {
  table: Table;
  record: ImageRecord;
  /** `table/externalId` of what it hangs on. */
  parent?: string;
}

/**
 * What the MES has to hold, by the tables of docs/connectors/frepple.md and by nothing else. A record enters the MES while
 * its row is released (an order: approved or confirmed; a demand: open or quote). When the row is done, the record stays,
 * and only its number and its parent are checked, because a reader may or may not follow a row that is done. When the
 * row is gone or taken back without having been done, the record stays on hold.
 */
export class Oracle {
  readonly #context: mapping.Context;
  readonly #busy: () => boolean;
  /** By table and key of a row: the records it stands for now. */
  readonly #live = new Map<string, readonly Entry[]>();
  /** Records whose row is done, gone or taken back. */
  readonly #kept = Object.fromEntries(tables.map((table) => [table, new Map()])) as MesImage;
  /** Checkpoints there were when a record came up; those of the initial state are not listed. */
  readonly #since = new Map<string, number>();
  /** Checkpoints there were when the row of a record was done. */
  readonly #doneSince = new Map<string, number>();
  readonly #optional = new Set<string>();
  /** Names that orders were ever pegged to: only these can move an order when a demand comes or goes. */
  readonly #pegged = new Set<string>();
  #checkpoints = 0;

  constructor(context: mapping.Context, busy: () => boolean) {
    this.#context = context;
    this.#busy = busy;
    const { database } = context;
    for (const row of database.table('resource').rows()) this.#resourceChanged(row, false);
    for (const row of database.table('demand').rows()) this.#demandChanged(row, false);
    for (const row of database.table('operationplan').rows()) this.#orderChanged(row, undefined);
    this.#since.clear();
    database.observe((change, before) => this.#changed(change, before));
  }

  /** A pass during a plan run reads nothing that can be relied upon, so it does not count. */
  checkpoint(): void {
    if (!this.#busy()) this.#checkpoints += 1;
  }

  /**
   * Records that no reader can be blamed for lacking, or for having: they came and went while fewer than two checkpoints
   * went by, were never seen but done, or were done and gone so soon that it looked like a deletion; and what hangs on such
   * a job or part.
   */
  optional(): Set<string> {
    const optional = new Set(this.#optional);
    for (const entry of [...this.#live.values()].flat()) {
      if (this.#isBlameless(entry)) optional.add(`${entry.table}/${entry.record.externalId}`);
    }
    return optional;
  }

  /** True when what a record hangs on need not be there. */
  #isBlameless({ table, parent = '' }: Entry): boolean {
    if (this.#optional.has(parent)) return true;
    if (table !== 'operations') return false;
    const id = parent.replace(/^parts\//, '');
    const part = this.#live.get(`operationplan/${id}`)?.find((entry) => entry.table === 'parts');
    return part === undefined ? !this.#kept.parts.has(id) : this.#isBlameless(part);
  }

  expected(): MesImage {
    const image = Object.fromEntries(tables.map((table) => [table, new Map(this.#kept[table])])) as MesImage;
    for (const entries of this.#live.values()) {
      for (const { table, record } of entries)
        image[table].set(record.externalId, this.#whole(table, record.externalId));
    }
    return image;
  }

  /** A record in all its fields, from what the ERP says now. */
  #whole(table: Table, id: string): ImageRecord {
    const { database } = this.#context;
    if (table === 'cells' || table === 'resources')
      return mapping.resourceRecord(row(database.table('resource').get(id)));
    if (table === 'parts') return mapping.partRecord(this.#order(id), this.#context);
    if (table === 'operations') return mapping.operationRecord(this.#order(id), this.#context);
    const demand = this.#live.has(`demand/${id}`) ? database.table('demand').get(id) : undefined;
    if (demand !== undefined) return mapping.jobRecord(demand, this.#context);
    return mapping.stockRecord(this.#order(id.replace(/^STOCK-/, '')), this.#context);
  }

  #order(reference: string): Order {
    return row(this.#context.database.table('operationplan').get(reference));
  }

  #changed({ table, row: after, gone }: Change, before: Row | undefined): void {
    const now = gone === true ? undefined : after;
    if (table === 'resource') this.#resourceChanged(after as Resource, now === undefined);
    if (table === 'operationplan') this.#orderChanged(now as Order | undefined, before as Order | undefined);
    if (table !== 'demand') return;
    this.#demandChanged(after as Demand, now === undefined);
    if (before === undefined || now === undefined) this.#repeg((after as Demand).name);
  }

  #resourceChanged(resource: Resource, gone: boolean): void {
    const table = mapping.tableOf(resource);
    const key = `resource/${resource.name}`;
    const record = { externalId: resource.name, fields: { name: resource.name } };
    this.#become(key, gone ? [] : [{ table, record }], ({ externalId }) => ({
      externalId,
      fields: { name: externalId, active: false },
    }));
  }

  #demandChanged({ name, status }: Demand, gone: boolean): void {
    const key = `demand/${name}`;
    const entry: Entry = { table: 'jobs', record: { externalId: name, fields: { job_number: name } } };
    const done = status === 'closed' && !gone;
    const over = done || status === 'canceled' || gone;
    if (over && !this.#live.has(key) && !this.#kept.jobs.has(name)) this.#optional.add(`jobs/${name}`);
    const open = !gone && (status === 'open' || status === 'quote');
    if (open || this.#live.has(key)) {
      this.#become(key, open ? [entry] : [], (record) => (done ? record : { ...record, onHold: true }));
      if (done) this.#doneSince.set(`jobs/${name}`, this.#checkpoints);
    }
    if (gone && status === 'closed') this.#goneDone(`jobs/${name}`);
  }

  #orderChanged(after: Order | undefined, before: Order | undefined): void {
    const order = after ?? before;
    // The empty reference is no id: such a row is set aside.
    if (order === undefined || order.reference === '') return;
    for (const name of Object.keys(order.plan?.pegging ?? {})) this.#pegged.add(name);
    const key = `operationplan/${order.reference}`;
    const done = isDone(order);
    const was = this.#live.get(key);
    if (done && was === undefined) {
      this.#doneBefore(this.#entriesOf(order), after === undefined);
      return;
    }
    const entries = after !== undefined && isReleased(after) ? this.#entriesOf(after) : [];
    this.#become(key, entries, (record) => (done ? record : { ...record, onHold: true }));
    if (entries.length > 0) this.#relinkedWhileDone(order);
    for (const { table, record } of done ? (was ?? []) : []) {
      this.#doneSince.set(`${table}/${record.externalId}`, this.#checkpoints);
    }
  }

  #doneBefore(entries: readonly Entry[], gone: boolean): void {
    for (const entry of entries) {
      if (gone) this.#goneDone(`${entry.table}/${entry.record.externalId}`);
      else this.#seenDone(entry);
    }
  }

  /** An order came back from being done with another job than it had: its STOCK job is done to one reader, cancelled to another. */
  #relinkedWhileDone(order: Order): void {
    const id = mapping.stockId(order);
    const kept = this.#kept.jobs.get(id);
    if (kept !== undefined && kept.onHold !== true) this.#optional.add(`jobs/${id}`);
  }

  /** A row that is done and stands for nothing live: nobody needs its records, and whether they are off hold again is open. */
  #seenDone({ table, record }: Entry): void {
    const kept = this.#kept[table].get(record.externalId);
    if (kept !== undefined && kept.onHold !== true) return;
    if (kept !== undefined) this.#kept[table].set(record.externalId, record);
    this.#optional.add(`${table}/${record.externalId}`);
  }

  /** Whoever has not seen that a row was done before it went takes it for cancelled. */
  #goneDone(name: string): void {
    if (this.#checkpoints - (this.#doneSince.get(name) ?? 0) < 2) this.#optional.add(name);
  }

  #entriesOf(order: Order): Entry[] {
    const { reference, owner } = order;
    const record = { externalId: reference, fields: { part_external_id: owner ?? reference } };
    const step: Entry = { table: 'operations', record, parent: `parts/${owner ?? reference}` };
    if (owner !== null) return [step];
    const demand = mapping.demandOf(order, this.#context);
    const externalId = mapping.stockId(order);
    const part = { externalId: reference, fields: { part_number: mapping.partNumber(order, this.#context) } };
    const entries: Entry[] = [{ table: 'parts', record: part, parent: `jobs/${demand ?? externalId}` }];
    if (mapping.isSingle(order, this.#context)) entries.push(step);
    if (demand !== undefined) return entries;
    return [...entries, { table: 'jobs', record: { externalId, fields: { job_number: externalId } } }];
  }

  /** A demand came or went: orders pegged to it may have gained or lost their job. */
  #repeg(name: string): void {
    if (!this.#pegged.has(name)) return;
    for (const order of this.#context.database.table('operationplan').rows()) {
      if (order.plan?.pegging?.[name] === undefined) continue;
      if (isReleased(order)) this.#orderChanged(order, order);
      // A reader that follows done orders moves the part to a STOCK job, one that does not leaves it where it was.
      else if (isDone(order)) this.#optional.add(`jobs/${mapping.stockId(order)}`);
    }
  }

  /** Sets what a row stands for; `keep` makes of a record that it no longer stands for what remains of it. */
  #become(key: string, entries: readonly Entry[], keep: (record: ImageRecord) => ImageRecord): void {
    const was = this.#live.get(key) ?? [];
    const names = new Set(entries.map(({ table, record }) => `${table}/${record.externalId}`));
    const known = new Set(was.map(({ table, record }) => `${table}/${record.externalId}`));
    for (const entry of was) {
      const { table, record } = entry;
      const name = `${table}/${record.externalId}`;
      if (names.has(name)) continue;
      this.#kept[table].set(record.externalId, keep(record));
      const seen = this.#checkpoints - (this.#since.get(name) ?? 0) >= 2;
      if (!seen || this.#isBlameless(entry)) this.#optional.add(name);
    }
    for (const { table, record } of entries) {
      const name = `${table}/${record.externalId}`;
      if (known.has(name)) continue;
      this.#kept[table].delete(record.externalId);
      this.#since.set(name, this.#checkpoints);
      this.#optional.delete(name);
    }
    if (entries.length > 0) this.#live.set(key, entries);
    else this.#live.delete(key);
  }
}

/** A row that must be there, because the oracle heard of it. */
function row<R>(found: R | undefined): R {
  if (found === undefined) throw new Error('The oracle knows a row that the database does not.');
  return found;
}
