import type { Clock } from '../../../core/clock.ts';
import { PermanentError, TransientError } from '../../../core/errors.ts';
import type { EventBus } from '../../../core/events.ts';
import { type HttpClient, type HttpResponse, retryAfterMs } from '../../../core/http.ts';
import { withRetries } from '../../../core/retry.ts';
import type { TokenBucket } from '../../../core/token-bucket.ts';
import { type Authenticator, withoutProof } from '../auth.ts';
import { readPage, readRefusal, type SuiteQlPage } from './json.ts';
import { readSecond, selectText, utcSecond } from './text.ts';

export interface SuiteQlClient {
  query(sql: string, part: Part, signal: AbortSignal): Promise<SuiteQlPage>;
  /** NetSuite's own clock, to the second. */
  now(signal: AbortSignal): Promise<Date>;
}

/** Which rows of its result an answer brings. */
export interface Part {
  /** 1000 at the most. */
  limit: number;
  /** A multiple of `limit`; 0 when absent. */
  offset?: number;
  /** One that took too long is not asked again: the caller asks for less. */
  slowOnce?: boolean;
}

export interface SuiteQlOptions {
  /** Who is asking, for error texts: the connector's name. */
  name: string;
  http: HttpClient;
  /** Path below the origin under which REST is reached; empty at NetSuite itself. */
  basePath: string;
  auth: Authenticator;
  bucket: TokenBucket;
  clock: Clock;
  events: EventBus;
  random: () => number;
  /** Tries a request. */
  attempts: number;
}

/** A query that NetSuite understood and does not answer: an unknown or hidden table or column, or a wrong text. */
export class QueryRefusedError extends PermanentError {
  override name = 'QueryRefusedError';
}

const queryPath = '/services/rest/query/v1/suiteql';

export function createSuiteQlClient(options: SuiteQlOptions): SuiteQlClient {
  const ask = createAsking(options);
  const { name, attempts, clock, events, random } = options;

  /** One loop of tries for the request and its body: logon and maintenance pages come with status 200. */
  async function query(sql: string, { limit, offset = 0, slowOnce = false }: Part, signal: AbortSignal) {
    const path = `${options.basePath}${queryPath}?limit=${limit}&offset=${offset}`;
    const once = async () => {
      try {
        return readPage(await ask({ path, sql }, signal), `${name}: POST ${queryPath}`);
      } catch (error) {
        if (slowOnce && error instanceof TransientError && error.expired) return error;
        throw error;
      }
    };
    const page = await withRetries({ system: 'erp', name, attempts, clock, events, random }, once, signal);
    if (page instanceof Error) throw page;
    return page;
  }

  return {
    query,
    async now(signal) {
      const columns = { now: utcSecond('CURRENT_TIMESTAMP') };
      const { rows } = await query(selectText({ columns, from: 'DUAL', where: '' }), { limit: 1 }, signal);
      const now = readSecond((rows[0] as { now?: unknown } | undefined)?.now);
      if (now !== null) return new Date(now);
      throw new TransientError(`${name}: NetSuite does not tell its time.`, { malformed: true });
    },
  };
}

interface Asked {
  path: string;
  sql: string;
}

/** A 401 so long after the last good answer may be a fault of the account; sooner, it is likely too many requests at once. */
const trustedMs = 600_000;
const secondLookMs = 2000;

/** Sends one query; signed or with its token, and once more where a 401 may not mean what it says. */
function createAsking(options: SuiteQlOptions): (asked: Asked, signal: AbortSignal) => Promise<HttpResponse> {
  const { auth, bucket, http, clock, random } = options;
  let goodAtMs = Number.NEGATIVE_INFINITY;

  return async ({ path, sql }, signal) => {
    const left = { renewals: 1, secondLooks: 1 };
    for (;;) {
      await bucket.take(signal);
      const proof = await auth.headers({ method: 'POST', path }, signal);
      const headers = { Accept: 'application/json', 'Content-Type': 'application/json', Prefer: 'transient', ...proof };
      const answer = await http.request({ method: 'POST', path, headers, body: JSON.stringify({ q: sql }) }, signal);
      if (answer.status === 200) {
        goodAtMs = clock.monotonicMs();
        return answer;
      }
      if (answer.status === 401 && left.renewals > 0 && auth.refresh(answer)) {
        left.renewals -= 1;
      } else if (answer.status === 401 && left.secondLooks > 0 && clock.monotonicMs() - goodAtMs < trustedMs) {
        left.secondLooks -= 1;
        await clock.sleep(secondLookMs * (1 + random()), signal);
      } else {
        throw refusal(withoutProof(answer, proof), options);
      }
    }
  };
}

/** How RESTlets, and gateways that speak like them, say what REST says with 429. */
const limitCode = 'SSS_REQUEST_LIMIT_EXCEEDED';

/** Each status has its own class and text; details are in the language of the user and decide nothing. */
function refusal(answer: HttpResponse, { name, clock }: SuiteQlOptions): Error {
  const { status, headers } = answer;
  const { code, detail } = readRefusal(answer.text);
  const said = [code, detail].filter(Boolean).join(': ');
  const operation = headers['x-n-operationid'];
  const support = operation === undefined ? '' : `, operation ${operation}`;
  const what = `${name}: POST ${queryPath} answered HTTP ${status}${said === '' ? '' : ` (${said}${support})`}`;
  if (status === 429 || status === 408 || status >= 500 || code === limitCode) {
    const asked = retryAfterMs(headers, clock.now());
    const isLimit = status === 429 || code === limitCode;
    const limit = isLimit ? ' The account allows no more requests at one time.' : '';
    const details = { status: isLimit ? 429 : status, ...(asked !== undefined && { retryAfterMs: asked }) };
    return new TransientError(`${what}.${limit}`, details);
  }
  if (status === 401) {
    const where = 'The reason stands in Setup > Users/Roles > View Login Audit Trail.';
    return new PermanentError(`${what}. Check auth and accountId. ${where}`, { credentials: true });
  }
  if (status === 403)
    return new PermanentError(`${what}. The role lacks REST Web Services or SuiteAnalytics Workbook.`);
  if (status === 404)
    return new PermanentError(`${what}. Check accountId and baseUrl, and the feature REST Web Services.`);
  if (status === 400) return new QueryRefusedError(`${what}.`);
  return new PermanentError(`${what}.`);
}
