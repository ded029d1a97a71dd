import { type Entity, type LedgerEntry, type MesRecord, type RecordRef, unknownContent } from './types.ts';

const fieldOf: Readonly<Record<Entity, string | null>> = {
  cell: 'name',
  resource: null,
  job: 'job_number',
  part: 'part_number',
  operation: null,
};

/** What children are tied by where the MES wants a name: the cell's name, the job's number, the part's number; null for others. */
export function businessKeyOf({ entity, fields }: Pick<MesRecord, 'entity' | 'fields'>): string | null {
  const field = fieldOf[entity];
  const value = field === null ? null : fields[field];
  return value === null || value === undefined ? null : String(value);
}

export function refOf({ entity, externalId }: RecordRef): RecordRef {
  return { entity, externalId };
}

/** One text for a record among those of one source. */
export function recordKey({ entity, externalId }: RecordRef): string {
  return `${entity}/${externalId}`;
}

/** What a record waits for until the MES can take records of its kind: itself. */
export function waitingForMes(record: RecordRef): RecordRef {
  return refOf(record);
}

export function isWaitingForMes(record: RecordRef, waitsFor: RecordRef): boolean {
  return recordKey(waitsFor) === recordKey(record);
}

/** What a new job waits for until the end of its cycle, when all that belongs to it is known: an operation, which is no job's parent. */
export function waitingForCycleEnd({ externalId }: RecordRef): RecordRef {
  return { entity: 'operation', externalId };
}

export function isWaitingForCycleEnd({ entity }: RecordRef, waitsFor: RecordRef): boolean {
  return entity === 'job' && waitsFor.entity === 'operation';
}

/** The ledger says that the MES has it: also after its sync hash was forgotten, the MES's own id stays. */
export function isHeld(entry: LedgerEntry | undefined): boolean {
  return mayBeHeld(entry) && (entry?.hash !== unknownContent || entry.mesId !== null);
}

/** As `isHeld`, or the MES may have it from a request whose answer never came. */
export function mayBeHeld(entry: LedgerEntry | undefined): boolean {
  return entry !== undefined && (entry.hash !== null || entry.mesId !== null);
}

/** What names it may be tied to this record: the MES has it, and has not lost it since. */
export function isThere(entry: LedgerEntry | undefined): boolean {
  return entry?.hash != null && isHeld(entry);
}
