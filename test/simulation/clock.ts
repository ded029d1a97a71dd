import { setImmediate as afterPromiseJobs } from 'node:timers/promises';
import type { Clock } from '../../src/core/clock.ts';

/** Time of a simulation: it passes only when nothing else can happen, and then at once up to the next timer. */
export interface SimulatedClock extends Clock {
  /** Runs a task to its end, whatever it waits for. Throws when it waits for something that no timer will ever bring. */
  run<T>(task: Promise<T>): Promise<T>;
  advance(ms: number): void;
  /** Somebody sets the wall clock; timers do not notice. */
  jump(ms: number): void;
}

interface Timer {
  dueMs: number;
  fire(): void;
}

export function createSimulatedClock(start: Date, onElapse: (ms: number) => void): SimulatedClock {
  const timers = new Set<Timer>();
  let elapsedMs = 0;
  let wallStartMs = start.getTime();
  function elapse(untilMs: number): void {
    onElapse(untilMs - elapsedMs);
    elapsedMs = untilMs;
  }
  function after(ms: number, callback: () => void): () => void {
    const timer = { dueMs: elapsedMs + Math.max(ms, 0), fire: callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  }
  function fireNext(): boolean {
    let next: Timer | undefined;
    for (const timer of timers) if (next === undefined || timer.dueMs < next.dueMs) next = timer;
    if (next === undefined) return false;
    timers.delete(next);
    if (next.dueMs > elapsedMs) elapse(next.dueMs);
    next.fire();
    return true;
  }
  return {
    now: () => new Date(wallStartMs + elapsedMs),
    monotonicMs: () => elapsedMs,
    after,
    sleep: (ms, signal) => sleep((callback) => after(ms, callback), signal),
    async run(task) {
      let done = false;
      const finish = () => {
        done = true;
      };
      task.then(finish, finish);
      for (;;) {
        await afterPromiseJobs();
        if (done) return task;
        if (!fireNext()) throw new Error('Stuck: something is awaited that nothing will ever bring.');
      }
    },
    advance: (ms) => elapse(elapsedMs + ms),
    jump(ms) {
      wallStartMs += ms;
    },
  };
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
