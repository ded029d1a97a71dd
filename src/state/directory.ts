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
      `The directory ${directory} cannot be created: ${messageOf(error)}. Name another one, or create it for the user that erp-puller runs as.`,
      { cause: error },
    );
  }
}

/** Throws ConfigError for what is there and can never be a directory. */
export function requireDirectory(directory: string): void {
  const flaw = flawOf(directory);
  if (flaw === undefined) return;
  throw new ConfigError(`${directory} is ${flaw}. Name another one (state.directory in the config file).`);
}

function flawOf(directory: string): string | undefined {
  try {
    return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === false ? 'not a directory' : undefined;
  } catch (error) {
    // What else may be wrong is for its first use to tell.
    return systemCode(error) === 'ELOOP' ? 'a circle of symbolic links' : undefined;
  }
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
