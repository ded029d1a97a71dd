import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import { type Ledger, ledgerFileName } from './ledger.ts';
import { type WatermarkFile, watermarkFileName, writeWatermarks } from './watermark-file.ts';

/**
 * Copies a state in use. The watermarks are taken before the ledger, so that the copy of the ledger can only be ahead of them:
 * what happened between is read once more after a restore. They are written after it: a copy cut short has none and is refused.
 */
export async function backUp(state: { file: WatermarkFile; ledger: Ledger }, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) {
    throw new ConfigError(`${directory} is not empty. Name a directory that is, or one that does not exist yet.`);
  }
  const watermarks = state.file.current();
  await state.ledger.copyTo(join(directory, ledgerFileName));
  await writeWatermarks(join(directory, watermarkFileName), watermarks);
}
