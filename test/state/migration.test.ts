import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { unknownContent } from '../../src/core/types.ts';
import { restoreState } from '../../src/state/backup.ts';
import { checkState } from '../../src/state/check.ts';
import { openDatabase, prepare } from '../../src/state/database.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { ledgerVersion } from '../../src/state/ledger-schema.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { change, record, scratchDirectory, source, stream } from '../support/state-builders.ts';

const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
const job = record('1');

/** The tables as version 1 made them. */
const tables = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE scopes (id INTEGER PRIMARY KEY, source TEXT NOT NULL, entity TEXT NOT NULL, UNIQUE (source, entity)) STRICT;
  CREATE TABLE records (
    scope INTEGER NOT NULL, external_id TEXT NOT NULL, hash TEXT, mes_id TEXT, business_key TEXT, lifecycle TEXT NOT NULL,
    refused_hash TEXT, stamp TEXT, job TEXT, part TEXT, record TEXT, PRIMARY KEY (scope, external_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX records_by_job ON records (scope, job) WHERE job IS NOT NULL;
  CREATE INDEX records_by_part ON records (scope, part) WHERE part IS NOT NULL;
  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, stage TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL,
    payload TEXT NOT NULL, count INTEGER NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL, due INTEGER NOT NULL,
    UNIQUE (stream, key)
  ) STRICT;
  CREATE TABLE parked (
    scope INTEGER NOT NULL, external_id TEXT NOT NULL, stream TEXT NOT NULL, record TEXT NOT NULL, waits_entity TEXT NOT NULL,
    waits_id TEXT NOT NULL, since TEXT NOT NULL, attempts INTEGER NOT NULL, not_before TEXT, PRIMARY KEY (scope, external_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX parked_by_stream ON parked (stream, since);
  CREATE TABLE children_due (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, parent TEXT NOT NULL, UNIQUE (stream, parent)
  ) STRICT;
  CREATE INDEX children_due_by_age ON children_due (stream, id);
  CREATE TABLE resume (stream TEXT PRIMARY KEY, run INTEGER NOT NULL, point TEXT NOT NULL, children_mark INTEGER NOT NULL) STRICT;
  CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY, stream TEXT NOT NULL, watermark TEXT, full_read_at TEXT, swept_at TEXT, finished_at TEXT NOT NULL
  ) STRICT;
`;

/** A state as version 1 left it: one job delivered, a newer form of it refused. */
async function makeOldState(): Promise<string> {
  const directory = scratchDirectory();
  await (await openEmbeddedStore({ directory, clock })).close();
  const path = join(directory, 'ledger.db');
  const present = openDatabase(path, { readOnly: true });
  const meta = prepare<{ key: string; value: string | number }>(present, 'SELECT key, value FROM meta').all();
  present.close();
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  const old = openDatabase(path, { readOnly: false });
  old.exec('PRAGMA journal_mode = WAL');
  old.exec(tables);
  for (const { key, value } of meta) prepare(old, 'INSERT INTO meta VALUES (?, ?)').run(key, value);
  prepare(old, "INSERT INTO scopes VALUES (1, ?, 'job')").run(source);
  prepare(
    old,
    "INSERT INTO records (scope, external_id, hash, mes_id, lifecycle, refused_hash) VALUES (1, '1', ?, 'uuid-1', 'active', 'other')",
  ).run(change(job).hash);
  prepare(
    old,
    `INSERT INTO dead_letters (stream, stage, key, reason, payload, count, first_at, last_at, due)
     VALUES (?, 'push', 'job/1', 'no such customer', ?, 1, ?, ?, 0)`,
  ).run(stream, JSON.stringify(job), '2026-03-01T08:00:00.000Z', '2026-03-01T09:00:00.000Z');
  old.exec('PRAGMA user_version = 1');
  old.close();
  return directory;
}

async function open(directory: string, readOnly = false) {
  const store = await openEmbeddedStore({ directory, clock, readOnly });
  onTestFinished(() => store.close());
  return store;
}

describe('a ledger of version 1', () => {
  it('is brought up to date by the first writer, with all that it knows; old letters are due', async () => {
    const directory = await makeOldState();
    const store = await open(directory);
    expect((await store.lookup(source, 'job', ['1'])).get('1')).toMatchObject({
      hash: change(job).hash,
      mesId: 'uuid-1',
      refusedHash: 'other',
    });
    expect(await store.deadLetters({})).toMatchObject([{ count: 1, nextRetry: '2026-03-01T09:00:00.000Z' }]);
    expect((await store.leftOver(stream, 10)).records).toEqual([job]);
    const ledger = openDatabase(join(directory, 'ledger.db'), { readOnly: true });
    onTestFinished(() => ledger.close());
    expect(prepare(ledger, 'PRAGMA user_version').get()).toEqual({ user_version: ledgerVersion });
  });

  it('keeps the creates that notes held, but for those whose id it has, also where a crash has left holes', async () => {
    const directory = await makeOldState();
    const old = openDatabase(join(directory, 'ledger.db'), { readOnly: false });
    const note = prepare(old, 'INSERT INTO meta VALUES (?, ?)');
    const first = [
      ['operation/ACME 1.x/A/7', 'h7', 'uuid-7', null],
      null,
      ['', '', null],
      [`job/${source}/1`, 'h', 'uuid-1', 'J1'],
    ];
    note.run('note mes posted 0', JSON.stringify({ next: 4, slots: first }));
    note.run(
      'note mes posted 2',
      JSON.stringify({
        next: 65,
        slots: [
          [`cell/${source}/C1`, 'hc', null, 'Saw'],
          ['job/S/2', 'h2', null],
        ],
      }),
    );
    old.close();
    const store = await open(directory);
    const operation = { source: 'ACME 1.x', entity: 'operation', externalId: 'A/7' } as const;
    expect(await store.sentCreate(operation)).toEqual({ ...operation, hash: 'h7', mesId: 'uuid-7', businessKey: null });
    const cell = { source, entity: 'cell', externalId: 'C1' } as const;
    expect(await store.sentCreate(cell)).toEqual({ ...cell, hash: 'hc', mesId: null, businessKey: 'Saw' });
    const second = { source: 'S', entity: 'job', externalId: '2' } as const;
    expect(await store.sentCreate(second)).toEqual({ ...second, hash: 'h2', mesId: null, businessKey: null });
    expect(await store.sentCreate({ source, entity: 'job', externalId: '1' })).toBeUndefined();
    expect(await store.readNote('mes posted 0')).toBeUndefined();
  });

  it('may hold more than our tables, before and afterwards', async () => {
    const directory = await makeOldState();
    const add = (sql: string) => {
      const ledger = openDatabase(join(directory, 'ledger.db'), { readOnly: false });
      ledger.exec(sql);
      ledger.close();
    };
    add('CREATE INDEX mine ON records (lifecycle)');
    await (await openEmbeddedStore({ directory, clock })).close();
    add('CREATE TABLE _other (id INTEGER); CREATE VIEW jobs AS SELECT * FROM records');
    expect(await (await open(directory)).deadLetters({})).toHaveLength(1);
    expect((await checkState(directory)).map(({ code }) => code)).toContain('state-sound');
  });

  it('stays of its version when a table is not as it must be', async () => {
    const directory = await makeOldState();
    const old = openDatabase(join(directory, 'ledger.db'), { readOnly: false });
    old.exec('ALTER TABLE children_due RENAME COLUMN parent TO parend');
    old.close();
    await expect(openEmbeddedStore({ directory, clock })).rejects.toThrow(
      /does not have all its tables.*Nothing was changed/,
    );
    const ledger = openDatabase(join(directory, 'ledger.db'), { readOnly: true });
    onTestFinished(() => ledger.close());
    expect(prepare(ledger, 'PRAGMA user_version').get()).toEqual({ user_version: 1 });
  });

  it('has the same tables afterwards as a new one', async () => {
    const fresh = scratchDirectory();
    await (await openEmbeddedStore({ directory: fresh, clock })).close();
    const old = await makeOldState();
    await (await openEmbeddedStore({ directory: old, clock })).close();
    const [a, b] = [fresh, old].map((directory) => {
      const ledger = openDatabase(join(directory, 'ledger.db'), { readOnly: true });
      const columns = `SELECT m.name AS name, p.name AS column, p.type AS type, p."notnull" AS required
        FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS p ORDER BY 1, 2`;
      const rows = prepare(ledger, columns).all();
      ledger.close();
      return rows;
    });
    expect(a).toEqual(b);
  });

  it('is not read by a verb that may not change it, which says what to do', async () => {
    const directory = await makeOldState();
    await expect(open(directory, true)).rejects.toThrow(/older erp-puller \(version 1.*brings it up to date/s);
  });

  it('is sound for state check, and can be restored from a backup', async () => {
    const backup = await makeOldState();
    expect((await checkState(backup)).map(({ code }) => code)).toContain('state-sound');
    const directory = join(scratchDirectory(), 'state');
    await restoreState({ from: backup, directory, clock });
    expect(await (await open(directory)).deadLetters({})).toHaveLength(1);
  });
});

describe('a ledger of version 7', () => {
  it('keeps the note of what was being sent, which counts as doubtful', async () => {
    const directory = scratchDirectory();
    await (await openEmbeddedStore({ directory, clock })).close();
    const old = openDatabase(join(directory, 'ledger.db'), { readOnly: false });
    old.exec(`
      DROP TABLE removals;
      DROP TABLE sending;
      CREATE TABLE sending (
        id INTEGER PRIMARY KEY, stream TEXT NOT NULL, source TEXT NOT NULL, entity TEXT NOT NULL, lifecycle TEXT NOT NULL, keep INTEGER NOT NULL,
        columns TEXT NOT NULL
      ) STRICT;
      INSERT INTO sending (stream, source, entity, lifecycle, keep, columns) VALUES ('${stream}', '${source}', 'job', 'active', 0, '["1","J-1"]');
      PRAGMA user_version = 7`);
    old.close();
    const store = await open(directory);
    const entry = (await store.lookup(source, 'job', ['1'])).get('1');
    expect(entry).toMatchObject({ hash: unknownContent, businessKey: 'J-1', lifecycle: 'active' });
  });
});
