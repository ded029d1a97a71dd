import { randomUUID } from 'node:crypto';
import { link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from './failure.ts';

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
    await keepPrevious(path);
    await rename(temp, path);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Proves that the directory takes new bytes: an overwritten page of a database may still fit on a full disk. */
export async function probeDirectory(directory: string): Promise<void> {
  const path = join(directory, `probe.${randomUUID()}${temporary}`);
  try {
    await writeSynced(path, 'erp-puller\n');
  } finally {
    await rm(path, { force: true });
  }
}

/** Makes names created, moved and removed in a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  await syncPath(directory);
}

/** Makes the content of a file survive a power cut. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what a crash left half written. Only the holder of the lock may: another's file could be in the making. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.endsWith(temporary)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** The kept generations of a file that exist, latest first. */
export async function generationsOf(path: string): Promise<string[]> {
  const names = new Set(await readdir(dirname(path)));
  return generations.map((number) => `${path}.${number}`).filter((kept) => names.has(basename(kept)));
}

/** Moves the generations of a file up by one, the latest to its own name. */
export async function fallBack(path: string): Promise<void> {
  let target = path;
  for (const kept of await generationsOf(path)) {
    await rename(kept, target);
    target = kept;
  }
  await syncDirectory(dirname(path));
}

async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Linked, not renamed: at no moment may the current name be missing. */
async function keepPrevious(path: string): Promise<void> {
  const [first, second, third] = generations.map((number) => `${path}.${number}`) as [string, string, string];
  const current = await inode(path);
  // Equal when a crash came between link and rename; shifting again would push a good generation out.
  if (current === null || current === (await inode(first))) return;
  await renameIfThere(second, third);
  await renameIfThere(first, second);
  await link(path, first);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

async function inode(path: string): Promise<bigint | null> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
