import type { Stream } from '../connectors/define.ts';
import { messageOf, PermanentError, type WaitError } from '../core/errors.ts';
import { type EventBus, type StreamResult, zeroCounts } from '../core/events.ts';
import type { Watermark } from '../core/types.ts';
import { isTransient, type Pass, type PassContext, type PassRequest, PushFailedError, waitOf } from './delivery.ts';
import { beginPass, runPass } from './pass.ts';
import { createPauses, type Pause } from './pauses.ts';

export interface CycleRequest extends PassRequest {
  /** Names of the streams to run; undefined: all. */
  streams: ReadonlySet<string> | undefined;
}

/** One connector's passes, one cycle at a time. */
export interface Cycle {
  /** Runs the streams in dependency order; one that fails does not keep the others from theirs. Never throws. */
  run(request: CycleRequest, signal: AbortSignal): Promise<StreamResult[]>;
  /** Streams that wait for a human, with the reason. */
  paused(): ReadonlyMap<string, Pause>;
  /** Streams that are held back because requests to the MES are short. */
  waiting(): ReadonlyMap<string, Wait>;
}

export interface Wait {
  reason: string;
  /** By our own plan of the day. */
  planned: boolean;
  /** ISO-8601. */
  until: string;
}

export function createCycle(context: PassContext): Cycle {
  const pauses = createPauses(context.clock);
  const waits = new Map<string, Wait>();
  const erpRequests = countErpRequests(context.events, context.session.name);

  async function runStream(stream: Stream, request: PassRequest, signal: AbortSignal): Promise<Ran> {
    const startedMs = context.clock.monotonicMs();
    const requestsBefore = erpRequests();
    let pass: Pass | undefined;
    let after: Watermark | null = null;
    let error: unknown;
    try {
      pass = await beginPass(request.manual ? forPerson(context) : context, stream, signal);
      after = await runPass(pass, request, signal);
      pauses.clear(stream.name);
    } catch (caught) {
      error = caught;
    }
    const wait = request.manual ? undefined : waitOf(error);
    noteWait(waits, stream.name, wait);
    const durationMs = Math.round(context.clock.monotonicMs() - startedMs);
    const base = { ...nothingRun(context.session.name, stream.name), durationMs };
    return { result: describeRun(base, { pass, after, error, erp: erpRequests() - requestsBefore, wait }), error };
  }

  /** Takes note of how a stream ended; resolves to why the streams behind it need not run. */
  async function conclude(stream: Stream, { result, error }: Ran, signal: AbortSignal): Promise<string | undefined> {
    context.events.emit('stream:finished', { result });
    if (result.outcome === 'waiting') return undefined;
    await remember(context, result);
    if (error === undefined) return undefined;
    if (!isTransient(error)) pauses.add(stream.name, error);
    return stopsAll(error, signal) ? `Not run: ${messageOf(error)}` : undefined;
  }

  async function runAll(request: CycleRequest, signal: AbortSignal): Promise<StreamResult[]> {
    const results: StreamResult[] = [];
    let stopped: string | undefined;
    for (const stream of context.session.streams.filter(({ name }) => request.streams?.has(name) ?? true)) {
      const pause = request.manual ? undefined : pauses.current(stream.name);
      const reason = request.stopping?.aborted ? 'Not run: the program is stopping.' : (stopped ?? pause?.reason);
      if (reason !== undefined) {
        results.push({ ...nothingRun(context.session.name, stream.name), outcome: 'failed', error: reason });
        continue;
      }
      const ran = await runStream(stream, request, signal);
      results.push(ran.result);
      stopped = await conclude(stream, ran, signal);
    }
    return results;
  }

  return {
    paused: () => pauses.of(context.session.streams.map(({ name }) => name)),
    waiting: () => waits,
    async run(request, signal) {
      const { name } = context.session;
      const startedMs = context.clock.monotonicMs();
      context.events.emit('cycle:started', { connector: name });
      const results = await runAll(request, signal);
      const durationMs = Math.round(context.clock.monotonicMs() - startedMs);
      context.events.emit('cycle:finished', { connector: name, results, durationMs });
      return results;
    },
  };
}

interface Ran {
  result: StreamResult;
  error: unknown;
}

/** The MES as a whole or the state cannot be written to, the ERP refuses the credentials, or we are told to stop: the rest need not try. */
function stopsAll(error: unknown, signal: AbortSignal): boolean {
  if (error instanceof PushFailedError) return signal.aborted || error.entity === undefined;
  return signal.aborted || (error instanceof PermanentError && error.credentials);
}

/** For people after a restart. A state that cannot be written has failed the pass already, or fails the next one. */
async function remember({ store, clock }: PassContext, result: StreamResult): Promise<void> {
  const { connector, stream, watermark: _watermark, error = null, ...figures } = result;
  const run = { finishedAt: clock.now().toISOString(), ...figures, error };
  await store.recordRun(`${connector}/${stream}`, run).catch(() => undefined);
}

function noteWait(waits: Map<string, Wait>, stream: string, wait: WaitError | undefined): void {
  if (wait === undefined) waits.delete(stream);
  else waits.set(stream, { reason: wait.message, planned: wait.planned, until: wait.until });
}

/** A person is not held back and may use the reserve. */
function forPerson(context: PassContext): PassContext {
  return { ...context, pusher: context.operatorPusher ?? context.pusher, admission: undefined };
}

function nothingRun(connector: string, stream: string): StreamResult {
  const watermark = { before: null, after: null };
  return { connector, stream, outcome: 'ok', ...zeroCounts(), requests: { erp: 0, mes: 0 }, watermark, durationMs: 0 };
}

interface RunFacts {
  pass: Pass | undefined;
  after: Watermark | null;
  error: unknown;
  erp: number;
  wait: WaitError | undefined;
}

function describeRun(base: StreamResult, { pass, after, error, erp, wait }: RunFacts): StreamResult {
  const before = pass?.state.watermark ?? null;
  const counts = pass?.counts ?? zeroCounts();
  const failed = error !== undefined;
  return {
    ...base,
    ...counts,
    outcome: wait !== undefined ? 'waiting' : failed ? 'failed' : counts.refused > 0 ? 'refused' : 'ok',
    requests: { erp, mes: pass?.requests.mes ?? 0 },
    watermark: { before: before?.value ?? null, after: (failed ? before : after)?.value ?? null },
    ...(failed ? { error: messageOf(error) } : {}),
    ...(wait === undefined ? {} : { waitsUntil: wait.until }),
  };
}

function countErpRequests(events: EventBus, connector: string): () => number {
  let count = 0;
  events.on('request:done', ({ system, name }) => {
    if (system === 'erp' && name === connector) count += 1;
  });
  return () => count;
}
