import nock from 'nock';
import { afterEach, beforeEach } from 'vitest';

/** What a mocked server answers. */
export interface MockAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** Text and bytes are sent as they are, anything else as JSON. */
  body?: unknown;
}

/** One request as it reached the mock. */
export interface SeenRequest {
  method: string;
  /** Scheme, host and port that it was sent to. */
  origin: string;
  /** Path and query, still percent-encoded. */
  path: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
}

export interface HttpMock {
  /** The next GET of exactly this path and query (percent-encoded) is answered so; each answer serves one request, in order. */
  get(target: string, ...answers: MockAnswer[]): void;
  /** The same for POST. */
  post(target: string, ...answers: MockAnswer[]): void;
  /** Every request so far, whoever it was sent to. */
  seen(): readonly SeenRequest[];
}

/**
 * Mocks all HTTP of a test file; nothing reaches a real network. Call it once at the top of the file. A request that no mock
 * expects, and a mock that no request used, fail the test and say what to write.
 */
export function useHttpMock(origin: string): HttpMock {
  let seen: SeenRequest[] = [];
  const unused = new Set<{ text: string }>();
  const unmatched = new Set<string>();

  const onNoMatch = (request: Request): void => {
    unmatched.add(`${request.method} ${request.url}`);
  };

  beforeEach(() => {
    seen = [];
    unmatched.clear();
    unused.clear();
    if (!nock.isActive()) nock.activate();
    nock.disableNetConnect();
    nock.emitter.on('no match', onNoMatch);
  });

  afterEach(() => {
    nock.emitter.removeListener('no match', onNoMatch);
    nock.cleanAll();
    nock.restore();
    const problems = [...[...unmatched].map(howToExpect), ...[...unused].map(howToDrop)];
    if (problems.length > 0) throw new Error(problems.join('\n'));
  });

  function expectRequests(method: 'GET' | 'POST', target: string, answers: readonly MockAnswer[]): void {
    const { pathname, search } = new URL(target, origin);
    const expected = `${pathname}${search}`;
    for (const answer of answers.length === 0 ? [{}] : answers) {
      nock(origin)
        // Compared as sent: percent-encoding matters to ERPs, and nock by itself would compare it decoded.
        .intercept((path) => path === expected, method)
        .reply(async (request: Request) => {
          unused.delete(mock);
          seen.push(await describe(request));
          return [answer.status ?? 200, bodyOf(answer.body), { ...typeOf(answer.body), ...answer.headers }];
        });
      const mock = { text: `${method} ${origin}${target}` };
      unused.add(mock);
    }
  }

  return {
    get: (target, ...answers) => expectRequests('GET', target, answers),
    post: (target, ...answers) => expectRequests('POST', target, answers),
    seen: () => seen,
  };
}

async function describe(request: Request): Promise<SeenRequest> {
  const { origin, pathname, search } = new URL(request.url);
  const headers = Object.fromEntries(request.headers);
  return { method: request.method, origin, path: pathname + search, headers, body: await request.text() };
}

function bodyOf(body: unknown): string | Buffer {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body;
  return body === undefined ? '' : JSON.stringify(body);
}

function typeOf(body: unknown): Record<string, string> {
  return typeof body === 'object' && !Buffer.isBuffer(body) ? { 'content-type': 'application/json' } : {};
}

function howToExpect(request: string): string {
  const [method = 'GET', url = ''] = request.split(' ');
  const { origin, pathname, search } = new URL(url);
  const call = `http.${method.toLowerCase()}('${pathname}${search}', { status: 200, body: { ... } })`;
  return `${request} was not expected. If it is right, write: ${call}, with useHttpMock('${origin}').`;
}

function howToDrop({ text }: { text: string }): string {
  return `The mock of ${text} was never used. Make the request, or take the mock out.`;
}
