import type { Clock } from '../core/clock.ts';
import { TransientError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import type { HttpClient, HttpResponse } from '../core/http.ts';
import { withRetries } from '../core/retry.ts';
import type { TokenBucket } from '../core/token-bucket.ts';
import type { DayQuota } from './day-quota.ts';
import type { Transport } from './sink.ts';

export interface TransportOptions {
  http: HttpClient;
  bucket: TokenBucket;
  quota: DayQuota;
  /** Throws TransientError for answers that are passing faults; anything else is the sink's to read. */
  refuseTransient(answer: HttpResponse): void;
  clock: Clock;
  events: EventBus;
  random: () => number;
}

export interface CountedTransport extends Transport {
  /** Requests sent so far, repeated ones included. */
  requests(): number;
}

/** A wait longer than this is not slept through: everything to the MES stops until it is over. */
const longestSleepMs = 30_000;
const attempts = 5;

/** Lets requests out within rate and day budget, and again after passing faults; one for each push, to count by. */
export function createTransport(options: TransportOptions, signal: AbortSignal): CountedTransport {
  const { http, bucket, quota, clock, events, random } = options;
  let sent = 0;
  return {
    requests: () => sent,
    async request(request) {
      const once = async () => {
        await bucket.take(signal);
        await quota.take();
        sent += 1;
        const answer = await http.request(request, signal);
        options.refuseTransient(answer);
        return answer;
      };
      try {
        return await withRetries({ system: 'mes', name: 'mes', attempts, clock, events, random }, once, signal);
      } catch (error) {
        if (error instanceof TransientError && (error.retryAfterMs ?? 0) > longestSleepMs) {
          await quota.block(error.retryAfterMs ?? 0);
        }
        throw error;
      }
    },
  };
}
