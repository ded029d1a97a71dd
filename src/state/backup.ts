import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { ConfigError, UsageError } from '../core/errors.ts';
import { giveToOwner, requireReplaceable } from './access.ts';
import { makeDirectory } from './directory.ts';
import { fallBack, generationsOf, syncPath } from './durable-file.ts';
import { DamagedStateError, stateFailure } from './failure.ts';
import { changeMeta, inspectLedger, type Ledger, ledgerFileName } from './ledger.ts';
import { lockState } from './lock.ts';
import { noteRestore, requirePair, restoringName, stateFiles } from './pairing.ts';
import {
  readWatermarks,
  type WatermarkFile,
  type Watermarks,
  watermarkFileName,
  writeWatermarks,
} from './watermark-file.ts';

/**
 * Copies a state in use. The watermarks are taken before the ledger, so that the copy of the ledger can only be ahead of them:
 * what happened between is read once more after a restore. They are written after it: a copy cut short has none and is refused.
 */
export async function backUp(state: { file: WatermarkFile; ledger: Ledger }, directory: string): Promise<void> {
  await makeDirectory(directory);
  if ((await readdir(directory)).length > 0) {
    throw new UsageError(`${directory} is not empty. Name a directory that is, or one that does not exist yet.`);
  }
  const watermarks = state.file.current();
  await state.ledger.copyTo(join(directory, ledgerFileName));
  await writeWatermarks(join(directory, watermarkFileName), watermarks);
}

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
  await makeDirectory(directory);
  requireReplaceable(directory);
  const lock = lockState(directory);
  try {
    const aside = join(directory, `replaced-${clock.now().toISOString().replaceAll(':', '')}`);
    await (from === 'previous' ? restorePrevious(directory, aside) : restoreBackup(from, directory, aside));
    return aside;
  } catch (error) {
    throw stateFailure(error, directory);
  } finally {
    lock.release();
    giveToOwner(directory);
  }
}

/** A ledger ahead of the watermarks is as after a crash: what came after them is read once more. */
async function restorePrevious(directory: string, aside: string): Promise<void> {
  const path = join(directory, watermarkFileName);
  const [latest] = generationsOf(path);
  const watermarks = latest === undefined ? null : await readWatermarks(latest);
  if (watermarks === null) throw new ConfigError(`${directory} holds no earlier generation of its watermarks.`);
  requireSoundPair(directory, watermarks);
  await moveAside([watermarkFileName], directory, aside);
  await fallBack(path);
}

/** The backup is copied first and the copy examined: what is put in place is what was found sound. */
async function restoreBackup(from: string, directory: string, aside: string): Promise<void> {
  const copy = join(directory, `${restoringName}.tmp`);
  await rm(copy, { recursive: true, force: true });
  try {
    await copyState(from, copy);
    await requireSoundBackup(copy);
    changeMeta(copy, noteRestore);
    await putInPlace(copy, directory, aside);
  } catch (error) {
    throw backupFailure(stateFailure(error, copy), copy, from);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** In the words of the backup itself, not of its copy. */
function backupFailure(failure: unknown, copy: string, from: string): unknown {
  if (!(failure instanceof ConfigError)) return failure;
  const text =
    failure instanceof DamagedStateError
      ? `${failure.problem}. Nothing was changed. Restore another backup.`
      : failure.message;
  return new ConfigError(text.replaceAll(copy, from), { cause: failure });
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

async function requireSoundBackup(directory: string): Promise<void> {
  const watermarks = await readWatermarks(join(directory, watermarkFileName));
  if (watermarks === null)
    throw new ConfigError(
      `${directory} holds no complete backup: ${watermarkFileName} is missing. Name a directory that \`erp-puller state backup\` has written.`,
    );
  requireSoundPair(directory, watermarks);
}

function requireSoundPair(directory: string, watermarks: Watermarks): void {
  inspectLedger(directory, (ledger) => {
    const [damage] = ledger.findDamage();
    if (damage !== undefined) throw new DamagedStateError(`The ledger in ${directory} is damaged: ${damage}`);
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
