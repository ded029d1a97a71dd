import { existsSync } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Finding } from '../core/types.ts';
import { DamagedStateError, isDenied, NoStateError, stateFailure, systemCode, wayOutOfDamage } from './failure.ts';
import { inspectLedger, ledgerFileName } from './ledger.ts';
import { requireStartable, restoringName, stateFiles } from './pairing.ts';
import { openWatermarkFile } from './watermark-file.ts';

const leastFreeBytes = 500_000_000;

/** Examines a whole state directory, beside a running daemon too; reads all of the ledger, writes nothing. */
export async function checkState(directory: string): Promise<Finding[]> {
  const unreadable = await findUnreadable(directory);
  if (unreadable.length > 0) return unreadable;
  if (!stateFiles.some((name) => existsSync(join(directory, name)))) {
    return [finding(directory, { code: 'state-new', level: 'ok', text: 'There is no state yet.' })];
  }
  const found = [
    ...(await findDamaged(directory)),
    ...(await findExposed(directory)),
    ...(await findNarrow(directory)),
  ];
  if (found.length > 0) return found;
  return [finding(directory, { code: 'state-sound', level: 'ok', text: 'Watermarks and ledger are sound.' })];
}

async function findUnreadable(directory: string): Promise<Finding[]> {
  try {
    // Its names need one right, what they stand for another.
    for (const name of await readdir(directory)) await stat(join(directory, name));
    return [];
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? [] : [unreadable(directory, error)];
  }
}

function unreadable(directory: string, error: unknown): Finding {
  const text = `It cannot be looked into: ${messageOf(error)}`;
  const todo = 'Run this as the user that the daemon runs as, who may read and write there.';
  return finding(directory, { code: 'state-unreadable', level: 'error', text, todo });
}

async function findDamaged(directory: string): Promise<Finding[]> {
  const damaged = (text: string) =>
    finding(directory, { code: 'state-damaged', level: 'error', text, todo: wayOutOfDamage });
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
    if (error instanceof NoStateError) {
      return [finding(directory, { code: 'state-new', level: 'error', text: error.message })];
    }
    if (isDenied(error)) return [unreadable(directory, error)];
    const failure = stateFailure(error, directory);
    return [damaged(failure instanceof DamagedStateError ? `${failure.problem}.` : messageOf(failure))];
  }
}

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
