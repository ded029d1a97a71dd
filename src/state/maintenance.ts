import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import type { Finding } from '../core/types.ts';
import { fallBack, generationsOf, syncPath } from './durable-file.ts';
import { stateFailure } from './failure.ts';
import { inspectLedger, ledgerFileName } from './ledger.ts';
import { lockState } from './lock.ts';
import { requirePair, requireStartable, restoringName } from './pairing.ts';
import { openWatermarkFile, readWatermarks, watermarkFileName } from './watermark-file.ts';

/** All that makes a state; the database's shared-memory file is rebuilt by itself. */
const stateFiles = [watermarkFileName, ledgerFileName, `${ledgerFileName}-wal`];
const leastFreeBytes = 500_000_000;

export interface Restore {
  /** Directory of a backup, or `previous`: the latest kept generation of the watermarks, with the ledger as it is. */
  from: string;
  directory: string;
  clock: Clock;
}

/**
 * Puts an earlier state in place of the present one, which is moved to a directory inside it; resolves with that directory.
 * Throws ConfigError, with nothing changed, when what is to be restored is not sound, and BusyError while a daemon runs.
 */
export async function restoreState({ from, directory, clock }: Restore): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = lockState(directory);
  try {
    const aside = join(directory, `replaced-${clock.now().toISOString().replaceAll(':', '')}`);
    await (from === 'previous' ? restorePrevious(directory, aside) : restoreBackup(from, directory, aside));
    return aside;
  } catch (error) {
    throw stateFailure(error, directory);
  } finally {
    lock.release();
  }
}

/** A ledger ahead of the watermarks is as after a crash: what came after them is read once more. */
async function restorePrevious(directory: string, aside: string): Promise<void> {
  const path = join(directory, watermarkFileName);
  const [latest] = generationsOf(path);
  const watermarks = latest === undefined ? null : await readWatermarks(latest);
  if (watermarks === null) throw new ConfigError(`${directory} holds no earlier generation of its watermarks.`);
  inspectLedger(directory, (ledger) => requirePair(directory, watermarks, ledger.meta));
  await moveAside([watermarkFileName], directory, aside);
  await fallBack(path);
}

/** The backup is copied first and the copy examined: what is put in place is what was found sound. */
async function restoreBackup(from: string, directory: string, aside: string): Promise<void> {
  const copy = join(directory, `${restoringName}.tmp`);
  await rm(copy, { recursive: true, force: true });
  try {
    await copyState(from, copy);
    await requireSound(copy);
    await putInPlace(copy, directory, aside);
  } catch (error) {
    const failure = stateFailure(error, copy);
    throw failure instanceof ConfigError ? new ConfigError(failure.message.replaceAll(copy, from)) : failure;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyState(from: string, copy: string): Promise<void> {
  await mkdir(copy, { mode: 0o700 });
  for (const name of stateFiles) {
    if (!existsSync(join(from, name))) continue;
    await copyFile(join(from, name), join(copy, name));
    await chmod(join(copy, name), 0o600);
    await syncPath(join(copy, name));
  }
}

async function requireSound(directory: string): Promise<void> {
  const watermarks = await readWatermarks(join(directory, watermarkFileName));
  if (watermarks === null)
    throw new ConfigError(`${directory} holds no complete backup: ${watermarkFileName} is missing.`);
  inspectLedger(directory, (ledger) => {
    const [damage] = ledger.findDamage();
    if (damage !== undefined) throw new ConfigError(`The ledger in ${directory} is damaged: ${damage}.`);
    requirePair(directory, watermarks, ledger.meta);
  });
}

/** The marker says that the directory may hold half of each state: until it is gone again, no daemon starts on it. */
async function putInPlace(copy: string, directory: string, aside: string): Promise<void> {
  const marker = join(directory, restoringName);
  await writeFile(marker, 'A restore is under way.\n', { mode: 0o600 });
  await syncPath(directory);
  const present = await readdir(directory);
  const replaced = present.filter((name) => name.startsWith(watermarkFileName) || name.startsWith(ledgerFileName));
  await moveAside(replaced, directory, aside);
  for (const name of stateFiles) {
    if (existsSync(join(copy, name))) await rename(join(copy, name), join(directory, name));
  }
  await syncPath(directory);
  await rm(marker);
  await syncPath(directory);
}

async function moveAside(names: readonly string[], directory: string, aside: string): Promise<void> {
  await mkdir(aside, { mode: 0o700 });
  for (const name of names) {
    if (existsSync(join(directory, name))) await rename(join(directory, name), join(aside, name));
  }
  await syncPath(aside);
  await syncPath(directory);
}

/** Examines a whole state directory, beside a running daemon too; reads all of the ledger, writes nothing. */
export async function checkState(directory: string): Promise<Finding[]> {
  if (!stateFiles.some((name) => existsSync(join(directory, name)))) {
    return [finding(directory, { code: 'state-new', level: 'ok', text: 'There is no state yet.' })];
  }
  const found = [...(await findDamage(directory)), ...(await findExposed(directory)), ...(await findNarrow(directory))];
  if (found.length > 0) return found;
  return [finding(directory, { code: 'state-sound', level: 'ok', text: 'Watermarks and ledger are sound.' })];
}

async function findDamage(directory: string): Promise<Finding[]> {
  const damaged = (text: string) => finding(directory, { code: 'state-damaged', level: 'error', text, todo: wayOut });
  try {
    if (existsSync(join(directory, restoringName))) return [damaged('A restore was cut off.')];
    const file = await openWatermarkFile(directory);
    const found: Finding[] = [];
    inspectLedger(directory, (ledger) => {
      requireStartable(directory, file, ledger.meta);
      found.push(...ledger.findDamage().map((text) => damaged(`${ledgerFileName}: ${text}`)));
    });
    return found;
  } catch (error) {
    return [damaged(messageOf(stateFailure(error, directory)))];
  }
}

const wayOut = 'Run `erp-puller state restore` with a backup, or with "previous".';

async function findExposed(directory: string): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const name of ['.', ...stateFiles]) {
    const path = join(directory, name);
    const mode = existsSync(path) ? (await stat(path)).mode : 0;
    if ((mode & 0o077) === 0) continue;
    const text = `Others may read it (mode ${(mode & 0o777).toString(8)}); dead letters hold business data.`;
    found.push(finding(path, { code: 'state-exposed', level: 'warning', text, todo: `chmod go= ${path}` }));
  }
  return found;
}

async function findNarrow(directory: string): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= leastFreeBytes) return [];
  const text = `Only ${Math.floor(free / 1_000_000)} MB are free; when nothing can be written, polling pauses.`;
  const todo = `Free ${leastFreeBytes / 1_000_000} MB or more.`;
  return [finding(directory, { code: 'state-space', level: 'warning', text, todo })];
}

function finding(where: string, rest: { code: string; level: Finding['level']; text: string; todo?: string }): Finding {
  return { todo: '', ...rest, where };
}
