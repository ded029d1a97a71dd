import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { BusyError, ConfigError } from '../../src/core/errors.ts';
import { unknownContent } from '../../src/core/types.ts';
import { restoreState } from '../../src/state/backup.ts';
import { checkState } from '../../src/state/check.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import type { Store } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import {
  delivered,
  page,
  passEnd,
  record,
  refused,
  resumeAt,
  scratchDirectory,
  source,
  stream,
} from '../support/state-builders.ts';

const clock = createFakeClock(new Date('2026-03-01T08:00:00Z'));
const days = ['2026-03-02T00:00:00.000Z', '2026-03-03T00:00:00.000Z', '2026-03-04T00:00:00.000Z'] as const;

let directory: string;
let backup: string;

beforeEach(() => {
  directory = join(scratchDirectory(), 'state');
  backup = join(scratchDirectory(), 'backup');
});

async function using<T>(work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openEmbeddedStore({ directory, clock });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** One finished pass that delivered one record. */
async function pass(store: Store, day: string): Promise<void> {
  const { epoch } = await store.begin(stream);
  await store.commit(page(epoch, { outcomes: [delivered(record(day)), refused(record(`bad ${day}`))] }));
  await store.finish(passEnd(epoch, day));
}

async function commitMany(store: Store): Promise<void> {
  const { epoch } = await store.begin(stream);
  const outcomes = Array.from({ length: 2000 }, (_, index) => delivered(record(`${index}`)));
  await store.commit(page(epoch, { outcomes }));
}

/** A page in the middle of the ledger is no page any more. */
function damageMiddle(): void {
  const path = join(directory, 'ledger.db');
  const bytes = readFileSync(path);
  bytes.fill(0xff, bytes.length - 8192, bytes.length - 4096);
  writeFileSync(path, bytes);
}

async function present() {
  return using(async (store) => ({
    watermark: (await store.begin(stream)).watermark?.value,
    resume: (await store.begin(stream)).resume,
    records: [...(await store.lookup(source, 'job', days)).keys()],
    letters: (await store.deadLetters({})).map((letter) => letter.key),
  }));
}

describe('backup and restore', () => {
  it('bring back exactly what was there, and keep what they replace', async () => {
    await using(async (store) => {
      await pass(store, days[0]);
      await store.backup(backup);
      await pass(store, days[1]);
    });
    const replaced = readFileSync(join(directory, 'watermarks.json'), 'utf8');
    const aside = await restoreState({ from: backup, directory, clock });
    expect(await present()).toEqual({
      watermark: days[0],
      resume: null,
      records: [days[0]],
      letters: [`job/bad ${days[0]}`],
    });
    expect(readFileSync(join(aside, 'watermarks.json'), 'utf8')).toBe(replaced);
    const back = await restoreState({
      from: aside,
      directory,
      clock: createFakeClock(new Date('2026-03-01T09:00:00Z')),
    });
    expect(back).not.toBe(aside);
    expect(await present()).toMatchObject({ watermark: days[1], records: [days[0], days[1]] });
  });

  it('give a state that starts although passes went on while it was copied', async () => {
    await using(async (store) => {
      await pass(store, days[0]);
      const copied = store.backup(backup);
      await pass(store, days[1]);
      await copied;
    });
    await restoreState({ from: backup, directory, clock });
    const { watermark, records } = await present();
    expect(records).toEqual(expect.arrayContaining(watermark === days[1] ? [days[0], days[1]] : [days[0]]));
  });

  it('work for a directory that is lost altogether', async () => {
    await using(async (store) => {
      await pass(store, days[0]);
      await store.backup(backup);
    });
    rmSync(directory, { recursive: true });
    await restoreState({ from: backup, directory, clock });
    expect(await present()).toMatchObject({ watermark: days[0], records: [days[0]] });
  });

  it('need an empty directory to copy to', async () => {
    mkdirSync(backup);
    writeFileSync(join(backup, 'photo.jpg'), '');
    await using((store) => expect(store.backup(backup)).rejects.toThrow(/photo|not empty/));
    expect(readdirSync(backup)).toEqual(['photo.jpg']);
  });

  it.each([
    ['is not there', () => rmSync(backup, { recursive: true }), /no complete backup/],
    ['was cut short', () => rmSync(join(backup, 'watermarks.json')), /no complete backup/],
    ['has no ledger', () => rmSync(join(backup, 'ledger.db')), /ledger\.db is missing/],
    ['has a damaged ledger', () => truncateSync(join(backup, 'ledger.db'), 20_000), /damaged/],
    ['has damaged watermarks', () => truncateSync(join(backup, 'watermarks.json'), 50), /truncated/],
  ])('change nothing when the backup %s', async (_, spoil, text) => {
    await using(async (store) => {
      await pass(store, days[0]);
      await store.backup(backup);
      await pass(store, days[1]);
    });
    spoil();
    const error = await restoreState({ from: backup, directory, clock }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toMatch(text);
    expect(String(error)).toContain(backup);
    expect(readdirSync(directory).filter((name) => /replaced|restoring/.test(name))).toEqual([]);
    expect(await present()).toMatchObject({ watermark: days[1], records: [days[0], days[1]] });
  });

  it('wait for the daemon to be stopped', async () => {
    await using(async (store) => {
      await pass(store, days[0]);
      await store.backup(backup);
      await expect(restoreState({ from: backup, directory, clock })).rejects.toThrow(BusyError);
    });
  });

  it('leave a state that takes no refusal for the proof of a create: the MES may hold what came after the backup', async () => {
    await using((store) => store.backup(backup));
    await restoreState({ from: backup, directory, clock });
    const sent = { source, entity: 'job', externalId: 'new', hash: 'h', businessKey: 'J' } as const;
    await using((store) => store.noteCreates([{ ...sent, mesId: null }]));
    expect(await using((store) => store.sentCreate(sent))).toMatchObject({ hash: unknownContent });
    await using((store) => store.noteCreates([{ ...sent, mesId: 'uuid' }]));
    expect(await using((store) => store.sentCreate(sent))).toMatchObject({ hash: 'h', mesId: 'uuid' });
  });

  it('finish what an earlier restore left half done', async () => {
    await using(async (store) => {
      await pass(store, days[0]);
      await store.backup(backup);
    });
    writeFileSync(join(directory, 'restoring'), '');
    rmSync(join(directory, 'ledger.db'));
    await restoreState({ from: backup, directory, clock });
    expect(await present()).toMatchObject({ watermark: days[0], records: [days[0]] });
  });
});

describe('falling back to the previous watermarks', () => {
  it('reads again what came after them, with the ledger as it is', async () => {
    await using(async (store) => {
      for (const day of days) await pass(store, day);
    });
    await restoreState({ from: 'previous', directory, clock });
    expect(await present()).toMatchObject({ watermark: days[1], records: [...days] });
  });

  it('goes one further back each time', async () => {
    await using(async (store) => {
      for (const day of days) await pass(store, day);
    });
    await restoreState({ from: 'previous', directory, clock: createFakeClock(new Date('2026-03-01T08:00:00Z')) });
    await restoreState({ from: 'previous', directory, clock: createFakeClock(new Date('2026-03-01T09:00:00Z')) });
    expect(await present()).toMatchObject({ watermark: days[0] });
  });

  it('helps when the present file is damaged or lost', async () => {
    await using(async (store) => {
      for (const day of days) await pass(store, day);
    });
    writeFileSync(join(directory, 'watermarks.json'), '');
    const aside = await restoreState({ from: 'previous', directory, clock });
    expect(readFileSync(join(aside, 'watermarks.json'), 'utf8')).toBe('');
    expect(await present()).toMatchObject({ watermark: days[1] });
  });

  it('never revives a resume point of the passes that it undoes', async () => {
    await using(async (store) => {
      for (const day of days) await pass(store, day);
      const { epoch } = await store.begin(stream);
      await store.commit(page(epoch, { resume: resumeAt('page 7') }));
    });
    await restoreState({ from: 'previous', directory, clock });
    await using(async (store) => {
      const { epoch, resume } = await store.begin(stream);
      expect(resume).toBeNull();
      await store.finish(passEnd(epoch, days[2]));
      expect((await store.begin(stream)).resume).toBeNull();
    });
  });

  it('says so when it is the ledger that is damaged, and changes nothing', async () => {
    await using(async (store) => {
      for (const day of days) await pass(store, day);
      await commitMany(store);
    });
    damageMiddle();
    const watermarks = () => readFileSync(join(directory, 'watermarks.json'), 'utf8');
    const before = watermarks();
    await expect(restoreState({ from: 'previous', directory, clock })).rejects.toThrow(/ledger in .* is damaged/);
    expect(watermarks()).toBe(before);
  });

  it('says so when there is none', async () => {
    await using(async () => undefined);
    await expect(restoreState({ from: 'previous', directory, clock })).rejects.toThrow(/no earlier generation/);
  });
});

describe('checking a state', () => {
  const codes = async () => (await checkState(directory)).map(({ code, level }) => [code, level]);

  it('has nothing to say of a state that is not there yet', async () => {
    expect(await codes()).toEqual([['state-new', 'ok']]);
    expect(existsSync(directory)).toBe(false);
  });

  it('finds a sound one sound, beside the running daemon too', async () => {
    await using(async (store) => {
      await pass(store, days[0]);
      expect(await codes()).toEqual([['state-sound', 'ok']]);
    });
    expect(await codes()).toEqual([['state-sound', 'ok']]);
  });

  it.each([0o000, 0o400, 0o500, 0o300])('does not take what it may not look into for none (mode %i)', async (mode) => {
    await using((store) => pass(store, days[0]));
    chmodSync(directory, mode);
    // Nothing is closed to root.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) {
      chownSync(directory, 65_534, 65_534);
      for (const name of readdirSync(directory)) chownSync(join(directory, name), 65_534, 65_534);
      process.seteuid?.(65_534);
    }
    try {
      expect(await codes()).toEqual([['state-unreadable', 'error']]);
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(directory, 0o700);
    }
  });

  it('finds damaged watermarks', async () => {
    await using((store) => pass(store, days[0]));
    writeFileSync(join(directory, 'watermarks.json'), '{}');
    expect(await codes()).toEqual([['state-damaged', 'error']]);
  });

  it('finds a damaged page in the middle of the ledger', async () => {
    await using(commitMany);
    damageMiddle();
    expect((await codes())[0]).toEqual(['state-damaged', 'error']);
  });

  it('finds files that others may read', async () => {
    await using((store) => pass(store, days[0]));
    chmodSync(join(directory, 'ledger.db'), 0o644);
    const [found] = await checkState(directory);
    expect(found).toMatchObject({ code: 'state-exposed', level: 'warning', where: join(directory, 'ledger.db') });
    expect(found?.todo).toContain('chmod');
  });
});
