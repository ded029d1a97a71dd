import { accessSync, constants, lchownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../core/errors.ts';
import { systemCode } from './failure.ts';

const ours = /^(watermarks\.json|ledger\.db|lock\.db|replaced-)/;

/** Throws ConfigError where this user may not read and write a state that is there: no later try mends that. */
export function requireAccess(directory: string): void {
  const { R_OK, W_OK, X_OK } = constants;
  try {
    accessSync(directory, R_OK | W_OK | X_OK);
    for (const name of readdirSync(directory).filter((each) => ours.test(each))) {
      accessSync(join(directory, name), R_OK | W_OK);
    }
  } catch (error) {
    // Another process may just have removed a file.
    if (systemCode(error) === 'ENOENT') return;
    const advice =
      'Run this as the user that the daemon runs as, or give that user the directory with all that is in it.';
    throw new ConfigError(`The state in ${directory} cannot be used: ${messageOf(error)}. ${advice}`, { cause: error });
  }
}

/** What root has written into the directory of another user becomes that user's: the daemon could not go on otherwise. */
export function giveToOwner(directory: string): void {
  if (process.geteuid?.() !== 0) return;
  try {
    const { uid, gid } = statSync(directory);
    if (uid !== 0) giveAll(directory, { uid, gid });
  } catch {
    // As without root: the daemon says what it cannot use.
  }
}

function giveAll(directory: string, owner: { uid: number; gid: number }): void {
  for (const name of readdirSync(directory).filter((each) => ours.test(each))) {
    const path = join(directory, name);
    const found = lstatSync(path);
    // A second name may be somebody else's file.
    if (found.uid !== 0 || (found.isFile() && found.nlink > 1)) continue;
    lchownSync(path, owner.uid, owner.gid);
    if (found.isDirectory()) giveAll(path, owner);
  }
}
