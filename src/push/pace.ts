/** When a request left and when its answer was there (or it was given up), monotonic milliseconds. */
export interface Timing {
  startedMs: number;
  endedMs: number;
}

export interface PaceOptions {
  /** Records a request, never more. */
  batchSize: number;
  /** Records a request at first; a hundred when absent, or what it may be at most. */
  firstBatch?: number | undefined;
  /** Requests at one time: where it starts, and never more. */
  maxConcurrency: number;
  /** An answer that took longer asks for smaller batches, milliseconds. */
  slowMs: number;
}

/** How much the MES is given at a time. */
export interface Pace {
  batchSize(): number;
  slots(): number;
  /** An answer came. */
  answered(timing: Timing): void;
  /** `limited`: the MES refused for the number of requests. `failed`: it gave up or broke down over one. */
  troubled(kind: 'limited' | 'failed', timing: Timing): void;
  /** A batch of so many records has been delivered. */
  delivered(records: number): void;
}

/** For so long no more requests at one time are tried than went well last. */
const slotsHoldMs = 30_000;
/** Longer for batches: trying a larger one may cost a time-out and an unknown outcome. */
const batchHoldMs = 600_000;
/** Of the size that failed, what is tried until then. */
const safeShare = 0.75;
/** So many single records in a row may fail by chance. */
const mostAlone = 2;
/** Records a request at first: what every installation has time for. */
const usualFirst = 100;
/** Of the largest size, what a delivered batch adds. */
const growth = 0.1;

/**
 * Additive increase, multiplicative decrease (RFC 5681 in small): trouble halves, going well adds one request at a time each round
 * and a tenth of the largest batch each batch. What failed is remembered for a while, so that the limit is not found again and
 * again by failing. Trouble of requests that left before the last cut tells nothing new and is not counted.
 */
export function createPace({ batchSize, maxConcurrency, slowMs, firstBatch = usualFirst }: PaceOptions): Pace {
  const slots = createMeasure({ first: maxConcurrency, most: maxConcurrency, holdMs: slotsHoldMs });
  const batch = createMeasure({ first: Math.min(firstBatch, batchSize), most: batchSize, holdMs: batchHoldMs });
  let atMs = 0;
  return {
    batchSize: () => Math.floor(batch.value()),
    slots: () => Math.floor(slots.value()),
    answered(timing) {
      const { startedMs, endedMs } = timing;
      atMs = endedMs;
      if (endedMs - startedMs > slowMs) batch.cut(timing, safeShare * batch.value());
      slots.grow(1 / slots.value(), { atMs, safe: (failed) => Math.floor(failed) - 1 });
    },
    troubled(kind, timing) {
      slots.cut(timing, slots.value() / 2);
      // Smaller batches would be more requests: no help against a limit on their number.
      if (kind === 'failed') batch.cut(timing, batch.value() / 2);
    },
    delivered(records) {
      if (records < Math.floor(batch.value())) return;
      batch.grow(growth * batchSize, { atMs, safe: (failed) => safeShare * failed });
    },
  };
}

interface Measure {
  value(): number;
  cut(timing: Timing, to: number): void;
  grow(by: number, limits: { atMs: number; safe: (failed: number) => number }): void;
}

/** A value between 1 and `most` that remembers for `holdMs` where it last failed. */
function createMeasure({ first, most, holdMs }: { first: number; most: number; holdMs: number }): Measure {
  let value = first;
  let failed = Number.POSITIVE_INFINITY;
  let cutMs = Number.NEGATIVE_INFINITY;
  /** Cuts in a row at the least value. */
  let alone = 0;
  return {
    value: () => value,
    cut({ startedMs, endedMs }, to) {
      if (startedMs < cutMs) return;
      alone = value < 2 ? alone + 1 : 0;
      // What fails one at a time, with nothing going well in between, does not fail for being many.
      failed = alone > mostAlone ? Number.POSITIVE_INFINITY : value;
      cutMs = endedMs;
      value = Math.max(1, to);
    },
    grow(by, { atMs, safe }) {
      alone = 0;
      const limit = atMs - cutMs < holdMs ? Math.max(1, safe(failed)) : most;
      if (value < limit) value = Math.min(value + by, limit, most);
    },
  };
}
