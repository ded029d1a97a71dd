import pLimit, { type LimitFunction } from 'p-limit';
import { asError, TransientError } from '../core/errors.ts';
import { chunks } from '../core/groups.ts';
import { businessKeyOf, recordKey, waitingForMes } from '../core/records.ts';
import type { Redactor } from '../core/redact.ts';
import { type Change, type Entity, entities, type Outcome } from '../core/types.ts';
import { createBadSearch } from './bad-search.ts';
import type { Caller } from './day-plan.ts';
import { createDoubt } from './doubt.ts';
import { failedEntityOf, type Outage } from './outage.ts';
import { createPace, type Pace } from './pace.ts';
import { type PushLedger, resolveParents } from './parents.ts';
import type { PushReport } from './report.ts';
import {
  type Batch,
  BatchInterruptedError,
  BatchRefusedError,
  type ParentEntry,
  type Sink,
  type SinkResult,
  type Transport,
} from './sink.ts';
import type { CountedTransport } from './transport.ts';
import { createTreePusher, type TreePusher } from './trees.ts';

export type { Caller } from './day-plan.ts';
export type { Lookup } from './parents.ts';
export type { Removal, Remover, Restored } from './remover.ts';
export type { PushReport } from './report.ts';
export type { ListedRecord, ReadyChange, Sink, Transport, Tree } from './sink.ts';
export type { TreePusher } from './trees.ts';

export interface Pusher {
  push(changes: readonly Change[], ledger: PushLedger, signal: AbortSignal): Promise<PushReport>;
  /** New jobs with what belongs to them; absent where there is no such request. */
  trees?: TreePusher;
}

export interface PusherOptions {
  sink: Sink;
  openTransport(signal: AbortSignal, caller: Caller): CountedTransport;
  /** Records a batch, at most. */
  batchSize: number;
  /** Batches under way at one time, over all connectors and callers, at most. */
  maxConcurrency: number;
  /** How much of these the MES is given now; all of it when absent. */
  pace?: Pace;
  /** Told what can be delivered and what cannot. */
  outage?: Pick<Outage, 'failed' | 'delivered' | 'isOpen'>;
  /** Applied to what the MES says of a record before it is kept: it may echo what it was sent. */
  redact?: Redactor;
}

/**
 * Pushes the changes of one page: entity by entity, parents first; the batches of one entity side by side. A change appears once,
 * the last of its key wins. What waits for a parent is parked without a request.
 */
export function createPusher(options: PusherOptions): Pusher {
  return createPushers(options).scheduled;
}

/** One for each caller; both share what the MES is given at a time. */
export function createPushers(options: PusherOptions): Readonly<Record<Caller, Pusher>> {
  const { maxConcurrency, batchSize, pace = createPace({ batchSize, maxConcurrency, slowMs: Infinity }) } = options;
  const limit = pLimit(maxConcurrency);
  const shared = { ...options, pace, limit };
  return { scheduled: pusherFor(shared, 'scheduled'), operator: pusherFor(shared, 'operator') };
}

function pusherFor(options: PusherOptions & { pace: Pace; limit: LimitFunction }, caller: Caller): Pusher {
  const { sink, openTransport, pace, limit, outage, redact = unchanged } = options;
  const open = (signal: AbortSignal) => openTransport(signal, caller);
  const sideBySide = async (tasks: readonly (() => Promise<void>)[]) => {
    limit.concurrency = pace.slots();
    await Promise.all(tasks.map((task) => limit(task)));
  };
  return {
    ...(sink.nesting === undefined ? {} : { trees: createTreePusher(sink.nesting, { open, sideBySide, outage }) }),
    async push(changes, { lookup, noteSending }, signal) {
      const transport = open(signal);
      const doubt = createDoubt();
      const run: Run = {
        sink,
        toMes: transport,
        pace,
        outage,
        redact,
        outcomes: [],
        arrived: new Map(),
        childrenFollow: true,
        clean: Number.POSITIVE_INFINITY,
        stopped: undefined,
      };
      const groups = groupByEntity(changes);
      const { outcomes } = run;
      const report = () => ({
        outcomes,
        doubtful: doubt.left(changes, outcomes),
        requests: transport.requests(),
      });
      for (const entity of entities) {
        const group = groups.get(entity);
        if (group === undefined) continue;
        groups.delete(entity);
        run.childrenFollow = groups.size > 0;
        run.toMes = doubt.follow(transport.serving?.(entity) ?? transport);
        const ready = await resolveParents(group, lookup, run);
        if (ready.length > 0) await noteSending?.(ready);
        limit.concurrency = pace.slots();
        const size = Math.min(pace.batchSize(), (await sink.largestBatch?.(entity)) ?? Infinity);
        const batches = chunks(ready, size).map((part) => ({ entity, changes: part }));
        const failure = await attemptAll(batches, run, limit);
        if (failure === undefined) continue;
        return { ...report(), failure, failedEntity: failedEntityOf(entity, failure, outage) };
      }
      return { ...report(), failure: undefined };
    },
  };
}

function unchanged(text: string): string {
  return text;
}

interface Run {
  sink: Sink;
  /** For the kind of record under way. */
  toMes: Transport;
  pace: Pace;
  outage: PusherOptions['outage'];
  redact: Redactor;
  outcomes: Outcome[];
  /** Records delivered by this push, by `<entity>/<externalId>`: parents that the ledger does not know yet. */
  arrived: Map<string, ParentEntry>;
  /** Only then is what has arrived worth remembering. */
  childrenFollow: boolean;
  /** Records that the MES took since it refused one with its whole batch. */
  clean: number;
  /** Set once a batch could not be delivered: no further one is sent, each would only cost the budget. */
  stopped: Error | undefined;
}

/** Each entity's changes in the order given; of several with one key only the last. */
function groupByEntity(changes: readonly Change[]): Map<Entity, Change[]> {
  const groups = new Map<Entity, Map<string, Change>>();
  for (const change of changes) {
    const { entity, externalId } = change.record;
    const group = groups.get(entity) ?? new Map<string, Change>();
    groups.set(entity, group);
    group.set(externalId, change);
  }
  return new Map([...groups].map(([entity, group]) => [entity, [...group.values()]]));
}

/** Delivers batches side by side; where the last one of their kind failed, one of them first, which tells whether the others are worth sending. */
async function attemptAll(batches: readonly Batch[], run: Run, limit: LimitFunction): Promise<Error | undefined> {
  const tryAll = (some: readonly Batch[]) => Promise.all(some.map((batch) => limit(() => attempt(batch, run))));
  const probes = run.outage?.isOpen(batches[0]?.entity) === true ? 1 : 0;
  const tried = await tryAll(batches.slice(0, probes));
  return firstFailure([...tried, ...(await tryAll(batches.slice(probes)))]);
}

/** Delivers one batch; resolves to what stopped it, if anything did: what others on their way find out must not be lost. */
async function attempt(batch: Batch, run: Run): Promise<Error | undefined> {
  if (run.stopped !== undefined) return run.stopped;
  try {
    await deliver(batch, run);
    run.pace.delivered(batch.changes.length);
    run.outage?.delivered(batch.entity);
    return undefined;
  } catch (error) {
    run.outage?.failed(batch.entity, error);
    const failure = asError(error);
    run.stopped ??= failure;
    return failure;
  }
}

/** Delivers a batch, in parts where the MES refuses it whole, down to each bad record. */
async function deliver({ entity, changes }: Batch, run: Run): Promise<void> {
  const search = createBadSearch(changes.length, run.clean);
  for (let part = search.next(); part !== undefined; part = search.next()) {
    const batch = { entity, changes: changes.slice(part.from, part.to) };
    const refusal = await send(batch, run);
    if (refusal === undefined) {
      search.accepted();
      continue;
    }
    const [only] = batch.changes;
    const reason = run.redact(refusal.message);
    if (search.refused() && only !== undefined) run.outcomes.push({ kind: 'refused', change: only, reason });
  }
  run.clean = search.clean();
}

/** Sends a part of a batch and notes what became of it; resolves to the refusal when the MES refused all of it. */
async function send(batch: Batch, run: Run): Promise<BatchRefusedError | undefined> {
  try {
    const results = await run.sink.deliver(batch, run.toMes);
    record(batch, results, run);
    requireProof(batch, results);
    return undefined;
  } catch (error) {
    if (error instanceof BatchRefusedError) return error;
    if (!(error instanceof BatchInterruptedError)) throw error;
    const { results, cause } = error;
    const { entity, changes } = batch;
    record({ entity, changes: changes.slice(0, results.length) }, results, run);
    if (!(cause instanceof BatchRefusedError)) throw cause;
    const open = changes.filter((_, index) => isOpen(results[index]));
    if (open.length === changes.length) return cause;
    // What is known stands and is not sent again: the bad record is among the others.
    await deliver({ entity, changes: open }, run);
    return undefined;
  }
}

/** What an answer leaves open is a failure, never a success (D6). */
function requireProof({ entity, changes }: Batch, results: readonly SinkResult[]): void {
  const open = changes.find((_, index) => isOpen(results[index]));
  if (open === undefined) return;
  throw new TransientError(`The MES answered without saying what became of ${entity} ${open.record.externalId}.`, {
    malformed: true,
  });
}

function isOpen(result: SinkResult | undefined): result is undefined | { kind: 'unproven' } {
  return result === undefined || result.kind === 'unproven';
}

/** Notes what became of each change of which the results say it. */
function record(batch: Batch, results: readonly SinkResult[], run: Run): void {
  let index = 0;
  for (const change of batch.changes) {
    const result = results[index++];
    if (isOpen(result)) continue;
    if (result.kind === 'waiting') {
      run.outcomes.push({ kind: 'parked', change, waitsFor: result.waitsFor });
    } else if (result.kind === 'unavailable') {
      run.outcomes.push({ kind: 'parked', change, waitsFor: waitingForMes(change.record) });
    } else if (result.kind === 'refused') {
      const { reason, ...rest } = result;
      run.outcomes.push({ ...rest, change, reason: run.redact(reason) });
    } else {
      run.outcomes.push({ kind: 'delivered', change, action: result.action, mesId: result.mesId });
      if (run.childrenFollow) remember(change, result.mesId, run);
    }
  }
}

function remember({ record }: Change, mesId: string | null, run: Run): void {
  run.arrived.set(recordKey(record), { mesId, businessKey: businessKeyOf(record) });
}

function firstFailure(results: readonly (Error | undefined)[]): Error | undefined {
  const failures = results.filter((result) => result !== undefined);
  // One that nothing will mend matters more than one that passes.
  return failures.find((failure) => !(failure instanceof TransientError)) ?? failures[0];
}
