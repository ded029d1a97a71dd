import type { NoParamCallback } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { ledgerFileName, openLedger } from '../../src/state/ledger.ts';
import { scratchDirectory } from '../support/state-builders.ts';

/** Flushes of the write-ahead log that the disk has not answered yet. */
const waiting = vi.hoisted((): NoParamCallback[] => []);

vi.mock(import('node:fs'), async (original) => {
  const disk = await original();
  return {
    ...disk,
    fdatasync: Object.assign((_file: number, done: NoParamCallback) => void waiting.push(done), disk.fdatasync),
  };
});

function createLedger() {
  return openLedger({ directory: scratchDirectory(), readOnly: false, newStateId: 'state' });
}

it('resolves a change only when the disk has it', async () => {
  const ledger = createLedger();
  let durable = false;
  const change = ledger
    .change(() => ledger.meta.nextSequence())
    .then(() => {
      durable = true;
    });
  await new Promise(setImmediate);
  expect(waiting).toHaveLength(1);
  expect(durable).toBe(false);
  waiting.pop()?.(null);
  await change;
  expect(durable).toBe(true);
  ledger.close();
});

it('fails a change that the disk did not take', async () => {
  const ledger = createLedger();
  const change = ledger.change(() => ledger.meta.nextSequence());
  await new Promise(setImmediate);
  waiting.pop()?.(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
  await expect(change).rejects.toThrow('EIO');
  ledger.close();
});

it('keeps the log that is flushed for as long as it is open', async () => {
  const directory = scratchDirectory();
  const ledger = openLedger({ directory, readOnly: false, newStateId: 'state' });
  const beside = openLedger({ directory, readOnly: true, newStateId: null });
  beside.close();
  void ledger.change(() => ledger.meta.nextSequence());
  const { existsSync } = await import('node:fs');
  expect(existsSync(join(directory, `${ledgerFileName}-wal`))).toBe(true);
  waiting.pop()?.(null);
  ledger.close();
});
