import { DamagedStateError } from './failure.ts';
import { type Ledger, ledgerFileName } from './ledger.ts';
import { type WatermarkFile, type Watermarks, watermarkFileName } from './watermark-file.ts';

/** All that makes a state; the database's shared-memory file is rebuilt by itself. */
export const stateFiles = [watermarkFileName, ledgerFileName, `${ledgerFileName}-wal`];

/** Its presence in a state directory means that a restore was cut off and the rest may be half of each state. */
export const restoringName = 'restoring';

/**
 * Throws ConfigError unless file and ledger belong together. The ledger is written first and may be ahead; a file ahead of it
 * would take records for delivered that this ledger never saw.
 */
export function requirePair(directory: string, watermarks: Watermarks, meta: Ledger['meta']): void {
  if (watermarks.stateId !== meta.stateId) {
    throw new DamagedStateError(`The watermarks and the ledger in ${directory} come from different states`);
  }
  const behind = watermarks.sequence - meta.sequence();
  if (behind > 0) {
    throw new DamagedStateError(
      `The ledger in ${directory} is ${behind} changes older than the watermarks, as from an older backup`,
    );
  }
}

/** As requirePair, for a directory in which the first start may have been cut off between the ledger and the file. */
export function requireStartable(directory: string, file: WatermarkFile, meta: Ledger['meta']): void {
  if (file.exists()) requirePair(directory, file.current(), meta);
  else if (meta.sequence() > 0)
    throw new DamagedStateError(`The watermarks in ${directory} are missing, the ledger is there`);
}

/** Set in the ledger of a backup that is put in place. */
const restoredNote = 'restored';

export function noteRestore(meta: Ledger['meta']): void {
  meta.writeNote(restoredNote, true);
}

export function isRestored({ meta }: Pick<Ledger, 'meta'>): boolean {
  return meta.readNote(restoredNote) === true;
}

/** The MES may hold records of which this ledger has never known: created after the backup that it comes from. */
export function wasRestored({ meta }: Pick<Ledger, 'meta'>): boolean {
  return meta.readNote(restoredNote) !== undefined;
}

/**
 * What the MES has got, or lost, since the backup was made is not in it: everything counts as to be sent again, and absences
 * noted before no longer count as a first sighting. Inside `change`.
 */
export function doubtAfterRestore(ledger: Pick<Ledger, 'meta' | 'records' | 'creates' | 'sweeps'>): void {
  if (!isRestored(ledger)) return;
  ledger.records.resendAll();
  ledger.creates.doubtAll();
  ledger.sweeps.forgetAbsences();
  ledger.meta.writeNote(restoredNote, false);
}
