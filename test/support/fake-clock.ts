import { setImmediate as afterPromiseJobs } from 'node:timers/promises';
import type { Clock } from '../../src/core/clock.ts';

/** A clock whose time moves only when a test says so. */
export interface FakeClock extends Clock {
  /** Time passes: fires timers and sleeps in the order in which they are due, and lets promise jobs run after each. */
  advance(ms: number): Promise<void>;
  /** An administrator changes the wall clock; timers do not notice. */
  jump(ms: number): void;
  /** The machine sleeps: the wall clock has gone on, the monotonic clock and the timers have not. */
  suspend(ms: number): void;
  /** How many timers and sleeps are under way: none is left by what has stopped. */
  pending(): number;
}

interface Timer {
  dueMs: number;
  fire(): void;
}

export function createFakeClock(start: Date): FakeClock {
  const timers = new Set<Timer>();
  let elapsedMs = 0;
  let wallStartMs = start.getTime();
  const shiftWall = (ms: number) => {
    wallStartMs += ms;
  };
  const after = (ms: number, callback: () => void) => {
    const timer = { dueMs: elapsedMs + Math.max(ms, 0), fire: callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  return {
    now: () => new Date(wallStartMs + elapsedMs),
    monotonicMs: () => elapsedMs,
    after,
    sleep: (ms, signal) => sleep((callback) => after(ms, callback), signal),
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      await afterPromiseJobs();
      for (let next = firstDue(timers, untilMs); next !== undefined; next = firstDue(timers, untilMs)) {
        timers.delete(next);
        elapsedMs = next.dueMs;
        next.fire();
        await afterPromiseJobs();
      }
      elapsedMs = untilMs;
    },
    jump: shiftWall,
    suspend: shiftWall,
    pending: () => timers.size,
  };
}

/** The timer due first, of equals the one set first. */
function firstDue(timers: ReadonlySet<Timer>, untilMs: number): Timer | undefined {
  let first: Timer | undefined;
  for (const timer of timers) {
    if (timer.dueMs <= untilMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
  }
  return first;
}

function sleep(after: (callback: () => void) => () => void, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = after(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
