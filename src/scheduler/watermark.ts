import { type DatedKind, isInstant, shiftStamp, stampAt } from '../core/stamp.ts';
import type { StampKind, Watermark, Window } from '../core/types.ts';

/** The rules by which windows are cut and watermarks move. Pure: all times come in, nothing is read from a clock. */

export interface WindowInput {
  kind: StampKind;
  watermark: Watermark | null;
  /** The source's clock now (D4). */
  sourceNow: Date;
  /** Zone of char14 and date stamps. */
  stampZone: string;
  overlapSeconds: number;
  settleSeconds: number;
  /** Read everything, whatever the watermark. */
  full: boolean;
}

export interface WindowCut {
  window: Window;
  /**
   * Where the watermark goes when the window has been delivered. null: to the newest stamp that the rows show, as far as it is
   * to be believed, because the source's stamps cannot be compared with its clock.
   */
  target: string | null;
}

/** How far a stamp may run ahead of the source's clock and still move the watermark (D2). */
const beliefSeconds = 300;
/** Clocks of servers behind one address differ by seconds. What is set by the clock needs no more room than that. */
const jitterSeconds = 10;
/** Rows dated this far ahead are asked for in every window (D3): their date is wrong or lies in the future. */
const futureSeconds = 86_400;

export function cutWindow(input: WindowInput): WindowCut {
  const { kind, watermark, stampZone } = input;
  const sourceNow = wholeSecond(input.sourceNow);
  if (kind === 'none') return { window: { mode: 'full' }, target: sourceNow.toISOString() };
  const target = isInstant(kind) ? settledAt(input) : kind === 'date' ? stampAt(kind, sourceNow, stampZone) : null;
  if (input.full || watermark === null || watermark.kind !== kind) return { window: { mode: 'full' }, target };
  const from = shiftStamp(kind, watermark.value, -input.overlapSeconds);
  if (!isInstant(kind) || target === null) return { window: { mode: 'delta', from }, target };
  const future = stampAt(kind, new Date(sourceNow.getTime() + futureSeconds * 1000), stampZone);
  return { window: { mode: 'delta', from, to: target, future }, target };
}

/** Properties of precision 0 refuse a fraction. */
function wholeSecond(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}

/** Where the window of instants ends that a pass of now reads. */
function settledAt({ sourceNow, settleSeconds }: Pick<WindowInput, 'sourceNow' | 'settleSeconds'>): string {
  return new Date(wholeSecond(sourceNow).getTime() - settleSeconds * 1000).toISOString();
}

/** The stamp itself, or where a pass of now would put the watermark if that is earlier: what lies ahead of it leads to a whole read. */
export function settledStamp(
  kind: DatedKind,
  stamp: string,
  clock: Pick<WindowInput, 'sourceNow' | 'settleSeconds'>,
): string {
  if (!isInstant(kind)) return stamp;
  const settled = settledAt(clock);
  return stamp < settled ? stamp : settled;
}

/**
 * The watermark lies ahead of where this pass would put it: the source's clock was wrong when it was set, or has been put back since. Windows
 * from it may pass by what has changed meanwhile; only a whole read finds that, and its watermark may lie behind this one (D2).
 */
export function isAheadOfSource(input: Omit<WindowInput, 'overlapSeconds' | 'full'>): boolean {
  const { kind, watermark, sourceNow, stampZone, settleSeconds } = input;
  if (watermark === null) return false;
  if (kind === 'none') return watermark.kind === 'full' && isAhead(watermark.value, sourceNow);
  if (watermark.kind !== kind) return false;
  if (!isInstant(kind)) return watermark.value > beliefLimit(kind, sourceNow, stampZone);
  const settled = new Date(sourceNow.getTime() + (jitterSeconds - settleSeconds) * 1000);
  return watermark.value > stampAt(kind, settled, stampZone);
}

/** Whether `everySeconds` have passed by the source's clock since `last`, or that lies ahead of it: then the clock was wrong. */
export function isDueAgain(last: string | null, everySeconds: number, sourceNow: Date): boolean {
  if (last === null || isAhead(last, sourceNow)) return true;
  return sourceNow.getTime() - Date.parse(last) >= everySeconds * 1000;
}

function isAhead(time: string, sourceNow: Date): boolean {
  return Date.parse(time) > sourceNow.getTime() + jitterSeconds * 1000;
}

/** The latest stamp that can be believed: the source's clock plus five minutes. */
export function beliefLimit(kind: DatedKind, sourceNow: Date, stampZone: string): string {
  return stampAt(kind, new Date(sourceNow.getTime() + beliefSeconds * 1000), stampZone);
}

/** The later of two stamps of one kind; a watermark never moves backwards by itself (D2). */
export function laterStamp(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? b : a;
}

/** The watermark after a completed pass, or null to leave it as it is. */
export function advanceWatermark(kind: StampKind, before: Watermark | null, reached: string | null): Watermark | null {
  if (reached === null) return null;
  const next: Watermark = { kind: kind === 'none' ? 'full' : kind, value: reached };
  if (before === null || before.kind !== next.kind) return next;
  return next.value > before.value ? next : null;
}
