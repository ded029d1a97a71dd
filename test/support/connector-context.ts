import type { Clock } from '../../src/core/clock.ts';
import { createEventBus, type EventBus } from '../../src/core/events.ts';
import type { TokenBucket } from '../../src/core/token-bucket.ts';

export const never = new AbortController().signal;

/** A clock on which every pause is over at once: time jumps ahead by it. Deadlines never strike. */
export interface HastyClock extends Clock {
  /** Every pause so far, milliseconds. */
  pauses: number[];
  /** Time passes without anybody waiting for it. */
  pass(ms: number): void;
}

export function createHastyClock(start = new Date('2026-10-01T08:00:00Z')): HastyClock {
  let elapsedMs = 0;
  const pauses: number[] = [];
  return {
    pauses,
    pass(ms) {
      elapsedMs += ms;
    },
    now: () => new Date(start.getTime() + elapsedMs),
    monotonicMs: () => elapsedMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      pauses.push(ms);
      elapsedMs += ms;
    },
    after: () => () => undefined,
  };
}

/** A bus whose listeners may not throw. */
export function createStrictBus(): EventBus {
  return createEventBus((error) => {
    throw error;
  });
}

export const unlimited: TokenBucket = { take: async () => undefined };
