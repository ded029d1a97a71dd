import { join } from 'node:path';
import { BusyError, ConfigError, messageOf } from '../core/errors.ts';
import { type Database, type OpenDatabase, openDatabase } from './database.ts';
import { isDamage, stateFailure } from './failure.ts';

/** Held by the one process that may change a state directory. */
export interface StateLock {
  release(): void;
}

const busyCode = 5;

/** A connection that nothing refers to is collected, and its lock with it, without a word. */
const locked = new Set<Database>();

/**
 * Takes the lock of a state directory, or throws BusyError within two seconds. It is a lock of the kernel on a file, held
 * through SQLite: gone with the process however that ends, so there is no stale lock to clean up and no process id to trust.
 */
export function lockState(directory: string, open: OpenDatabase = openDatabase): StateLock {
  const database = open(join(directory, 'lock.db'), { readOnly: false });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) throw new BusyError(busyText(directory), { cause: error });
    if (!isDamage(error)) throw stateFailure(error, directory);
    const text = `${join(directory, 'lock.db')} cannot be locked: ${messageOf(error)}. It holds nothing: delete it while no daemon runs.`;
    throw new ConfigError(text, { cause: error });
  }
  locked.add(database);
  return {
    release() {
      if (locked.delete(database)) database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && (error as { errcode?: number }).errcode === busyCode;
}

function busyText(directory: string): string {
  return `The state in ${directory} is in use by another erp-puller. Stop it first, or give this one a directory of its own.`;
}
