import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { zeroCounts } from '../../src/core/events.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { changeMeta } from '../../src/state/ledger.ts';
import type { Passes } from '../../src/state/passes.ts';
import { createRunLog } from '../../src/state/run-log.ts';
import type { Run, Store } from '../../src/state/store.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scratchDirectory, stream } from '../support/state-builders.ts';

const other = 'plant/parts';

const nothingRecorded: Passes = {
  interrupted: () => undefined,
  save: () => undefined,
  record: () => undefined,
  history: () => [],
  last: () => new Map(),
};

let clock: FakeClock;
let directory: string;
let store: Store;

beforeEach(async () => {
  clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
  directory = join(scratchDirectory(), 'state');
  store = await openEmbeddedStore({ directory, clock });
});

afterEach(() => store.close());

/** Told apart by how long it took. */
function runOf(durationMs: number, rest: Partial<Run> = {}): Run {
  const finishedAt = '2026-03-02T08:00:00.000Z';
  return { finishedAt, outcome: 'ok', ...zeroCounts(), requests: { erp: 1, mes: 0 }, durationMs, error: null, ...rest };
}

async function shown(of: Store, name = stream): Promise<number[]> {
  return (await of.runs(name)).map(({ durationMs }) => durationMs);
}

/** As another process finds it. */
async function onDisk(name = stream, at = directory): Promise<number[]> {
  const reader = await openEmbeddedStore({ directory: at, clock, readOnly: true });
  try {
    return await shown(reader, name);
  } finally {
    await reader.close();
  }
}

describe('the history of passes', () => {
  it('shows a pass that did nothing at once, and has it on the disk after a quarter of an hour', async () => {
    await store.recordRun(stream, runOf(1));
    expect(await onDisk()).toEqual([1]);
    await store.recordRun(stream, runOf(2));
    await clock.advance(899_000);
    await store.recordRun(stream, runOf(3));
    expect(await shown(store)).toEqual([3, 2, 1]);
    expect(await onDisk()).toEqual([1]);
    await clock.advance(1000);
    await store.recordRun(stream, runOf(4));
    expect(await onDisk()).toEqual([4, 3, 2, 1]);
    expect(await shown(store)).toEqual([4, 3, 2, 1]);
  });

  it('is in a backup, with what did nothing', async () => {
    const backup = join(scratchDirectory(), 'backup');
    await store.recordRun(stream, runOf(1));
    await store.recordRun(stream, runOf(2));
    await store.backup(backup);
    expect(await onDisk(stream, backup)).toEqual([2, 1]);
  });

  const doings: Record<string, Partial<Run>> = {
    'read something': { read: 1 },
    'asked the MES for something': { requests: { erp: 1, mes: 1 } },
    failed: { outcome: 'failed', error: 'HTTP 503' },
  };
  for (const [what, rest] of Object.entries(doings)) {
    it(`has a pass that ${what} on the disk at once, behind those before it`, async () => {
      await store.recordRun(stream, runOf(1));
      await store.recordRun(other, runOf(2));
      await store.recordRun(stream, runOf(3));
      await store.recordRun(stream, runOf(4, rest));
      expect(await onDisk()).toEqual([4, 3, 1]);
      expect(await onDisk(other)).toEqual([2]);
    });
  }

  it('tells the last pass of each stream, held or not', async () => {
    await store.recordRun(stream, runOf(1));
    await store.recordRun(other, runOf(2, { read: 5 }));
    await store.recordRun(stream, runOf(3));
    const status = await store.status();
    expect(status.map(({ stream: name, lastRun }) => [name, lastRun?.durationMs])).toEqual([
      [stream, 3],
      [other, 2],
    ]);
  });

  it('shows a hundred, whatever of them is held', async () => {
    for (let count = 1; count <= 130; count += 1) {
      await store.recordRun(stream, runOf(count, { read: count % 50 === 0 ? 1 : 0 }));
    }
    const kept = await shown(store);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([100, 130, 31]);
  });

  it('holds no more than five hundred', async () => {
    for (let count = 0; count <= 500; count += 1) await store.recordRun(`plant/stream-${count}`, runOf(count));
    expect(await onDisk('plant/stream-500')).toEqual([500]);
  });

  it('is on the disk when the program ends', async () => {
    await store.recordRun(stream, runOf(1));
    await store.recordRun(stream, runOf(2));
    await store.close();
    expect(await onDisk()).toEqual([2, 1]);
    store = await openEmbeddedStore({ directory, clock });
  });

  it('keeps what a full disk did not take, and writes it with the next', async () => {
    const written: number[] = [];
    let full = true;
    const passes = {
      ...nothingRecorded,
      record: (_stream: string, runs: readonly Run[]) => void written.push(...runs.map(({ durationMs }) => durationMs)),
    };
    const jot = async <T>(work: () => T): Promise<T> => {
      if (full) throw new Error('disk full');
      return work();
    };
    const log = createRunLog({ passes, jot }, clock);
    await expect(log.record(stream, runOf(1))).rejects.toThrow('disk full');
    await log.record(stream, runOf(2));
    await expect(log.record(stream, runOf(3, { read: 1 }))).rejects.toThrow('disk full');
    full = false;
    await log.record(stream, runOf(4, { read: 1 }));
    expect(written).toEqual([1, 2, 3, 4]);
    expect(log.history(stream)).toEqual([]);
  });

  it('is written by nobody whose state another process has taken over', async () => {
    await store.recordRun(stream, runOf(1));
    await store.recordRun(stream, runOf(2));
    changeMeta(directory, (meta) => meta.nextEpoch());
    await store.close();
    expect(await onDisk()).toEqual([1]);
    store = await openEmbeddedStore({ directory, clock });
  });
});
