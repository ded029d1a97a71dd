import { copyFileSync, existsSync, type NoParamCallback, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, vi } from 'vitest';
import { createRandom } from '../../sandbox/random.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { delivered, page, passEnd, record, resumeAt, scratchDirectory, source } from '../support/state-builders.ts';

/** Runs at each flush of the write-ahead log, before the disk has it. */
const hooks = vi.hoisted(() => ({ beforeFlush: (): void => undefined, afterFlush: (): void => undefined }));

vi.mock(import('node:fs'), async (original) => {
  const disk = await original();
  const fdatasync = (file: number, done: NoParamCallback) => {
    hooks.beforeFlush();
    disk.fdatasync(file, (error) => {
      hooks.afterFlush();
      done(error);
    });
  };
  return { ...disk, fdatasync: Object.assign(fdatasync, disk.fdatasync) };
});

interface Cut {
  ledger: Buffer;
  log: Buffer;
  /** What of the log was surely on the disk. */
  synced: Buffer;
  watermarks: Buffer;
  /** Pages of records whose commit had been reported. */
  promised: number;
}

const names = { ledger: 'ledger.db', log: 'ledger.db-wal', watermarks: 'watermarks.json' };

/** Commits pages and ends passes, and keeps what the files were whenever something was written and not flushed yet. */
async function recordCuts(commits: number): Promise<Cut[]> {
  const directory = scratchDirectory();
  const read = (name: string) =>
    existsSync(join(directory, name)) ? readFileSync(join(directory, name)) : Buffer.alloc(0);
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  const cuts: Cut[] = [];
  let synced = read(names.log);
  let promised = 0;
  hooks.beforeFlush = () => {
    const { ledger, log, watermarks } = names;
    cuts.push({ ledger: read(ledger), log: read(log), watermarks: read(watermarks), synced, promised });
  };
  hooks.afterFlush = () => {
    synced = read(names.log);
  };
  for (let number = 1; number <= commits; number += 1) {
    const { epoch } = await store.begin('plant/orders');
    const outcomes = Array.from({ length: 3 }, (_, index) => delivered(record(`${number}-${index}`)));
    await store.commit(page(epoch, { outcomes, resume: resumeAt(`page ${number}`) }));
    promised = number;
    const day = String(1 + (number % 28)).padStart(2, '0');
    if (number % 4 === 0)
      await store.finish(passEnd(epoch, `2026-0${1 + Math.floor(number / 28)}-${day}T00:00:00.000Z`));
  }
  await store.close();
  hooks.beforeFlush = () => undefined;
  return cuts;
}

/** What a power cut may leave of a log of which the beginning was flushed: of the rest any part, torn, or as zeros. */
function leftOf({ log, synced }: Cut, random: ReturnType<typeof createRandom>): Buffer[] {
  // A log that was begun anew shares nothing with what was flushed before: only its whole length is new.
  let firm = 0;
  while (firm < Math.min(log.length, synced.length) && log[firm] === synced[firm]) firm += 1;
  if (log.length < synced.length) firm = 0;
  const tail = log.length - firm;
  const truncated = () => log.subarray(0, firm + random.int(0, tail));
  const holed = () => {
    const left = Buffer.from(log);
    for (let at = firm; at < left.length; at += 512) {
      if (random.chance(0.4)) left.fill(0, at, Math.min(at + 512, left.length));
    }
    return left;
  };
  return [log, log.subarray(0, firm), truncated(), truncated(), holed(), holed()];
}

async function generationAfter(cut: Cut, log: Buffer): Promise<number> {
  const directory = scratchDirectory();
  writeFileSync(join(directory, names.ledger), cut.ledger);
  writeFileSync(join(directory, names.log), log);
  writeFileSync(join(directory, names.watermarks), cut.watermarks);
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  const held = await store.countRecords(source, 'job');
  await store.close();
  expect(held % 3).toBe(0);
  return held / 3;
}

it('bar 13: opens with the last or the previous commit whatever a power cut leaves of the unsynced log', async () => {
  const random = createRandom(13);
  const cuts = await recordCuts(40);
  let opened = 0;
  for (const cut of cuts) {
    for (const log of leftOf(cut, random)) {
      expect([cut.promised, cut.promised + 1]).toContain(await generationAfter(cut, log));
      opened += 1;
    }
  }
  expect(opened).toBeGreaterThan(250);
}, 60_000);

it('bar 13: opens with the last commit whichever pages of a checkpoint were written when the power went', async () => {
  const random = createRandom(131);
  const cuts = await recordCuts(12);
  const last = cuts.at(-1);
  if (last === undefined) throw new Error('Nothing was flushed.');
  const directory = scratchDirectory();
  const path = join(directory, names.ledger);
  writeFileSync(path, last.ledger);
  writeFileSync(`${path}-wal`, last.log);
  const database = new DatabaseSync(path);
  database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  copyFileSync(path, `${path}.after`);
  database.close();
  const after = readFileSync(`${path}.after`);
  expect(after.equals(last.ledger)).toBe(false);
  for (let count = 0; count < 60; count += 1) {
    const mixed = Buffer.alloc(after.length);
    for (let at = 0; at < after.length; at += 4096) {
      const from = at + 4096 <= last.ledger.length && random.chance(0.5) ? last.ledger : after;
      if (random.chance(0.9) || from === last.ledger) from.copy(mixed, at, at, at + 4096);
    }
    expect(await generationAfter({ ...last, ledger: mixed }, last.log)).toBe(
      last.promised === 12 ? 12 : last.promised + 1,
    );
  }
});
