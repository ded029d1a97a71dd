import type { Clock } from '../core/clock.ts';
import { PermanentError, TransientError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import type { HttpClient, HttpResponse } from '../core/http.ts';
import { withRetries } from '../core/retry.ts';
import type { TokenBucket } from '../core/token-bucket.ts';
import type { Entity } from '../core/types.ts';
import type { Caller } from './day-plan.ts';
import type { Booking } from './day-quota.ts';
import type { Outage } from './outage.ts';
import type { Pace } from './pace.ts';
import type { MesRequest, Transport } from './sink.ts';

/** What the transport must understand of what this MES answers; anything else is the sink's to read. */
export interface AnswerRules {
  /** Throws TransientError for answers that are passing faults. */
  refuseTransient(answer: HttpResponse): void;
  /** What was asked does not start: that says nothing of how the MES keeps up. */
  isBootError(answer: HttpResponse): boolean;
  /** The limiter of the day, and not a gateway that is busy: after this wait a new window begins, whatever we have counted ourselves. */
  isDayUsedUp(answer: HttpResponse): boolean;
}

export interface TransportOptions {
  http: HttpClient;
  bucket: TokenBucket;
  quota: Booking;
  answers: AnswerRules;
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
    if (signal.aborted) await quota.giveBack(caller);
    signal.throwIfAborted();
    sent += 1;
    const startedMs = clock.monotonicMs();
    const answer = await options.http.request(request, signal).catch(async (error: unknown) => {
      if (error instanceof TransientError && error.unsent) await quota.giveBack(caller);
      else if (error instanceof TransientError) note(options, undefined, startedMs);
      if (isOutcomeUnknown(error)) request.onUnknownOutcome?.();
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
async function heed({ quota, answers }: TransportOptions, answer: HttpResponse): Promise<void> {
  try {
    answers.refuseTransient(answer);
  } catch (error) {
    const askedMs = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
    if (askedMs > longestSleepMs) await quota.block(askedMs, answers.isDayUsedUp(answer));
    throw error;
  }
}

/**
 * Tells the pace how the MES keeps up; undefined: no answer. A plain 500 says nothing of it, here it mostly stands for content or
 * schema, and neither does a function that does not boot.
 */
function note({ pace, answers, clock }: TransportOptions, answer: HttpResponse | undefined, startedMs: number): void {
  const timing = { startedMs, endedMs: clock.monotonicMs() };
  if (answer?.status === 429) pace?.troubled('limited', timing);
  else if (answer === undefined || answer.status === 408 || (answer.status > 500 && !answers.isBootError(answer)))
    pace?.troubled('failed', timing);
  else pace?.answered(timing);
}

/** It was sent, and there was no answer, or one that could not be read; or it was given up on its way. */
function isOutcomeUnknown(error: unknown): boolean {
  if (error instanceof TransientError) return !error.unsent;
  return !(error instanceof PermanentError) || error.tooLarge;
}

/** Key and limits are looked at before a request is carried out; of any other fault nobody knows how far it came. */
function mayBeDone({ status }: HttpResponse): boolean {
  return ![401, 402, 429].includes(status);
}
