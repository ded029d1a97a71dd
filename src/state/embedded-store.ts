import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { backUp } from './backup.ts';
import { type OpenDatabase, openDatabase } from './database.ts';
import { makeDirectory } from './directory.ts';
import { probeDirectory, removeLeftovers } from './durable-file.ts';
import { damagedState, NoStateError, stateFailure } from './failure.ts';
import { fenced, type Ledger, ledgerFileName, openLedger } from './ledger.ts';
import { lockState, type StateLock } from './lock.ts';
import { requireStartable, restoringName } from './pairing.ts';
import { type PassMarks, recordPage, recordPass } from './record-page.ts';
import type {
  LeftOver,
  PageCommit,
  PassFinish,
  Quota,
  Store,
  StreamState,
  StreamStatus,
  SweepStore,
  WatermarkChange,
} from './store.ts';
import { sweepMethods } from './sweep-methods.ts';
import { markOf, openWatermarkFile, type StreamMark, type WatermarkFile } from './watermark-file.ts';

export interface EmbeddedStoreOptions {
  directory: string;
  clock: Clock;
  /** SQLite's files when absent. */
  openDatabase?: OpenDatabase;
  /** For looking beside a running daemon: takes no lock, writes nothing. */
  readOnly?: boolean;
}

/** What the methods of a store work on. */
export interface State {
  directory: string;
  clock: Clock;
  file: WatermarkFile;
  ledger: Ledger;
  lock: StateLock | null;
  epoch: number;
  /** What was true when the pass under way of a stream began. */
  passes: Map<string, OpenPass>;
}

interface OpenPass {
  run: number;
  marks: PassMarks;
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
    const lock = lockState(directory, options.openDatabase ?? openDatabase);
    try {
      removeLeftovers(directory);
      return createStore(await openState(options, lock));
    } catch (error) {
      lock.release();
      throw error;
    }
  });
}

async function openState(options: EmbeddedStoreOptions, lock: StateLock | null): Promise<State> {
  const { directory, clock } = options;
  if (existsSync(join(directory, restoringName))) {
    throw damagedState(`A restore of ${directory} was cut off before it was complete`);
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
    return { directory, clock, file, ledger: fenced(ledger, epoch), lock, epoch, passes: new Map() };
  } catch (error) {
    ledger.close();
    throw error;
  }
}

async function takeOver(file: WatermarkFile, ledger: Ledger): Promise<number> {
  const { stateId } = ledger.meta;
  if (!file.exists()) await file.update((current) => ({ ...current, stateId }));
  return ledger.change(() => ledger.meta.nextEpoch());
}

/** The store's methods over an opened state. */
export function createStore(state: State): Store {
  const { directory, ledger } = state;
  const sweeps = sweepMethods(ledger, (work) => guarded(directory, work));
  return { ...passMethods(state), ...childMethods(state), ...sweeps, ...operatorMethods(state) };
}

type PassMethod = 'begin' | 'lookup' | 'commit' | 'finish' | 'leftOver' | 'releaseUnavailable';
type ChildMethod = 'dueChildren' | 'markOpen' | 'childrenOf' | 'refused' | 'countRecords' | 'gathered';

function passMethods(state: State): Pick<Store, PassMethod> {
  const { directory, ledger } = state;
  return {
    begin: (stream) => guarded(directory, () => begin(state, stream)),
    lookup: (source, entity, ids) => guarded(directory, () => ledger.records.lookup(source, entity, ids)),
    commit: (page) => guarded(directory, () => commit(state, page)),
    finish: (pass) => guarded(directory, () => finish(state, pass)),
    leftOver: (stream, limit) => guarded(directory, () => leftOver(state, stream, limit)),
    releaseUnavailable: (entities) => guarded(directory, () => ledger.change(() => ledger.parked.release(entities))),
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
  const { directory, ledger } = state;
  const { deadLetters, meta, creates } = ledger;
  const change = <T>(work: () => T): Promise<T> => guarded(directory, () => ledger.change(work));
  return {
    status: () => guarded(directory, () => status(state)),
    recordRun: (stream, run) => change(() => ledger.passes.record(stream, run)),
    runs: (stream) => guarded(directory, () => ledger.passes.history(stream)),
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
    noteCreates: (sent) => change(() => creates.note(sent)),
    forgetCreates: (refs) => change(() => creates.forget(refs)),
    probe: () => guarded(directory, () => probe(state)),
    backup: (target) => guarded(target, () => backUp(state, target)),
    close: () => guarded(directory, () => close(state)),
  };
}

function begin({ file, ledger, passes, epoch }: State, stream: string): StreamState {
  const { run, watermark, fingerprint, lastFullRead, lastSweep: parentsMarkedAt } = markOf(file.current(), stream);
  const left = ledger.passes.interrupted(stream);
  const interrupted = left?.run === run ? left : undefined;
  // A resumed pass goes by the marks from before its first page: a later one may concern a parent it has read already.
  const reads = ledger.readsDue.latest(stream);
  const children = interrupted?.childrenMark ?? ledger.children.latest(stream);
  passes.set(stream, { run, marks: { children, reads: interrupted === undefined ? reads : 0 } });
  const resume = interrupted?.point ?? null;
  const lateness = ledger.sweeps.lateness(stream);
  const parkedUntil = ledger.parked.latest(stream);
  const given = { watermark, resume, epoch, fingerprint, lastFullRead, parentsMarkedAt, lateness, parkedUntil };
  return { ...given, readDue: reads > 0 };
}

async function commit(state: State, page: PageCommit): Promise<void> {
  const { ledger, clock } = state;
  const { run, marks } = passOf(state, page.stream);
  const interrupted = page.resume === null ? null : { run, childrenMark: marks.children, point: page.resume };
  await ledger.change(() => recordPage(ledger, page, { now: clock.now(), interrupted }));
}

/** The ledger first, the watermark last (D1): a crash between them only means that the pass ends once more. */
async function finish(state: State, pass: PassFinish): Promise<void> {
  const { file, ledger } = state;
  const { run, marks } = passOf(state, pass.stream);
  const mark = markOf(file.current(), pass.stream);
  if (mark.run === run && !pass.stepsBack) refuseStepBack(mark, pass);
  const sequence = await ledger.change(() => recordPass(ledger, pass, marks));
  await updateMark(state, { stream: pass.stream, sequence }, (current) =>
    // A watermark set by hand while the pass ran stays: the pass knew nothing of it.
    current.run === run ? markAfter(current, pass, sequence) : { ...current, lastSuccess: pass.finishedAt },
  );
  state.passes.delete(pass.stream);
}

function markAfter(before: StreamMark, pass: PassFinish, run: number): StreamMark {
  return {
    watermark: pass.watermark ?? before.watermark,
    run,
    fingerprint: pass.fingerprint,
    lastFullRead: pass.fullReadAt ?? before.lastFullRead,
    lastSweep: pass.parentsMarkedAt ?? before.lastSweep,
    lastSuccess: pass.finishedAt,
  };
}

/** The last line of defence of D2; texts of one kind sort as the times they stand for. */
function refuseStepBack({ watermark }: StreamMark, pass: PassFinish): void {
  if (watermark === null || pass.watermark?.kind !== watermark.kind || pass.watermark.value >= watermark.value) return;
  throw new Error(`${pass.stream}: the watermark ${watermark.value} must not move back to ${pass.watermark.value}.`);
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
      ledger.records.forget(forget?.source ?? '', entity);
      ledger.creates.doubt(forget?.source ?? '', entity);
    }
    return ledger.meta.nextSequence();
  });
  await updateMark(state, { stream, sequence }, (current) => ({ ...current, watermark, run: sequence }));
}

function status({ file, ledger }: State): StreamStatus[] {
  const letters = new Map(ledger.deadLetters.counts().map((row) => [row.stream, row]));
  const parked = new Map(ledger.parked.counts().map((row) => [row.stream, row]));
  const runs = ledger.passes.last();
  const streams = new Set([
    ...Object.keys(file.current().streams),
    ...letters.keys(),
    ...parked.keys(),
    ...runs.keys(),
  ]);
  return [...streams].sort().map((stream) => {
    const { watermark, lastSuccess } = markOf(file.current(), stream);
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

async function close({ file, ledger, lock }: State): Promise<void> {
  await file.idle();
  ledger.close();
  lock?.release();
}

async function updateMark(
  { file }: State,
  { stream, sequence }: { stream: string; sequence: number },
  change: (mark: StreamMark) => StreamMark,
): Promise<void> {
  await file.update((current) => ({
    ...current,
    sequence,
    streams: { ...current.streams, [stream]: change(markOf(current, stream)) },
  }));
}

function passOf({ passes, file }: State, stream: string): OpenPass {
  return passes.get(stream) ?? { run: markOf(file.current(), stream).run, marks: { children: 0, reads: 0 } };
}

async function guarded<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw stateFailure(error, directory);
  }
}
