import { describe, expect, it } from 'vitest';
import type { Authenticator } from '../../../../src/connectors/protocols/auth.ts';
import {
  createSuiteQlClient,
  QueryRefusedError,
  type SuiteQlClient,
} from '../../../../src/connectors/protocols/suiteql/client.ts';
import { PermanentError, TransientError } from '../../../../src/core/errors.ts';
import { createHttpClient } from '../../../../src/core/http.ts';
import {
  createHastyClock,
  createStrictBus,
  type HastyClock,
  never,
  unlimited,
} from '../../../support/connector-context.ts';
import { type MockAnswer, useHttpMock } from '../../../support/http-mock.ts';

const origin = 'https://1234567-sb1.suitetalk.api.netsuite.com';
const http = useHttpMock(origin);
const path = '/services/rest/query/v1/suiteql';
const sql = "SELECT t.id AS id FROM transaction t WHERE t.type = 'SalesOrd'";

interface Setup {
  clock?: HastyClock;
  /** What `refresh` answers. */
  renews?: boolean;
}

/** Every attempt has a proof of its own. */
function open({ clock = createHastyClock(), renews = false }: Setup = {}): SuiteQlClient {
  let attempt = 0;
  const auth: Authenticator = {
    headers: async ({ method, path: asked }) => {
      attempt += 1;
      const proof = `canary-of-this-attempt-${attempt}`;
      return { Authorization: `OAuth realm="1", of="${method} ${asked.split('?')[1]}", proof="${proof}"` };
    },
    refresh: () => renews,
  };
  const events = createStrictBus();
  const limits = { deadlineMs: 60_000, maxBytes: 1_048_576 };
  const client = createHttpClient({ origin, system: 'erp', name: 'plant-1', clock, events, ...limits });
  const name = 'plant-1';
  return createSuiteQlClient({
    name,
    http: client,
    basePath: '',
    auth,
    bucket: unlimited,
    clock,
    events,
    random: () => 1,
    attempts: 4,
  });
}

function answers(...list: MockAnswer[]): void {
  http.post(`${path}?limit=2&offset=0`, ...list);
}

const page = (items: unknown[], hasMore = false): MockAnswer => ({
  body: { links: [], count: items.length, hasMore, items },
});
const refused = (status: number, code: string, { detail = 'Sagt nichts.', headers = {} } = {}): MockAnswer => ({
  status,
  headers: { 'content-type': 'application/vnd.oracle.resource+json; type=error', ...headers },
  body: JSON.stringify({
    type: 'https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.1',
    title: 'Bad Request',
    status,
    'o:errorDetails': [{ detail, 'o:errorCode': code }],
  }),
});
const ask = (client = open()) => client.query(sql, { limit: 2 }, never);
const failure = (client?: SuiteQlClient) =>
  ask(client).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
const proofs = () =>
  http.seen().map(({ headers }) => /canary-of-this-attempt-(\d+)/.exec(headers['authorization'] ?? '')?.[1]);

describe('a query', () => {
  it('is posted as JSON, with what the service requires, and part of its text is the page', async () => {
    http.post(`${path}?limit=1000&offset=2000`, page([]));
    await open().query(sql, { limit: 1000, offset: 2000 }, never);
    const [request] = http.seen();
    expect(JSON.parse(request?.body ?? '')).toEqual({ q: sql });
    expect(request?.headers).toMatchObject({
      prefer: 'transient',
      'content-type': 'application/json',
      accept: 'application/json',
      authorization: 'OAuth realm="1", of="POST limit=1000&offset=2000", proof="canary-of-this-attempt-1"',
    });
  });

  it('brings rows whose names are in lower case, whatever the release, without links', async () => {
    answers(
      page(
        [
          { links: [], Id: '1', TRANID: 'SO-1' },
          { links: [], id: '2' },
        ],
        true,
      ),
    );
    expect(await ask()).toEqual({ rows: [{ id: '1', tranid: 'SO-1' }, { id: '2' }], hasMore: true });
  });

  it('brings malformed rows too: the mapping sets them aside', async () => {
    answers(page([null, 'x', ['y']]));
    expect((await ask()).rows).toEqual([null, 'x', ['y']]);
  });

  it('cannot be made to change what all objects share', async () => {
    answers({
      headers: { 'content-type': 'application/json' },
      body: '{"items":[{"__proto__":{"id":"7"}}],"hasMore":false}',
    });
    const [row] = (await ask()).rows as { id?: string }[];
    expect(row?.id).toBeUndefined();
    expect(({} as { id?: string }).id).toBeUndefined();
  });

  it.each([
    [
      'a logon page with status 200',
      { headers: { 'content-type': 'text/html' }, body: '<html>' },
      /text\/html instead of JSON/,
    ],
    ['nothing at all', { body: '' }, /no content type instead of JSON/],
    ['JSON that breaks off', { headers: { 'content-type': 'application/json' }, body: '{"items":[' }, /breaks off/],
    ['a list that does not say whether there is more', { body: { items: [] } }, /no result of a query/],
    ['no list', { body: { hasMore: false } }, /no result of a query/],
    ['null', { headers: { 'content-type': 'application/json' }, body: 'null' }, /no result of a query/],
  ])('answered by %s is tried again and then no answer, never "no rows"', async (_what, answer, text) => {
    answers(answer, answer, answer, answer);
    const error = await failure();
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({ malformed: true, message: expect.stringMatching(text) });
  });
});

describe("NetSuite's clock", () => {
  const asked = "SELECT TO_CHAR(SYS_EXTRACT_UTC(CURRENT_TIMESTAMP), 'YYYY-MM-DD HH24:MI:SS') AS now FROM DUAL";

  it('is asked for in UTC', async () => {
    http.post(`${path}?limit=1&offset=0`, page([{ now: '2026-11-20 21:55:00' }]));
    expect(await open().now(never)).toEqual(new Date('2026-11-20T21:55:00Z'));
    expect(JSON.parse(http.seen()[0]?.body ?? '')).toEqual({ q: asked });
  });

  it.each([[[]], [[{}]], [[{ now: '20/11/2026' }]]])('that cannot be read (%j) is no time', async (items) => {
    http.post(`${path}?limit=1&offset=0`, page(items));
    await expect(open().now(never)).rejects.toThrow(TransientError);
  });
});

describe('too many requests', () => {
  it.each([
    ['429', refused(429, 'CONCURRENCY_LIMIT_EXCEEDED')],
    ['400 with the code of RESTlets', refused(400, 'SSS_REQUEST_LIMIT_EXCEEDED')],
    [
      '400 in the form of RESTlets',
      { status: 400, body: { error: { code: 'SSS_REQUEST_LIMIT_EXCEEDED', message: 'Zu viel' } } },
    ],
  ])('by %s are waited out, every attempt signed anew', async (_what, answer) => {
    const clock = createHastyClock();
    answers(answer, answer, page([{ id: '1' }]));
    expect((await ask(open({ clock }))).rows).toEqual([{ id: '1' }]);
    expect(proofs()).toEqual(['1', '2', '3']);
    expect(clock.pauses).toHaveLength(2);
  });

  it('are waited out for as long as NetSuite asks', async () => {
    const clock = createHastyClock();
    answers(refused(429, '', { headers: { 'retry-after': '7' } }), page([]));
    await ask(open({ clock }));
    expect(clock.pauses).toEqual([7700]);
  });

  it('that do not end are named as such', async () => {
    answers(...Array(4).fill(refused(429, 'X')));
    const error = await failure();
    expect(error).toBeInstanceOf(TransientError);
    expect(error?.message).toMatch(/HTTP 429 \(X: Sagt nichts\.\)\. The account allows no more requests at one time/);
  });
});

describe('a 401', () => {
  const no = refused(401, 'INVALID_LOGIN', { detail: 'Invalid login attempt.' });

  it('of the first request means what it says: one attempt, and where to look for the reason', async () => {
    answers(no);
    const error = await failure();
    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({
      credentials: true,
      message: expect.stringMatching(/INVALID_LOGIN.*Login Audit Trail/),
    });
    expect(proofs()).toEqual(['1']);
  });

  it('is tried again at once where the proof could be renewed, and once only', async () => {
    answers(no, page([]));
    await ask(open({ renews: true }));
    answers(no, no);
    expect(await failure(open({ renews: true }))).toMatchObject({ credentials: true });
  });

  it('soon after a good answer is likely too many requests at once: one more try after a pause', async () => {
    const clock = createHastyClock();
    const client = open({ clock });
    answers(page([]), no, page([]));
    await ask(client);
    clock.pass(500_000);
    await ask(client);
    expect(clock.pauses).toEqual([4000]);
    expect(proofs()).toEqual(['1', '2', '3']);
  });

  it('that comes back after the pause is believed, and so is one long after the last good answer', async () => {
    const clock = createHastyClock();
    const client = open({ clock });
    answers(page([]), no, no);
    await ask(client);
    expect(await failure(client)).toMatchObject({ credentials: true });
    clock.pass(700_000);
    answers(no);
    expect(await failure(client)).toMatchObject({ credentials: true });
  });
});

describe('a refusal', () => {
  const asPage = { status: 400, headers: { 'content-type': 'text/html' }, body: '<html>' };
  it.each([
    {
      by: '400',
      answer: refused(400, 'INVALID_PARAMETER', { detail: 'Unknown identifier' }),
      kind: QueryRefusedError,
      text: /INVALID_PARAMETER: Unknown identifier/,
    },
    {
      by: '403',
      answer: refused(403, 'INSUFFICIENT_PERMISSION'),
      kind: PermanentError,
      text: /role lacks REST Web Services or SuiteAnalytics/,
    },
    {
      by: '404',
      answer: refused(404, 'NONEXISTENT_ID'),
      kind: PermanentError,
      text: /Check accountId and baseUrl/,
    },
    { by: '409', answer: refused(409, 'X'), kind: PermanentError, text: /HTTP 409/ },
    { by: '400 as a page', answer: asPage, kind: QueryRefusedError, text: /HTTP 400\./ },
  ])('by $by is not tried again', async ({ answer, kind, text }) => {
    answers(answer);
    const error = await failure();
    expect(error).toBeInstanceOf(kind);
    expect(error?.message).toMatch(text);
  });

  it.each([500, 502, 503, 504, 408])('by %i is tried again, also when it comes as a page', async (status) => {
    answers(
      refused(status, 'UNEXPECTED_ERROR'),
      { status, headers: { 'content-type': 'text/html' }, body: '<html>' },
      page([]),
    );
    await ask();
  });

  it('names the operation, which support asks for', async () => {
    answers(refused(400, 'USER_ERROR', { detail: 'No.', headers: { 'x-n-operationid': 'op-77' } }));
    expect((await failure())?.message).toContain('(USER_ERROR: No., operation op-77)');
  });

  it('does not repeat the proof that the server echoes', async () => {
    answers(refused(400, 'X', { detail: 'You sent proof="canary-of-this-attempt-1"' }));
    expect((await failure())?.message).not.toContain('canary');
  });

  it('is shown cut to a length, however long', async () => {
    answers(refused(400, 'X', { detail: 'y'.repeat(5000) }));
    expect((await failure())?.message.length).toBeLessThan(700);
  });
});
