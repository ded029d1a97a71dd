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

/** One text for a record among those of one source. */
export function recordKey({ entity, externalId }: RecordRef): string {
  return `${entity}/${externalId}`;
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
