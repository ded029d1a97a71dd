import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError, messageOf } from '../core/errors.ts';
import { systemCode } from './failure.ts';

/** What no later try mends: the place cannot hold a directory, or not one of ours. */
const hopeless = new Set(['ENOENT', 'ENOTDIR', 'EEXIST', 'EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG']);

/**
 * Creates a directory with those above it, for its owner only; one that is there stays as it is. Throws ConfigError where none can be.
 * Level by level, because Node's own recursive form never ends below a place like /proc, which says of every new name that it does not exist.
 */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await makeLevels(directory);
  } catch (error) {
    if (!hopeless.has(systemCode(error) ?? '')) throw error;
    throw new ConfigError(
      `The directory ${directory} cannot be created: ${messageOf(error)}. Name another one (state.directory in the config file), or create it for the user that erp-puller runs as.`,
      { cause: error },
    );
  }
}

/** Throws ConfigError for what is there and no directory. */
export function requireDirectory(directory: string): void {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return;
  throw new ConfigError(`${directory} is not a directory. Name another one (state.directory in the config file).`);
}

async function makeLevels(directory: string): Promise<void> {
  const create = () => mkdir(directory, { mode: 0o700 });
  try {
    await create();
  } catch (error) {
    if (isDirectory(directory)) return;
    const parent = dirname(directory);
    if (systemCode(error) !== 'ENOENT' || parent === directory || isDirectory(parent)) throw error;
    await makeLevels(parent);
    await create();
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
