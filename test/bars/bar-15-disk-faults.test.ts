import { type NoParamCallback, type PathLike, rmSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { TransientError } from '../../src/core/errors.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import type { Store } from '../../src/state/store.ts';
import { delivered, page, passEnd, record, resumeAt, scratchDirectory, source } from '../support/state-builders.ts';

/** Calls that write, counted; from `failFrom` up to and with `failTo` they fail with `code`. */
const disk = vi.hoisted(() => ({ calls: 0, failFrom: Infinity, failTo: Infinity, code: 'ENOSPC' }));

const failure = vi.hoisted(() => (name: string): Error | undefined => {
  disk.calls += 1;
  if (disk.calls < disk.failFrom || disk.calls > disk.failTo) return undefined;
  return Object.assign(new Error(`${disk.code}: ${name}`), { code: disk.code, syscall: name });
});

vi.mock(import('node:fs'), async (original) => {
  const real = await original();
  const orFail = <Arguments extends unknown[], Result>(name: string, call: (...given: Arguments) => Result) =>
    ((...given: Arguments): Result => {
      const error = failure(name);
      if (error !== undefined) throw error;
      return call(...given);
    }) as (...given: Arguments) => Result;
  const flush =
    (name: string, call: (file: number, done: NoParamCallback) => void) => (file: number, done: NoParamCallback) => {
      const error = failure(name);
      if (error === undefined) call(file, done);
      else done(error as NodeJS.ErrnoException);
    };
  const openSync = (path: PathLike, flags: string, mode?: number) => {
    const error = flags === 'r' ? undefined : failure('open');
    if (error !== undefined) throw error;
    return real.openSync(path, flags, mode);
  };
  return {
    ...real,
    openSync: openSync as typeof real.openSync,
    writeFileSync: orFail('write', real.writeFileSync) as typeof real.writeFileSync,
    renameSync: orFail('rename', real.renameSync),
    linkSync: orFail('link', real.linkSync),
    fsync: Object.assign(flush('fsync', real.fsync), real.fsync),
    fdatasync: Object.assign(flush('fdatasync', real.fdatasync), real.fdatasync),
  };
});

/** The database's own writes: its commit fails as SQLite says it does on such a disk. */
vi.mock(import('../../src/state/database.ts'), async (original) => {
  const real = await original();
  const results: Record<string, number> = { ENOSPC: 13, EIO: 10, EROFS: 8 };
  return {
    ...real,
    transaction<T>(database: Parameters<typeof real.transaction>[0], work: () => T): T {
      return real.transaction(database, () => {
        const result = work();
        if (failure('commit') !== undefined) {
          throw Object.assign(new Error(`SQLite: ${disk.code}`), { errcode: results[disk.code] });
        }
        return result;
      });
    },
  };
});

type Step = (store: Store) => Promise<void>;

async function commit(store: Store, number: number): Promise<void> {
  const { epoch } = await store.begin('plant/orders');
  await store.commit(page(epoch, { outcomes: [delivered(record(`${number}`))], resume: resumeAt(`page ${number}`) }));
}

const finish = async (store: Store, day: string) => {
  const { epoch } = await store.begin('plant/orders');
  await store.finish(passEnd(epoch, `${day}T00:00:00.000Z`));
};

const steps: readonly Step[] = [
  (store) => commit(store, 1),
  (store) => commit(store, 2),
  (store) => finish(store, '2026-03-01'),
  (store) => commit(store, 3),
  (store) => finish(store, '2026-03-02'),
];

interface Kept {
  records: number;
  watermark: string | undefined;
}

async function keptIn(store: Store): Promise<Kept> {
  const { watermark } = await store.begin('plant/orders');
  return { records: await store.countRecords(source, 'job'), watermark: watermark?.value };
}

/** All steps on a disk that fails in part of its calls; a step that fails is reported, and done again when the disk is well. */
async function work(directory: string, failing: { from: number; to: number; code: string }): Promise<number> {
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  Object.assign(disk, { calls: 0, failFrom: failing.from, failTo: failing.to, code: failing.code });
  let failed = 0;
  for (const step of steps) {
    const before = await keptIn(store);
    const error = await step(store).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    if (error === undefined) continue;
    failed += 1;
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toContain('the next try goes on where this one ended');
    disk.failFrom = Infinity;
    const after = await keptIn(store);
    // A watermark that was not reported as durable is not shown as one.
    expect(after.watermark).toBe(before.watermark);
    await step(store);
  }
  disk.failFrom = Infinity;
  await store.close();
  return failed;
}

it.each(['ENOSPC', 'EIO', 'EROFS'])(
  'bar 15: %s at the nth write, for every n, is reported, loses nothing and passes by itself',
  async (code) => {
    const calm = scratchDirectory();
    await work(calm, { from: Infinity, to: Infinity, code });
    const writes = disk.calls;
    expect(writes).toBeGreaterThan(20);
    let failed = 0;
    for (let at = 1; at <= writes; at += 1) {
      for (const to of [at, Infinity]) {
        const directory = scratchDirectory();
        failed += await work(directory, { from: at, to, code });
        const store = await openEmbeddedStore({ directory, clock: systemClock });
        expect(await keptIn(store)).toEqual({ records: 3, watermark: '2026-03-02T00:00:00.000Z' });
        await store.close();
        rmSync(directory, { recursive: true });
      }
    }
    expect(failed).toBeGreaterThan(writes);
  },
  60_000,
);
