import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { baseString, signature } from '../../../src/connectors/netsuite/oauth1.ts';
import { PermanentError, TransientError } from '../../../src/core/errors.ts';
import { createHastyClock, type HastyClock, never } from '../../support/connector-context.ts';
import { type MockAnswer, type SeenRequest, useHttpMock } from '../../support/http-mock.ts';
import { m2m, openNetSuite, tba } from './rows.ts';

const origin = 'https://1234567-sb1.suitetalk.api.netsuite.com';
const http = useHttpMock(origin);
const tokenPath = '/services/rest/auth/oauth2/v1/token';
const path = '/services/rest/query/v1/suiteql?limit=1&offset=0';
const start = new Date('2026-11-20T12:00:00Z');

const time: MockAnswer = { body: { items: [{ now: '2026-11-20 12:00:00' }], hasMore: false } };
const token = (name: string): MockAnswer => ({
  body: { access_token: name, expires_in: '3600', token_type: 'bearer' },
});
const at = (date: string, answer: MockAnswer): MockAnswer => ({ ...answer, headers: { ...answer.headers, date } });
const invalidLogin: MockAnswer = {
  status: 401,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ 'o:errorDetails': [{ detail: 'Invalid login attempt.', 'o:errorCode': 'INVALID_LOGIN' }] }),
};

async function askTime(auth: object, clock: HastyClock = createHastyClock(start)): Promise<Date> {
  const session = await openNetSuite({ auth }, { clock });
  return session.clock(never);
}

const sent = (way: string) => http.seen().filter((request) => request.path.startsWith(way));

describe('token-based authentication', () => {
  function signedWith({ method, origin: host, path: asked, headers }: SeenRequest) {
    const header = headers['authorization'] ?? '';
    const value = (name: string) => decodeURIComponent(new RegExp(`${name}="([^"]*)"`).exec(header)?.[1] ?? '');
    const timestamp = Number(value('oauth_timestamp'));
    const signing = { method, url: host + asked, nonce: value('oauth_nonce'), timestamp };
    return { header, ...signing, isRight: value('oauth_signature') === signature(tba, signing), signing };
  }

  it('signs what is sent, for the realm of the account, page and all', async () => {
    http.post(path, time);
    await askTime(tba);
    const [request] = http.seen();
    if (request === undefined) throw new Error('Nothing was sent.');
    const signed = signedWith(request);
    expect(signed.header).toMatch(/^OAuth realm="1234567_SB1", /);
    expect(signed.isRight).toBe(true);
    expect(baseString(tba, signed.signing)).toContain('limit%3D1%26');
    expect(signed.timestamp).toBe(start.getTime() / 1000);
    expect(signed.nonce).toMatch(/^[A-Za-z0-9]{20,32}$/);
    for (const secret of [tba.consumerSecret, tba.tokenSecret]) expect(JSON.stringify(request)).not.toContain(secret);
  });

  it('signs every attempt anew', async () => {
    http.post(path, { status: 503 }, { status: 429 }, time);
    await askTime(tba);
    const signed = http.seen().map(signedWith);
    expect(new Set(signed.map(({ nonce }) => nonce)).size).toBe(3);
    expect(signed.map(({ isRight }) => isRight)).toEqual([true, true, true]);
  });

  it('takes over the time of the server where that of this machine is far off, and tries once more', async () => {
    http.post(path, at('Fri, 20 Nov 2026 13:00:00 GMT', invalidLogin), time);
    await askTime(tba);
    const [, second] = http.seen().map(signedWith);
    expect(second).toMatchObject({ timestamp: Date.parse('2026-11-20T13:00:00Z') / 1000, isRight: true });
  });

  it('is refused at once where the clocks agree', async () => {
    http.post(path, at('Fri, 20 Nov 2026 12:00:30 GMT', invalidLogin));
    await expect(askTime(tba)).rejects.toMatchObject({ credentials: true });
    expect(http.seen()).toHaveLength(1);
  });
});

describe('OAuth 2.0 by certificate', () => {
  function assertionOf(request: SeenRequest | undefined) {
    const form = new URLSearchParams(request?.body);
    const [header = '', payload = '', proof = ''] = (form.get('client_assertion') ?? '').split('.');
    const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
    const key = createPublicKey(readFileSync('test/fixtures/netsuite/certificate.pem'));
    const padded = { key, padding: 6, saltLength: 32 };
    const isRight = verify('sha256', Buffer.from(`${header}.${payload}`), padded, Buffer.from(proof, 'base64url'));
    return { form, header: read(header), payload: read(payload), isRight };
  }

  it('buys a token with a signed assertion and shows that', async () => {
    http.post(tokenPath, token('canary-token-1'));
    http.post(path, time);
    await askTime(m2m);
    const { form, header, payload, isRight } = assertionOf(sent(tokenPath)[0]);
    expect(Object.fromEntries(form)).toMatchObject({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    expect(sent(tokenPath)[0]?.headers).toMatchObject({ 'content-type': 'application/x-www-form-urlencoded' });
    expect(sent(tokenPath)[0]?.headers).not.toHaveProperty('authorization');
    expect(header).toMatchObject({ alg: 'PS256', kid: 'certificate-1' });
    expect(payload).toMatchObject({ iss: 'client-1', aud: origin + tokenPath, scope: ['rest_webservices'] });
    expect(isRight).toBe(true);
    expect(sent('/services/rest/query')[0]?.headers['authorization']).toBe('Bearer canary-token-1');
  });

  it('keeps a token for fifty minutes of its hour', async () => {
    const clock = createHastyClock(start);
    const session = await openNetSuite({ auth: m2m }, { clock });
    http.post(tokenPath, token('one'), token('two'));
    http.post(path, time, time, time);
    await session.clock(never);
    clock.pass(2_999_000);
    await session.clock(never);
    clock.pass(1000);
    await session.clock(never);
    const bearers = sent('/services/rest/query').map(({ headers }) => headers['authorization']);
    expect(bearers).toEqual(['Bearer one', 'Bearer one', 'Bearer two']);
  });

  it('buys one new token where an old one is refused', async () => {
    http.post(tokenPath, token('one'), token('two'));
    http.post(path, invalidLogin, time);
    await askTime(m2m);
    expect(sent(tokenPath)).toHaveLength(2);
  });

  it('takes over the time of the server where that of this machine is far off, and asks once more', async () => {
    const refused = { status: 400, body: { error: 'invalid_grant' } };
    http.post(tokenPath, at('Fri, 20 Nov 2026 09:00:00 GMT', refused), token('one'));
    http.post(path, time);
    await askTime(m2m);
    expect(assertionOf(sent(tokenPath)[1]).payload).toMatchObject({
      iat: Date.parse('2026-11-20T08:59:30Z') / 1000,
    });
  });

  it.each([
    [400, 'invalid_grant'],
    [401, 'invalid_client'],
  ])('that is refused (%i %s) is not tried again, and says what to check', async (status, error) => {
    http.post(tokenPath, { status, body: { error } });
    const asked = askTime(m2m);
    await expect(asked).rejects.toThrow(PermanentError);
    await expect(asked).rejects.toThrow(
      new RegExp(`HTTP ${status} ${error}.*auth\\.certificateId.*neither expired nor revoked`),
    );
  });

  it('tries a token endpoint that is busy again', async () => {
    http.post(tokenPath, { status: 503 }, token('one'));
    http.post(path, time);
    await askTime(m2m);
    http.post(tokenPath, ...Array(3).fill({ status: 429 }));
    await expect(askTime(m2m)).rejects.toThrow(TransientError);
  });

  it('does not repeat an assertion that the server echoes', async () => {
    const echo = (request: string) => ({ status: 400, body: { error: request } });
    http.post(tokenPath, echo('x'));
    const error = await askTime(m2m).catch((caught: unknown) => caught as Error);
    expect(String(error)).not.toContain('eyJ');
  });
});
