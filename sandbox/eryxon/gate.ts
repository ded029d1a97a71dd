import { ApiError } from './errors.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Lets a request in: throws `ApiError` for a bad key and when the day's requests are used up.
 * The window starts with the first request and not at midnight; refused keys do not count, failing requests do.
 */
export class Gate {
  readonly #apiKey: string;
  readonly #dailyLimit: number;
  readonly #now: () => Date;
  readonly #knows401: boolean;
  #resetAt = 0;
  #used = 0;

  /** Without `knows401` a bad key is 500 INTERNAL_ERROR, as it was up to v0.6.0. */
  constructor(options: { apiKey: string; dailyLimit: number; now: () => Date; knows401?: boolean }) {
    this.#apiKey = options.apiKey;
    this.#dailyLimit = options.dailyLimit;
    this.#now = options.now;
    this.#knows401 = options.knows401 ?? false;
  }

  pass(authorization: string | undefined): void {
    if (authorization === undefined || !authorization.startsWith('Bearer ')) {
      throw this.#unauthorized('Missing or invalid authorization header');
    }
    const key = authorization.slice('Bearer '.length);
    if (!/^ery_(live|test)_/.test(key)) throw this.#unauthorized('Invalid API key format');
    if (key !== this.#apiKey) throw this.#unauthorized('Invalid API key');
    this.#count();
  }

  #unauthorized(message: string): ApiError {
    return this.#knows401
      ? new ApiError(401, 'UNAUTHORIZED', { message })
      : new ApiError(500, 'INTERNAL_ERROR', { message });
  }

  #count(): void {
    const now = this.#now().getTime();
    if (now >= this.#resetAt) {
      this.#resetAt = now + dayMs;
      this.#used = 0;
    }
    if (this.#used >= this.#dailyLimit) throw this.#exhausted(now);
    this.#used += 1;
  }

  #exhausted(now: number): ApiError {
    const resetAt = new Date(this.#resetAt).toISOString();
    const retryAfter = Math.ceil((this.#resetAt - now) / 1000);
    const allowance = `Your ${planOf(this.#dailyLimit)} plan allows ${this.#dailyLimit} requests per day.`;
    return new ApiError(429, 'RATE_LIMIT_EXCEEDED', {
      message: `Rate limit exceeded. ${allowance} Please upgrade your plan or wait until the limit resets.`,
      headers: {
        'retry-after': String(retryAfter),
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': resetAt,
      },
      extra: { rateLimitInfo: { remaining: 0, resetAt, retryAfter } },
    });
  }
}

function planOf(dailyLimit: number): string {
  if (dailyLimit <= 100) return 'free';
  return dailyLimit <= 1000 ? 'pro' : 'premium';
}
