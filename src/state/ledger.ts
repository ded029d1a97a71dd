import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import { recordKey } from '../core/records.ts';
import type { Outcome, RecordRef } from '../core/types.ts';
import { type ChildrenDue, createChildrenDue } from './children-due.ts';
import {
  copyDatabase,
  createLogFlush,
  type Database,
  type OpenDatabase,
  openDatabase,
  prepare,
  transaction,
} from './database.ts';
import { createDeadLetters, type DeadLetters, rowKey } from './dead-letters.ts';
import { damagedState } from './failure.ts';
import { createGathered, type Gathered } from './gathered.ts';
import { createSchema, ledgerVersion, migrate, readVersion } from './ledger-schema.ts';
import { createMesIds, type MesIds } from './mes-ids.ts';
import { createMeta, type Meta } from './meta.ts';
import { createParked, type Parked } from './parked.ts';
import { createPasses, type Interrupted, type Passes } from './passes.ts';
import { createReadsDue, type ReadsDue } from './reads-due.ts';
import { createRecords, type Records, recordJson } from './records.ts';
import type { PageCommit, PassFinish } from './store.ts';
import { createSweeps, type Sweeps } from './sweeps.ts';

export const ledgerFileName = 'ledger.db';

/** The database beside the watermark file. Its parts read freely; whatever writes runs inside `change`. */
export interface Ledger extends LedgerParts {
  /** All or nothing; seen by others at once, durable when it resolves. */
  change<T>(work: () => T): Promise<T>;
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
/** Half as many pages to write a commit as with the default of 4 kB. */
const pageBytes = 8192;

/** Opens the ledger of a state directory; throws ConfigError for one that is damaged, foreign or lost. */
export function openLedger({ directory, readOnly, newStateId, ...options }: LedgerOptions): Ledger {
  const path = join(directory, ledgerFileName);
  if (newStateId === null && !existsSync(path)) throw damagedState(`${path} is missing`);
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
  if (version === 0 && newStateId === null) throw damagedState(`${path} is empty`);
  if (readOnly) {
    requireCurrent(path, version);
    return;
  }
  if (version !== 0) requireUndamaged(database, path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  if (version === 0 && newStateId !== null) createSchema(database, newStateId);
  else migrate(database, version);
  // From here on each change waits for its own flush.
  database.exec('PRAGMA synchronous = NORMAL');
}

/** A third of a second for a million records; whoever only reads beside the daemon goes without. */
function requireUndamaged(database: Database, path: string): void {
  const [first] = prepare<{ quick_check: string }>(database, 'PRAGMA quick_check(1)').all();
  if (first?.quick_check !== 'ok') throw damagedState(`${path} is damaged: ${first?.quick_check}`);
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
  if (!existsSync(path)) throw damagedState(`${path} is missing`);
  const database = openDatabase(path, { readOnly: true });
  try {
    if (readVersion(database, path) === 0) throw damagedState(`${path} is empty`);
    inspect({ meta: createMeta(database), findDamage: () => findDamage(database) });
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
  return {
    meta: createMeta(database),
    records: createRecords(database),
    mesIds: createMesIds(database),
    deadLetters: createDeadLetters(database),
    parked: createParked(database),
    gathered: createGathered(database),
    children: createChildrenDue(database),
    readsDue: createReadsDue(database),
    passes: createPasses(database),
    sweeps: createSweeps(database),
  };
}

function createLedger(database: Database, path: string): Ledger {
  const log = createLogFlush(path);
  return {
    ...createParts(database),
    async change(work) {
      const result = transaction(database, work);
      await log.flush();
      return result;
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
  const change = <T>(work: () => T): Promise<T> =>
    ledger.change(() => {
      ledger.meta.requireEpoch(epoch);
      return work();
    });
  return { ...ledger, change };
}

/** What became of one page; `interrupted` replaces the resume point unless null. Runs inside `change`. */
export function recordPage(
  ledger: Ledger,
  page: PageCommit,
  context: { now: Date; interrupted: Interrupted | null },
): void {
  const { deadLetters, children, passes, meta } = ledger;
  meta.requireEpoch(page.epoch);
  recordOutcomes(ledger, page, context.now);
  recordUnchanged(ledger, page);
  recordRemoved(ledger, page);
  if (page.late !== null) ledger.sweeps.late(page.stream, page.late);
  for (const row of page.badRows) deadLetters.addRow(page.stream, row, context.now);
  if (page.goodRowKeys.length > 0 && deadLetters.any(page.stream)) {
    deadLetters.settle(page.stream, page.goodRowKeys.map(rowKey));
  }
  if (page.retriedLetters.length > 0) deadLetters.settleRetried(page.retriedLetters, context.now);
  if (page.childrenDue !== null) children.mark(page.childrenDue.stream, page.childrenDue.parents);
  if (page.childrenRead.length > 0) children.settle(page.stream, page.childrenRead);
  if (context.interrupted !== null) passes.save(page.stream, context.interrupted);
}

/** What was marked when a pass began: its end settles no later mark. */
export interface PassMarks {
  children: number;
  reads: number;
}

/** The end of a pass in the ledger; returns its number for the watermark file. Runs inside `change`. */
export function recordPass(ledger: Ledger, finish: PassFinish, marks: PassMarks): number {
  ledger.meta.requireEpoch(finish.epoch);
  const sequence = ledger.meta.nextSequence();
  if (finish.childrenSettled) ledger.children.settleUpTo(finish.stream, marks.children);
  if (finish.fullReadAt !== null) ledger.readsDue.settleUpTo(finish.stream, marks.reads);
  return sequence;
}

function recordOutcomes(ledger: Ledger, page: PageCommit, now: Date): void {
  const byEntity = Map.groupBy(page.outcomes, (outcome) => outcome.change.record.entity);
  for (const [entity, outcomes] of byEntity) {
    const scope = ledger.records.scope(page.source, entity);
    if (ledger.parked.any(scope)) ledger.parked.settle(scope, idsOf(allBut('parked', outcomes)));
    if (ledger.deadLetters.any(page.stream)) {
      ledger.deadLetters.settle(page.stream, allBut('refused', outcomes).map(recordKey));
    }
    const delivered = outcomes.filter((outcome) => outcome.kind === 'delivered');
    ledger.records.deliver(scope, delivered, page.keepRecords);
    for (const outcome of outcomes) {
      if (outcome.kind !== 'delivered') setAside(ledger, outcome, { page, scope, now });
    }
  }
}

function allBut(kind: Outcome['kind'], outcomes: readonly Outcome[]): RecordRef[] {
  return outcomes.filter((outcome) => outcome.kind !== kind).map((outcome) => outcome.change.record);
}

function setAside(
  ledger: Ledger,
  outcome: Exclude<Outcome, { kind: 'delivered' }>,
  context: { page: PageCommit; scope: number; now: Date },
): void {
  const { change } = outcome;
  const { page, scope, now } = context;
  const { stream, source } = page;
  const record = recordJson(change);
  if (outcome.kind === 'refused') {
    ledger.records.refuse(scope, change);
    const refusal = { key: recordKey(change.record), reason: outcome.reason, payload: record };
    ledger.deadLetters.addRecord(stream, refusal, now);
    return;
  }
  const { externalId } = change.record;
  ledger.records.acceptAgain(scope, [externalId]);
  const { waitsFor } = outcome;
  const gathered = change.record.entity === 'job' && waitsFor.entity === 'operation';
  const lost = ledger.parked.park(scope, { stream, source, externalId, record, waitsFor, gathered }, now);
  if (lost) askAgain(ledger, page, waitsFor);
}

/** The MES misses what it was given: it counts as never delivered, and the streams that bring it are read whole. */
function askAgain(ledger: Ledger, { source, parentStreams }: PageCommit, { entity, externalId }: RecordRef): void {
  ledger.records.forgetOne(ledger.records.scope(source, entity), externalId);
  ledger.readsDue.mark(parentStreams.get(entity) ?? []);
}

/** The ERP is back at what the MES holds: another content that is still set aside must not overtake it. */
function recordUnchanged(ledger: Ledger, page: PageCommit): void {
  for (const { entity, externalId, stamp } of page.restamped) {
    ledger.records.restamp(ledger.records.scope(page.source, entity), externalId, stamp);
  }
  for (const [entity, refs] of Map.groupBy(page.unchanged, (ref) => ref.entity)) {
    const scope = ledger.records.scope(page.source, entity);
    if (ledger.parked.any(scope)) ledger.parked.settle(scope, idsOf(refs));
    if (ledger.deadLetters.any(page.stream)) {
      ledger.deadLetters.settle(page.stream, refs.map(recordKey));
      ledger.records.acceptAgain(scope, idsOf(refs));
    }
  }
}

function recordRemoved(ledger: Ledger, { source, stream, removed }: PageCommit): void {
  for (const [entity, refs] of Map.groupBy(removed, (ref) => ref.entity)) {
    const scope = ledger.records.scope(source, entity);
    ledger.records.remove(scope, idsOf(refs));
    ledger.parked.settle(scope, idsOf(refs));
    ledger.deadLetters.settle(stream, refs.map(recordKey));
  }
}

function idsOf(refs: readonly RecordRef[]): string[] {
  return refs.map((ref) => ref.externalId);
}
