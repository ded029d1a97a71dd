import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BusyError, ConfigError, TransientError } from '../../src/core/errors.ts';
import { openDatabase } from '../../src/state/database.ts';
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
const monday = '2026-03-02T00:00:00.000Z';
const tuesday = '2026-03-03T00:00:00.000Z';

let directory: string;
let opened: Store[];

beforeEach(() => {
  directory = join(scratchDirectory(), 'state');
  opened = [];
});

afterEach(async () => {
  for (const store of opened) await store.close();
});

async function open(options: { readOnly?: boolean; directory?: string } = {}): Promise<Store> {
  const store = await openEmbeddedStore({ directory, clock, ...options });
  opened.push(store);
  return store;
}

async function close(): Promise<void> {
  for (const store of opened.splice(0)) await store.close();
}

const pathOf = (name: string) => join(directory, name);

/** A state with one record and one finished pass, closed. */
async function makeState(): Promise<void> {
  const store = await open();
  const { epoch } = await store.begin(stream);
  await store.commit(page(epoch, { outcomes: [delivered(record('1'))], resume: resumeAt('page 1') }));
  await store.finish(passEnd(epoch, monday));
  await close();
}

async function finishWith(value: string): Promise<void> {
  const store = await open();
  const { epoch } = await store.begin(stream);
  await store.commit(page(epoch, { resume: resumeAt(`before ${value}`) }));
  await store.finish(passEnd(epoch, value));
  await close();
}

describe('a new state', () => {
  it('is readable by its owner only', async () => {
    await makeState();
    const store = await open();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory))
      expect([name, statSync(pathOf(name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(await store.probe()).toBeUndefined();
  });

  it('starts over when its creation was cut off between the ledger and the file', async () => {
    await open();
    await close();
    rmSync(pathOf('watermarks.json'));
    await makeState();
    expect((await (await open()).begin(stream)).watermark?.value).toBe(monday);
  });

  it('starts over when its creation was cut off before the ledger had tables', async () => {
    mkdirSync(directory);
    writeFileSync(pathOf('ledger.db'), '');
    writeFileSync(pathOf('watermarks.json.4711.tmp'), '{"ver');
    await makeState();
    expect(readdirSync(directory).sort()).toEqual(['ledger.db', 'lock.db', 'watermarks.json', 'watermarks.json.1']);
  });

  it('is for one daemon at a time', async () => {
    await open();
    await expect(open()).rejects.toThrow(BusyError);
    await close();
    await open();
  });
});

describe('a crash between the ledger and the watermark file', () => {
  async function crashDuringFinish(): Promise<void> {
    await makeState();
    copyFileSync(pathOf('watermarks.json'), pathOf('before'));
    await finishWith(tuesday);
    copyFileSync(pathOf('before'), pathOf('watermarks.json'));
  }

  it('leaves the earlier watermark and the resume point, so that the pass merely ends once more', async () => {
    await crashDuringFinish();
    const store = await open();
    const begun = await store.begin(stream);
    expect(begun).toMatchObject({ watermark: { value: monday }, resume: resumeAt(`before ${tuesday}`) });
    await store.finish(passEnd(begun.epoch, tuesday));
    expect(await store.begin(stream)).toMatchObject({ watermark: { value: tuesday }, resume: null });
  });
});

describe('what is no sound state', () => {
  async function refusal(): Promise<string> {
    const before = readdirSync(directory).sort();
    const error = await open().then(
      () => expect.fail('was accepted'),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(readdirSync(directory).sort()).toEqual(expect.arrayContaining(before));
    expect(String(error)).toContain(directory);
    expect(String(error)).toContain('erp-puller state restore');
    return String(error);
  }

  it('is refused when the watermarks are missing', async () => {
    await makeState();
    rmSync(pathOf('watermarks.json'));
    expect(await refusal()).toMatch(/missing/);
    rmSync(pathOf('watermarks.json.1'));
    expect(await refusal()).toMatch(/missing/);
  });

  it('is refused when the ledger is missing, and none is made', async () => {
    await makeState();
    rmSync(pathOf('ledger.db'));
    expect(await refusal()).toMatch(/ledger\.db is missing/);
    expect(existsSync(pathOf('ledger.db'))).toBe(false);
  });

  it.each([
    ['empty', 0, /is empty/],
    ['cut short', 5000, /damaged/],
  ])('is refused when the ledger is %s', async (_, length, text) => {
    await makeState();
    truncateSync(pathOf('ledger.db'), length);
    expect(await refusal()).toMatch(text);
    expect(statSync(pathOf('ledger.db')).size).toBe(length);
  });

  it('is refused when a note of what was being sent cannot be read', async () => {
    await makeState();
    const ledger = openDatabase(pathOf('ledger.db'), { readOnly: false });
    ledger.exec(
      `INSERT INTO sending (open, stream, source, entity, lifecycle, keep, columns) VALUES (1, 'a/b', 'A', 'job', 'active', 0, '{"1"')`,
    );
    ledger.close();
    expect(await refusal()).toMatch(/damaged/);
  });

  it('is refused when the ledger is something else', async () => {
    await makeState();
    writeFileSync(pathOf('ledger.db'), 'a note to myself\n'.repeat(1000));
    expect(await refusal()).toMatch(/damaged/);
    rmSync(pathOf('ledger.db'));
    const other = openDatabase(pathOf('ledger.db'), { readOnly: false });
    other.exec('CREATE TABLE photos (id)');
    other.close();
    expect(await refusal()).toMatch(/not a ledger/);
  });

  it('is refused when the ledger is from a newer program', async () => {
    await makeState();
    const ledger = openDatabase(pathOf('ledger.db'), { readOnly: false });
    ledger.exec('PRAGMA user_version = 99');
    ledger.close();
    await expect(open()).rejects.toThrow(/newer erp-puller \(version 99/);
  });

  it('is refused when watermarks and ledger come from different states', async () => {
    await makeState();
    const foreign = join(scratchDirectory(), 'state');
    await open({ directory: foreign });
    await close();
    copyFileSync(join(foreign, 'watermarks.json'), pathOf('watermarks.json'));
    expect(await refusal()).toMatch(/different states/);
  });

  it('is refused when the ledger is older than the watermarks', async () => {
    await makeState();
    copyFileSync(pathOf('ledger.db'), pathOf('older'));
    await finishWith(tuesday);
    copyFileSync(pathOf('older'), pathOf('ledger.db'));
    expect(await refusal()).toMatch(/1 changes? older/);
  });

  it('is refused while a restore is half done', async () => {
    await makeState();
    writeFileSync(pathOf('restoring'), '');
    expect(await refusal()).toMatch(/restore .* was cut off/);
  });
});

describe('looking beside a running daemon', () => {
  it('sees what is committed while the daemon goes on', async () => {
    const daemon = await open();
    const { epoch } = await daemon.begin(stream);
    const reader = await open({ readOnly: true });
    await daemon.commit(page(epoch, { outcomes: [refused(record('1'))] }));
    expect(await reader.deadLetters({})).toHaveLength(1);
    await daemon.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
    expect(await reader.deadLetters({})).toEqual([]);
  });

  it('writes nothing', async () => {
    await makeState();
    const before = readFileSync(pathOf('watermarks.json'), 'utf8');
    const reader = await open({ readOnly: true });
    const late = page(0, { outcomes: [delivered(record('2'))] });
    await expect(reader.commit(late)).rejects.toThrow();
    await expect(reader.finish(passEnd(0, tuesday))).rejects.toThrow();
    await expect(reader.setWatermark({ stream, watermark: null, forget: null })).rejects.toThrow();
    await expect(reader.probe()).rejects.toThrow();
    expect(readFileSync(pathOf('watermarks.json'), 'utf8')).toBe(before);
    expect((await reader.lookup(source, 'job', ['2'])).size).toBe(0);
  });

  it('says so when there is nothing yet, and makes nothing', async () => {
    await expect(open({ readOnly: true })).rejects.toThrow(/There is no state in .* yet/);
    expect(existsSync(directory)).toBe(false);
  });

  it('reads what a killed daemon left in the write-ahead log', async () => {
    const daemon = await open();
    const { epoch } = await daemon.begin(stream);
    await daemon.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
    const killed = join(scratchDirectory(), 'killed');
    mkdirSync(killed);
    for (const name of ['watermarks.json', 'ledger.db', 'ledger.db-wal'])
      copyFileSync(pathOf(name), join(killed, name));
    const reader = await open({ directory: killed, readOnly: true });
    expect((await reader.lookup(source, 'job', ['1'])).size).toBe(1);
  });
});

describe('a disk that fails', () => {
  it('makes a pass end with nothing moved when the watermarks cannot be written, and the next one succeed', async () => {
    await makeState();
    const store = await open();
    const { epoch } = await store.begin(stream);
    rmSync(pathOf('watermarks.json.1'));
    mkdirSync(join(pathOf('watermarks.json.1'), 'full'), { recursive: true });
    mkdirSync(join(pathOf('watermarks.json.2'), 'full'), { recursive: true });
    mkdirSync(join(pathOf('watermarks.json.3'), 'full'), { recursive: true });
    const failure = await store.finish(passEnd(epoch, tuesday)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TransientError);
    expect(String(failure)).toContain(directory);
    expect((await store.begin(stream)).watermark?.value).toBe(monday);
    for (const name of ['1', '2', '3']) rmSync(pathOf(`watermarks.json.${name}`), { recursive: true });
    await store.finish(passEnd(epoch, tuesday));
    expect((await store.begin(stream)).watermark?.value).toBe(tuesday);
  });

  it('takes all of a page or nothing', async () => {
    const store = await open();
    const { epoch } = await store.begin(stream);
    const poison = { ...record('2'), externalId: undefined as unknown as string };
    const outcomes = [delivered(record('1')), refused(record('3')), delivered(poison)];
    await expect(store.commit(page(epoch, { outcomes, resume: resumeAt('page 1') }))).rejects.toThrow();
    expect((await store.lookup(source, 'job', ['1', '3'])).size).toBe(0);
    expect(await store.deadLetters({})).toEqual([]);
    expect((await store.begin(stream)).resume).toBeNull();
    await store.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
    expect((await store.lookup(source, 'job', ['1'])).size).toBe(1);
  });

  it('pauses polling when the ledger cannot be written, and goes on when it can again', async () => {
    const store = await open();
    const { epoch } = await store.begin(stream);
    const other = openDatabase(pathOf('ledger.db'), { readOnly: false });
    other.exec('BEGIN IMMEDIATE');
    const waiting = page(epoch, { outcomes: [delivered(record('1'))] });
    const failure = await store.commit(waiting).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TransientError);
    other.exec('ROLLBACK');
    other.close();
    await store.commit(waiting);
    expect((await store.lookup(source, 'job', ['1'])).size).toBe(1);
  });
});
