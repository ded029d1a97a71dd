import { PermanentError } from '../../../core/errors.ts';
import type { HttpResponse } from '../../../core/http.ts';
import { createErpClient, type ErpClientOptions, refusal } from '../erp-client.ts';
import { readCollection, readError, requireMetadata } from './json.ts';
import { type PropertyTypes, readPropertyTypes } from './metadata.ts';
import { nextPath, type ODataQuery, queryPath, withOptions } from './url.ts';

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

export interface ODataOptions extends ErpClientOptions {
  /** Query options that every request carries, e.g. sap-client. */
  always: Readonly<Record<string, string>>;
}

/** A query whose next links go on for longer than this runs in a circle. */
const maxServerPages = 10_000;

export function createODataClient(options: ODataOptions): ODataClient {
  const client = createErpClient(options);

  function get<T>({ path, accept, read }: Getting<T>, signal: AbortSignal): Promise<T> {
    const service = path.split('?', 1)[0];
    const readAnswer = (answer: HttpResponse) => {
      if (answer.status === 200) return read(answer, `${options.name}: ${service}`);
      const what = `${options.name}: GET ${service}`;
      throw refusal(answer, { what, said: readError(answer.text), hints, now: options.clock.now() });
    };
    return client.ask({ method: 'GET', path, headers: { Accept: accept } }, readAnswer, signal);
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
    now: client.now,
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

const hints = {
  credentials: 'Check auth and sapClient.',
  forbidden: 'The user lacks the authorisation for this service.',
  missing: "The service is not activated, or the stream's path is wrong.",
  query: "The query was refused: check the stream's filter, key, stamp and stampKind.",
};
