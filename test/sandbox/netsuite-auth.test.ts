import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type NetSuiteOptions, type NetSuiteSimulator, startNetSuite } from '../../sandbox/netsuite/index.ts';
import { signatureOf, type TokenPair } from '../../sandbox/netsuite/signature.ts';
import {
  assertionFor,
  detailOf,
  oauth1Header,
  requestToken,
  type Sending,
  type Signing,
  suiteql,
} from './netsuite-client.ts';

interface Signed {
  credentials: TokenPair;
  nonce: string;
  timestamp: number;
  requests: { what: string; method: string; url: string; signature: string }[];
}

const signed = JSON.parse(readFileSync(new URL('../fixtures/netsuite/oauth1.json', import.meta.url), 'utf8')) as Signed;

let running: NetSuiteSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.map((netsuite) => netsuite.stop()));
  running = [];
});

async function start(options: Partial<NetSuiteOptions> = {}): Promise<NetSuiteSimulator> {
  const netsuite = await startNetSuite({ seed: 7, records: 40, ...options });
  running.push(netsuite);
  return netsuite;
}

const probe = 'SELECT id FROM location ORDER BY id ASC';
const query = 'limit=1000&offset=0';

async function statusOf(netsuite: NetSuiteSimulator, sending: Sending): Promise<number> {
  return (await suiteql(netsuite, probe, { query, ...sending })).status;
}

describe('token-based authentication', () => {
  it.each(signed.requests)('signs $what as published', ({ method, url, signature }) => {
    const { credentials, nonce, timestamp } = signed;
    const mark = url.indexOf('?');
    const [base, parameters] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
    const oauth = new Map([
      ['oauth_consumer_key', credentials.consumerKey],
      ['oauth_token', credentials.tokenId],
      ['oauth_signature_method', 'HMAC-SHA256'],
      ['oauth_timestamp', String(timestamp)],
      ['oauth_nonce', nonce],
      ['oauth_version', '1.0'],
    ]);
    expect(signatureOf({ method, base, query: parameters, oauth }, credentials)).toBe(signature);
  });

  it('has seven published requests to sign', () => {
    expect(signed.requests).toHaveLength(7);
  });

  const now = Math.floor(Date.now() / 1000);
  it.each<[string, Signing]>([
    ['a realm in the form of the host', { realm: '1234567-sb1' }],
    ['another account', { realm: '7654321' }],
    ['HMAC-SHA1', { method: 'HMAC-SHA1' }],
    ['a base string without the query', { query: '' }],
    ['parameters of the query in the header', { extra: { limit: '1000' } }],
    ['a nonce with other characters than letters and digits', { nonce: 'a-nonce-with-dashes' }],
    ['a timestamp of six minutes ago', { timestamp: now - 360 }],
    ['a timestamp six minutes ahead', { timestamp: now + 360 }],
  ])('refuses %s', async (_, signing) => {
    const netsuite = await start();
    expect(await statusOf(netsuite, { authorization: oauth1Header(netsuite, query, signing) })).toBe(401);
    expect(await statusOf(netsuite, {})).toBe(200);
  });

  it('refuses to hear the same signature twice', async () => {
    const netsuite = await start();
    const authorization = oauth1Header(netsuite, query);
    expect(await statusOf(netsuite, { authorization })).toBe(200);
    expect(await statusOf(netsuite, { authorization })).toBe(401);
  });

  it('takes what is signed by the clock in its Date header', async () => {
    const netsuite = await start({ startAt: new Date('2031-05-01T08:00:00Z') });
    const timestamp = netsuite.now().getTime() / 1000;
    expect(await statusOf(netsuite, { authorization: oauth1Header(netsuite, query, { timestamp }) })).toBe(200);
    const claims = { iat: timestamp - 30, exp: timestamp + 270 };
    expect((await requestToken(netsuite, assertionFor(netsuite, { claims }))).status).toBe(200);
  });

  it('never says why it refuses', async () => {
    const netsuite = await start();
    const reply = await suiteql(netsuite, probe, { authorization: 'Basic bWU6bWU=' });
    expect(reply.body).toMatchObject({ title: 'Unauthorized', status: 401 });
    expect(reply.body['o:errorDetails']).toEqual([
      { detail: expect.stringContaining('Invalid login attempt.'), 'o:errorCode': 'INVALID_LOGIN' },
    ]);
  });
});

describe('OAuth 2.0 client credentials', () => {
  it('gives a token for an assertion, and takes it until it has expired', async () => {
    let ahead = 0;
    const netsuite = await start({ signingClock: () => new Date(Date.now() + ahead) });
    const { status, body } = await requestToken(netsuite, assertionFor(netsuite));
    expect([status, body['expires_in'], body['token_type']]).toEqual([200, '3600', 'bearer']);
    const authorization = `Bearer ${body['access_token']}`;
    expect(await statusOf(netsuite, { authorization })).toBe(200);
    ahead = 3_601_000;
    expect(await statusOf(netsuite, { authorization })).toBe(401);
  });

  it('takes no token any more once they are revoked', async () => {
    const netsuite = await start();
    const { body } = await requestToken(netsuite, assertionFor(netsuite));
    netsuite.revokeTokens();
    expect(await statusOf(netsuite, { authorization: `Bearer ${body['access_token']}` })).toBe(401);
  });

  it.each([3072, 4096])('takes PS256 of an RSA key of %i bits, and not RS256', async (modulusLength) => {
    const pair = generateKeyPairSync('rsa', { modulusLength });
    const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const netsuite = await start({ publicKey });
    const token = async (alg: string): Promise<number> =>
      (await requestToken(netsuite, assertionFor(netsuite, { header: { alg }, privateKey }))).status;
    expect(await token('PS256')).toBe(200);
    expect(await token('RS256')).toBe(400);
  });

  it('knows no RSA keys below 3072 bits', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    await expect(startNetSuite({ seed: 1, records: 20, publicKey: pem })).rejects.toThrow('3072');
  });

  it.each<[string, { claims?: Record<string, unknown>; header?: Record<string, unknown> }, string]>([
    ['an unknown certificate', { header: { kid: 'another' } }, 'invalid_client'],
    ['an unknown client', { claims: { iss: 'another' } }, 'invalid_client'],
    ['another audience', { claims: { aud: 'https://example.com/token' } }, 'invalid_grant'],
    ['what has expired', { claims: { iat: now() - 400, exp: now() - 100 } }, 'invalid_grant'],
    ['what is signed in the future', { claims: { iat: now() + 900, exp: now() + 1000 } }, 'invalid_grant'],
    ['an hour between signing and expiry', { claims: { iat: now() - 10, exp: now() + 3590 } }, 'invalid_grant'],
    ['no algorithm', { header: { alg: 'none' } }, 'invalid_grant'],
    ['another scope', { claims: { scope: ['suite_analytics'] } }, 'invalid_scope'],
  ])('refuses %s', async (_, changes, error) => {
    const netsuite = await start();
    const { status, body } = await requestToken(netsuite, assertionFor(netsuite, changes));
    expect(body).toEqual({ error });
    expect(status).toBe(error === 'invalid_client' ? 401 : 400);
  });

  it('refuses a foreign key, a signature in DER, a changed payload, and another grant', async () => {
    const netsuite = await start();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const foreign = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const other = await requestToken(netsuite, assertionFor(netsuite, { privateKey: foreign }));
    expect(other.body).toEqual({ error: 'invalid_grant' });
    const der = await requestToken(netsuite, assertionFor(netsuite, { der: true }));
    expect(der.body).toEqual({ error: 'invalid_grant' });
    const [head, , signature] = assertionFor(netsuite).split('.');
    const [, payload] = assertionFor(netsuite, { claims: { sub: 'me' } }).split('.');
    expect((await requestToken(netsuite, `${head}.${payload}.${signature}`)).body).toEqual({ error: 'invalid_grant' });
    const grant = { grant_type: 'authorization_code' };
    expect((await requestToken(netsuite, assertionFor(netsuite), grant)).status).toBe(400);
  });

  it('counts a token request as no write, and everything else but queries as one', async () => {
    const netsuite = await start();
    await requestToken(netsuite, assertionFor(netsuite));
    await suiteql(netsuite, probe);
    expect(netsuite.writes()).toBe(0);
    await fetch(`${netsuite.url}/services/rest/record/v1/workOrder/1`, { method: 'PATCH' });
    expect(netsuite.writes()).toBe(1);
    expect(detailOf(await suiteql(netsuite, 'DELETE FROM transaction'))).toContain('Failed to parse SQL');
    expect(netsuite.writes()).toBe(2);
  });
});

function now(): number {
  return Math.floor(Date.now() / 1000);
}

describe('the pool of concurrent requests', () => {
  it('turns away what is above the limit, and serves again when others are done', async () => {
    const netsuite = await start({ concurrency: 5 });
    netsuite.occupy(5);
    const reply = await suiteql(netsuite, probe);
    expect([reply.status, reply.body.title]).toEqual([429, 'Too Many Requests']);
    netsuite.occupy(4);
    expect(await statusOf(netsuite, {})).toBe(200);
  });

  it('holds a slot as long as a query takes', async () => {
    const netsuite = await start({ concurrency: 1, serviceMs: 400 });
    const statuses = await Promise.all([statusOf(netsuite, {}), statusOf(netsuite, {}), statusOf(netsuite, {})]);
    expect(statuses.sort()).toEqual([200, 429, 429]);
    expect(await statusOf(netsuite, {})).toBe(200);
  });

  it('may call it an invalid login, or answer as RESTlets do', async () => {
    const [login, restlet] = [await start({ overload: 'login' }), await start({ overload: 'restlet' })];
    login.occupy(5);
    restlet.occupy(5);
    expect((await suiteql(login, probe)).body['o:errorDetails']?.[0]?.['o:errorCode']).toBe('INVALID_LOGIN');
    const reply = await suiteql(restlet, probe);
    expect([reply.status, reply.body.error]).toEqual([
      400,
      { code: 'SSS_REQUEST_LIMIT_EXCEEDED', message: 'Request Limit Exceeded.' },
    ]);
  });

  it('fails the next queries as it is told, and answers the one after', async () => {
    const netsuite = await start();
    netsuite.failNext(1, 'unexpected');
    netsuite.failNext(1, 'maintenance');
    expect((await suiteql(netsuite, probe)).body['o:errorDetails']?.[0]?.['o:errorCode']).toBe('UNEXPECTED_ERROR');
    const closed = await suiteql(netsuite, probe);
    expect([closed.status, closed.headers.get('content-type')]).toEqual([503, 'text/html; charset=utf-8']);
    expect(await statusOf(netsuite, {})).toBe(200);
  });
});
