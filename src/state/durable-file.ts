import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from './failure.ts';

// Only what waits for the disk is asynchronous: the rest ends in the system's cache, and a trip through the thread pool
// costs more than the call itself.
const flush = promisify(fsync);

/** Previous contents kept beside a file as `<file>.1` (the latest) to `<file>.3`. */
const generations = [1, 2, 3] as const;
const temporary = '.tmp';

/**
 * Replaces a file so that a power cut at any moment leaves the old or the new content under its name, never neither: the
 * new content is on the disk before it gets the name, and the name is on the disk before this resolves.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temp = `${path}.${randomUUID()}${temporary}`;
  try {
    await writeSynced(temp, text);
    keepPrevious(path);
    renameSync(temp, path);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  }
  await syncPath(dirname(path));
}

/** Proves that the directory takes new bytes: an overwritten page of a database may still fit on a full disk. */
export async function probeDirectory(directory: string): Promise<void> {
  const path = join(directory, `probe.${randomUUID()}${temporary}`);
  try {
    await writeSynced(path, 'erp-puller\n');
  } finally {
    rmSync(path, { force: true });
  }
}

/** Makes the content of a file, or the names in a directory, survive a power cut. */
export async function syncPath(path: string): Promise<void> {
  const file = openSync(path, 'r');
  try {
    await flush(file);
  } finally {
    closeSync(file);
  }
}

/** Removes what a crash left half written. Only the holder of the lock may: another's file could be in the making. */
export function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.endsWith(temporary)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/** The kept generations of a file that exist, latest first. */
export function generationsOf(path: string): string[] {
  const names = new Set(readdirSync(dirname(path)));
  return generations.map((number) => `${path}.${number}`).filter((kept) => names.has(basename(kept)));
}

/** Moves the generations of a file up by one, the latest to its own name. */
export async function fallBack(path: string): Promise<void> {
  let target = path;
  for (const kept of generationsOf(path)) {
    renameSync(kept, target);
    target = kept;
  }
  await syncPath(dirname(path));
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, text);
    await flush(file);
  } finally {
    closeSync(file);
  }
}

/** Linked, not renamed: at no moment may the current name be missing. */
function keepPrevious(path: string): void {
  const [first, second, third] = generations.map((number) => `${path}.${number}`) as [string, string, string];
  const current = inode(path);
  // Equal when a crash came between link and rename; shifting again would push a good generation out.
  if (current === undefined || current === inode(first)) return;
  renameIfThere(second, third);
  renameIfThere(first, second);
  linkSync(path, first);
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

function inode(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
