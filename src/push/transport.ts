import type { Clock } from '../core/clock.ts';
import { TransientError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import type { HttpClient, HttpResponse } from '../core/http.ts';
import { withRetries } from '../core/retry.ts';
import type { TokenBucket } from '../core/token-bucket.ts';
import type { Entity } from '../core/types.ts';
import type { Pace } from './adaptive.ts';
import type { Caller } from './day-plan.ts';
import type { Booking } from './day-quota.ts';
import type { Outage } from './outage.ts';
import type { MesRequest, Transport } from './sink.ts';

export interface TransportOptions {
  http: HttpClient;
  bucket: TokenBucket;
  quota: Booking;
  /** Throws TransientError for answers that are passing faults; anything else is the sink's to read. */
  refuseTransient(answer: HttpResponse): void;
  clock: Clock;
  events: EventBus;
  random: () => number;
  /** Tries a request. */
  attempts: number;
  /** Whose requests these are; 'scheduled' when absent. */
  caller?: Caller;
  /** Told how requests fare. */
  pace?: Pick<Pace, 'answered' | 'troubled'>;
  outage?: Outage;
}

export interface CountedTransport extends Transport {
  /** Requests sent so far, repeated ones included. */
  requests(): number;
  /** The same for what one kind of record needs: tried once where that could not be delivered last. */
  serving?(entity: Entity): Transport;
}

/** A wait longer than this is not slept through: everything to the MES stops until it is over. */
const longestSleepMs = 30_000;

/** Lets requests out within rate and day budget, and again after passing faults; one for each push, to count by. */
export function createTransport(options: TransportOptions, signal: AbortSignal): CountedTransport {
  const { bucket, quota, clock, events, random, caller = 'scheduled' } = options;
  let sent = 0;
  async function once(request: MesRequest): Promise<HttpResponse> {
    await bucket.take(signal);
    await quota.take(caller);
    sent += 1;
    const startedMs = clock.monotonicMs();
    const answer = await options.http.request(request, signal).catch(async (error: unknown) => {
      if (error instanceof TransientError && error.unsent) await quota.giveBack(caller);
      else if (error instanceof TransientError) {
        note(options, undefined, startedMs);
        request.onUnknownOutcome?.();
      }
      throw error;
    });
    note(options, answer, startedMs);
    await heed(options, answer).catch((error: unknown) => {
      if (error instanceof TransientError && mayBeDone(answer)) request.onUnknownOutcome?.();
      throw error;
    });
    return answer;
  }
  const serving = (entity?: Entity): Transport => ({
    async request(request) {
      // While it is down, one try tells as much as five.
      const attempts = options.outage?.isOpen(entity) ? 1 : options.attempts;
      try {
        const answer = await withRetries(
          { system: 'mes', name: 'mes', attempts, clock, events, random },
          () => once(request),
          signal,
        );
        options.outage?.answered();
        return answer;
      } catch (error) {
        options.outage?.note(error);
        throw error;
      }
    },
  });
  return { requests: () => sent, ...serving(), serving };
}

/** Only what the MES itself asked for: a budget of ours that is used up is known without this, and may be raised. */
async function heed({ quota, refuseTransient }: TransportOptions, answer: HttpResponse): Promise<void> {
  try {
    refuseTransient(answer);
  } catch (error) {
    const askedMs = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
    if (askedMs > longestSleepMs) await quota.block(askedMs, saysDayIsUsedUp(answer));
    throw error;
  }
}

/**
 * Tells the pace how the MES keeps up; undefined: no answer. A plain 500 says nothing of it, here it mostly stands for content or
 * schema, and neither does a function that does not boot.
 */
function note({ pace, clock }: TransportOptions, answer: HttpResponse | undefined, startedMs: number): void {
  const timing = { startedMs, endedMs: clock.monotonicMs() };
  const status = answer?.status ?? 0;
  if (status === 429) pace?.troubled('limited', timing);
  else if (status === 0 || status === 408 || (status > 500 && !answer?.text.includes('BOOT_ERROR')))
    pace?.troubled('failed', timing);
  else pace?.answered(timing);
}

/** The limiter of the day, and not a gateway that is busy: after this wait a new window begins, whatever we have counted ourselves. */
function saysDayIsUsedUp({ status, headers }: HttpResponse): boolean {
  return status === 429 && headers['x-ratelimit-remaining'] === '0';
}

/** The limits are checked before a request is carried out; of any other fault nobody knows how far it came. */
function mayBeDone({ status }: HttpResponse): boolean {
  return status !== 402 && status !== 429;
}
