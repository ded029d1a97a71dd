import type { Clock } from '../../core/clock.ts';
import { PermanentError, TransientError } from '../../core/errors.ts';
import type { EventBus } from '../../core/events.ts';
import { type HttpClient, type HttpResponse, retryAfterMs } from '../../core/http.ts';
import { withRetries } from '../../core/retry.ts';
import type { TokenBucket } from '../../core/token-bucket.ts';
import type { Authenticator } from './auth.ts';
import { type Collection, readCollection, readError, requireMetadata } from './odata-json.ts';
import { type PropertyTypes, readPropertyTypes } from './odata-metadata.ts';
import { nextPath, type ODataQuery, queryPath, withOptions } from './odata-url.ts';

export interface ODataClient {
  /** Every row of one query, over all its next links; a query is bounded by its own `$top`. */
  rows(query: ODataQuery, signal: AbortSignal): Promise<unknown[]>;
  /** Number of rows; null where the service does not say. */
  count(query: Pick<ODataQuery, 'path' | 'filter'>, signal: AbortSignal): Promise<number | null>;
  /** EDM types of an entity set, from the service's `$metadata`. */
  propertyTypes(servicePath: string, entitySet: string, signal: AbortSignal): Promise<PropertyTypes>;
  /** The server's clock: its last Date header plus the time since; undefined before the first answer. */
  now(): Date | undefined;
}

export interface ODataOptions {
  /** Who is asking, for error texts: the connector's name. */
  name: string;
  http: HttpClient;
  auth: Authenticator;
  bucket: TokenBucket;
  /** Query options that every request carries, e.g. sap-client. */
  always: Readonly<Record<string, string>>;
  clock: Clock;
  events: EventBus;
  random: () => number;
}

const attempts = 5;
const bodyAttempts = 3;

/** A query whose next links go on for longer than this runs in a circle. */
const maxServerPages = 10_000;

export function createODataClient(options: ODataOptions): ODataClient {
  let served: { dateMs: number; atMs: number } | undefined;
  async function get(path: string, accept: string, signal: AbortSignal): Promise<HttpResponse> {
    const once = async () => {
      const answer = await ask(options, { path, accept }, signal);
      const dateMs = Date.parse(answer.headers['date'] ?? '');
      if (!Number.isNaN(dateMs)) served = { dateMs, atMs: options.clock.monotonicMs() };
      return answer;
    };
    const { name, clock, events, random } = options;
    return withRetries({ system: 'erp', name, attempts, clock, events, random }, once, signal);
  }

  const document = createDocuments((path, signal) =>
    passing(signal, async () => {
      const answer = await get(withOptions(path, options.always), 'application/xml', signal);
      return requireMetadata(answer, `${options.name}: ${path}`);
    }),
  );

  return {
    async rows(query, signal) {
      const rows: unknown[] = [];
      let path: string | undefined = queryPath(query, options.always);
      for (let pages = 0; path !== undefined; pages += 1) {
        const here: string = path;
        const page = await getCollection(here, signal);
        for (const row of page.rows) rows.push(row);
        path = page.next === undefined ? undefined : nextPath(page.next, here, options.always);
        if (path === here || pages > maxServerPages) {
          throw new PermanentError(`${options.name}: the next link of ${query.path} leads back to its own page.`);
        }
      }
      return rows;
    },
    async count({ path, filter }, signal) {
      const counted = filter === undefined ? options.always : { $filter: filter, ...options.always };
      try {
        const { text } = await get(withOptions(`${path}/$count`, counted), 'text/plain', signal);
        return /^\d+$/.test(text.trim()) ? Number(text) : null;
      } catch (error) {
        if (error instanceof PermanentError && !error.credentials) return null;
        throw error;
      }
    },
    async propertyTypes(servicePath, entitySet, signal) {
      const types = readPropertyTypes(await document(servicePath, signal), entitySet);
      if (types !== undefined) return types;
      throw new PermanentError(
        `${options.name}: ${servicePath}/$metadata has no entity set ${entitySet}. Check the stream's path.`,
      );
    },
    now() {
      return served === undefined ? undefined : new Date(served.dateMs + options.clock.monotonicMs() - served.atMs);
    },
  };

  function getCollection(path: string, signal: AbortSignal): Promise<Collection> {
    const what = `${options.name}: ${path.split('?', 1)[0]}`;
    return passing(signal, async () => readCollection(await get(path, 'application/json', signal), what));
  }

  /** A body that is not what was asked for is retried like any other passing fault: logon and maintenance pages come with status 200. */
  function passing<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const { name, clock, events, random } = options;
    return withRetries({ system: 'erp', name, attempts: bodyAttempts, clock, events, random }, task, signal);
  }
}

/** `$metadata` of each service, read once; a failed read is forgotten, so that the next poll asks again. */
function createDocuments(get: (path: string, signal: AbortSignal) => Promise<string>) {
  const documents = new Map<string, Promise<string>>();
  return (servicePath: string, signal: AbortSignal): Promise<string> => {
    const known = documents.get(servicePath);
    if (known !== undefined) return known;
    const read = get(`${servicePath}/$metadata`, signal);
    documents.set(servicePath, read);
    read.catch(() => documents.delete(servicePath));
    return read;
  };
}

async function ask(
  options: ODataOptions,
  { path, accept }: { path: string; accept: string },
  signal: AbortSignal,
): Promise<HttpResponse> {
  for (let tries = 0; ; tries += 1) {
    const headers = { Accept: accept, ...(await options.auth.headers(signal)) };
    await options.bucket.take(signal);
    const answer = await options.http.request({ method: 'GET', path, headers }, signal);
    if (answer.status === 200) return answer;
    if (answer.status === 401 && tries === 0 && options.auth.refresh()) continue;
    throw refusal(answer, options, path);
  }
}

/** Each status has its own class and text. */
function refusal(answer: HttpResponse, options: ODataOptions, path: string): Error {
  const { status } = answer;
  const what = `${options.name}: GET ${path.split('?', 1)[0]} answered HTTP ${status}${readError(answer.text)}`;
  if (status === 401) return new PermanentError(`${what}. Check auth and sapClient.`, { credentials: true });
  if (status === 403) return new PermanentError(`${what}. The user lacks the authorisation for this service.`);
  if (status === 404)
    return new PermanentError(`${what}. The service is not activated, or the stream's path is wrong.`);
  if (status === 408 || status === 429 || status >= 500) {
    const asked = retryAfterMs(answer.headers, options.clock.now());
    return new TransientError(`${what}.`, asked === undefined ? {} : { retryAfterMs: asked });
  }
  return new PermanentError(`${what}. The query was refused: check the stream's filter, key, stamp and stampKind.`);
}
