import { type ImageRecord, type MesImage, type Table, tables } from '../types.ts';
import type { Change, Database, Row } from './database.ts';
import { isoOf } from './instant.ts';
import { displayName } from './values.ts';

/** What the MES has to hold, by the tables of docs/connectors/odoo.md and by nothing else. */
export class Oracle {
  readonly #database: Database;
  /** `table/externalId` of all that was ever to be told; true while it still is. */
  readonly #known = new Map<string, boolean>();
  /** Checkpoints there were when a record began to pass; records of the initial state are not listed. */
  readonly #since = new Map<string, number>();
  readonly #optional = new Set<string>();
  /** External ids of parents, the last known: part -> job, operation -> part. */
  readonly #parents = new Map<string, string>();
  #checkpoints = 0;

  constructor(database: Database) {
    this.#database = database;
    for (const row of database.table('sale.order').ordered()) this.#saleChanged(row);
    for (const row of database.table('mrp.production').ordered()) this.#productionChanged(row);
    for (const row of database.table('maintenance.equipment').ordered()) this.#track(`resources/${row.id}`, true);
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
    for (const row of this.#seen('mrp.workcenter')) image.cells.set(String(row.id), cellOf(row));
    for (const row of this.#rows('maintenance.equipment')) {
      image.resources.set(String(row.id), this.#resourceOf(row));
    }
    for (const [key, passes] of this.#known) {
      const [table, externalId] = split(key);
      if (table === 'resources') {
        if (!passes) image.resources.set(externalId, { externalId, fields: { active: false } });
      } else if (!passes) image[table].set(externalId, { externalId, fields: {}, onHold: true });
      else image[table].set(externalId, this.#recordOf(table, externalId));
    }
    return image;
  }

  #rows(model: string): readonly Row[] {
    return this.#database.table(model).ordered();
  }

  /** Company 3 is not the account's. */
  #seen(model: string): Row[] {
    return this.#rows(model).filter((row) => row['company_id'] !== 3);
  }

  #changed({ model, row, gone }: Change): void {
    if (model === 'sale.order') this.#saleChanged(row, gone);
    if (model === 'mrp.production') this.#productionChanged(row, gone);
    if (model === 'mrp.workorder') this.#workOrderChanged(row, gone);
    if (model === 'maintenance.equipment') this.#track(`resources/${row.id}`, gone !== true);
    if (model !== 'stock.move') return;
    const production = this.#database.table('mrp.production').get(row['created_production_id'] as number);
    if (production !== undefined) this.#productionChanged(production);
  }

  #saleChanged(row: Row, gone?: true): void {
    this.#track(`jobs/${row.id}`, row['state'] === 'sale' && gone !== true);
  }

  #productionChanged(row: Row, gone?: true): void {
    const passes = gone !== true && isMade(row);
    const job = this.#jobOf(row);
    this.#track(`jobs/STOCK-${row.id}`, passes && job === undefined);
    this.#track(`parts/${row.id}`, passes);
    if (gone !== true) this.#parents.set(`parts/${row.id}`, `jobs/${job?.id ?? `STOCK-${row.id}`}`);
    for (const child of this.#database.table('mrp.workorder').by('production_id', row.id))
      this.#workOrderChanged(child);
  }

  #workOrderChanged(row: Row, gone?: true): void {
    const production = this.#database.table('mrp.production').get(row['production_id'] as number);
    const passes = gone !== true && row['state'] !== 'cancel' && production !== undefined && isMade(production);
    this.#track(`operations/${row.id}`, passes);
    this.#parents.set(`operations/${row.id}`, `parts/${row['production_id']}`);
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

  /** The sales order that a manufacturing order is made for: by its move, by its own line, by its origin. */
  #jobOf(row: Row): Row | undefined {
    const sales = this.#database.table('sale.order');
    const lines = this.#database.table('sale.order.line');
    if (!this.#database.models.has('sale.order')) return undefined;
    const moves = this.#database.table('stock.move').by('created_production_id', row.id);
    const linked = [...moves.map((move) => move['sale_line_id']), row['sale_line_id']];
    for (const line of linked) {
      const order = typeof line === 'number' ? lines.get(line)?.['order_id'] : undefined;
      if (typeof order === 'number') return sales.get(order);
    }
    const origin = row['origin'] ?? null;
    const named = origin === null ? [] : sales.by('name', origin);
    return named.find((sale) => sale['company_id'] === row['company_id']);
  }

  #recordOf(table: Table, externalId: string): ImageRecord {
    const id = Number(externalId.replace('STOCK-', ''));
    const row = this.#database.table(modelOf(table, externalId)).get(id);
    if (row === undefined) throw new Error(`The oracle lost ${table}/${externalId}.`);
    if (table === 'parts') return this.#partOf(row);
    if (table === 'operations') return this.#operationOf(row);
    return externalId === String(id) ? this.#saleOf(row) : stockJobOf(row);
  }

  #saleOf(row: Row): ImageRecord {
    const partner = { model: 'res.partner', database: this.#database };
    const fields = {
      job_number: String(row['name']),
      customer: displayName(row['partner_id'] as number, partner),
      due_date: isoOf(row['commitment_date'] as string | null),
    };
    return { externalId: String(row.id), fields };
  }

  #partOf(row: Row): ImageRecord {
    const product = this.#database.table('product.product').get(row['product_id'] as number);
    const material = String(product?.['default_code'] ?? product?.['name']);
    const job = this.#jobOf(row);
    const fields = {
      part_number: `${material}|${row['name']}`,
      material,
      quantity: Math.max(1, Math.ceil(Number(row['product_qty']))),
      job_external_id: job === undefined ? `STOCK-${row.id}` : String(job.id),
    };
    return { externalId: String(row.id), fields };
  }

  #operationOf(row: Row): ImageRecord {
    const siblings = this.#database.table('mrp.workorder').by('production_id', row['production_id'] ?? null);
    const sorted = this.#database.field('mrp.workorder', 'sequence') !== undefined;
    const ahead = siblings.filter((other) => comesBefore(other, row, sorted)).length;
    const center = this.#database.table('mrp.workcenter').get(row['workcenter_id'] as number);
    const fields = {
      operation_name: String(row['name']),
      sequence: 10 * (ahead + 1),
      estimated_time_minutes: Math.floor(Number(row['duration_expected']) + 0.5),
      planned_start: isoOf(row['date_start'] as string | null),
      planned_end: isoOf(row['date_finished'] as string | null),
      part_external_id: String(row['production_id']),
      cell_name: center === undefined ? null : cellName(center),
    };
    return { externalId: String(row.id), fields };
  }

  #resourceOf(row: Row): ImageRecord {
    const place = row['location_id'];
    const older = this.#database.field('maintenance.equipment', 'location') !== undefined;
    const named =
      typeof place === 'number' ? displayName(place, { model: 'stock.location', database: this.#database }) : null;
    const fields = {
      name: `${row['name']} (${row.id})`,
      type: 'equipment',
      identifier: (row['serial_no'] ?? null) as string | null,
      location: older ? ((row['location'] ?? null) as string | null) : named,
      active: row['active'] === true && row['scrap_date'] === null,
    };
    return { externalId: String(row.id), fields };
  }
}

function split(key: string): [Table, string] {
  const [table = '', id = ''] = key.split('/');
  return [table as Table, id];
}

function modelOf(table: Table, externalId: string): string {
  if (table === 'operations') return 'mrp.workorder';
  return table === 'parts' || externalId.startsWith('STOCK-') ? 'mrp.production' : 'sale.order';
}

/** Confirmed and not cancelled. */
export function isMade(row: Row): boolean {
  return row['state'] !== 'draft' && row['state'] !== 'cancel';
}

function comesBefore(one: Row, other: Row, sorted: boolean): boolean {
  const [left, right] = [Number(one['sequence']), Number(other['sequence'])];
  return sorted && left !== right ? left < right : one.id < other.id;
}

function cellName(row: Row): string {
  return `${row['name']} (${row.id})`;
}

function cellOf(row: Row): ImageRecord {
  return { externalId: String(row.id), fields: { name: cellName(row), active: row['active'] === true } };
}

function stockJobOf(row: Row): ImageRecord {
  const due = (row['date_deadline'] ?? row['date_finished'] ?? null) as string | null;
  const fields = { job_number: `STOCK-${row['name']}`, customer: null, due_date: isoOf(due) };
  return { externalId: `STOCK-${row.id}`, fields };
}
