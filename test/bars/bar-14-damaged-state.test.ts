import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../sandbox/random.ts';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { systemClock } from '../../src/core/clock.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { checkState } from '../../src/state/check.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { createWorkspace } from '../support/cli-workspace.ts';
import {
  delivered,
  page,
  passEnd,
  record,
  resumeAt,
  scratchDirectory,
  source,
  stream,
} from '../support/state-builders.ts';

// For machines with other work.
vi.setConfig({ testTimeout: 120_000 });

/** Bar 14. */
const records = 300;
const mark = '2026-03-01T07:00:00.000Z';

/** A state that passes have left: its files by name. */
async function soundState(): Promise<Map<string, Buffer>> {
  const directory = scratchDirectory();
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  const { epoch } = await store.begin(stream);
  const outcomes = Array.from({ length: records }, (_, index) => delivered(record(`job ${index}`), `id ${index}`));
  await store.commit(page(epoch, { outcomes, resume: resumeAt('page 1') }));
  await store.finish(passEnd(epoch, mark));
  await store.close();
  return filesOf(directory);
}

function filesOf(directory: string): Map<string, Buffer> {
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ name }) => [name, readFileSync(join(directory, name))]));
}

function putDown(files: ReadonlyMap<string, Buffer>): string {
  const directory = join(scratchDirectory(), 'state');
  mkdirSync(directory, { mode: 0o700 });
  for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes, { mode: 0o600 });
  return directory;
}

type Damage = (path: string, bytes: Buffer) => void;
const write =
  (change: (bytes: Buffer) => Buffer | string): Damage =>
  (path, bytes) =>
    writeFileSync(path, change(bytes));
const half = (bytes: Buffer) => Math.floor(bytes.length / 2);
const nulFrom = (bytes: Buffer, from: number) =>
  Buffer.concat([bytes.subarray(0, from), Buffer.alloc(bytes.length - from)]);

const either: readonly [string, Damage][] = [
  ['is missing', (path) => rmSync(path)],
  ['is empty', write(() => '')],
  ['is cut in half', write((bytes) => bytes.subarray(0, half(bytes)))],
  ['lacks its end', write((bytes) => bytes.subarray(0, bytes.length - Math.ceil(bytes.length / 20)))],
  ['is all NULs', write((bytes) => nulFrom(bytes, 0))],
  ['ends in NULs', write((bytes) => nulFrom(bytes, half(bytes)))],
  ['is something else', write(() => 'Once upon a time\n'.repeat(500))],
];
const damages: readonly [string, string, Damage][] = [
  ...either.map(([what, damage]) => ['watermarks.json', what, damage] as [string, string, Damage]),
  ['watermarks.json', 'holds another time', write((bytes) => bytes.toString().replace('07:00', '08:00'))],
  ['watermarks.json', 'is newer', write((bytes) => bytes.toString().replace('"version": 1', '"version": 2'))],
  [
    'watermarks.json',
    'is of no known version',
    write((bytes) => bytes.toString().replace('"version": 1', '"version": 0')),
  ],
  ...either.map(([what, damage]) => ['ledger.db', what, damage] as [string, string, Damage]),
  ['ledger.db', 'is newer', (path) => setVersion(path, 99)],
];

function setVersion(path: string, version: number): void {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = DELETE; PRAGMA user_version = ${version}`);
  database.close();
}

describe('a state whose', () => {
  it.each(damages)('%s %s is refused with the way out, again and again, and is left as evidence', async (...row) => {
    const [name, , damage] = row;
    const files = await soundState();
    const directory = putDown(files);
    damage(join(directory, name), files.get(name) ?? Buffer.alloc(0));
    const evidence = filesOf(directory).get(name);
    for (let tries = 0; tries < 2; tries += 1) {
      const error = await openEmbeddedStore({ directory, clock: systemClock }).then(
        () => expect.fail('was accepted'),
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ConfigError);
      expect(String(error)).toMatch(/erp-puller state restore|restore a backup made by this one/);
    }
    expect(filesOf(directory).get(name)).toEqual(evidence);
  });

  it.each(['business_key', 'children_due_by_age', 'parked_by_awaited', 'waits_id'])(
    'ledger has a damaged text of its tables is refused when it is opened (%s)',
    async (name) => {
      const files = await soundState();
      const ledger = files.get('ledger.db') ?? Buffer.alloc(0);
      const at = ledger.indexOf(name);
      const bytes = Buffer.from(ledger);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 2, at);
      const directory = putDown(new Map([...files, ['ledger.db', bytes]]));
      for (const readOnly of [false, true]) {
        const opening = openEmbeddedStore({ directory, clock: systemClock, readOnly });
        await expect(opening).rejects.toBeInstanceOf(ConfigError);
      }
      expect((await checkState(directory)).map(({ code }) => code)).toContain('state-damaged');
    },
  );

  it('ledger has a flipped bit is refused, or is the state that it was: never a first run', async () => {
    const random = createRandom(14);
    const files = await soundState();
    const ledger = files.get('ledger.db') ?? Buffer.alloc(0);
    const came = { refused: 0, opened: 0 };
    for (let flip = 0; flip < 500; flip += 1) {
      const bytes = Buffer.from(ledger);
      const at = random.int(0, bytes.length - 1);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.int(0, 7)), at);
      const directory = putDown(new Map([...files, ['ledger.db', bytes]]));
      const store = await openEmbeddedStore({ directory, clock: systemClock }).catch((error: unknown) => {
        // One bit of the header makes SQLite call the file read-only, and so do permissions.
        if (!String(error).includes('attempt to write a readonly database')) {
          expect(error, `bit at ${at}`).toBeInstanceOf(ConfigError);
        }
        came.refused += 1;
        return undefined;
      });
      if (store === undefined) continue;
      came.opened += 1;
      const { watermark } = await store.begin(stream);
      expect(watermark?.value).toBe(mark);
      expect(await store.countRecords(source, 'job')).toBeGreaterThan(records / 2);
      await store.close();
    }
    expect(came.refused).toBeGreaterThan(0);
    expect(came.opened).toBeGreaterThan(0);
  });
});

it('bar 14: the daemon ends with 78 on a damaged state and prints how to restore one', async () => {
  const sandbox = await startSandbox({ seed: 14, records: 20 });
  const workspace = createWorkspace(sandbox);
  try {
    expect((await workspace.run('sync')).code).toBe(0);
    const path = join(workspace.stateDirectory, 'ledger.db');
    writeFileSync(path, readFileSync(path).subarray(0, 5000));
    const { code, stdout, stderr } = await workspace.run('run');
    expect(code).toBe(78);
    expect(stdout + stderr).toContain('erp-puller state restore');
  } finally {
    workspace.remove();
    await sandbox.stop();
  }
});
