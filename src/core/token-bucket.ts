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
 * The generic cell rate algorithm, one caller after the other: a slot is booked when its wait has really ended, so that waits which
 * end late and together (a blocked event loop) cannot leave together. A wait that is aborted books nothing. One that starts `empty` keeps
 * to the allowance over restarts too: the process before it may have just used up the burst.
 */
export function createTokenBucket(rate: Rate, clock: Clock, start: 'full' | 'empty' = 'full'): TokenBucket {
  const spacingMs = 1000 / rate.requestsPerSecond;
  const toleranceMs = spacingMs * (rate.burst - 1);
  let nextSlotMs = start === 'full' ? Number.NEGATIVE_INFINITY : clock.monotonicMs() + spacingMs * rate.burst;
  let queue: Promise<unknown> = Promise.resolve();

  const untilSlotMs = () => nextSlotMs - toleranceMs - clock.monotonicMs();
  async function takeSlot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (let waitMs = untilSlotMs(); waitMs > 0; waitMs = untilSlotMs()) await clock.sleep(Math.ceil(waitMs), signal);
    nextSlotMs = Math.max(nextSlotMs, clock.monotonicMs()) + spacingMs;
  }
  return {
    take(signal) {
      const turn = queue.then(() => takeSlot(signal));
      queue = turn.catch(() => undefined);
      return orAborted(turn, signal);
    },
  };
}

/** Rejects at once when the signal aborts, also while others are still before it in the queue. */
function orAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    turn.finally(() => signal.removeEventListener('abort', abort)).then(resolve, reject);
  });
}
