import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError } from '../../../../src/core/errors.ts';
import { createHastyClock, createStrictBus, never } from '../../../support/connector-context.ts';
import { type MockAnswer, useHttpMock } from '../../../support/http-mock.ts';
import { openClient } from '../../../support/odata-client.ts';

const origin = 'https://erp.example';
const http = useHttpMock(origin);
const path = '/sap/opu/odata/sap/SRV/Set';
const query = { path, top: 2 };
const asked = `${path}?$top=2`;

const basic = `Basic ${Buffer.from('MES_READER:canary-password').toString('base64')}`;
const rows = (...ids: string[]) => ids.map((Id) => ({ Id }));
const page = (ids: string[], next?: string): MockAnswer => ({ body: { d: { results: rows(...ids), __next: next } } });

function answering(answer: MockAnswer, times = 1): void {
  http.get(asked, ...Array.from({ length: times }, () => answer));
}

async function failure(task: Promise<unknown>): Promise<Error> {
  return task.then(
    () => expect.fail('It was answered.'),
    (error: unknown) => error as Error,
  );
}

describe('a refused request', () => {
  it.each([
    [401, /HTTP 401 \(SY\/530 No luck\)\. Check auth and sapClient\.$/, true],
    [403, /HTTP 403 \(SY\/530 No luck\)\. The user lacks the authorisation for this service\.$/, false],
    [404, /HTTP 404 \(SY\/530 No luck\)\. The service is not activated, or the stream's path is wrong\.$/, false],
    [400, /HTTP 400 \(SY\/530 No luck\)\. The query was refused: check the stream's filter, key, stamp/, false],
    [410, /HTTP 410 .* The query was refused/, false],
  ])('with %i is permanent, names service and reason, and is sent once', async (status, text, credentials) => {
    answering({ status, body: { error: { code: 'SY/530', message: { lang: 'en', value: 'No luck' } } } });
    const error = await failure(openClient({ origin }).client.rows(query, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({ credentials, message: expect.stringMatching(text) });
    expect(error.message).toMatch(/^plant-1: GET \/sap\/opu\/odata\/sap\/SRV\/Set answered/);
  });

  it.each([408, 429, 500, 502, 503, 504])('with %i is tried five times, then transient', async (status) => {
    answering({ status, body: { error: { code: 'X', message: 'Busy' } } }, 5);
    const clock = createHastyClock();
    const error = await failure(openClient({ origin, clock }).client.rows(query, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toBe(`plant-1: GET ${path} answered HTTP ${status} (X Busy).`);
    expect(clock.pauses.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
  });

  it('goes on after a passing fault', async () => {
    answering({ status: 503 }, 4);
    answering(page(['1']));
    expect(await openClient({ origin }).client.rows(query, never)).toEqual(rows('1'));
  });

  it.each([
    ['17', 17_000],
    ['Thu, 01 Oct 2026 08:00:20 GMT', 20_000],
  ])('with Retry-After %s is not sent again before', async (retryAfter, pause) => {
    const clock = createHastyClock(new Date('2026-10-01T08:00:00Z'));
    answering({ status: 429, headers: { 'retry-after': retryAfter } });
    answering(page(['1']));
    const options = { random: () => 0 };
    await openClient({ origin, clock, options }).client.rows(query, never);
    expect(clock.pauses).toEqual([pause]);
  });

  it.each([
    ['3600', 3_600_000],
    ['315360000', 86_400_000],
  ])('with Retry-After %s gives its place up and says for how long', async (retryAfter, retryAfterMs) => {
    answering({ status: 429, headers: { 'retry-after': retryAfter } });
    expect(await failure(openClient({ origin }).client.rows(query, never))).toMatchObject({ retryAfterMs });
  });

  it.each(['NaN', '-5', '', 'soon'])(
    'with Retry-After %j, which says nothing, pauses as if it were absent',
    async (retryAfter) => {
      const clock = createHastyClock();
      answering({ status: 503, headers: { 'retry-after': retryAfter } });
      answering(page(['1']));
      await openClient({ origin, clock }).client.rows(query, never);
      expect(clock.pauses).toEqual([1000]);
    },
  );

  it('reads the reason out of an XML error although JSON was asked for', async () => {
    const body =
      '<?xml version="1.0"?><m:error xmlns:m="x"><m:code>/IWFND/MED/170</m:code><m:message xml:lang="en">No service found</m:message></m:error>';
    answering({ status: 404, body, headers: { 'content-type': 'application/xml' } });
    expect((await failure(openClient({ origin }).client.rows(query, never))).message).toContain('(No service found)');
  });
});

describe('an answer with status 200', () => {
  it.each([
    ['an HTML logon page', { body: '<html>', headers: { 'content-type': 'text/html' } }, /text\/html instead of JSON/],
    ['nothing', { body: '' }, /no content type instead of JSON/],
    ['truncated JSON', { body: '{"d":{"resu', headers: { 'content-type': 'application/json' } }, /breaks off/],
    ['an empty JSON body', { body: '', headers: { 'content-type': 'application/json' } }, /breaks off/],
    ['an error object', { body: { error: { code: 'X', message: 'Y' } } }, /no OData collection/],
    ['null', { body: 'null', headers: { 'content-type': 'application/json' } }, /no OData collection/],
  ])('but %s is tried five times and never taken for "no rows"', async (_what, answer, text) => {
    answering(answer, 5);
    const error = await failure(openClient({ origin }).client.rows(query, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(text);
    expect(error.message).toContain(path);
  });

  it('is unpacked when it came as gzip', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    answering({ body: gzipSync(JSON.stringify({ d: { results: rows('1') } })), headers });
    expect(await openClient({ origin }).client.rows(query, never)).toEqual(rows('1'));
  });

  it('is refused when it unpacks to more than the cap: a gzip bomb costs no memory', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    answering({ body: gzipSync(Buffer.alloc(2_000_000, 32)), headers });
    const error = await failure(openClient({ origin }).client.rows(query, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(/more than 1048576 bytes\. Raise maxResponseMegabytes; .* smaller pageSize/);
  });

  it('is tried again when its gzip breaks off', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    answering({ body: gzipSync(JSON.stringify({ d: { results: rows('1') } })).subarray(0, 20), headers });
    answering(page(['1']));
    expect(await openClient({ origin }).client.rows(query, never)).toEqual(rows('1'));
  });

  it('is refused when it is larger than the cap', async () => {
    answering({ body: ' '.repeat(1_048_577), headers: { 'content-type': 'application/json' } });
    const error = await failure(openClient({ origin }).client.rows(query, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(/more than 1048576 bytes/);
  });
});

describe('next links', () => {
  it.each([
    ['an internal host', 'http://internal.s4.local:8000/sap/opu/odata/sap/SRV/Set?$skiptoken=a%2Bb'],
    ['another scheme', `http://erp.example${path}?$skiptoken=a%2Bb`],
    ['a path only', `${path}?$skiptoken=a%2Bb`],
    ['a relative address', 'Set?$skiptoken=a%2Bb'],
    ['an address without scheme', '//internal.s4.local/sap/opu/odata/sap/SRV/Set?$skiptoken=a%2Bb'],
    ['credentials in it', `https://user:pass@erp.example${path}?$skiptoken=a%2Bb`],
  ])('with %s are followed on the configured origin, credentials and all', async (_what, next) => {
    http.get(`${asked}&sap-client=100`, page(['1'], next));
    http.get(`${path}?$skiptoken=a%2Bb&sap-client=100`, page(['2']));
    const options = { always: { 'sap-client': '100' } };
    expect(await openClient({ origin, options }).client.rows(query, never)).toEqual(rows('1', '2'));
    expect(http.seen().map((request) => request.headers['authorization'])).toEqual([basic, basic]);
  });

  it.each([
    'foo:http://evil.example/steal',
    'foo:https://evil.example/steal',
    'http://internal//evil.example/steal',
    'mailto:thief@evil.example',
    'javascript:steal()',
    'http://',
  ])('like %s never carry credentials to anybody else', async (next) => {
    answering(page(['1'], next));
    const error = await failure(openClient({ origin }).client.rows(query, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(/next link that is no URL of a service/);
    expect(http.seen()).toHaveLength(1);
  });

  it('keep the options that every request carries when the link has them already', async () => {
    http.get(`${asked}&sap-client=100`, page(['1'], `${path}?sap-client=100&$skiptoken=x`));
    http.get(`${path}?sap-client=100&$skiptoken=x`, page(['2']));
    const options = { always: { 'sap-client': '100' } };
    expect(await openClient({ origin, options }).client.rows(query, never)).toHaveLength(2);
  });

  it('of V4 are followed as well', async () => {
    answering({ body: { value: rows('1'), '@odata.nextLink': 'Set?$skiptoken=2' } });
    http.get(`${path}?$skiptoken=2`, { body: { value: rows('2') } });
    expect(await openClient({ origin }).client.rows(query, never)).toEqual(rows('1', '2'));
  });

  it('that lead back to a page already read are an error, whether at once or in a circle', async () => {
    answering(page(['1'], asked));
    expect((await failure(openClient({ origin }).client.rows(query, never))).message).toMatch(/leads back/);
    answering(page(['1'], `${path}?$skiptoken=2`));
    http.get(`${path}?$skiptoken=2`, page(['2'], asked));
    const error = await failure(openClient({ origin }).client.rows(query, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(/leads back/);
  });
});

describe('redirects', () => {
  it.each([301, 302, 303, 307, 308])('with %i are refused, wherever they lead', async (status) => {
    answering({ status, headers: { location: 'https://evil.example/steal' } });
    const error = await failure(openClient({ origin }).client.rows(query, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toBe(
      `plant-1: ${origin} answered with a redirect (HTTP ${status}). Redirects are not followed, so that credentials ` +
        'stay where they belong: configure the final URL.',
    );
    expect(http.seen()).toHaveLength(1);
  });
});

describe('what is sent', () => {
  it('is a GET that asks for JSON and gzip, with percent-encoded values and plain option names', async () => {
    const target = `${path}?$filter=Material%20eq%20'A''B%26%23%25%2B'&$orderby=Id&$top=2&$select=Id%2CStamp&sap-client=100`;
    http.get(target, page([]));
    const options = { always: { 'sap-client': '100' } };
    const full = { path, filter: "Material eq 'A''B&#%+'", orderBy: 'Id', top: 2, select: ['Id', 'Stamp'] };
    await openClient({ origin, options }).client.rows(full, never);
    expect(http.seen()[0]?.headers).toMatchObject({
      accept: 'application/json',
      'accept-encoding': 'gzip',
      authorization: basic,
    });
  });

  it('carries an API key in the header of its name', async () => {
    answering(page([]));
    await openClient({ origin, auth: { kind: 'apiKey', key: 'canary-key', header: 'APIKey' } }).client.rows(
      query,
      never,
    );
    expect(http.seen()[0]?.headers).toMatchObject({ apikey: 'canary-key' });
  });

  it('is reported with its status, and each retry with its pause', async () => {
    const events = createStrictBus();
    const told: unknown[] = [];
    events.on('request:done', ({ status }) => told.push(status));
    events.on('request:retried', ({ attempt, waitMs }) => told.push({ attempt, waitMs }));
    answering({ status: 503 });
    answering(page([]));
    await openClient({ origin, events }).client.rows(query, never);
    expect(told).toEqual([503, { attempt: 1, waitMs: 1000 }, 200]);
  });
});

describe('counting', () => {
  it.each([
    [{ body: '4711', headers: { 'content-type': 'text/plain' } }, 4711],
    [{ body: '\uFEFF12\n' }, 12],
    [{ body: '<html>' }, null],
    [{ status: 404 }, null],
    [{ status: 400 }, null],
  ])('takes %j for %j', async (answer, count) => {
    http.get(`${path}/$count?$filter=A%20eq%20'1'`, answer);
    expect(await openClient({ origin }).client.count({ path, filter: "A eq '1'" }, never)).toBe(count);
  });

  it('does not hide that the credentials were refused', async () => {
    http.get(`${path}/$count`, { status: 401 });
    await expect(openClient({ origin }).client.count({ path }, never)).rejects.toMatchObject({ credentials: true });
  });
});

describe('$metadata', () => {
  const service = '/sap/opu/odata/sap/SRV';
  const edmx =
    '<edmx:Edmx><Schema><EntityType Name="T"><Property Name="Id" Type="Edm.String"/></EntityType><EntityContainer><EntitySet Name="Set" EntityType="N.T"/></EntityContainer></Schema></edmx:Edmx>\n';
  const xml = { 'content-type': 'application/xml' };

  it('is read once for all sets of a service', async () => {
    http.get(`${service}/$metadata`, { body: edmx, headers: xml });
    const { client } = openClient({ origin });
    expect([...(await client.propertyTypes(service, 'Set', never))]).toEqual([['Id', 'Edm.String']]);
    await expect(client.propertyTypes(service, 'Nothing', never)).rejects.toThrow(
      `plant-1: ${service}/$metadata has no entity set Nothing. Check the stream's path.`,
    );
  });

  it('is asked for again after it could not be read', async () => {
    http.get(`${service}/$metadata`, { status: 403 }, { body: edmx, headers: xml });
    const { client } = openClient({ origin });
    await expect(client.propertyTypes(service, 'Set', never)).rejects.toThrow(PermanentError);
    expect((await client.propertyTypes(service, 'Set', never)).size).toBe(1);
  });

  it.each([
    ['a logon page', '<html><body>Logon</body></html>'],
    ['half a document', edmx.slice(0, 60)],
  ])('that is %s is no answer, and the text names the sap-client', async (_what, body) => {
    const answer = { body, headers: { 'content-type': 'text/html' } };
    http.get(`${service}/$metadata`, ...Array.from({ length: 5 }, () => answer));
    const error = await failure(openClient({ origin }).client.propertyTypes(service, 'Set', never));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/whole EDMX document.*Check sapClient and auth\.$/);
  });
});

describe("the server's clock", () => {
  it("is its last Date header plus the time since, whatever this machine's clock says", async () => {
    const clock = createHastyClock(new Date('2031-01-01T00:00:00Z'));
    const { client } = openClient({ origin, clock });
    expect(client.now()).toBeUndefined();
    answering({ ...page([]), headers: { date: 'Thu, 01 Oct 2026 08:00:00 GMT' } });
    await client.rows(query, never);
    clock.pass(1500);
    expect(client.now()).toEqual(new Date('2026-10-01T08:00:01.500Z'));
  });

  it('is not that of a page which somebody else sent in its place, nor of an error', async () => {
    const { client } = openClient({ origin, options: { attempts: 1 } });
    answering({ ...page([]), headers: { date: 'Thu, 01 Oct 2026 08:00:00 GMT' } });
    await client.rows(query, never);
    const wrong = { date: 'Sat, 31 Oct 2026 08:00:00 GMT' };
    const logon = { body: '<html>Logon</html>', headers: { ...wrong, 'content-type': 'text/html' } };
    for (const answer of [logon, { status: 403, body: '', headers: wrong }]) {
      answering(answer);
      await failure(client.rows(query, never));
      expect(client.now()?.toISOString()).toMatch(/^2026-10-01T08:00/);
    }
  });
});
