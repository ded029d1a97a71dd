import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { giveToOwner, requireAccess } from './access.ts';
import { backUp } from './backup.ts';
import { type OpenDatabase, openDatabase } from './database.ts';
import { makeDirectory } from './directory.ts';
import { probeDirectory, removeLeftovers } from './durable-file.ts';
import { DamagedStateError, NoStateError, stateFailure } from './failure.ts';
import { fenced, type Ledger, ledgerFileName, openLedger } from './ledger.ts';
import { lockState, type StateLock } from './lock.ts';
import { doubtAfterRestore, requireStartable, restoringName, wasRestored } from './pairing.ts';
import { finishPass, type Passing, passOf, writeEntry, writeHeld } from './pass-end.ts';
import type { Interrupted } from './passes.ts';
import { recordPage } from './record-page.ts';
import { createRunLog, type RunLog } from './run-log.ts';
import type {
  BadRow,
  LeftOver,
  PageCommit,
  Quota,
  ResumePoint,
  SendNote,
  Store,
  StreamState,
  StreamStatus,
  SweepStore,
  WatermarkChange,
} from './store.ts';
import { sweepMethods } from './sweep-methods.ts';
import { entryOf, openWatermarkFile, type WatermarkFile } from './watermark-file.ts';

export interface EmbeddedStoreOptions {
  directory: string;
  clock: Clock;
  /** SQLite's files when absent. */
  openDatabase?: OpenDatabase;
  /** For looking beside a running daemon: takes no lock, writes nothing. */
  readOnly?: boolean;
}

/** What the methods of a store work on. */
export interface State extends Passing {
  directory: string;
  lock: StateLock | null;
  epoch: number;
  runLog: RunLog;
}

/**
 * The state in one directory of this machine: watermarks in a readable file, all else in a database, written in that
 * order's reverse. Throws BusyError when another process holds it, ConfigError when it is damaged, foreign or lost.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { directory, readOnly = false } = options;
  return guarded(directory, async () => {
    if (readOnly) return createStore(await openState(options, null));
    await makeDirectory(directory);
    requireAccess(directory);
    const lock = lockState(directory, options.openDatabase ?? openDatabase);
    try {
      removeLeftovers(directory);
      return createStore(await openState(options, lock));
    } catch (error) {
      lock.release();
      giveToOwner(directory);
      throw error;
    }
  });
}

async function openState(options: EmbeddedStoreOptions, lock: StateLock | null): Promise<State> {
  const { directory, clock } = options;
  if (existsSync(join(directory, restoringName))) {
    throw new DamagedStateError(`A restore of ${directory} was cut off before it was complete`);
  }
  // The file before the ledger: beside a running daemon the later look may only show the ledger ahead.
  const file = await openWatermarkFile(directory);
  const readOnly = lock === null;
  if (readOnly && !file.exists() && !existsSync(join(directory, ledgerFileName))) {
    throw new NoStateError(directory);
  }
  const newStateId = readOnly || file.exists() ? null : file.current().stateId;
  const ledger = openLedger({ directory, readOnly, newStateId, openDatabase: options.openDatabase });
  try {
    requireStartable(directory, file, ledger.meta);
    const epoch = readOnly ? 0 : await takeOver(file, ledger);
    return createState({ directory, clock, file, ledger: fenced(ledger, epoch), lock, epoch });
  } catch (error) {
    ledger.close();
    throw error;
  }
}

export function createState(parts: Omit<State, 'passes' | 'written' | 'runLog'>): State {
  return { ...parts, passes: new Map(), written: new Map(), runLog: createRunLog(parts.ledger, parts.clock) };
}

async function takeOver(file: WatermarkFile, ledger: Ledger): Promise<number> {
  const { stateId } = ledger.meta;
  if (!file.exists()) await file.update((current) => ({ ...current, stateId }));
  return ledger.change(() => {
    ledger.doubts.recover();
    doubtAfterRestore(ledger);
    return ledger.meta.nextEpoch();
  });
}

/** The store's methods over an opened state. */
export function createStore(state: State): Store {
  const { directory, ledger } = state;
  const sweeps = sweepMethods(ledger, (work) => guarded(directory, work));
  return { ...passMethods(state), ...childMethods(state), ...sweeps, ...operatorMethods(state) };
}

type PassMethod = 'begin' | 'lookup' | 'noteSending' | 'commit' | 'finish' | 'leftOver' | 'retryWaitingForMes';
type ChildMethod = 'dueChildren' | 'markOpen' | 'childrenOf' | 'refused' | 'countRecords' | 'gathered';

function passMethods(state: State): Pick<Store, PassMethod> {
  const { directory, ledger } = state;
  return {
    begin: (stream) => guarded(directory, () => recoverAndBegin(state, stream)),
    lookup: (source, entity, ids) => guarded(directory, () => ledger.records.lookup(source, entity, ids)),
    noteSending: (sending) => guarded(directory, () => noteSending(state, sending)),
    commit: (page) => guarded(directory, () => commit(state, page)),
    finish: (pass) => guarded(directory, () => finishPass(state, pass)),
    leftOver: (stream, limit) => guarded(directory, () => ledger.read(() => leftOver(state, stream, limit))),
    retryWaitingForMes: (entities) =>
      guarded(directory, () => ledger.change(() => ledger.parked.retryWaitingForMes(entities))),
  };
}

function childMethods({ directory, ledger }: State): Pick<Store, ChildMethod> {
  return {
    gathered: (source, page) => guarded(directory, () => ledger.gathered(source, page)),
    dueChildren: (stream, limit) => guarded(directory, () => ledger.children.list(stream, limit)),
    markOpen: (mark) => guarded(directory, () => ledger.change(() => ledger.children.markOpen(mark))),
    childrenOf: (query) => guarded(directory, () => ledger.records.childrenOf(query)),
    refused: (source, entity, ids) => guarded(directory, () => ledger.deadLetters.refused(source, entity, ids)),
    countRecords: (source, entity) => guarded(directory, () => ledger.records.count(source, entity)),
  };
}

function operatorMethods(state: State): Omit<Store, PassMethod | ChildMethod | keyof SweepStore> {
  const { directory, ledger, runLog } = state;
  const { deadLetters, meta, creates } = ledger;
  const change = <T>(work: () => T): Promise<T> => guarded(directory, () => ledger.change(work));
  return {
    status: () => guarded(directory, () => status(state)),
    recordRun: (stream, run) => guarded(directory, () => runLog.record(stream, run)),
    runs: (stream) => guarded(directory, () => runLog.history(stream)),
    setWatermark: (request) => guarded(directory, () => setWatermark(state, request)),
    deadLetters: (filter) => guarded(directory, () => deadLetters.list(filter)),
    adoptMesIds: (source, entity, listed) => change(() => ledger.mesIds.adopt(source, entity, listed)),
    countWithoutMesId: (source, entity) => guarded(directory, () => ledger.mesIds.lacking(source, entity)),
    retryDeadLetters: (filter) => change(() => deadLetters.retry(filter)),
    dropDeadLetters: (filter) => change(() => deadLetters.drop(filter)),
    readQuota: () => guarded(directory, () => meta.readQuota()),
    updateQuota: (edit) => guarded(directory, () => updateQuota(ledger, edit)),
    readNote: (name) => guarded(directory, () => meta.readNote(name)),
    writeNote: (name, value) => change(() => meta.writeNote(name, value)),
    sentCreate: (ref) => guarded(directory, () => creates.find(ref)),
    noteCreates: (sent) => change(() => creates.note(sent, wasRestored(ledger))),
    forgetCreates: (refs) => change(() => creates.forget(refs)),
    probe: () => guarded(directory, () => probe(state)),
    async backup(target) {
      await guarded(directory, () => runLog.flush());
      await guarded(target, () => backUp(state, target));
    },
    close: () => guarded(directory, () => close(state)),
  };
}

/** A pass of this process that could not commit what it had sent left only the note of it. */
async function recoverAndBegin(state: State, stream: string): Promise<StreamState> {
  const { doubts, recall, change } = state.ledger;
  if (recall(`sending ${stream}`, () => doubts.any(stream))) await change(() => doubts.recover(stream));
  return begin(state, stream);
}

function begin({ file, ledger, passes, epoch }: State, stream: string): StreamState {
  const { run, watermark, fingerprint, lastFullRead, lastSweep: parentsMarkedAt } = entryOf(file.current(), stream);
  const { left, reads, latestChild, ...known } = ledger.recall(stream, () => knownOf(ledger, stream));
  const interrupted = left?.run === run ? left : undefined;
  // A resumed pass goes by the marks from before its first page: a later one may concern a parent it has read already.
  const children = interrupted?.childrenMark ?? latestChild;
  const inLedger = interrupted !== undefined;
  passes.set(stream, { run, marks: { children, reads: inLedger ? 0 : reads }, inLedger });
  const resume = interrupted?.point ?? null;
  return { watermark, resume, epoch, fingerprint, lastFullRead, parentsMarkedAt, ...known, readDue: reads > 0 };
}

/** What the ledger has of a stream when a pass begins. */
function knownOf({ passes, readsDue, children, sweeps, parked, deadLetters, removals }: Ledger, stream: string) {
  const latestParkedAt = parked.latest(stream);
  return {
    left: passes.interrupted(stream),
    reads: readsDue.latest(stream),
    latestChild: children.latest(stream),
    lateness: sweeps.lateness(stream),
    latestParkedAt,
    leftOver: latestParkedAt !== null || deadLetters.any(stream),
    removalsBegun: removals.any(),
  };
}

async function noteSending(state: State, sending: SendNote): Promise<void> {
  const { ledger } = state;
  const interrupted = interruptedAt(state, sending.stream, sending.before);
  await ledger.jot(() => {
    ledger.doubts.note(sending);
    if (interrupted !== null) ledger.passes.save(sending.stream, interrupted);
  });
}

/** Where the pass of that stream goes on; null leaves it as it is. Something of the pass is in the ledger from now on. */
function interruptedAt(state: State, stream: string, point: ResumePoint | null): Interrupted | null {
  const open = passOf(state, stream);
  open.inLedger = true;
  return point === null ? null : { run: open.run, childrenMark: open.marks.children, point };
}

function commit(state: State, page: PageCommit): Promise<BadRow[]> {
  const { ledger, clock } = state;
  const interrupted = interruptedAt(state, page.stream, page.resume);
  return ledger.change(() => recordPage(ledger, page, { now: clock.now(), interrupted }));
}

function leftOver({ ledger, clock }: State, stream: string, limit: number): LeftOver {
  const parked = ledger.parked.ready(stream, limit, clock.now());
  const letters = ledger.deadLetters.due(stream, limit - parked.length, clock.now());
  const [longest] = parked;
  const since = longest === undefined ? {} : { since: longest.since };
  return { ...letters, ...since, records: [...parked.map(({ record }) => record), ...letters.records] };
}

async function setWatermark(state: State, { stream, watermark, forget }: WatermarkChange): Promise<void> {
  const { ledger } = state;
  const sequence = await ledger.change(() => {
    for (const entity of forget?.entities ?? []) {
      ledger.records.resend(forget?.source ?? '', entity);
      ledger.creates.doubt(forget?.source ?? '', entity);
    }
    return ledger.meta.nextSequence();
  });
  await writeEntry(state, { stream, sequence }, (current) => ({ ...current, watermark, run: sequence }));
}

function status({ file, ledger, runLog }: State): StreamStatus[] {
  const letters = new Map(ledger.deadLetters.counts().map((row) => [row.stream, row]));
  const parked = new Map(ledger.parked.counts().map((row) => [row.stream, row]));
  const runs = runLog.last();
  const streams = new Set([
    ...Object.keys(file.current().streams),
    ...letters.keys(),
    ...parked.keys(),
    ...runs.keys(),
  ]);
  return [...streams].sort().map((stream) => {
    const { watermark, lastSuccess } = entryOf(file.current(), stream);
    const { count: deadLetters = 0, since: deadLettersSince = null } = letters.get(stream) ?? {};
    const { count = 0, since: parkedSince = null } = parked.get(stream) ?? {};
    const lastRun = runs.get(stream) ?? null;
    return { stream, watermark, lastSuccess, lastRun, deadLetters, deadLettersSince, parked: count, parkedSince };
  });
}

/** Nothing comes between the look and the transaction: both are done before the first wait, and there is one writer. */
async function updateQuota<T>(
  { meta, change }: Ledger,
  edit: (quota: Quota) => { quota: Quota; answer: T },
): Promise<T> {
  const before = meta.readQuota();
  const { quota, answer } = edit(before);
  if (quota !== before) await change(() => meta.writeQuota(quota));
  return answer;
}

async function probe({ ledger, directory }: State): Promise<void> {
  await ledger.change(() => ledger.meta.writeQuota(ledger.meta.readQuota()));
  await probeDirectory(directory);
}

async function close(state: State): Promise<void> {
  // What cannot be written, or belongs to another process by now, is read once more.
  await writeHeld(state).catch(() => undefined);
  await state.runLog.flush().catch(() => undefined);
  state.ledger.close();
  if (state.lock === null) return;
  state.lock.release();
  giveToOwner(state.directory);
}

async function guarded<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw stateFailure(error, directory);
  }
}
