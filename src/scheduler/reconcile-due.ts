import type { Stream } from '../connectors/connector.ts';
import type { ReconcileResult } from '../core/events.ts';
import type { SweepStatus } from '../state/store.ts';
import type { PassContext } from './pass-types.ts';

export interface DueOptions {
  /** True when a scheduled run falls between the two times. */
  isDue(since: Date, now: Date): boolean;
  /** Streams that are not reconciled. */
  off: ReadonlySet<string>;
}

/** Which streams are to be compared with the ledger now. */
export interface Due {
  streams(paused: ReadonlyMap<string, unknown>): Promise<{ streams: Stream[]; scheduled: boolean }>;
  ended(stream: Stream, result: ReconcileResult): void;
}

/** What one sweep has missed is looked at again so soon, and so is what was withheld: the fault may have passed. */
const secondLookMs = 10 * 60_000;
/** A sweep that failed is not tried again at once: it may have read a million keys by then. */
const retryMs = 15 * 60_000;

export function createDue(context: PassContext, { isDue, off }: DueOptions): Due {
  const { session, store, clock, events } = context;
  /** Monotonic times of sweeps that failed. */
  const failedMs = new Map<string, number>();
  let announced = false;
  const idOf = ({ name }: Stream) => `${session.name}/${name}`;

  /** What was withheld before a restart still is. */
  function announceWithheld(status: ReadonlyMap<string, SweepStatus>): void {
    if (announced) return;
    announced = true;
    for (const stream of session.streams.map(idOf)) {
      const vanished = status.get(stream)?.withheld ?? 0;
      if (vanished > 0) events.emit('absence:withheld', { stream, vanished, verb: 'reconcile' });
    }
  }

  /** The first sweep comes one period after the stream was first seen: its first load has just read everything. */
  async function begin(stream: string, now: Date): Promise<void> {
    const nothing = { source: session.source, sets: [], waiting: [], pending: 0, withheld: 0 };
    await store.endSweep({ ...nothing, stream, at: now.toISOString() });
  }

  function needsSecondLook({ at, pending, withheld }: SweepStatus, now: Date): boolean {
    return pending + withheld > 0 && now.getTime() - Date.parse(at) >= secondLookMs;
  }

  return {
    async streams(paused) {
      const now = clock.now();
      const status = new Map((await store.sweeps()).map((each) => [each.stream, each]));
      announceWithheld(status);
      const due: Stream[] = [];
      let scheduled = false;
      for (const stream of session.streams.filter(({ name }) => !off.has(name) && !paused.has(name))) {
        const last = status.get(idOf(stream));
        if (last === undefined) await begin(idOf(stream), now);
        const resting = clock.monotonicMs() - (failedMs.get(stream.name) ?? Number.NEGATIVE_INFINITY) < retryMs;
        if (last === undefined || resting) continue;
        const regular = isDue(new Date(last.at), now);
        scheduled ||= regular;
        if (regular || needsSecondLook(last, now)) due.push(stream);
      }
      return { streams: due, scheduled };
    },
    ended({ name }, { outcome }) {
      if (outcome === 'failed') failedMs.set(name, clock.monotonicMs());
      else failedMs.delete(name);
    },
  };
}
