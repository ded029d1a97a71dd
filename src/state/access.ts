import { accessSync, closeSync, constants, fchownSync, fstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../core/errors.ts';
import { isDenied, systemCode } from './failure.ts';
import { ledgerFileName } from './ledger.ts';
import { watermarkFileName } from './watermark-file.ts';

const { R_OK, W_OK, X_OK, O_RDONLY, O_NOFOLLOW } = constants;

const database = [ledgerFileName, `${ledgerFileName}-wal`, `${ledgerFileName}-shm`, 'lock.db'];
const watermarks = ['', '.1', '.2', '.3'].map((generation) => watermarkFileName + generation);

/** Throws ConfigError where this user may not replace a state that is there. */
export function requireReplaceable(directory: string): void {
  requireRights(directory, R_OK | W_OK | X_OK);
  requireRights(join(directory, 'lock.db'), R_OK | W_OK);
}

/** Throws ConfigError where this user may not use a state that is there: no later try mends that. */
export function requireAccess(directory: string): void {
  requireReplaceable(directory);
  for (const name of database) requireRights(join(directory, name), R_OK | W_OK);
  // It is never written to, but replaced.
  requireRights(join(directory, watermarkFileName), R_OK);
}

function requireRights(path: string, rights: number): void {
  try {
    accessSync(path, rights);
  } catch (error) {
    // Whatever else is wrong shows when it is used.
    if (!isDenied(error)) return;
    const advice =
      'Run this as the user that the daemon runs as, or give that user the state directory with all that is in it.';
    throw new ConfigError(`The state cannot be used: ${messageOf(error)}. ${advice}`, { cause: error });
  }
}

/**
 * What root has written into the directory of another user becomes that user's: the daemon could not go on otherwise. Call it once the lock is released: closing any
 * descriptor of the lock's file would end the lock.
 */
export function giveToOwner(directory: string): void {
  if (process.geteuid?.() !== 0) return;
  const owner = statSync(directory, { throwIfNoEntry: false });
  if (owner === undefined || owner.uid === 0) return;
  for (const name of [...database, ...watermarks]) give(join(directory, name), owner);
}

/** By its descriptor: under the name something else may stand by then. */
function give(path: string, { uid, gid }: { uid: number; gid: number }): void {
  let file: number | undefined;
  try {
    file = openSync(path, O_RDONLY | O_NOFOLLOW);
    const found = fstatSync(file);
    // A second name may be that of somebody else's file.
    if (found.isFile() && found.uid === 0 && found.nlink === 1) fchownSync(file, uid, gid);
  } catch (error) {
    // As without root: what the daemon cannot use it says itself.
    if (systemCode(error) === undefined) throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
