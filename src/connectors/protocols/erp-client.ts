import type { Clock } from '../../core/clock.ts';
import { PermanentError, TransientError } from '../../core/errors.ts';
import type { EventBus } from '../../core/events.ts';
import { type HttpClient, type HttpRequest, type HttpResponse, retryAfterMs } from '../../core/http.ts';
import { withRetries } from '../../core/retry.ts';
import type { TokenBucket } from '../../core/token-bucket.ts';
import { type Authenticator, withoutProof } from './auth.ts';

/** One ERP as its protocol client sees it: requests within its limits, tried again while that may help, and its clock. */
export interface ErpClient {
  /**
   * What `read` makes of the answer. It is part of each try: logon and maintenance pages come with status 200, so that a
   * TransientError of `read` is worth another one. Of an answer that is not 200 it sees nothing that proved who was asking.
   */
  ask<T>(request: HttpRequest, read: (answer: HttpResponse) => T, signal: AbortSignal): Promise<T>;
  /** The ERP's clock: the Date header of its last answer that could be read, plus the time since; undefined before the first. */
  now(): Date | undefined;
}

export interface ErpClientOptions {
  /** Who is asking, for events: the connector's name. */
  name: string;
  http: HttpClient;
  /** Absent where the protocol proves in its own way who is asking. */
  auth?: Authenticator;
  bucket: TokenBucket;
  clock: Clock;
  events: EventBus;
  random: () => number;
  /** Tries a request. */
  attempts: number;
}

export function createErpClient(options: ErpClientOptions): ErpClient {
  const { name, attempts, clock, events, random } = options;
  let served: { dateMs: number; atMs: number } | undefined;
  return {
    ask(request, read, signal) {
      const once = async () => {
        const answer = await send(options, request, signal);
        const result = read(answer);
        // Only now: a page of some gateway before the ERP comes with a clock of its own.
        const dateMs = Date.parse(answer.headers['date'] ?? '');
        if (!Number.isNaN(dateMs)) served = { dateMs, atMs: clock.monotonicMs() };
        return result;
      };
      return withRetries({ system: 'erp', name, attempts, clock, events, random }, once, signal);
    },
    now() {
      return served === undefined ? undefined : new Date(served.dateMs + clock.monotonicMs() - served.atMs);
    },
  };
}

/** Once more after a 401 where what was cached may have expired. */
async function send(options: ErpClientOptions, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  const { auth, bucket, http } = options;
  for (let tries = 0; ; tries += 1) {
    const proof = (await auth?.headers(request, signal)) ?? {};
    await bucket.take(signal);
    const answer = await http.request({ ...request, headers: { ...request.headers, ...proof } }, signal);
    if (answer.status === 200) return answer;
    if (answer.status !== 401 || tries > 0 || auth?.refresh(answer) !== true) return withoutProof(answer, proof);
  }
}

/** How a refusal is told. */
export interface RefusalText {
  /** Connector and request. */
  what: string;
  /** What the ERP said, with a blank and in brackets; empty when it said nothing. */
  said: string;
  /** What to check, whole sentences: after 401, 403, 404, and any other refusal. */
  hints: { credentials: string; forbidden: string; missing: string; query: string };
  now: Date;
}

/** The error of an answer that is not 200: each status has its own class and text. */
export function refusal({ status, headers }: HttpResponse, { what, said, hints, now }: RefusalText): Error {
  const text = `${what} answered HTTP ${status}${said}`;
  if (status === 401) return new PermanentError(`${text}. ${hints.credentials}`, { credentials: true, status });
  if (status === 403) return new PermanentError(`${text}. ${hints.forbidden}`, { status });
  if (status === 404) return new PermanentError(`${text}. ${hints.missing}`, { status });
  if (status === 408 || status === 429 || status >= 500) {
    const asked = retryAfterMs(headers, now);
    return new TransientError(`${text}.`, { status, ...(asked !== undefined && { retryAfterMs: asked }) });
  }
  return new PermanentError(`${text}. ${hints.query}`, { status });
}
