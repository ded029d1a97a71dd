import { ConfigError } from '../core/errors.ts';
import { type Database, openScratchDatabase, prepare, prepareArrays, transaction, type Value } from './database.ts';
import { DamagedStateError } from './failure.ts';

/**
 * Tables of version 1; a new ledger goes through the same steps as an old one.
 *
 * - `records.job`, `records.part`: the parents of a record that is kept whole, also once it is cancelled and `record` is null; null for all others,
 *   which keeps the two indexes small.
 * - `children_due.id` and `dead_letters.id` never come back (AUTOINCREMENT): "everything up to this mark" must not take in a later one.
 * - `dead_letters.key` is `row <key>` before a row became a record, `<entity>/<externalId>` after: one letter each, whatever stage it failed at.
 * - `resume.run` names the run of the stream in the watermark file that the point continues; with any other it is void.
 */
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

/**
 * From each version to the next, oldest first; never changed once released.
 *
 * 2: `dead_letters.retries` counts the tries of one content that came by themselves, `next_at` is when the next one is due, null when
 * only a person may ask for it. `records.marks` holds a short mark for each delivered field. `reads_due` names streams that must be read
 * whole, because the MES has lost a record of theirs; its ids never come back.
 * 3: `absences` holds records that complete reads of a source's keys did not list; `withheld` is 1 while only reads whose absences the
 * guard withheld have missed it. `sweeps` tells how the last such read of a stream ended, `lateness` how late its rows have shown up.
 * 4: `runs` holds the last passes of each stream, failed ones too, with their figures as JSON.
 * 5: what waits for a record is found by it, so that a job can go out together with what belongs to it.
 * 6: `creates` holds what was sent and is not known to be there; before, notes held the last 2 048 of them.
 * 7: `sending` holds what is being sent, as little of it as can be told from; it goes with the commit of its page.
 * 8: `removals` names what is being removed from the MES. What was noted in `sending` stays, no longer `open`, until the next note takes its place.
 */
const steps: readonly string[] = [
  `
  ALTER TABLE dead_letters ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE dead_letters ADD COLUMN next_at TEXT;
  UPDATE dead_letters SET next_at = last_at;
  ALTER TABLE records ADD COLUMN marks TEXT;
  CREATE TABLE reads_due (id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL UNIQUE) STRICT;
  `,
  `
  CREATE TABLE absences (
    scope INTEGER NOT NULL, external_id TEXT NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL, withheld INTEGER NOT NULL,
    PRIMARY KEY (scope, external_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE sweeps (stream TEXT PRIMARY KEY, at TEXT NOT NULL, pending INTEGER NOT NULL, withheld INTEGER NOT NULL) STRICT;
  CREATE TABLE lateness (stream TEXT PRIMARY KEY, late_rows INTEGER NOT NULL, seconds INTEGER NOT NULL) STRICT;
  `,
  `
  DROP TABLE runs;
  CREATE TABLE runs (id INTEGER PRIMARY KEY, stream TEXT NOT NULL, figures TEXT NOT NULL) STRICT;
  CREATE INDEX runs_by_stream ON runs (stream, id);
  `,
  'CREATE INDEX parked_by_awaited ON parked (waits_entity, waits_id);',
  `
  CREATE TABLE creates (
    scope INTEGER NOT NULL, external_id TEXT NOT NULL, hash TEXT NOT NULL, mes_id TEXT, business_key TEXT, PRIMARY KEY (scope, external_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TEMP TABLE slots AS
    SELECT slot.value ->> 0 AS key, slot.value ->> 1 AS hash, slot.value ->> 2 AS mes_id, slot.value ->> 3 AS business_key
    FROM meta, json_each(meta.value, '$.slots') AS slot WHERE meta.key LIKE 'note mes posted %' AND slot.value ->> 0 <> '';
  CREATE TEMP TABLE noted AS
    SELECT substr(key, 1, instr(key, '/') - 1) AS entity, substr(key, instr(key, '/') + 1) AS rest, hash, mes_id, business_key FROM slots;
  INSERT OR IGNORE INTO scopes (source, entity) SELECT substr(rest, 1, instr(rest, '/') - 1), entity FROM noted;
  INSERT OR REPLACE INTO creates
    SELECT scopes.id, substr(rest, instr(rest, '/') + 1), noted.hash, noted.mes_id, noted.business_key
    FROM noted JOIN scopes ON scopes.source = substr(rest, 1, instr(rest, '/') - 1) AND scopes.entity = noted.entity
    WHERE NOT EXISTS (
      SELECT 1 FROM records WHERE scope = scopes.id AND external_id = substr(rest, instr(rest, '/') + 1) AND records.mes_id IS NOT NULL
    );
  DROP TABLE slots;
  DROP TABLE noted;
  DELETE FROM meta WHERE key LIKE 'note mes posted %';
  `,
  `
  CREATE TABLE sending (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL, source TEXT NOT NULL, entity TEXT NOT NULL, lifecycle TEXT NOT NULL, keep INTEGER NOT NULL,
    columns TEXT NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE sending RENAME TO sent;
  CREATE TABLE sending (
    id INTEGER PRIMARY KEY, open INTEGER NOT NULL, stream TEXT NOT NULL, source TEXT NOT NULL, entity TEXT NOT NULL, lifecycle TEXT NOT NULL,
    keep INTEGER NOT NULL, columns TEXT NOT NULL
  ) STRICT;
  INSERT INTO sending SELECT id, 1, stream, source, entity, lifecycle, keep, columns FROM sent;
  DROP TABLE sent;
  CREATE TABLE removals (
    scope INTEGER NOT NULL, external_id TEXT NOT NULL, PRIMARY KEY (scope, external_id)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** Counts up with every change of the tables; an older program refuses a newer ledger. */
export const ledgerVersion = 1 + steps.length;

/** Creates the tables of a new ledger, with the id it shall carry, in one step: a crash leaves an empty file or a whole ledger. */
export function createSchema(database: Database, stateId: string): void {
  transaction(database, () => {
    createTables(database);
    const put = prepare(database, 'INSERT INTO meta (key, value) VALUES (?, ?)');
    put.run('stateId', stateId);
    put.run('sequence', 0);
    put.run('epoch', 0);
  });
}

/** The tables of this version, empty. */
export function createTables(database: Database): void {
  database.exec(tables);
  takeSteps(database, 1);
}

/** Brings the ledger of an older program up to date, all or nothing. Throws ConfigError where a table is not as it must be. */
export function migrate(database: Database, { path, version }: { path: string; version: number }): void {
  if (version === ledgerVersion) {
    requireTables(database, path);
    return;
  }
  transaction(database, () => {
    takeSteps(database, version);
    requireTables(database, path);
  });
}

/**
 * Throws ConfigError unless every table and index is there with its columns: a damaged text of one shows in no check of the pages. What
 * else somebody has put there does no harm.
 */
export function requireTables(database: Database, path: string): void {
  ownColumns ??= readOwnColumns();
  const there = new Set(columnsOf(database));
  const missing = ownColumns.find((column) => !there.has(column));
  if (missing !== undefined) throw new DamagedStateError(`${path} does not have all its tables: ${missing}`);
}

let ownColumns: readonly string[] | undefined;

function readOwnColumns(): string[] {
  const fresh = openScratchDatabase();
  createTables(fresh);
  const columns = columnsOf(fresh);
  fresh.close();
  return columns;
}

function columnsOf(database: Database): string[] {
  const rows = prepareArrays<Value[]>(
    database,
    `SELECT made.name, col.name AS "column", col.type, col."notnull", col.pk
     FROM sqlite_schema AS made JOIN pragma_table_info(made.name) AS col WHERE made.name NOT LIKE 'sqlite_%'
     UNION ALL SELECT tbl_name, name, 'INDEX', 0, 0 FROM sqlite_schema WHERE type = 'index'`,
  ).all();
  return rows.map((row) => row.join(' '));
}

function takeSteps(database: Database, version: number): void {
  for (const step of steps.slice(version - 1)) database.exec(step);
  database.exec(`PRAGMA user_version = ${ledgerVersion}`);
}

/** Version of the tables; 0 for an empty file. Throws ConfigError for a ledger that this program does not know. */
export function readVersion(database: Database, path: string): number {
  const version = prepare<{ user_version: number }>(database, 'PRAGMA user_version').get()?.user_version ?? 0;
  if (version > ledgerVersion) {
    const problem = `${path} was written by a newer erp-puller (version ${version}, this one knows ${ledgerVersion})`;
    throw new ConfigError(`${problem}. Nothing was changed. Run that program, or restore a backup made by this one.`);
  }
  if (version === 0 && hasTables(database)) throw new DamagedStateError(`${path} is not a ledger of erp-puller`);
  return version;
}

function hasTables(database: Database): boolean {
  return prepare(database, 'SELECT 1 FROM sqlite_schema').get() !== undefined;
}
