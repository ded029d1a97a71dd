import type { Stream } from '../connectors/connector.ts';
import { messageOf, PermanentError, type WaitError } from '../core/errors.ts';
import { type StreamResult, zeroCounts } from '../core/events.ts';
import type { Watermark } from '../core/types.ts';
import { asOperator } from './as-operator.ts';
import { countErpRequests } from './erp-requests.ts';
import { seesTrees } from './gather.ts';
import { beginPass, runPass } from './pass.ts';
import type { Pass, PassContext, PassRequest } from './pass-types.ts';
import { createPauses, type Pause } from './pauses.ts';
import { isTransient, PushFailedError, waitOf } from './push-failed.ts';
import { sendGathered } from './send-gathered.ts';

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
  const { events, clock, session } = context;
  const pauses = createPauses(clock);
  const waits = new Map<string, Wait>();
  const erpRequests = countErpRequests(events, session.name);
  return {
    paused: () => pauses.of(session.streams.map(({ name }) => name)),
    waiting: () => waits,
    async run(request, signal) {
      const { name } = session;
      const startedMs = clock.monotonicMs();
      events.emit('cycle:started', { connector: name });
      const shown = { ...context, shownClosed: new Set<string>() };
      const own = request.manual ? asOperator(shown) : shown;
      const results = await runAll({ context: own, pauses, waits, erpRequests, request, signal });
      const durationMs = Math.round(clock.monotonicMs() - startedMs);
      events.emit('cycle:finished', { connector: name, results, durationMs });
      return results;
    },
  };
}

/** A cycle under way. */
interface Running {
  context: PassContext;
  pauses: ReturnType<typeof createPauses>;
  waits: Map<string, Wait>;
  /** Requests to the ERP so far. */
  erpRequests(): number;
  request: CycleRequest;
  signal: AbortSignal;
}

async function runAll(running: Running): Promise<StreamResult[]> {
  const { context, request, signal } = running;
  const { session } = context;
  const gathering = { any: await holdsBack(context) };
  const shared = seesTrees(session, request.streams) ? { ...context, gathering } : context;
  const results: StreamResult[] = [];
  /** Those whose counts may still grow, with their places among the results. */
  const open = new Map<number, Ran>();
  let stopped: string | undefined;
  for (const stream of session.streams.filter(({ name }) => request.streams?.has(name) ?? true)) {
    const reason = stopped ?? whyNot(running, stream);
    const base = nothingRun(session.name, stream.name);
    if (reason !== undefined) {
      const watermark = await watermarkOf(context, stream);
      results.push({ ...base, watermark, outcome: 'failed', error: reason });
      continue;
    }
    const ran = await runStream({ ...running, context: shared }, stream);
    if (gathering.any) open.set(results.length, ran);
    results.push(gathering.any ? base : await finishStream(context, ran));
    if (ran.wait === undefined && stopsAll(ran.error, signal)) stopped = `Not run: ${messageOf(ran.error)}`;
  }
  await sendHeldBack(running, [...open.values()]);
  for (const [place, ran] of open) results[place] = await finishStream(context, ran);
  return results;
}

function whyNot({ request, pauses }: Running, { name }: Stream): string | undefined {
  if (request.stopping?.aborted) return 'Not run: the program is stopping.';
  return request.manual ? undefined : pauses.current(name)?.reason;
}

/** How a stream's pass went. */
interface Ran {
  stream: Stream;
  pass?: Pass;
  after: Watermark | null;
  error: unknown;
  wait: WaitError | undefined;
  /** Requests to the ERP. */
  erp: number;
  durationMs: number;
}

async function runStream(running: Running, stream: Stream): Promise<Ran> {
  const { context, request, signal, erpRequests } = running;
  const startedMs = context.clock.monotonicMs();
  const requestsBefore = erpRequests();
  const ran: Ran = { stream, after: null, error: undefined, wait: undefined, erp: 0, durationMs: 0 };
  try {
    ran.pass = await beginPass(context, stream, signal);
    ran.after = await runPass(ran.pass, request, signal);
    running.pauses.clear(stream.name);
  } catch (caught) {
    ran.error = caught;
  }
  ran.erp = erpRequests() - requestsBefore;
  ran.durationMs = Math.round(context.clock.monotonicMs() - startedMs);
  conclude(running, ran);
  return ran;
}

/** Takes note of how a stream ended. */
function conclude({ request, pauses, waits }: Running, ran: Ran): void {
  const { stream, error } = ran;
  ran.wait = request.manual ? undefined : waitOf(error);
  noteWait(waits, stream.name, ran.wait);
  if (error !== undefined && ran.wait === undefined && !isTransient(error)) pauses.add(stream.name, error);
}

async function finishStream(context: PassContext, ran: Ran): Promise<StreamResult> {
  const result = describeRun(nothingRun(context.session.name, ran.stream.name), ran);
  if (ran.pass === undefined) result.watermark = await watermarkOf(context, ran.stream);
  context.events.emit('stream:finished', { result });
  if (result.outcome !== 'waiting') await remember(context, result);
  return result;
}

/** What was held back goes out; it counts with the streams that brought it, its time with the last of them. */
async function sendHeldBack(running: Running, rans: readonly Ran[]): Promise<void> {
  const { context, request, signal, erpRequests } = running;
  if (rans.some(({ error }) => stopsPushing(error, signal))) return;
  const going = rans.filter(mayGoOn);
  const passes = going.flatMap(({ pass }) => pass ?? []);
  const startedMs = context.clock.monotonicMs();
  const requestsBefore = erpRequests();
  const { none, fault } = await sendGathered({ passes, request, signal });
  if (none) return;
  const last = going.at(-1);
  if (last !== undefined) {
    last.durationMs += Math.round(context.clock.monotonicMs() - startedMs);
    last.erp += erpRequests() - requestsBefore;
  }
  const failed = rans.find(({ pass }) => pass !== undefined && pass === fault?.pass);
  if (failed !== undefined) {
    failed.error ??= fault?.error;
    conclude(running, failed);
  }
  const status = await context.store.status().catch(() => []);
  const waiting = new Map(status.map(({ stream, parked }) => [stream, parked]));
  for (const { id, counts } of passes) counts.parked = Math.min(counts.parked, waiting.get(id) ?? counts.parked);
}

/** What the MES cannot be given, or not now, is not tried again at the end of the cycle. */
function mayGoOn({ error }: Ran): boolean {
  return !(error instanceof PushFailedError) && waitOf(error) === undefined;
}

function stopsPushing(error: unknown, signal: AbortSignal): boolean {
  return error instanceof PushFailedError && stopsAll(error, signal);
}

/** An earlier cycle has left jobs that it held back. A state that cannot be read fails the first pass. */
async function holdsBack({ store, session }: PassContext): Promise<boolean> {
  const left = await store.gathered(session.source, { after: '', limit: 1 }).catch(() => []);
  return left.length > 0;
}

/** The MES as a whole or the state cannot be written to, the ERP refuses the credentials, or we are told to stop: the rest need not try. */
function stopsAll(error: unknown, signal: AbortSignal): boolean {
  if (error === undefined) return false;
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

/** Of a stream that has not begun. A state that cannot be read says nothing, and has failed the pass. */
async function watermarkOf({ store, session }: PassContext, { name }: Stream): Promise<StreamResult['watermark']> {
  const status = await store.status().catch(() => []);
  const watermark = status.find(({ stream }) => stream === `${session.name}/${name}`)?.watermark?.value ?? null;
  return { before: watermark, after: watermark };
}

function nothingRun(connector: string, stream: string): StreamResult {
  const watermark = { before: null, after: null };
  return { connector, stream, outcome: 'ok', ...zeroCounts(), requests: { erp: 0, mes: 0 }, watermark, durationMs: 0 };
}

function describeRun(base: StreamResult, { pass, after, error, erp, wait, durationMs }: Ran): StreamResult {
  const before = pass?.state.watermark ?? null;
  const counts = pass?.counts ?? zeroCounts();
  const failed = error !== undefined;
  return {
    ...base,
    ...counts,
    outcome: wait !== undefined ? 'waiting' : failed ? 'failed' : counts.refused > 0 ? 'refused' : 'ok',
    requests: { erp, mes: pass?.requests.mes ?? 0 },
    durationMs,
    // One that came to its end stands, whatever becomes of what it held back.
    watermark: { before: before?.value ?? null, after: (after ?? before)?.value ?? null },
    ...(failed ? { error: messageOf(error) } : {}),
    ...(wait === undefined ? {} : { waitsUntil: wait.until }),
  };
}
