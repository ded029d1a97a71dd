import type { Clock } from '../core/clock.ts';
import { TransientError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import type { HttpClient, HttpResponse } from '../core/http.ts';
import { withRetries } from '../core/retry.ts';
import type { TokenBucket } from '../core/token-bucket.ts';
import type { Caller } from './day-plan.ts';
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
  /** Tries a request. */
  attempts: number;
  /** Whose requests these are; 'scheduled' when absent. */
  caller?: Caller;
}

export interface CountedTransport extends Transport {
  /** Requests sent so far, repeated ones included. */
  requests(): number;
}

/** A wait longer than this is not slept through: everything to the MES stops until it is over. */
const longestSleepMs = 30_000;

/** Lets requests out within rate and day budget, and again after passing faults; one for each push, to count by. */
export function createTransport(options: TransportOptions, signal: AbortSignal): CountedTransport {
  const { http, bucket, quota, clock, events, random, attempts, caller = 'scheduled' } = options;
  let sent = 0;
  /** Only what the MES itself asked for: a budget of ours that is used up is known without this, and may be raised. */
  const heed = async (answer: HttpResponse) => {
    try {
      options.refuseTransient(answer);
    } catch (error) {
      const askedMs = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
      if (askedMs > longestSleepMs) await quota.block(askedMs, saysDayIsUsedUp(answer));
      throw error;
    }
  };
  return {
    requests: () => sent,
    request(request) {
      const once = async () => {
        await bucket.take(signal);
        await quota.take(caller);
        sent += 1;
        const answer = await http.request(request, signal).catch(async (error: unknown) => {
          if (error instanceof TransientError && error.unsent) await quota.giveBack(caller);
          throw request.idempotent === false ? outcomeOf(error) : error;
        });
        await heed(answer).catch((error: unknown) => {
          throw request.idempotent === false && mayBeDone(answer) ? outcomeOf(error) : error;
        });
        return answer;
      };
      return withRetries({ system: 'mes', name: 'mes', attempts, clock, events, random }, once, signal);
    },
  };
}

/** The limiter of the day, and not a gateway that is busy: after this wait a new window begins, whatever we have counted ourselves. */
function saysDayIsUsedUp({ status, headers }: HttpResponse): boolean {
  return status === 429 && headers['x-ratelimit-remaining'] === '0';
}

/** The limits are checked before a request is carried out; of any other fault nobody knows how far it came. */
function mayBeDone({ status }: HttpResponse): boolean {
  return status !== 402 && status !== 429;
}

/** The failure of a request that must not be sent twice. */
function outcomeOf(error: unknown): unknown {
  if (!(error instanceof TransientError) || error.unsent) return error;
  const { message, retryAfterMs, malformed } = error;
  return new TransientError(`${message} Whether the MES has carried it out is not known.`, {
    cause: error,
    malformed,
    unknownOutcome: true,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
