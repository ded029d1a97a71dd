import { TransientError } from '../core/errors.ts';
import { isThere, recordKey } from '../core/records.ts';
import type { Change, Entity, LedgerEntry, MesRecord, RecordRef } from '../core/types.ts';
import type { PushReport, ReadyChange, Tree, TreePusher } from '../push/pusher.ts';
import type { GatheredRecord, GatheredTree } from '../state/store.ts';
import { readMarkedChildren } from './children.ts';
import { commitOutcomes, deliverRows, needOf } from './delivery.ts';
import { toChange } from './diff.ts';
import { deliverLeftOver, vanishedText, wasParkedBefore } from './pass.ts';
import type { Pass, PassRequest } from './pass-types.ts';
import { asPushFailure } from './push-failed.ts';
import { restoreRemoved } from './removals.ts';
import { createSendNotes, type SendNotes } from './send-notes.ts';

export interface SendGathered {
  /** Passes of this cycle that may go on, in the order of their streams. */
  passes: readonly Pass[];
  request: PassRequest;
  signal: AbortSignal;
}

export interface GatheredResult {
  /** Nothing was held back. */
  none: boolean;
  /** What stopped it, and the pass that it stopped at. */
  fault?: { pass: Pass | undefined; error: unknown };
}

interface Run extends SendGathered {
  byStream: ReadonlyMap<string, Pass>;
  /** Jobs that go by themselves, by the pass that brings them. */
  alone: Map<Pass, MesRecord[]>;
  /** Where it is. */
  at: Pass | undefined;
}

/** Jobs that go out before they are committed together, and before the day's plan is asked again. */
const jobsAtOnce = 20;
/** Jobs that go by themselves are sent so many together. */
const jobsInPage = 500;

/**
 * The end of a cycle: jobs that were held back go out, each in one request with its parts and operations where the MES takes it so, the
 * others as any record; what waited for them follows. What does not come to that waits for the end of the next cycle. Never throws.
 */
export async function sendGathered(options: SendGathered): Promise<GatheredResult> {
  const { passes } = options;
  const byStream = new Map(passes.map((pass) => [pass.id, pass]));
  const run: Run = { ...options, byStream, alone: new Map(), at: passes[0] };
  try {
    if ((await sendAll(run)) === 0) return { none: true };
    for (const [pass, jobs] of run.alone) await sendAlone(run, pass, jobs);
    for (const pass of passes) {
      run.at = pass;
      await deliverWaiting(run, pass);
    }
    return { none: false };
  } catch (error) {
    return { none: false, fault: { pass: run.at, error } };
  }
}

/** What waited for a job that has arrived now; beside what waited longer than this cycle something may have vanished from the ERP. */
async function deliverWaiting(run: Run, pass: Pass): Promise<void> {
  await deliverLeftOver(pass, { ...run, ownIsFresh: true });
  if (pass.stream.children === null) return;
  const withheld = await readMarkedChildren(pass, run.request, run.signal);
  await deliverLeftOver(pass, { ...run, ownIsFresh: true });
  if (withheld > 0) throw new TransientError(vanishedText(pass.id, withheld));
}

/** Resolves to the number of jobs that were held back. */
async function sendAll(run: Run): Promise<number> {
  const { byStream, passes, signal, request } = run;
  const [first] = passes;
  let jobs = 0;
  for (let after = ''; first !== undefined; ) {
    const trees = await first.store.gathered(first.session.source, { after, limit: jobsAtOnce });
    const last = trees.at(-1);
    if (last === undefined) break;
    after = last.job.record.externalId;
    jobs += trees.length;
    for (const [stream, own] of Map.groupBy(trees, ({ job }) => job.stream)) {
      signal.throwIfAborted();
      request.stopping?.throwIfAborted();
      const pass = byStream.get(stream);
      if (pass !== undefined) await sendJobs(run, pass, own);
    }
  }
  return jobs;
}

/** Sends jobs of one stream with what belongs to them; takes note of those that must go by themselves. */
async function sendJobs(run: Run, pass: Pass, trees: readonly GatheredTree[]): Promise<void> {
  const { alone } = run;
  run.at = pass;
  const pusher = pass.pusher.trees;
  const nests = pusher !== undefined && (await pusher.wanted());
  const delivered = nests ? await pushTrees(run, { pass, pusher, trees }) : new Set<string>();
  const left = trees.map(({ job }) => job.record).filter((job) => !delivered.has(job.externalId));
  const jobs = [...(alone.get(pass) ?? []), ...left];
  alone.set(pass, jobs.length < jobsInPage ? jobs : []);
  if (jobs.length >= jobsInPage) await sendAlone(run, pass, jobs);
}

async function sendAlone(run: Run, pass: Pass, jobs: readonly MesRecord[]): Promise<void> {
  if (jobs.length === 0) return;
  run.at = pass;
  run.request.stopping?.throwIfAborted();
  const mapped = [{ kind: 'good' as const, key: '', stamp: null, records: [...jobs] }];
  await deliverRows(pass, { mapped, force: true, resume: null }, run.signal);
}

interface Pushing {
  pass: Pass;
  pusher: TreePusher;
  trees: readonly GatheredTree[];
}

/** Resolves to the external ids of the jobs that were delivered, and stay so whatever becomes of the rest. */
async function pushTrees(run: Run, { pass, pusher, trees }: Pushing): Promise<ReadonlySet<string>> {
  // The first request was let in with the pass.
  if (pass.requests.mes > 0) await pass.admission?.goOn(needOf(pass));
  await restoreAll(run, trees);
  const gathered = createOrigins(run, trees);
  const report = await pusher.push(await toTrees(run, pass, trees), gathered, run.signal);
  pass.requests.mes += report.requests;
  await commitTrees(gathered, report);
  if (report.failure !== undefined) throw asPushFailure(report.failure, report.failedEntity);
  const jobs = report.outcomes.map(({ change }) => change.record).filter(({ entity }) => entity === 'job');
  return new Set(jobs.map(({ externalId }) => externalId));
}

/** No removal of these may be half done: one that is was cut off in a pass of this cycle or before. */
async function restoreAll({ passes, signal }: Run, trees: readonly GatheredTree[]): Promise<void> {
  const pass = passes.find(({ state }) => state.removalsBegun);
  if (pass === undefined) return;
  const rows = trees.map(({ job, children }) => ({ records: [job, ...children].map(({ record }) => record) }));
  const [first] = await restoreRemoved(pass, rows, signal);
  if (first !== undefined) throw new TransientError(`${recordKey(first.record)}: ${first.reason}`);
}

/** Where the records of trees come from: each stream keeps what became of its own. */
interface Origins extends Pick<SendNotes, 'noteSending'> {
  streams: readonly { pass: Pass; any(): boolean }[];
  of(change: Change): GatheredRecord | undefined;
}

function createOrigins({ byStream }: Run, trees: readonly GatheredTree[]): Origins {
  const gathered = new Map(
    trees.flatMap(({ job, children }) => [job, ...children]).map((each) => [recordKey(each.record), each]),
  );
  const of = ({ record }: Change) => gathered.get(recordKey(record));
  const streams = [...byStream.values()].map((pass) => ({ pass, ...createSendNotes(pass) }));
  return {
    streams,
    of,
    async noteSending(changes) {
      for (const { pass, noteSending } of streams) {
        const own = changes.filter((change) => of(change)?.stream === pass.id);
        if (own.length > 0) await noteSending(own);
      }
    },
  };
}

/** A page each stream, parents first: a crash between them leaves children that wait for a parent that is there. */
async function commitTrees(origins: Origins, report: Pick<PushReport, 'outcomes' | 'doubtful'>): Promise<void> {
  for (const { pass, any } of origins.streams) {
    if (!any()) continue;
    const outcomes = report.outcomes.filter(({ change }) => origins.of(change)?.stream === pass.id);
    const doubtful = report.doubtful.filter((change) => origins.of(change)?.stream === pass.id);
    const old = outcomes.filter(({ change }) => wasParkedBefore(pass, origins.of(change)?.since));
    await commitOutcomes(pass, { outcomes, doubtful, old });
  }
}

/** As the sink takes them; without children of streams that have no pass in this cycle. */
async function toTrees({ byStream }: Run, { store, session }: Pass, trees: readonly GatheredTree[]): Promise<Tree[]> {
  const records = trees.map(({ job, children }) => ({
    job: job.record,
    children: children.filter(({ stream }) => byStream.has(stream)).map(({ record }) => record),
  }));
  const all = records.flatMap(({ job, children }) => [job, ...children]);
  const cells = new Set(all.flatMap(({ parents: { cell } }) => cell ?? []));
  const refs: RecordRef[] = [...all, ...[...cells].map((externalId) => ({ entity: 'cell' as const, externalId }))];
  const known = new Map<string, LedgerEntry>();
  for (const [entity, some] of Map.groupBy<Entity, RecordRef>(refs, (ref) => ref.entity)) {
    const ids = some.map(({ externalId }) => externalId);
    const found = await store.lookup(session.source, entity, ids);
    for (const [externalId, entry] of found) known.set(recordKey({ entity, externalId }), entry);
  }
  const toReady = (record: MesRecord): ReadyChange => {
    const change = toChange(record, known.get(recordKey(record)), null);
    const cell = record.parents.cell === undefined ? undefined : known.get(`cell/${record.parents.cell}`);
    return cell === undefined || !isThere(cell) ? change : { ...change, parents: { cell } };
  };
  return records.map(({ job, children }) => ({ job: toReady(job), children: children.map(toReady) }));
}
