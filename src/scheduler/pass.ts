import type { MappedRow, Stream } from '../connectors/connector.ts';
import { TransientError } from '../core/errors.ts';
import { zeroCounts } from '../core/events.ts';
import type { Watermark } from '../core/types.ts';
import type { PassFinish } from '../state/store.ts';
import { readDueChildren } from './children.ts';
import { deliverRows, needOf } from './delivery.ts';
import { overlapFor } from './lateness.ts';
import { requireFewLeftOut } from './left-out-limit.ts';
import { deliverPages, type PassStart } from './pages.ts';
import type { Pass, PassContext, PassRequest } from './pass-types.ts';
import { sweepStream, zeroSweep } from './sweep.ts';
import { deliverDeletions } from './vanished.ts';
import { advanceWatermark, beliefLimit, cutWindow, isAheadOfSource, isDueAgain } from './watermark.ts';

/** Begins a pass: what is known of the stream, and the source's time. */
export async function beginPass(context: PassContext, stream: Stream, signal: AbortSignal): Promise<Pass> {
  const id = `${context.session.name}/${stream.name}`;
  const state = await context.store.begin(id);
  await context.admission?.begin(needOf({ id, state, stream }));
  const edition = await context.session.edition?.(signal);
  const fingerprint = edition === undefined ? stream.fingerprint : `${stream.fingerprint} ${edition}`;
  const sourceNow = await context.session.clock(signal);
  const overlapSeconds = overlapFor(stream.overlapSeconds, state.lateness);
  const own = { counts: zeroCounts(), requests: { mes: 0 }, warned: new Set<'future'>() };
  return { ...context, stream, id, state, sourceNow, fingerprint, overlapSeconds, ...own };
}

/** One pass over one stream; resolves to the watermark it ends with. The order of the steps is the delivery guarantee. */
export async function runPass(pass: Pass, request: PassRequest, signal: AbortSignal): Promise<Watermark | null> {
  const { stream, state, store } = pass;
  const fullReason = whyFull(pass, request);
  await requireFewLeftOut(pass, request.release, signal);
  if (stream.stampKind === 'none' && fullReason === undefined && (stream.children !== null || !request.manual)) {
    return runBetweenFullReads(pass, request, signal);
  }
  const start = await startWindow(pass, { fullReason, ignoreResume: request.full }, signal);
  await deliverLeftOver(pass, { request, signal });
  const reached = await deliverWindow(pass, { start, request }, signal);
  const { window } = start;
  await deliverDeletions(pass, window, signal);
  // After a reset of the watermark the ledger knows children that may have vanished: their parents' marks must stay.
  const firstLoad = state.watermark === null && state.parentsMarkedAt === null;
  const children = firstLoad ? null : await readDueChildren(pass, request, signal);
  const { parentsMarkedAt, withheld } = children ?? { parentsMarkedAt: pass.sourceNow.toISOString(), withheld: 0 };
  // What waited for a record of this very pass need not wait for the next one.
  await deliverLeftOver(pass, { request, signal });
  const stepsBack = isAhead(pass);
  const watermark = advanceWatermark(stream.stampKind, stepsBack ? null : state.watermark, reached);
  const fullReadAt = window.mode === 'full' ? start.startedAt : null;
  await endPass(pass, { watermark, stepsBack, fullReadAt, childrenSettled: firstLoad, parentsMarkedAt }, withheld);
  if (!start.resumed) return watermark ?? state.watermark;
  // What was interrupted is delivered; what has changed since then is read in a window of its own.
  const next = { ...pass, state: await store.begin(pass.id), sourceNow: await pass.session.clock(signal) };
  return runPass(next, { ...request, full: false }, signal);
}

/** Between two whole reads of a stream without stamps: what is left over, and the children of parents that changed. */
async function runBetweenFullReads(pass: Pass, request: PassRequest, signal: AbortSignal): Promise<Watermark | null> {
  const { stream, state } = pass;
  await deliverLeftOver(pass, { request, signal });
  if (stream.children === null) return state.watermark;
  const { parentsMarkedAt, withheld } = await readDueChildren(pass, request, signal);
  await deliverLeftOver(pass, { request, signal });
  const end = { watermark: null, stepsBack: false, fullReadAt: null, childrenSettled: false, parentsMarkedAt };
  await endPass(pass, end, withheld);
  return state.watermark;
}

/** How far the pass has come becomes durable, also where it fails for what was withheld. */
async function endPass(
  { store, state, clock, id, fingerprint }: Pass,
  end: Omit<PassFinish, 'stream' | 'epoch' | 'fingerprint' | 'finishedAt'>,
  withheld: number,
): Promise<void> {
  const finishedAt = clock.now().toISOString();
  await store.finish({ ...end, stream: id, epoch: state.epoch, fingerprint, finishedAt });
  if (withheld > 0) throw new TransientError(vanishedText(id, withheld));
}

export function vanishedText(stream: string, count: number): string {
  return `${count} records vanished at once; nothing was cancelled. If that is right: erp-puller sync ${stream} --release.`;
}

/** Why everything must be read; undefined when a delta is enough. */
function whyFull(pass: Pass, request: PassRequest): string | undefined {
  const { stream, state, sourceNow, fingerprint } = pass;
  if (state.watermark === null) return state.lastFullRead === null ? 'first load' : 'its watermark was reset';
  if (isAhead(pass)) return "its watermark is ahead of the ERP's clock less settleSeconds";
  if (request.full) return 'asked for';
  if (state.fingerprint !== fingerprint) {
    const isOurs = state.fingerprint?.split(' ', 1)[0] !== stream.fingerprint;
    return isOurs ? 'the mapping or a filter changed' : 'the ERP has rewritten its data';
  }
  if (state.readDue) return 'the MES has lost a record';
  const { fullReadEverySeconds: every } = stream;
  return every !== null && isDueAgain(state.lastFullRead, every, sourceNow) ? 'due' : undefined;
}

function isAhead({ stream, state: { watermark }, sourceNow }: Pass): boolean {
  const { stampKind: kind, stampZone, settleSeconds } = stream;
  return isAheadOfSource({ kind, watermark, sourceNow, stampZone, settleSeconds });
}

interface WindowRequest {
  fullReason: string | undefined;
  /** Everything was asked for: what an interrupted pass has passed may have changed since without a stamp that tells. */
  ignoreResume: boolean;
}

/** The window of this pass: that of an interrupted one, or a new one. */
async function startWindow(
  pass: Pass,
  { fullReason, ignoreResume }: WindowRequest,
  signal: AbortSignal,
): Promise<PassStart> {
  const { stream, state, sourceNow, events, id } = pass;
  const { resume } = state;
  const usable = resume !== null && resume.fingerprint === pass.fingerprint && !ignoreResume;
  if (usable && (fullReason === undefined || resume.window.mode === 'full')) {
    return {
      window: resume.window,
      target: resume.target,
      cursor: resume.cursor,
      startedAt: resume.startedAt,
      resumed: true,
    };
  }
  const { overlapSeconds } = pass;
  const { stampKind: kind, stampZone, settleSeconds } = stream;
  const full = fullReason !== undefined;
  const { watermark } = state;
  const plan = cutWindow({ kind, watermark, sourceNow, stampZone, overlapSeconds, settleSeconds, full });
  if (plan.window.mode === 'full' && kind !== 'none') {
    const total = await stream.count(signal);
    events.emit('stream:full-read', { stream: id, reason: fullReason ?? 'another kind of stamp', total });
  }
  const startedAt = sourceNow.toISOString();
  if (plan.target !== null || plan.window.mode === 'delta' || kind === 'none')
    return { ...plan, cursor: undefined, startedAt, resumed: false };
  // Rows change while they are read in another order: only what was the newest stamp before the first page counts.
  const target = await stream.newest(beliefLimit(kind, sourceNow, stampZone), signal);
  return { ...plan, target, cursor: undefined, startedAt, resumed: false };
}

/** How what is left over goes out. */
interface Delivering {
  request: Pick<PassRequest, 'stopping'>;
  /** Records parked by this pass are fresh: they cannot have vanished from the ERP meanwhile. */
  ownIsFresh?: boolean;
  signal: AbortSignal;
}

/** Work left over from earlier passes, mostly none: parked records whose parents have come, dead letters marked for another try. */
export async function deliverLeftOver(pass: Pass, { request, ownIsFresh, signal }: Delivering): Promise<void> {
  const batch = 500;
  if (!pass.state.leftOver && Object.values(pass.counts).every((count) => count === 0)) return;
  for (;;) {
    request.stopping?.throwIfAborted();
    const { records, rows, letters, since } = await pass.store.leftOver(pass.id, batch);
    if (records.length + rows.length === 0) return;
    const mapped = await pass.stream.map(rows);
    const again: MappedRow = { kind: 'good', key: '', stamp: null, records };
    // A row that was set aside is newer than a record of it that waits: otherwise the record would have replaced it.
    const fresh = ownIsFresh === true && letters.length === 0 && !wasParkedBefore(pass, since);
    await deliverRows(pass, { mapped: [again, ...mapped], force: true, fresh, resume: null, letters }, signal);
    if (records.length + rows.length < batch) return;
  }
}

/** Compares parking times, not the clock, which may have been set back; at worst a new record counts as old. */
export function wasParkedBefore({ state: { latestParkedAt } }: Pass, since: string | undefined): boolean {
  return since === undefined || (latestParkedAt !== null && since <= latestParkedAt);
}

/** What the window brings; a whole read of a sweeping stream also tells what is gone. Resolves to how far the stream has come. */
async function deliverWindow(
  pass: Pass,
  { start, request }: { start: PassStart; request: PassRequest },
  signal: AbortSignal,
): Promise<string | null> {
  const { stream, state } = pass;
  // What a first load was interrupted in goes on behind its last page: it does not list everything.
  const sweeps =
    stream.judgesAbsence === true && start.window.mode === 'full' && state.watermark !== null && !start.resumed;
  if (!sweeps) return deliverPages(pass, { start, request }, signal);
  await sweepStream(pass, { ...request, counts: zeroSweep() }, signal);
  return start.target;
}
