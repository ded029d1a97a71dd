import type { Clock } from '../../core/clock.ts';
import { PermanentError, TransientError } from '../../core/errors.ts';
import type { EventBus } from '../../core/events.ts';
import { type HttpClient, type HttpResponse, retryAfterMs } from '../../core/http.ts';
import { withRetries } from '../../core/retry.ts';
import type { TokenBucket } from '../../core/token-bucket.ts';
import { type Authenticator, withoutProof } from './auth.ts';
import { type JsonList, readJsonList } from './json-list.ts';

/** Reads an API of Django REST framework that has no pages: every list is one answer. */
export interface DrfClient {
  /** The rows of a list that fit the filters. */
  list(query: DrfQuery, signal: AbortSignal): Promise<DrfList>;
  /** Any other JSON document. */
  document(path: string, signal: AbortSignal): Promise<unknown>;
  /** The server's clock: its last Date header plus the time since; undefined before the first answer. */
  now(): Date | undefined;
}

export interface DrfQuery {
  /** Path behind the root, with a slash at both ends: without the last one there is no such address. */
  path: string;
  filters?: readonly DrfFilter[];
}

/** A parameter of django-filter. */
export interface DrfFilter {
  name: string;
  value: string;
  /** True for rows that may pass: a server ignores filters that it does not know, and then lists everything. */
  fits(row: Record<string, unknown>): boolean;
}

export interface DrfList {
  length: number;
  /** Throws PermanentError when the server has not kept to the filters. */
  pages(size: number): Generator<Record<string, unknown>[]>;
}

export interface DrfOptions {
  /** Who is asking, for error texts: the connector's name. */
  name: string;
  http: HttpClient;
  /** Path that all others stand behind, without a slash at its end. */
  root: string;
  auth: Authenticator;
  bucket: TokenBucket;
  clock: Clock;
  events: EventBus;
  random: () => number;
  /** Tries a request. */
  attempts: number;
}

export function createDrfClient(options: DrfOptions): DrfClient {
  const { name, attempts, clock, events, random } = options;
  let served: { dateMs: number; atMs: number } | undefined;

  /** One loop of tries for the request and its body: logon and maintenance pages come with status 200. */
  function get<T>(path: string, read: (answer: HttpResponse, what: string) => T, signal: AbortSignal): Promise<T> {
    const once = async () => {
      const answer = await ask(options, options.root + path, signal);
      const dateMs = Date.parse(answer.headers['date'] ?? '');
      if (!Number.isNaN(dateMs)) served = { dateMs, atMs: clock.monotonicMs() };
      return read(requireJson(answer, whatOf(options, path)), whatOf(options, path));
    };
    return withRetries({ system: 'erp', name, attempts, clock, events, random }, once, signal);
  }

  return {
    async list({ path, filters = [] }, signal) {
      const parameters = filters.map(({ name: parameter, value }) => `${parameter}=${encodeURIComponent(value)}`);
      const query = ['format=json', ...parameters].join('&');
      const list = await get(`${path}?${query}`, ({ text }, what) => readJsonList(text, what), signal);
      return checked(list, filters, whatOf(options, path));
    },
    document: (path, signal) => get(path, ({ text }, what) => parseJson(text, what), signal),
    now() {
      return served === undefined ? undefined : new Date(served.dateMs + clock.monotonicMs() - served.atMs);
    },
  };
}

function checked(list: JsonList, filters: readonly DrfFilter[], what: string): DrfList {
  return {
    length: list.length,
    *pages(size) {
      for (const page of list.pages(size)) {
        const rows = page.map((row) => requireRow(row, what));
        for (const { name, value, fits } of filters) {
          if (rows.every(fits)) continue;
          throw new PermanentError(
            `${what} does not keep to the filter ${name}=${value}: it lists rows that do not fit. Is this a supported version?`,
          );
        }
        yield rows;
      }
    },
  };
}

function requireRow(row: unknown, what: string): Record<string, unknown> {
  if (typeof row === 'object' && row !== null) return row as Record<string, unknown>;
  throw new TransientError(`${what} answered with a list of something else than rows.`, { malformed: true });
}

function whatOf({ name, root }: DrfOptions, path: string): string {
  return `${name}: GET ${root}${path.split('?', 1)[0]}`;
}

async function ask(options: DrfOptions, path: string, signal: AbortSignal): Promise<HttpResponse> {
  const proof = await options.auth.headers({ method: 'GET', path }, signal);
  await options.bucket.take(signal);
  const headers = { Accept: 'application/json', ...proof };
  const answer = await options.http.request({ method: 'GET', path, headers }, signal).catch((error: unknown) => {
    throw error instanceof PermanentError && error.redirect !== undefined
      ? sentAway(error.redirect, options, path)
      : error;
  });
  if (answer.status === 200) return answer;
  throw refusal(withoutProof(answer, proof), options, path);
}

/** Django sends whoever must log on to its logon page. */
function sentAway(location: string, options: DrfOptions, path: string): PermanentError {
  const what = `${options.name}: GET ${path.split('?', 1)[0]} was redirected to ${location.split('?', 1)[0]}`;
  if (/\blogin\b/.test(location)) {
    return new PermanentError(`${what}: the token has expired, or is not accepted. Check auth, and both clocks.`, {
      credentials: true,
    });
  }
  return new PermanentError(`${what}: there is no such address. Check url and the version of the server.`, {
    redirect: location,
  });
}

function requireJson(answer: HttpResponse, what: string): HttpResponse {
  const type = answer.headers['content-type'] ?? '';
  if (/\bjson\b/i.test(type)) return answer;
  throw new TransientError(
    `${what} answered HTTP 200 with ${type === '' ? 'no content type' : type} instead of JSON: ` +
      'usually a logon or maintenance page. Check url and auth.',
    { malformed: true },
  );
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TransientError(`${what} answered with JSON that breaks off.`, { cause: error, malformed: true });
  }
}

/** Each status has its own class and text. */
function refusal(answer: HttpResponse, options: DrfOptions, path: string): Error {
  const { status } = answer;
  const isJson = /\bjson\b/i.test(answer.headers['content-type'] ?? '');
  const what = `${options.name}: GET ${path.split('?', 1)[0]} answered HTTP ${status}${readError(answer.text)}`;
  if (status === 401) return new PermanentError(`${what}. Check auth.`, { credentials: true });
  // What refuses a key stands before the API and answers with a page of its own.
  if (status === 403 && !isJson) return new PermanentError(`${what}. Check auth.`, { credentials: true });
  if (status === 403) return new PermanentError(`${what}. Grant the user the permission view_${modelOf(path)}.`);
  if (status === 404) return new PermanentError(`${what}. There is no such address: check url and scenario.`);
  if (status === 408 || status === 429 || status >= 500) {
    const asked = retryAfterMs(answer.headers, options.clock.now());
    return new TransientError(`${what}.`, asked === undefined ? {} : { retryAfterMs: asked });
  }
  return new PermanentError(`${what}. The query was refused: is this a supported version?`);
}

function modelOf(path: string): string {
  return /([^/]+)\/(?:\?|$)/.exec(path)?.[1] ?? '';
}

/** What an error body says, as ` (text)`: an object of texts or of lists of texts, or a line of plain text; not a whole page. */
function readError(body: string): string {
  const text = fromJson(body) ?? (/^\s*</.test(body) ? '' : body.trim());
  return text === '' ? '' : ` (${text.slice(0, 300)})`;
}

function fromJson(body: string): string | undefined {
  try {
    const value = JSON.parse(body) as Record<string, unknown>;
    if (typeof value['detail'] === 'string') return value['detail'];
    return Object.entries(value)
      .map(([name, problem]) => `${name}: ${Array.isArray(problem) ? problem.join(' ') : String(problem)}`)
      .join('; ');
  } catch {
    return undefined;
  }
}
