import type { Clock } from './clock.ts';

export interface Rate {
  requestsPerSecond: number;
  burst: number;
}

/** Lets at most `burst + requestsPerSecond * W` requests through in any window of W seconds. */
export interface TokenBucket {
  /** Resolves when the next request may be sent, in the order of asking. */
  take(signal: AbortSignal): Promise<void>;
}

/**
 * Each caller books the next free slot at once and sleeps until it (the generic cell rate algorithm): fair, no timer of its own,
 * two numbers of state. A wait that is aborted gives its slot up unused, which can only send less.
 */
export function createTokenBucket(rate: Rate, clock: Clock): TokenBucket {
  const spacingMs = 1000 / rate.requestsPerSecond;
  const toleranceMs = spacingMs * (rate.burst - 1);
  let nextSlotMs = Number.NEGATIVE_INFINITY;
  return {
    async take(signal) {
      signal.throwIfAborted();
      const nowMs = clock.monotonicMs();
      const slotMs = Math.max(nextSlotMs, nowMs);
      nextSlotMs = slotMs + spacingMs;
      const waitMs = slotMs - toleranceMs - nowMs;
      if (waitMs > 0) await clock.sleep(Math.ceil(waitMs), signal);
    },
  };
}
