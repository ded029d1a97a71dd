import { setTimeout as delay } from 'node:timers/promises';

/** Time is a parameter: everything that waits or asks the time gets a Clock, so that tests own it. */
export interface Clock {
  /** Wall-clock time of this machine. Never used for cursors: those follow the source's clock. */
  now(): Date;
  /** Milliseconds of a clock that never jumps; stands still while the machine is suspended. */
  monotonicMs(): number;
  /** Resolves after `ms`, rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back after `ms`; returns a function that cancels it. Does not keep the process alive by itself. */
  after(ms: number, callback: () => void): () => void;
}

/** setTimeout overflows beyond this and would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(Math.min(Math.max(ms, 0), maxTimerMs), undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), maxTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
