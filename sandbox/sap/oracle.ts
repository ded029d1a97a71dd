import { type ImageRecord, type MesImage, type Table, tables } from '../types.ts';
import type { Change, Database } from './database.ts';
import { localInstant } from './instant.ts';
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

/** What the ERP no longer shows but the MES has to keep, on hold, as it was last visible. */
interface Kept {
  vanished: Map<string, Operation>;
  relinked: Map<string, ProductionOrder>;
}

/** What the MES has to hold, by the tables of docs/connectors/sap.md and by nothing else. */
export class Oracle {
  readonly #database: Database;
  readonly #zones: Zones;
  readonly #kept: Kept = { vanished: new Map(), relinked: new Map() };
  /** Checkpoints there were when a record got its present form; records of the initial state are not listed. */
  readonly #since = new Map<string, number>();
  readonly #optional = new Set<string>();
  #checkpoints = 0;

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

  expected(): MesImage {
    const image = Object.fromEntries(tables.map((table) => [table, new Map<string, ImageRecord>()])) as MesImage;
    const put = (table: Table, record: ImageRecord): void => void image[table].set(record.externalId, record);
    for (const row of this.#database.table('workCenters').rows()) put('cells', cellOf(row));
    for (const row of this.#database.table('equipment').rows()) {
      if (row.ValidityEndDate === endOfTime) put('resources', resourceOf(row));
    }
    for (const row of this.#database.table('salesOrders').rows()) put('jobs', this.#jobOf(row));
    for (const row of this.#kept.relinked.values()) put('jobs', { ...this.#stockJobOf(row), onHold: true });
    for (const row of this.#database.table('productionOrders').rows()) {
      if (isMakeToStock(row)) put('jobs', this.#stockJobOf(row));
      put('parts', partOf(row));
    }
    const operation = (row: Operation): ImageRecord => this.#operationOf(row, image.cells);
    for (const row of this.#kept.vanished.values()) put('operations', { ...operation(row), onHold: true });
    for (const row of this.#database.table('operations').rows()) put('operations', operation(row));
    return image;
  }

  #changed(change: Change, before: Row | undefined): void {
    if (change.table === 'operations') this.#operationChanged(change);
    if (change.table === 'productionOrders') this.#orderChanged(change.row, before as ProductionOrder | undefined);
  }

  #operationChanged({ row, gone }: Extract<Change, { table: 'operations' }>): void {
    const id = operationId(row);
    if (gone === true) {
      this.#kept.vanished.set(id, row);
      this.#superseded(`operations/${id}`);
      return;
    }
    this.#kept.vanished.delete(id);
    this.#appeared(`operations/${id}`);
  }

  #orderChanged(row: ProductionOrder, before: ProductionOrder | undefined): void {
    const id = `jobs/${stockId(row)}`;
    if (isMakeToStock(row)) {
      if (before?.MfgOrderScheduledEndDate !== row.MfgOrderScheduledEndDate) this.#appeared(id);
    } else if (before !== undefined && isMakeToStock(before)) {
      this.#kept.relinked.set(id, before);
      this.#superseded(id);
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

function isCancelled(row: ProductionOrder): boolean {
  return row.OrderIsMarkedForDeletion || row.OrderIsDeleted;
}

function stockId(row: ProductionOrder): string {
  return `STOCK-${strip(row.ManufacturingOrder)}`;
}

function operationId(row: Operation): string {
  const { ManufacturingOrder, ManufacturingOrderSequence, ManufacturingOrderOperation } = row;
  const main = `${strip(ManufacturingOrder)}-${strip(ManufacturingOrderSequence)}-${ManufacturingOrderOperation}`;
  return row.ManufacturingOrderSubOperation === '' ? main : `${main}-${row.ManufacturingOrderSubOperation}`;
}

function cellOf(row: WorkCenter): ImageRecord {
  const externalId = `${row.Plant}-${row.WorkCenter}`;
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
