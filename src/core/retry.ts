import type { Clock } from './clock.ts';
import { messageOf, TransientError } from './errors.ts';
import type { EventBus } from './events.ts';

export interface RetryOptions {
  system: 'erp' | 'mes';
  /** Who is trying, for events. */
  name: string;
  /** Tries in all. */
  attempts: number;
  clock: Clock;
  events: EventBus;
  /** Between 0 and 1: full jitter, so that many clients do not come back in step. */
  random: () => number;
}

const basePauseMs = 500;
const longestPauseMs = 30_000;

/**
 * Tries a task again after transient failures, with exponential pauses and full jitter. What the other side asked for (Retry-After) is kept to and only ever lengthened; a wait longer than the longest pause is not slept here but thrown,
 * so that the caller can give its place up.
 */
export async function withRetries<T>(options: RetryOptions, task: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof TransientError) || attempt >= options.attempts) throw error;
      const waitMs = pauseMs(error, attempt, options.random);
      if (waitMs > longestPauseMs * 1.1) throw error;
      const { system, name } = options;
      options.events.emit('request:retried', { system, name, attempt, waitMs, error: messageOf(error) });
      await options.clock.sleep(waitMs, signal);
    }
  }
}

function pauseMs({ retryAfterMs = 0 }: TransientError, attempt: number, random: () => number): number {
  // A wait of nothing is a date that has passed by our clock: no reason to come back at once.
  if (retryAfterMs > 0) return Math.round(retryAfterMs * (1 + random() * 0.1));
  return Math.round(random() * Math.min(basePauseMs * 2 ** attempt, longestPauseMs));
}
