import type { Clock } from '../../core/clock.ts';
import { PermanentError, TransientError } from '../../core/errors.ts';
import type { EventBus } from '../../core/events.ts';
import { type HttpClient, type HttpResponse, retryAfterMs } from '../../core/http.ts';
import { withRetries } from '../../core/retry.ts';
import type { TokenBucket } from '../../core/token-bucket.ts';
import { type Authenticator, withoutProof } from './auth.ts';
import { readCollection, readError, requireMetadata } from './odata-json.ts';
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
  /** Tries a request. */
  attempts: number;
}

/** A query whose next links go on for longer than this runs in a circle. */
const maxServerPages = 10_000;

export function createODataClient(options: ODataOptions): ODataClient {
  let served: { dateMs: number; atMs: number } | undefined;

  /** One loop of tries for the request and its body: logon and maintenance pages come with status 200. */
  function get<T>({ path, accept, read }: Getting<T>, signal: AbortSignal): Promise<T> {
    const once = async () => {
      const answer = await ask(options, { path, accept }, signal);
      const dateMs = Date.parse(answer.headers['date'] ?? '');
      if (!Number.isNaN(dateMs)) served = { dateMs, atMs: options.clock.monotonicMs() };
      return read(answer, `${options.name}: ${path.split('?', 1)[0]}`);
    };
    const { name, attempts, clock, events, random } = options;
    return withRetries({ system: 'erp', name, attempts, clock, events, random }, once, signal);
  }

  const document = createDocuments((path, signal) =>
    get({ path: withOptions(path, options.always), accept: 'application/xml', read: requireMetadata }, signal),
  );

  /** `anew`: for the second time, from its beginning. */
  async function follow(query: ODataQuery, anew: boolean, signal: AbortSignal): Promise<unknown[]> {
    const rows: unknown[] = [];
    const visited = new Set<string>();
    let path: string | undefined = queryPath(query, options.always);
    while (path !== undefined) {
      const here = visit(visited, path, `${options.name}: the next link of ${query.path}`);
      const page = await get({ path: here, accept: 'application/json', read: readCollection }, signal).catch(
        (error: unknown) => {
          // What a next link stands for expires on some servers, and dies with their restart: the query itself does not.
          if (!anew && visited.size > 1 && error instanceof PermanentError && !error.credentials) return undefined;
          throw error;
        },
      );
      if (page === undefined) return follow(query, true, signal);
      for (const row of page.rows) rows.push(row);
      path = page.next === undefined ? undefined : nextPath(page.next, here, options.always);
    }
    return rows;
  }

  return {
    rows: (query, signal) => follow(query, false, signal),
    async count({ path, filter }, signal) {
      const counted = filter === undefined ? options.always : { $filter: filter, ...options.always };
      try {
        const read = ({ text }: HttpResponse) => (/^\d+$/.test(text.trim()) ? Number(text) : null);
        return await get({ path: withOptions(`${path}/$count`, counted), accept: 'text/plain', read }, signal);
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
}

interface Getting<T> {
  path: string;
  accept: string;
  /** Throws TransientError for a body that is not what was asked for. */
  read(answer: HttpResponse, what: string): T;
}

/** Throws when next links come back to where they were. */
function visit(visited: Set<string>, path: string, what: string): string {
  if (visited.has(path) || visited.size > maxServerPages) {
    throw new PermanentError(`${what} leads back to a page already read.`);
  }
  visited.add(path);
  return path;
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
    const proof = await options.auth.headers({ method: 'GET', path }, signal);
    await options.bucket.take(signal);
    const answer = await options.http.request({ method: 'GET', path, headers: { Accept: accept, ...proof } }, signal);
    if (answer.status === 200) return answer;
    if (answer.status === 401 && tries === 0 && options.auth.refresh(answer)) continue;
    throw refusal(withoutProof(answer, proof), options, path);
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
