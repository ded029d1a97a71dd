import { localInstant } from '../local-time.ts';
import { type ImageRecord, type MesImage, type Table, tables } from '../types.ts';
import type { Change, Database } from './database.ts';
import { estimatedMinutes } from './minutes.ts';
import {
  type Equipment,
  endOfTime,
  isMakeToStock,
  type Operation,
  type ProductionOrder,
  type Row,
  type SalesOrder,
  strip,
  type WorkCenter,
} from './model.ts';

/** The zones the connector is configured with. */
export interface Zones {
  timeZone: string;
  plantTimeZones: Record<string, string>;
}

/** A row that the ERP no longer shows, as it was last visible. */
interface Last<R extends Row> {
  row: R;
  /** Its business was closed and archived: that cancels nothing. */
  archived: boolean;
}

/** What the ERP no longer shows but the MES has to keep, by external id: on hold or inactive, but for what was archived. */
interface Kept {
  cells: Map<string, Last<WorkCenter>>;
  resources: Map<string, Last<Equipment>>;
  jobs: Map<string, Last<SalesOrder>>;
  /** STOCK jobs of orders that went, or that got a sales order. */
  stock: Map<string, Last<ProductionOrder>>;
  parts: Map<string, Last<ProductionOrder>>;
  operations: Map<string, Last<Operation>>;
}

/** What the MES has to hold, by the tables of docs/connectors/sap.md and by nothing else. */
export class Oracle {
  readonly #database: Database;
  readonly #zones: Zones;
  readonly #kept: Kept = {
    cells: new Map(),
    resources: new Map(),
    jobs: new Map(),
    stock: new Map(),
    parts: new Map(),
    operations: new Map(),
  };
  /** Checkpoints there were when a record got its present form; records of the initial state are not listed. */
  readonly #since = new Map<string, number>();
  readonly #optional = new Set<string>();
  #checkpoints = 0;
  #unmoved = false;

  constructor(database: Database, zones: Zones) {
    this.#database = database;
    this.#zones = zones;
    database.observe((change, before) => this.#changed(change, before));
  }

  checkpoint(): void {
    this.#checkpoints += 1;
  }

  /**
   * Records that no reader can be blamed for lacking, or for holding with older values: they reached their last form
   * and were superseded while fewer than two checkpoints went by. Two, not one: a pass begins at a checkpoint, and
   * what is superseded before the next one may go while that pass has not come to it yet.
   */
  optional(): Set<string> {
    return new Set(this.#optional);
  }

  /** Whether the ERP shows that record no more. */
  isGone(table: Table, id: string): boolean {
    return this.#kept[table].has(id) || (table === 'jobs' && this.#kept.stock.has(id));
  }

  /** An order has changed and its stamp, of whole seconds, has not: it takes a look at its operations to tell which went. */
  unmoved(): boolean {
    return this.#unmoved;
  }

  /** What the MES holds once everything was read, and read often enough to tell what vanished from what was missed. */
  expected(): MesImage {
    const image = Object.fromEntries(tables.map((table) => [table, new Map<string, ImageRecord>()])) as MesImage;
    const put = (table: Table, record: ImageRecord): void => void image[table].set(record.externalId, record);
    for (const { row } of this.#kept.cells.values()) put('cells', inactive(cellOf(row)));
    for (const row of this.#database.table('workCenters').rows()) put('cells', cellOf(row));
    for (const { row } of this.#kept.resources.values()) put('resources', inactive(resourceOf(row)));
    for (const row of this.#database.table('equipment').rows()) {
      if (row.ValidityEndDate === endOfTime) put('resources', resourceOf(row));
    }
    for (const { row, archived } of this.#kept.jobs.values()) put('jobs', onHoldIf(!archived, this.#jobOf(row)));
    for (const row of this.#database.table('salesOrders').rows()) put('jobs', this.#jobOf(row));
    for (const { row, archived } of this.#kept.stock.values()) put('jobs', onHoldIf(!archived, this.#stockJobOf(row)));
    for (const { row, archived } of this.#kept.parts.values()) put('parts', onHoldIf(!archived, partOf(row)));
    for (const row of this.#database.table('productionOrders').rows()) {
      if (isMakeToStock(row)) put('jobs', this.#stockJobOf(row));
      put('parts', partOf(row));
    }
    const operation = (row: Operation): ImageRecord => this.#operationOf(row, image.cells);
    for (const { row, archived } of this.#kept.operations.values())
      put('operations', onHoldIf(!archived, operation(row)));
    for (const row of this.#database.table('operations').rows()) put('operations', operation(row));
    return image;
  }

  #changed(change: Change, before: Row | undefined): void {
    if (change.table === 'workCenters') this.#follow({ table: 'cells', id: cellId(change.row) }, change);
    if (change.table === 'salesOrders') this.#follow({ table: 'jobs', id: strip(change.row.SalesOrder) }, change);
    if (change.table === 'operations') this.#follow({ table: 'operations', id: operationId(change.row) }, change);
    if (change.table === 'equipment' && change.row.ValidityEndDate === endOfTime) {
      this.#follow({ table: 'resources', id: strip(change.row.Equipment) }, change);
    }
    if (change.table === 'productionOrders') {
      this.#unmoved ||= change.gone !== true && before?.['LastChangeDateTime'] === change.row.LastChangeDateTime;
      this.#follow({ table: 'parts', id: strip(change.row.ManufacturingOrder) }, change);
      this.#stockJobChanged(change, before as ProductionOrder | undefined);
    }
  }

  #follow({ table, id }: { table: Table; id: string }, { row, gone, archived }: Change): void {
    const kept = this.#kept[table] as Map<string, Last<Row>>;
    if (gone === true) {
      kept.set(id, { row, archived: archived === true });
      this.#superseded(`${table}/${id}`);
    } else {
      kept.delete(id);
      this.#appeared(`${table}/${id}`);
    }
  }

  #stockJobChanged(change: Extract<Change, { table: 'productionOrders' }>, before: ProductionOrder | undefined): void {
    const { row, gone, archived } = change;
    const id = stockId(row);
    if (gone === true) {
      if (!isMakeToStock(row)) return;
      this.#kept.stock.set(id, { row, archived: archived === true });
      this.#superseded(`jobs/${id}`);
    } else if (isMakeToStock(row)) {
      this.#kept.stock.delete(id);
      if (before === undefined || stockForm(before) !== stockForm(row)) this.#appeared(`jobs/${id}`);
    } else if (before !== undefined && isMakeToStock(before)) {
      this.#kept.stock.set(id, { row: before, archived: false });
      this.#superseded(`jobs/${id}`);
    }
  }

  #appeared(id: string): void {
    this.#since.set(id, this.#checkpoints);
    this.#optional.delete(id);
  }

  #superseded(id: string): void {
    if (this.#checkpoints - (this.#since.get(id) ?? 0) < 2) this.#optional.add(id);
  }

  #zoneOf(plant: string): string {
    return this.#zones.plantTimeZones[plant] ?? this.#zones.timeZone;
  }

  #jobOf(row: SalesOrder): ImageRecord {
    const externalId = strip(row.SalesOrder);
    const customer = row.SoldToParty === '' ? null : strip(row.SoldToParty);
    const due_date = instantOf(this.#zones.timeZone, row.RequestedDeliveryDate, '00:00:00');
    const fields = { job_number: externalId, customer, due_date };
    return onHoldIf(row.OverallSDDocumentRejectionSts === 'C', { externalId, fields });
  }

  #stockJobOf(row: ProductionOrder): ImageRecord {
    const externalId = stockId(row);
    const due_date = instantOf(this.#zoneOf(row.ProductionPlant), row.MfgOrderScheduledEndDate, '00:00:00');
    return onHoldIf(isCancelled(row), { externalId, fields: { job_number: externalId, customer: null, due_date } });
  }

  #operationOf(row: Operation, cells: Map<string, ImageRecord>): ImageRecord {
    const zone = this.#zoneOf(row.ProductionPlant);
    const number = row.ManufacturingOrderOperation;
    const fields = {
      operation_name: row.MfgOrderOperationText === '' ? number : row.MfgOrderOperationText,
      sequence: Number(row.ManufacturingOrderSequence) * 10_000 + Number(number),
      estimated_time_minutes: estimatedMinutes(row),
      planned_start: instantOf(zone, row.OpErlstSchedldExecStrtDte, row.OpErlstSchedldExecStrtTme),
      planned_end: instantOf(zone, row.OpErlstSchedldExecEndDte, row.OpErlstSchedldExecEndTme),
      part_external_id: strip(row.ManufacturingOrder),
      cell_name: cells.get(`${row.ProductionPlant}-${row.WorkCenter}`)?.fields['name'] ?? null,
    };
    return onHoldIf(row.OperationIsDeleted, { externalId: operationId(row), fields });
  }
}

function instantOf(zone: string, date: string | null, time: string): string | null {
  return date === null ? null : localInstant(zone, date, time);
}

function onHoldIf(cancelled: boolean, record: ImageRecord): ImageRecord {
  return cancelled ? { ...record, onHold: true } : record;
}

function inactive(record: ImageRecord): ImageRecord {
  return { ...record, fields: { ...record.fields, active: false } };
}

function isCancelled(row: ProductionOrder): boolean {
  return row.OrderIsMarkedForDeletion || row.OrderIsDeleted;
}

function stockId(row: ProductionOrder): string {
  return `STOCK-${strip(row.ManufacturingOrder)}`;
}

/** All that decides what the STOCK job of an order looks like, and whether it is open. */
function stockForm(row: ProductionOrder): string {
  const { MfgOrderScheduledEndDate, OrderIsTechnicallyCompleted, OrderIsClosed } = row;
  return `${MfgOrderScheduledEndDate} ${OrderIsTechnicallyCompleted || OrderIsClosed}`;
}

function cellId(row: WorkCenter): string {
  return `${row.Plant}-${row.WorkCenter}`;
}

function operationId(row: Operation): string {
  const { ManufacturingOrder, ManufacturingOrderSequence, ManufacturingOrderOperation } = row;
  const main = `${strip(ManufacturingOrder)}-${strip(ManufacturingOrderSequence)}-${ManufacturingOrderOperation}`;
  return row.ManufacturingOrderSubOperation === '' ? main : `${main}-${row.ManufacturingOrderSubOperation}`;
}

function cellOf(row: WorkCenter): ImageRecord {
  const externalId = cellId(row);
  const name = `${externalId} ${row.WorkCenterDesc}`.trim();
  return { externalId, fields: { name, active: !row.WorkCenterIsToBeDeleted } };
}

function resourceOf(row: Equipment): ImageRecord {
  const externalId = strip(row.Equipment);
  const fields = {
    name: `${externalId} ${row.EquipmentName}`.trim(),
    type: row.EquipmentCategory === 'P' ? 'tooling' : 'equipment',
    identifier: row.ManufacturerSerialNumber === '' ? null : row.ManufacturerSerialNumber,
    location: row.AssetLocation === '' ? null : row.AssetLocation,
    active: !row.EquipmentIsMarkedForDeletion,
  };
  return { externalId, fields };
}

function partOf(row: ProductionOrder): ImageRecord {
  const externalId = strip(row.ManufacturingOrder);
  const material = strip(row.Material);
  const fields = {
    part_number: `${material}|${externalId}`,
    material: material === '' ? 'Unknown' : material,
    quantity: Math.max(1, Math.ceil(row.TotalQuantity)),
    job_external_id: isMakeToStock(row) ? stockId(row) : strip(row.SalesOrder),
  };
  return onHoldIf(isCancelled(row), { externalId, fields });
}
