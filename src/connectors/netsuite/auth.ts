import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { HttpClient, HttpResponse } from '../../core/http.ts';
import type { ConnectorContext } from '../connector.ts';
import { type Authenticator, bearer } from '../protocols/auth.ts';
import { pathSchema, secretSchema } from '../settings.ts';
import { clientAssertion, readExpiry, readSigningKey, type SigningKey } from './client-assertion.ts';
import { authorization, type TokenCredentials } from './oauth1.ts';

export const authSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('oauth2').meta({ description: 'OAuth 2.0 client credentials (M2M)' }),
    clientId: z.string().min(1).meta({ description: 'Client ID of the integration record' }),
    certificateId: z
      .string()
      .min(1)
      .meta({ description: 'Certificate ID, as OAuth 2.0 Client Credentials Setup shows it' }),
    keyFile: pathSchema.meta({ description: 'PEM file of the private key: RSA from 3072 bits, or EC' }),
    certFile: pathSchema
      .optional()
      .meta({ description: 'PEM file of the certificate: check then tells when it expires' }),
  }),
  z.strictObject({
    kind: z
      .literal('tba')
      .meta({ description: 'Token-based authentication (OAuth 1.0a), for integrations that have it' }),
    consumerKey: secretSchema.meta({ description: 'Of the integration record' }),
    consumerSecret: secretSchema.meta({ description: 'Of the integration record' }),
    tokenId: secretSchema.meta({ description: 'Of the access token of the user and role' }),
    tokenSecret: secretSchema.meta({ description: 'Of the access token of the user and role' }),
  }),
]);

/** What NetSuite calls one account, in its two forms. */
export interface Account {
  /** Base URL of REST, without a slash at its end. */
  url: string;
  /** Account ID as OAuth 1.0a wants it: `1234567_SB1`. */
  realm: string;
}

/** `1234567_SB1`, `1234567-sb1` and `tstdrv9` in the forms that hosts and signatures want. */
export function accountOf(accountId: string, baseUrl?: string): Account {
  const host = accountId.toLowerCase().replaceAll('_', '-');
  const url = baseUrl ?? `https://${host}.suitetalk.api.netsuite.com`;
  return { url: url.replace(/\/+$/, ''), realm: accountId.toUpperCase().replaceAll('-', '_') };
}

/** Signatures and assertions name the time; beyond five minutes of difference NetSuite refuses them. */
interface ServerTime {
  now(): Date;
  /** Takes over the time of an answer that refused; true when ours was far off, or when doing so was no help. */
  correct(answer: Pick<HttpResponse, 'headers'>): boolean;
}

const toleratedMs = 60_000;

function createServerTime(clock: Clock): ServerTime {
  let aheadMs = 0;
  const now = () => new Date(clock.now().getTime() + aheadMs);
  return {
    now,
    correct({ headers }) {
      const offMs = Date.parse(headers['date'] ?? '') - now().getTime();
      // Without a Date header this is no number, and not greater than anything.
      const isFarOff = Math.abs(offMs) > toleratedMs;
      const isChanged = isFarOff || aheadMs !== 0;
      aheadMs = isFarOff ? aheadMs + offMs : 0;
      return isChanged;
    },
  };
}

interface TokenAuthOptions {
  account: Account;
  credentials: TokenCredentials;
  clock: Clock;
}

/** Token-based authentication: OAuth 1.0a, every attempt with a nonce and a signature of its own. */
function tokenAuthenticator({ account, credentials, clock }: TokenAuthOptions): Authenticator {
  const time = createServerTime(clock);
  const { origin } = new URL(account.url);
  return {
    async headers({ method, path }) {
      const timestamp = Math.floor(time.now().getTime() / 1000);
      const signing = { method, url: origin + path, nonce: randomBytes(16).toString('hex'), timestamp };
      return { Authorization: authorization(credentials, account.realm, signing) };
    },
    refresh: (answer) => time.correct(answer),
  };
}

interface CertificateAuthOptions {
  account: Account;
  http: HttpClient;
  clientId: string;
  certificateId: string;
  key: SigningKey;
  clock: Clock;
}

const tokenPath = '/services/rest/auth/oauth2/v1/token';
/** Of an hour; there is no refresh token. */
const marginMs = 600_000;

/** OAuth 2.0 client credentials, proved by a certificate. */
function certificateAuthenticator(options: CertificateAuthOptions): Authenticator {
  const { account, http, clientId, certificateId, key, clock } = options;
  const time = createServerTime(clock);
  const tokenUrl = account.url + tokenPath;
  const hint =
    'Check auth.clientId, auth.certificateId and auth.keyFile, and that the certificate is neither expired nor revoked.';

  async function ask(signal: AbortSignal): Promise<HttpResponse> {
    const scope = ['rest_webservices'];
    const assertion = clientAssertion(key, {
      issuer: clientId,
      keyId: certificateId,
      audience: tokenUrl,
      scope,
      now: time.now(),
    });
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    });
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' };
    const request = { method: 'POST', path: new URL(tokenUrl).pathname, headers, body: form.toString() } as const;
    const answer = await http.request(request, signal);
    return { ...answer, text: answer.text.replaceAll(assertion, '[redacted]') };
  }

  async function fetchToken(signal: AbortSignal): Promise<HttpResponse> {
    const answer = await ask(signal);
    const refused = answer.status === 400 || answer.status === 401;
    return refused && time.correct(answer) ? ask(signal) : answer;
  }

  return bearer({ clock, marginMs, hint, fetchToken });
}

interface Asking {
  account: Account;
  http: HttpClient;
  context: ConnectorContext;
}

/** Who is asking, and until when the certificate is good: null where none is named, undefined where none is used. Throws ConfigError for key files that cannot be used. */
export function openAuth(
  auth: z.output<typeof authSchema>,
  { account, http, context: { name, clock } }: Asking,
): { auth: Authenticator; expiry: Date | null | undefined } {
  if (auth.kind === 'tba') {
    return { auth: tokenAuthenticator({ account, credentials: auth, clock }), expiry: undefined };
  }
  const { clientId, certificateId, keyFile, certFile } = auth;
  const key = readSigningKey(readPem(name, 'keyFile', keyFile), `connectors.${name}.auth.keyFile (${keyFile})`);
  const expiry =
    certFile === undefined
      ? null
      : readExpiry(readPem(name, 'certFile', certFile), key, `connectors.${name}.auth.certFile (${certFile})`);
  return { auth: certificateAuthenticator({ account, http, clientId, certificateId, key, clock }), expiry };
}

function readPem(name: string, setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`connectors.${name}.auth.${setting} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}
