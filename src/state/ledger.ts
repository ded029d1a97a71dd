import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import { type ChildrenDue, createChildrenDue } from './children-due.ts';
import { type Creates, createCreates } from './creates.ts';
import {
  copyDatabase,
  createLogFlush,
  type Database,
  type OpenDatabase,
  openDatabase,
  prepare,
  readTogether,
  transaction,
} from './database.ts';
import { createDeadLetters, type DeadLetters } from './dead-letters.ts';
import { createDoubts, type Doubts } from './doubts.ts';
import { DamagedStateError, NoStateError } from './failure.ts';
import { createGathered, type Gathered } from './gathered.ts';
import { createSchema, ledgerVersion, migrate, readVersion, requireTables } from './ledger-schema.ts';
import { createMesIds, type MesIds } from './mes-ids.ts';
import { createMeta, type Meta } from './meta.ts';
import { createParked, type Parked } from './parked.ts';
import { createPasses, type Passes } from './passes.ts';
import { createReadsDue, type ReadsDue } from './reads-due.ts';
import { createRecords, type Records } from './records.ts';
import { createRemovals, type Removals } from './removals.ts';
import { createSweeps, type Sweeps } from './sweeps.ts';
import { watermarkFileName } from './watermark-file.ts';

export const ledgerFileName = 'ledger.db';

/** The database beside the watermark file. Its parts read freely; whatever writes runs inside `change`. */
export interface Ledger extends LedgerParts {
  /** All or nothing; seen by others at once, durable when it resolves. */
  change<T>(work: () => T): Promise<T>;
  /** As `change`, but durable only with the next one: for what a power cut may take. A crash of the program takes nothing. */
  jot<T>(work: () => T): Promise<T>;
  /** Several reads of one moment; cheaper than one by one. Not inside `change`. */
  read<T>(work: () => T): T;
  /** As `read`, and what it said under this key counts until this process writes: polls without news all ask the same. */
  recall<T>(key: string, work: () => T): T;
  /** Problems that SQLite finds in the whole file; none when it is sound. Reads all of it. */
  findDamage(): string[];
  copyTo(path: string): Promise<void>;
  close(): void;
}

interface LedgerParts {
  meta: Meta;
  records: Records;
  mesIds: MesIds;
  deadLetters: DeadLetters;
  parked: Parked;
  gathered: Gathered;
  children: ChildrenDue;
  readsDue: ReadsDue;
  passes: Passes;
  sweeps: Sweeps;
  creates: Creates;
  doubts: Doubts;
  removals: Removals;
}

export interface LedgerOptions {
  directory: string;
  readOnly: boolean;
  /** Id for a ledger that does not exist yet; null when it must exist. */
  newStateId: string | null;
  openDatabase?: OpenDatabase | undefined;
}

/** 8 MB of pages however large the file: with the default of 2 MB a look-up of a thousand takes a third longer at a million. */
const cacheKiB = 8192;
/** Of a new ledger. A commit of many records writes a quarter of the pages that 4 kB would take; one of a single record, 16 kB. */
const pageBytes = 16_384;

/** Opens the ledger of a state directory; throws ConfigError for one that is damaged, foreign or lost. */
export function openLedger({ directory, readOnly, newStateId, ...options }: LedgerOptions): Ledger {
  const path = join(directory, ledgerFileName);
  if (newStateId === null && !existsSync(path)) throw new DamagedStateError(`${path} is missing`);
  const database = (options.openDatabase ?? openDatabase)(path, { readOnly });
  try {
    prepareLedger(database, { path, readOnly, newStateId });
    // Only now: the check of the whole file would leave it full of pages that nobody asks for again.
    database.exec(`PRAGMA cache_size = -${cacheKiB}`);
    return createLedger(database, path);
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepareLedger(
  database: Database,
  options: { path: string; readOnly: boolean; newStateId: string | null },
): void {
  const { path, readOnly, newStateId } = options;
  database.exec(`PRAGMA page_size = ${pageBytes}`);
  const version = readVersion(database, path);
  if (version === 0 && newStateId === null) throw emptyLedger(path);
  if (readOnly) {
    requireCurrent(path, version);
    requireTables(database, path);
    return;
  }
  if (version !== 0) requireUndamaged(database, path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  if (version === 0 && newStateId !== null) createSchema(database, newStateId);
  else migrate(database, { path, version });
  // From here on each change waits for its own flush.
  database.exec('PRAGMA synchronous = NORMAL');
}

/** Without watermarks beside it the very first start was cut off before it made the tables. */
function emptyLedger(path: string): ConfigError {
  const directory = dirname(path);
  if (existsSync(join(directory, watermarkFileName))) return new DamagedStateError(`${path} is empty`);
  return new NoStateError(directory);
}

/** A third of a second for a million records; whoever only reads beside the daemon goes without. */
function requireUndamaged(database: Database, path: string): void {
  const [first] = prepare<{ quick_check: string }>(database, 'PRAGMA quick_check(1)').all();
  if (first?.quick_check !== 'ok') throw new DamagedStateError(`${path} is damaged: ${first?.quick_check}`);
}

/** What reads cannot bring it up to date. */
function requireCurrent(path: string, version: number): void {
  if (version === ledgerVersion) return;
  throw new ConfigError(
    `${path} was last written by an older erp-puller (version ${version}, this one writes ${ledgerVersion}). The daemon or a sync of this ` +
      'version brings it up to date when it starts; nothing is lost by that.',
  );
}

/** What can be told of a ledger of any version. */
export type LedgerInspection = Pick<Ledger, 'meta' | 'findDamage'>;

/** Looks into a ledger, an older program's too, and writes nothing; throws ConfigError for one that is empty, newer or lost. */
export function inspectLedger(directory: string, inspect: (ledger: LedgerInspection) => void): void {
  const path = join(directory, ledgerFileName);
  if (!existsSync(path)) throw new DamagedStateError(`${path} is missing`);
  const database = openDatabase(path, { readOnly: true });
  try {
    const version = readVersion(database, path);
    if (version === 0) throw emptyLedger(path);
    if (version === ledgerVersion) requireTables(database, path);
    inspect({ meta: createMeta(database), findDamage: () => findDamage(database) });
  } finally {
    database.close();
  }
}

export function hasLedger(directory: string): boolean {
  return existsSync(join(directory, ledgerFileName));
}

/**
 * Changes single values of a ledger that nobody has open, of an older program's too, all or nothing and durable; whoever calls holds the lock.
 * Throws ConfigError for one that is empty, newer or lost.
 */
export function changeMeta<T>(directory: string, change: (meta: Meta) => T): T {
  const path = join(directory, ledgerFileName);
  if (!existsSync(path)) throw new DamagedStateError(`${path} is missing`);
  const database = openDatabase(path, { readOnly: false });
  try {
    if (readVersion(database, path) === 0) throw new DamagedStateError(`${path} is empty`);
    database.exec('PRAGMA synchronous = FULL');
    return transaction(database, () => change(createMeta(database)));
  } finally {
    database.close();
  }
}

function findDamage(database: Database): string[] {
  const rows = prepare<{ integrity_check: string }>(database, 'PRAGMA integrity_check').all();
  return rows.map((row) => row.integrity_check).filter((text) => text !== 'ok');
}

/** Everything a ledger is made of, over a database that has its tables. */
export function createParts(database: Database): LedgerParts {
  const records = createRecords(database);
  return {
    meta: createMeta(database),
    records,
    mesIds: createMesIds(database),
    deadLetters: createDeadLetters(database),
    parked: createParked(database),
    gathered: createGathered(database),
    children: createChildrenDue(database),
    readsDue: createReadsDue(database),
    passes: createPasses(database),
    sweeps: createSweeps(database),
    creates: createCreates(database, records.scope),
    doubts: createDoubts(database, records.scope),
    removals: createRemovals(database),
  };
}

function createLedger(database: Database, path: string): Ledger {
  const log = createLogFlush(path);
  const recalled = new Map<string, unknown>();
  const write = <T>(work: () => T): T => {
    recalled.clear();
    return transaction(database, work);
  };
  const read = <T>(work: () => T): T => readTogether(database, work);
  return {
    ...createParts(database),
    async change(work) {
      const result = write(work);
      await log.flush();
      return result;
    },
    jot: async (work) => write(work),
    read,
    recall<T>(key: string, work: () => T): T {
      if (!recalled.has(key)) recalled.set(key, read(work));
      return recalled.get(key) as T;
    },
    findDamage: () => findDamage(database),
    copyTo: (path) => copyDatabase(database, path),
    close() {
      log.close();
      database.close();
    },
  };
}

/** A ledger that takes nothing more once another writer has taken over, from whichever part of the program it comes. */
export function fenced(ledger: Ledger, epoch: number): Ledger {
  const owned =
    <T>(work: () => T) =>
    (): T => {
      ledger.meta.requireEpoch(epoch);
      return work();
    };
  return { ...ledger, change: (work) => ledger.change(owned(work)), jot: (work) => ledger.jot(owned(work)) };
}
