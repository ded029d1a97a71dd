import { afterEach, describe, expect, it } from 'vitest';
import { type Exchange, serve } from '../../../../sandbox/http.ts';
import { createRandom } from '../../../../sandbox/random.ts';
import type { Answer } from '../../../../sandbox/types.ts';
import { createDrfClient, type DrfClient, type DrfFilter } from '../../../../src/connectors/protocols/drf/client.ts';
import { PermanentError, TransientError } from '../../../../src/core/errors.ts';
import { createHttpClient } from '../../../../src/core/http.ts';
import { createHastyClock, createStrictBus, never, unlimited } from '../../../support/connector-context.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
});

const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html; charset=utf-8' };
const rows = (...list: object[]): Answer => ({ status: 200, headers: json, body: JSON.stringify(list) });

/** A client of a server that answers as told; what it was asked is noted. */
async function open(...answers: Answer[]): Promise<{ client: DrfClient; asked: Exchange[] }> {
  const asked: Exchange[] = [];
  const handle = (exchange: Exchange): Answer => {
    asked.push(exchange);
    return answers[Math.min(asked.length, answers.length) - 1] ?? rows();
  };
  const server = await serve(handle, { random: createRandom(1) });
  const clock = createHastyClock();
  const events = createStrictBus();
  const base = { name: 'plant', clock, events };
  const http = createHttpClient({ ...base, origin: server.url, system: 'erp', deadlineMs: 60_000, maxBytes: 100_000 });
  endings.push(http.close, server.stop);
  const auth = { headers: async () => ({ Authorization: 'Bearer canary-token' }), refresh: () => false };
  const client = createDrfClient({
    ...base,
    http,
    root: '/base',
    auth,
    bucket: unlimited,
    random: () => 0,
    attempts: 3,
  });
  return { client, asked };
}

const path = '/api/input/demand/';
const equal = (name: string, value: string): DrfFilter => ({ name, value, fits: (row) => row[name] === value });

async function read(client: DrfClient, filters: DrfFilter[] = []): Promise<unknown[]> {
  const list = await client.list({ path, filters }, never);
  return [...list.pages(2)].flat();
}

describe('a list', () => {
  it('is asked for as JSON, behind the root, and read in pages', async () => {
    const { client, asked } = await open(rows({ name: 'a' }, { name: 'b' }, { name: 'c' }));
    const list = await client.list({ path }, never);
    expect(list.length).toBe(3);
    expect([...list.pages(2)]).toEqual([[{ name: 'a' }, { name: 'b' }], [{ name: 'c' }]]);
    expect(asked).toMatchObject([{ method: 'GET', path: `/base${path}`, query: 'format=json' }]);
    expect(asked[0]?.headers).toMatchObject({ accept: 'application/json', authorization: 'Bearer canary-token' });
  });

  it.each(['A/B 1', 'MO,28', 'Ø#30?&%', 'a+b', '2026-11-20T23:14:50+01:00', '数控 座'])(
    'is filtered by %j as it is',
    async (value) => {
      const { client, asked } = await open(rows({ name: value }));
      expect(await read(client, [equal('name', value)])).toEqual([{ name: value }]);
      expect(new URLSearchParams(asked[0]?.query).get('name')).toBe(value);
    },
  );

  it('that does not keep to a filter is an error, and none of its rows of that page is read', async () => {
    const { client } = await open(rows({ name: 'a' }, { name: 'a' }, { name: 'b' }));
    const list = await client.list({ path, filters: [equal('name', 'a')] }, never);
    const pages = list.pages(2);
    expect(pages.next().value).toHaveLength(2);
    expect(() => pages.next()).toThrow(
      'plant: GET /base/api/input/demand/ does not keep to the filter name=a: it lists rows that do not fit.',
    );
  });

  it.each<[string, Answer]>([
    ['a page with status 200', { status: 200, headers: html, body: '<html></html>' }],
    ['a list that breaks off', { status: 200, headers: json, body: '[{"name":"a"},{"na' }],
    ['an object', { status: 200, headers: json, body: '{"results":[]}' }],
    ['nothing', { status: 200, headers: json, body: '' }],
    ['no content type', { status: 200, headers: { 'content-type': '' }, body: '[]' }],
    ['status 503', { status: 503, headers: html, body: '<html></html>' }],
    ['status 500 with a page', { status: 500, headers: html, body: '<html></html>' }],
    ['status 429', { status: 429, headers: { ...json, 'retry-after': '1' }, body: '{}' }],
  ])('is asked for again after %s', async (_what, answer) => {
    const { client, asked } = await open(answer, rows({ name: 'a' }));
    expect(await read(client)).toEqual([{ name: 'a' }]);
    expect(asked).toHaveLength(2);
  });

  it('is given up after as many tries as it has', async () => {
    const { client, asked } = await open({ status: 200, headers: html, body: '<html></html>' });
    await expect(read(client)).rejects.toThrow(/instead of JSON: usually a logon or maintenance page/);
    await expect(read(client)).rejects.toMatchObject({ name: TransientError.name, malformed: true });
    expect(asked).toHaveLength(6);
  });

  it.each<[string, Answer, RegExp, Partial<PermanentError>]>([
    [
      'a wrong password',
      { status: 401, headers: json, body: '{"detail":"Invalid username/password."}' },
      /HTTP 401 \(Invalid username\/password\.\)\. Check auth\.$/,
      { credentials: true },
    ],
    [
      'a wrong key',
      { status: 403, headers: html, body: 'Invalid API key: Key not found canary-token' },
      /HTTP 403 \(Invalid API key: Key not found \[redacted\]\)\. Check auth\.$/,
      { credentials: true },
    ],
    [
      'a missing right',
      { status: 403, headers: json, body: '{"detail":"You do not have permission to perform this action."}' },
      /HTTP 403 \(You do not have permission .*\)\. Grant the user the permission view_demand\.$/,
      { credentials: false },
    ],
    [
      'an unknown scenario',
      { status: 404, headers: html, body: 'Scenario not in use, or access is denied' },
      /HTTP 404 \(Scenario not in use, or access is denied\)\. There is no such address/,
      { credentials: false },
    ],
    [
      'a refused filter',
      { status: 400, headers: json, body: '{"lastmodified__gte":["Enter a valid date/time."]}' },
      /HTTP 400 \(lastmodified__gte: Enter a valid date\/time\.\)\. The query was refused/,
      { credentials: false },
    ],
    [
      'a redirect to the logon page',
      { status: 302, headers: { ...html, location: '/data/login/?next=/x' }, body: '' },
      /was redirected to \/data\/login\/: the token has expired/,
      { credentials: true },
    ],
    [
      'a redirect to the start page',
      { status: 302, headers: { ...html, location: '/' }, body: '' },
      /was redirected to \/: there is no such address/,
      { credentials: false, redirect: '/' },
    ],
  ])('is refused at once for %s', async (...given) => {
    const [, answer, text, error] = given;
    const { client, asked } = await open(answer);
    const thrown = await read(client).catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(PermanentError);
    expect(thrown).toMatchObject({ ...error, message: expect.stringMatching(text) });
    expect(asked).toHaveLength(1);
    expect(String(thrown)).not.toContain('canary-token');
  });
});
