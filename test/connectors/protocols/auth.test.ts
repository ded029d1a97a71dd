import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError } from '../../../src/core/errors.ts';
import { createHastyClock, never } from '../../support/connector-context.ts';
import { type MockAnswer, useHttpMock } from '../../support/http-mock.ts';
import { openClient } from '../../support/odata-client.ts';

const origin = 'https://erp.example';
const http = useHttpMock(origin);
const path = '/SRV/Set';
const query = { path, top: 1 };
const oauth = {
  kind: 'oauth2',
  sendIn: 'header',
  tokenUrl: `${origin}/oauth/token?tenant=a`,
  clientId: 'mes client',
  clientSecret: 'canary:secret/',
} as const;
const good: MockAnswer = { body: { value: [] } };
const token = (name: string, expiresIn: unknown = 3600): MockAnswer => ({
  body: { access_token: name, token_type: 'bearer', expires_in: expiresIn },
});

function asks(...answers: MockAnswer[]): void {
  http.get(`${path}?$top=1`, ...answers);
}

function tokens(...answers: MockAnswer[]): void {
  http.post('/oauth/token?tenant=a', ...answers);
}

const bearers = () =>
  http.seen().flatMap(({ method, headers }) => (method === 'GET' ? [headers['authorization']] : []));

describe('client credentials', () => {
  it('are sent as Basic as they are, and the scope in the form', async () => {
    tokens(token('one'));
    asks(good);
    await openClient({ origin, auth: { ...oauth, scope: 'read all' } }).client.rows(query, never);
    const [request] = http.seen();
    expect(request?.body).toBe('grant_type=client_credentials&scope=read+all');
    expect(request?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('mes client:canary:secret/').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(bearers()).toEqual(['Bearer one']);
  });

  it('are sent in the form where the token service wants them there', async () => {
    tokens(token('one'));
    asks(good);
    await openClient({ origin, auth: { ...oauth, sendIn: 'body' } }).client.rows(query, never);
    const [request] = http.seen();
    expect(request?.headers).not.toHaveProperty('authorization');
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toMatchObject({
      client_id: 'mes client',
      client_secret: 'canary:secret/',
    });
  });

  it('buy one token for many requests, until a minute before it expires', async () => {
    const clock = createHastyClock();
    const { client } = openClient({ origin, auth: oauth, clock });
    tokens(token('one', 600), token('two', 600));
    asks(good, good, good);
    await client.rows(query, never);
    clock.pass(539_000);
    await client.rows(query, never);
    clock.pass(1000);
    await client.rows(query, never);
    expect(bearers()).toEqual(['Bearer one', 'Bearer one', 'Bearer two']);
  });

  it.each([
    ['"600"', '600', 539_000],
    ['absent', undefined, 3_539_000],
  ])('understand expires_in %s', async (_what, expiresIn, passesMs) => {
    const clock = createHastyClock();
    const { client } = openClient({ origin, auth: oauth, clock });
    tokens({ body: { access_token: 'one', expires_in: expiresIn } });
    asks(good, good);
    await client.rows(query, never);
    clock.pass(passesMs);
    await client.rows(query, never);
    expect(bearers()).toEqual(['Bearer one', 'Bearer one']);
  });

  it('buy a new token once when a request is answered 401', async () => {
    const { client } = openClient({ origin, auth: oauth });
    tokens(token('one'), token('two'));
    asks({ status: 401 }, good);
    await client.rows(query, never);
    expect(bearers()).toEqual(['Bearer one', 'Bearer two']);
  });

  it('are called refused when the new token is answered 401 as well', async () => {
    tokens(token('one'), token('two'));
    asks({ status: 401 }, { status: 401 });
    const task = openClient({ origin, auth: oauth }).client.rows(query, never);
    await expect(task).rejects.toMatchObject({ credentials: true, name: 'PermanentError' });
  });

  it('buy one token for requests that go out side by side', async () => {
    const { client } = openClient({ origin, auth: oauth });
    tokens(token('one'));
    asks(good, good, good);
    const asked = [client.rows(query, never), client.rows(query, never), client.rows(query, never)];
    expect(await Promise.allSettled(asked)).toEqual(Array(3).fill({ status: 'fulfilled', value: [] }));
  });

  it('survive that two requests side by side meet the same expired token', async () => {
    const { client } = openClient({ origin, auth: oauth });
    tokens(token('one'), token('two'));
    asks({ status: 401 }, { status: 401 }, good, good);
    const settled = await Promise.allSettled([client.rows(query, never), client.rows(query, never)]);
    expect(settled).toEqual(Array(2).fill({ status: 'fulfilled', value: [] }));
    expect(bearers()).toEqual(['Bearer one', 'Bearer one', 'Bearer two', 'Bearer two']);
  });

  it.each([
    [{ status: 400, body: { error: 'invalid_client', error_description: 'Bad credentials' } }, /HTTP 400 Bad cred/],
    [{ status: 401, body: { error: 'unauthorized' } }, /HTTP 401 unauthorized/],
    [{ status: 200, body: { error: 'invalid_scope' } }, /HTTP 200 invalid_scope/],
  ])('that are refused with %j pause the stream and are named', async (answer, text) => {
    tokens(answer);
    const error = await openClient({ origin, auth: oauth })
      .client.rows(query, never)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({ credentials: true, message: expect.stringMatching(text) });
    expect(String(error)).toMatch(/Check auth\.clientId, auth\.clientSecret and auth\.scope/);
    expect(String(error)).not.toContain('canary');
  });

  it.each([
    ['503', { status: 503 }],
    ['429', { status: 429 }],
    ['200 and a maintenance page', { body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['200 and JSON that breaks off', { body: '{"access_tok', headers: { 'content-type': 'application/json' } }],
  ])('are tried again when the token endpoint answers %s', async (_what, answer) => {
    tokens(answer, token('one'));
    asks(good);
    await openClient({ origin, auth: oauth }).client.rows(query, never);
    expect(bearers()).toEqual(['Bearer one']);
  });

  it('that never reach the token endpoint end as a passing fault', async () => {
    tokens(...Array.from({ length: 5 }, () => ({ status: 502 })));
    const task = openClient({ origin, auth: oauth }).client.rows(query, never);
    await expect(task).rejects.toThrow(TransientError);
  });
});

describe('fixed credentials', () => {
  it('are not tried again after a 401: that could lock the user', async () => {
    asks({ status: 401 });
    await expect(openClient({ origin }).client.rows(query, never)).rejects.toMatchObject({ credentials: true });
    expect(http.seen()).toHaveLength(1);
  });

  it('may hold colons in the password and characters beyond ASCII', async () => {
    asks(good);
    const auth = { kind: 'basic', username: 'MÜLLER', password: 'Welcome#1:%é' } as const;
    await openClient({ origin, auth }).client.rows(query, never);
    const sent = String(http.seen()[0]?.headers['authorization']).replace('Basic ', '');
    expect(Buffer.from(sent, 'base64').toString()).toBe('MÜLLER:Welcome#1:%é');
  });
});
