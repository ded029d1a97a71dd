import type { Clock } from '../core/clock.ts';
import type { Ledger } from './ledger.ts';
import { type PassMarks, recordPass } from './record-page.ts';
import type { PassFinish } from './store.ts';
import { entryOf, type StreamEntry, type WatermarkFile, type Watermarks } from './watermark-file.ts';

/** What the end of a pass works on. */
export interface Passing {
  clock: Clock;
  file: WatermarkFile;
  ledger: Ledger;
  /** What was true when the pass under way of a stream began. */
  passes: Map<string, OpenPass>;
  /** When this process last wrote the end of a pass of each stream to the disk, on the monotonic clock. */
  written: Map<string, number>;
}

interface OpenPass {
  run: number;
  marks: PassMarks;
  /** The ledger has something of this pass, or of an interrupted one that it goes on with. */
  inLedger: boolean;
}

/**
 * The end of a pass that read no row is kept in memory while the last one of its stream on the disk is younger than this: a crash makes the
 * next window begin that much earlier.
 */
export const holdMs = 900_000;

/** One that was never begun counts as one that did something. */
export function passOf({ passes, file }: Pick<Passing, 'passes' | 'file'>, stream: string): OpenPass {
  const { run } = entryOf(file.current(), stream);
  return passes.get(stream) ?? { run, marks: { children: 0, reads: 0 }, inLedger: true };
}

/** The ledger first, the watermark last (D1): a crash between them only means that the pass ends once more. */
export async function finishPass(state: Passing, pass: PassFinish): Promise<void> {
  const { file, ledger } = state;
  const { stream } = pass;
  const open = passOf(state, stream);
  const mark = entryOf(file.current(), stream);
  if (mark.run === open.run && !pass.stepsBack) refuseStepBack(mark, pass);
  // A watermark set by hand while the pass ran stays: the pass knew nothing of it.
  const end = (current: StreamEntry, run: number) =>
    current.run === open.run ? entryAfter(current, pass, run) : { ...current, lastSuccess: pass.finishedAt };
  if (isDueOnDisk(state, stream) || open.inLedger || !onlyMovesOn(pass, mark)) {
    const sequence = await ledger.change(() => recordPass(ledger, pass, open.marks));
    await writeEntry(state, { stream, sequence }, (current) => end(current, sequence));
  } else {
    ledger.meta.requireEpoch(pass.epoch);
    // Under the number it began with: there is no resume point that a new one would make void.
    await file.hold((current) => withEntry(current, stream, end(entryOf(current, stream), open.run)));
  }
  state.passes.delete(stream);
}

/** Changes a stream's mark, durable when it resolves, along with what is held. */
export async function writeEntry(
  state: Pick<Passing, 'file' | 'clock' | 'written'>,
  { stream, sequence }: { stream: string; sequence: number },
  change: (mark: StreamEntry) => StreamEntry,
): Promise<void> {
  await state.file.update((current) => ({
    ...withEntry(current, stream, change(entryOf(current, stream))),
    sequence,
  }));
  state.written.set(stream, state.clock.monotonicMs());
}

/** Makes durable what is held, and what waits its turn. */
export async function writeHeld({ file, ledger }: Pick<Passing, 'file' | 'ledger'>): Promise<void> {
  await file.idle();
  if (!file.holds()) return;
  const sequence = await ledger.change(() => ledger.meta.nextSequence());
  await file.update((current) => ({ ...current, sequence }));
}

function withEntry(current: Watermarks, stream: string, mark: StreamEntry): Watermarks {
  return { ...current, streams: { ...current.streams, [stream]: mark } };
}

/** The first of each stream in this process always is. */
function isDueOnDisk({ clock, written }: Passing, stream: string): boolean {
  const last = written.get(stream);
  return last === undefined || clock.monotonicMs() - last >= holdMs;
}

/** Its end says no more than that everything was read up to a later moment. */
function onlyMovesOn(pass: PassFinish, mark: StreamEntry): boolean {
  const { stepsBack, fullReadAt, parentsMarkedAt, childrenSettled, fingerprint } = pass;
  if (stepsBack || childrenSettled || fullReadAt !== null || parentsMarkedAt !== null) return false;
  return mark.watermark !== null && mark.fingerprint === fingerprint;
}

function entryAfter(before: StreamEntry, pass: PassFinish, run: number): StreamEntry {
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
function refuseStepBack({ watermark }: StreamEntry, pass: PassFinish): void {
  if (watermark === null || pass.watermark?.kind !== watermark.kind || pass.watermark.value >= watermark.value) return;
  throw new Error(`${pass.stream}: the watermark ${watermark.value} must not move back to ${pass.watermark.value}.`);
}
