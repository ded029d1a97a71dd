import { type ImageRecord, type MesImage, type Table, tables } from '../types.ts';
import type { Change, Database, Row, Value } from './database.ts';
import { isSold } from './events-sales.ts';
import { isMade } from './events-workorders.ts';
import { hasStatus, mainLineOf, tasksOf } from './world.ts';
import { instantOf } from './zone.ts';

/** What the MES has to hold, by the tables of docs/connectors/netsuite.md and by nothing else. */
export class Oracle {
  readonly #database: Database;
  /** The zone that the connector is told: that of days without a time. */
  readonly #zone: string;
  /** `table/externalId` of all that was ever to be told; true while it still is. */
  readonly #known = new Map<string, boolean>();
  /** Checkpoints there were when a record began to pass; records of the initial state are not listed. */
  readonly #since = new Map<string, number>();
  readonly #optional = new Set<string>();
  /** Records that would be told if the MES had their parents. */
  readonly #waiting = new Set<string>();
  /** Cancelled sales orders that work orders outlive: checkpoints there were when the first did, and whether nobody need have heard of them before. */
  readonly #outlived = new Map<string, { since: number; blameless: boolean }>();
  /** External ids of parents, the last known: part -> job, operation -> part. */
  readonly #parents = new Map<string, string>();
  #checkpoints = 0;

  constructor(database: Database, zone: string) {
    this.#database = database;
    this.#zone = zone;
    for (const row of this.#rows('transaction')) this.#transactionChanged(row);
    for (const row of this.#rows('entitygroup')) this.#groupChanged(row);
    this.#since.clear();
    database.observe((change) => this.#changed(change));
  }

  checkpoint(): void {
    this.#checkpoints += 1;
  }

  /**
   * Records that no reader can be blamed for lacking: they came and went while fewer than two checkpoints went by (a
   * pass begins at a checkpoint, and may not have come to them before the next), and what hangs on such a record.
   */
  optional(): Set<string> {
    const all = new Set(this.#optional);
    for (const table of ['parts', 'operations']) {
      for (const [child, parent] of this.#parents) {
        if (child.startsWith(`${table}/`) && all.has(parent)) all.add(child);
      }
    }
    return all;
  }

  expected(): MesImage {
    const image = Object.fromEntries(tables.map((table) => [table, new Map<string, ImageRecord>()])) as MesImage;
    for (const [key, passes] of this.#known) {
      const [table, externalId] = split(key);
      if (passes) image[table].set(externalId, this.#recordOf(table, externalId));
      else if (table === 'cells') image.cells.set(externalId, { externalId, fields: { active: false } });
      else image[table].set(externalId, { externalId, fields: {}, onHold: true });
    }
    return image;
  }

  #rows(table: string): readonly Row[] {
    return this.#database.table(table).ordered();
  }

  #changed({ table, row, gone }: Change): void {
    if (table === 'transaction') this.#transactionChanged(row, gone);
    if (table === 'entitygroup') this.#groupChanged(row, gone);
    if (table === 'manufacturingoperationtask') this.#taskChanged(row, gone);
    if (table !== 'transactionline') return;
    const order = this.#database.table('transaction').get(Number(row['transaction']));
    if (order !== undefined) this.#transactionChanged(order);
  }

  #groupChanged(row: Row, gone?: true): void {
    if (row['ismanufacturingworkcenter'] === 'T') this.#track(`cells/${row.key}`, gone !== true);
  }

  #transactionChanged(row: Row, gone?: true): void {
    if (row['type'] === 'SalesOrd') this.#saleChanged(row, gone);
    if (row['type'] === 'WorkOrd') this.#orderChanged(row, gone);
  }

  #saleChanged(row: Row, gone?: true): void {
    const key = `jobs/${row.key}`;
    const wasKnown = this.#known.has(key);
    this.#track(key, isSold(row) && gone !== true);
    this.#trackOutlived(row);
    if (wasKnown || !this.#known.has(key)) return;
    for (const order of this.#ordersOf(row)) this.#orderChanged(order);
  }

  #orderChanged(row: Row, gone?: true): void {
    const sale = this.#saleOf(row);
    const before = this.#database.table('transaction').get(Number(this.#parents.get(`parts/${row.key}`)?.slice(5)));
    for (const one of [before, sale]) if (one?.['type'] === 'SalesOrd') this.#trackOutlived(one);
    const passes = isMade(row) && gone !== true;
    this.#track(`jobs/STOCK-${row.key}`, passes && sale === undefined);
    this.#trackChild(`parts/${row.key}`, passes, sale === undefined || this.#known.has(`jobs/${sale.key}`));
    if (gone !== true) this.#parents.set(`parts/${row.key}`, `jobs/${sale?.key ?? `STOCK-${row.key}`}`);
    for (const task of tasksOf({ database: this.#database }, row)) this.#taskChanged(task);
  }

  #taskChanged(row: Row, gone?: true): void {
    const order = this.#database.table('transaction').get(Number(row['workorder']));
    const passes = gone !== true && order !== undefined && isMade(order);
    this.#trackChild(`operations/${row.key}`, passes, this.#known.has(`parts/${row['workorder']}`));
    this.#parents.set(`operations/${row.key}`, `parts/${row['workorder']}`);
  }

  /** Notes when a record begins to pass, and when it ceases to. */
  #track(key: string, passes: boolean): void {
    const before = this.#known.get(key);
    if (before === passes || (before === undefined && !passes)) return;
    this.#known.set(key, passes);
    if (passes) {
      this.#since.set(key, this.#checkpoints);
      this.#optional.delete(key);
    } else if (this.#checkpoints - (this.#since.get(key) ?? -2) < 2) {
      this.#optional.add(key);
    }
  }

  /** What hangs on a sales order that was never approved waits, and if it goes meanwhile a reader may have it, on hold, or not. */
  #trackChild(key: string, passes: boolean, hasParent: boolean): void {
    this.#track(key, passes && hasParent);
    if (passes && !hasParent) this.#waiting.add(key);
    else if (this.#waiting.delete(key) && !passes) this.#optional.add(key);
  }

  /** A work order that outlives its sales order needs a job all the same: it is there, on hold, also where it was never told. */
  #trackOutlived(sale: Row): void {
    const key = `jobs/${sale.key}`;
    const outlived = hasStatus(sale, 'C') && this.#ordersOf(sale).some(isMade);
    const was = this.#outlived.get(key);
    if (outlived === (was !== undefined)) return;
    if (outlived) {
      const blameless = !this.#known.has(key) || this.#optional.delete(key);
      if (!this.#known.has(key)) this.#known.set(key, false);
      this.#outlived.set(key, { since: this.#checkpoints, blameless });
      return;
    }
    this.#outlived.delete(key);
    if (was?.blameless === true && this.#checkpoints - was.since < 2) this.#optional.add(key);
  }

  #ordersOf(sale: Row): Row[] {
    const lines = this.#database.table('transactionline').by('createdfrom', sale.key);
    const orders = this.#database.table('transaction');
    return lines
      .flatMap((line) => orders.get(Number(line['transaction'])) ?? [])
      .filter((one) => this.#saleOf(one)?.key === sale.key);
  }

  /** The sales order that a work order is made for; what was made from anything else is made to stock. */
  #saleOf(order: Row): Row | undefined {
    const source = mainLineOf({ database: this.#database }, order)?.['createdfrom'];
    const origin = this.#database.table('transaction').get(Number(source ?? 0));
    return origin?.['type'] === 'SalesOrd' ? origin : undefined;
  }

  #recordOf(table: Table, externalId: string): ImageRecord {
    const row = this.#database.table(storedAs(table)).get(Number(externalId.replace('STOCK-', '')));
    if (row === undefined) throw new Error(`The oracle lost ${table}/${externalId}.`);
    return { externalId, fields: this.#fieldsOf(table, row, externalId.startsWith('STOCK-')) };
  }

  #fieldsOf(table: Table, row: Row, stock: boolean): ImageRecord['fields'] {
    if (table === 'cells') return { name: cellName(row), active: row['isinactive'] === 'F' };
    if (table === 'parts') return this.#partOf(row);
    if (table === 'operations') return this.#operationOf(row);
    return stock ? this.#stockJobOf(row) : this.#jobOf(row);
  }

  #jobOf(row: Row): ImageRecord['fields'] {
    const customer = this.#database.table('customer').get(Number(row['entity'] ?? 0));
    return {
      job_number: numberOf(row),
      customer: customer?.['companyname'] ?? customer?.['entityid'] ?? null,
      due_date: this.#midnight(row['shipdate'] ?? row['duedate'] ?? null),
    };
  }

  #stockJobOf(row: Row): ImageRecord['fields'] {
    return { job_number: `STOCK-${numberOf(row)}`, customer: null, due_date: this.#midnight(row['duedate'] ?? null) };
  }

  #partOf(row: Row): ImageRecord['fields'] {
    const main = mainLineOf({ database: this.#database }, row);
    const item = this.#database.table('item').get(Number(main?.['item'] ?? 0));
    const material = String(item?.['itemid'] ?? 'Unknown');
    return {
      part_number: `${material}|${numberOf(row)}`,
      material,
      quantity: Math.max(1, Math.ceil(Number(main?.['quantity'] ?? 1))),
      job_external_id: String(this.#saleOf(row)?.key ?? `STOCK-${row.key}`),
    };
  }

  #operationOf(row: Row): ImageRecord['fields'] {
    const center = this.#database.table('entitygroup').get(Number(row['manufacturingworkcenter'] ?? 0));
    const minutes = Number(row['setuptime'] ?? 0) + Number(row['runrate'] ?? 0) * Number(row['inputquantity'] ?? 0);
    return {
      operation_name: String(row['title'] ?? row['operationsequence']),
      sequence: Number(row['operationsequence']),
      estimated_time_minutes: Math.floor(minutes + 0.5),
      planned_start: isoOf(row['startdatetime'] ?? null),
      planned_end: isoOf(row['enddate'] ?? null),
      part_external_id: String(row['workorder']),
      cell_name: center === undefined ? null : cellName(center),
    };
  }

  /** The instant at which a day begins where the connector is told that it does. */
  #midnight(day: Value): string | null {
    return day === null ? null : isoOf(instantOf(this.#zone, Date.parse(`${String(day)}T00:00:00Z`)));
  }
}

function split(key: string): [Table, string] {
  const [table = '', id = ''] = key.split('/');
  return [table as Table, id];
}

function storedAs(table: Table): string {
  if (table === 'cells') return 'entitygroup';
  return table === 'operations' ? 'manufacturingoperationtask' : 'transaction';
}

function numberOf(row: Row): string {
  return String(row['tranid'] ?? row.key);
}

function cellName(row: Row): string {
  return `${String(row['groupname'])} (${row.key})`;
}

function isoOf(ms: Value): string | null {
  return ms === null ? null : new Date(Number(ms)).toISOString();
}
