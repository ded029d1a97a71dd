import { PermanentError, TransientError } from '../../../core/errors.ts';
import type { HttpRequest, HttpResponse } from '../../../core/http.ts';
import { createErpClient, type ErpClientOptions, refusal } from '../erp-client.ts';
import { createJsonListReader, type JsonList } from './json-list.ts';

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

export interface DrfOptions extends ErpClientOptions {
  /** Path that all others stand behind, without a slash at its end. */
  root: string;
}

export function createDrfClient(options: DrfOptions): DrfClient {
  const { name, root, clock } = options;
  const client = createErpClient(options);

  const whatOf = (path: string) => `${name}: GET ${root}${path.split('?', 1)[0]}`;

  async function get<T>(
    path: string,
    { read, receive }: { read(text: string, what: string): T } & Pick<HttpRequest, 'receive'>,
    signal: AbortSignal,
  ): Promise<T> {
    const what = whatOf(path);
    const readAnswer = (answer: HttpResponse) => {
      if (answer.status !== 200) throw refused(answer, { what, model: modelOf(path), now: clock.now() });
      return read(requireJson(answer, what), what);
    };
    const headers = { Accept: 'application/json' };
    const request = { method: 'GET', path: root + path, headers, ...(receive && { receive }) } as const;
    return client.ask(request, readAnswer, signal).catch((error: unknown) => {
      throw error instanceof PermanentError && error.redirect !== undefined ? sentAway(error.redirect, what) : error;
    });
  }

  return {
    list({ path, filters = [] }, signal) {
      const parameters = filters.map(({ name: parameter, value }) => `${parameter}=${encodeURIComponent(value)}`);
      const query = ['format=json', ...parameters].join('&');
      return get(`${path}?${query}`, listReading(whatOf(path), filters), signal);
    },
    document: (path, signal) => get(path, { read: parseJson }, signal),
    now: client.now,
  };
}

/** Lists have no end that is known: they are taken in piece by piece, anew with each try. */
function listReading(what: string, filters: readonly DrfFilter[]) {
  let reader = createJsonListReader(what);
  const receive = () => {
    reader = createJsonListReader(what);
    return reader.add;
  };
  function read(text: string): DrfList {
    if (text !== '') receive()(Buffer.from(text));
    return checked(reader.end(), filters, what);
  }
  return { read, receive };
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

/** Django sends whoever must log on to its logon page. */
function sentAway(location: string, what: string): PermanentError {
  const told = `${what} was redirected to ${location.split('?', 1)[0]}`;
  if (/\blogin\b/.test(location)) {
    return new PermanentError(`${told}: the token has expired, or is not accepted. Check auth, and both clocks.`, {
      credentials: true,
    });
  }
  return new PermanentError(`${told}: there is no such address. Check url and the version of the server.`, {
    redirect: location,
  });
}

function requireJson(answer: HttpResponse, what: string): string {
  if (isJson(answer)) return answer.text;
  const type = answer.headers['content-type'] ?? 'no content type';
  throw new TransientError(
    `${what} answered HTTP 200 with ${type} instead of JSON: usually a logon or maintenance page. Check url and auth.`,
    { malformed: true },
  );
}

function isJson({ headers }: HttpResponse): boolean {
  return /\bjson\b/i.test(headers['content-type'] ?? '');
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TransientError(`${what} answered with JSON that breaks off.`, { cause: error, malformed: true });
  }
}

function refused(answer: HttpResponse, { what, model, now }: { what: string; model: string; now: Date }): Error {
  const said = readError(answer.text);
  const credentials = 'Check auth.';
  // What refuses a key stands before the API and answers with a page of its own.
  if (answer.status === 403 && !isJson(answer)) {
    return new PermanentError(`${what} answered HTTP 403${said}. ${credentials}`, { credentials: true });
  }
  const hints = {
    credentials,
    forbidden: `Grant the user the permission view_${model}.`,
    missing: 'There is no such address: check url and scenario.',
    query: 'The query was refused: is this a supported version?',
  };
  return refusal(answer, { what, said, hints, now });
}

/** The model is the last name in the path of its list. */
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
