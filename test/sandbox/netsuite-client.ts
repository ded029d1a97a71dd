import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import type { NetSuiteSimulator } from '../../sandbox/netsuite/index.ts';
import { signatureOf } from '../../sandbox/netsuite/signature.ts';

export type Item = Record<string, string>;

export interface Reply {
  status: number;
  headers: Headers;
  body: {
    items?: (Item & { links: unknown[] })[];
    count?: number;
    hasMore?: boolean;
    offset?: number;
    totalResults?: number;
    links?: { rel: string; href: string }[];
    title?: string;
    'o:errorDetails'?: Record<string, string>[];
    error?: unknown;
  };
}

const queryPath = '/services/rest/query/v1/suiteql';
export const tokenPath = '/services/rest/auth/oauth2/v1/token';

/** Parts of a signature that a test wants otherwise. */
export interface Signing {
  realm?: string;
  nonce?: string;
  timestamp?: number;
  /** What is signed instead of the query that is sent. */
  query?: string;
  /** More parameters of the header. */
  extra?: Record<string, string>;
  method?: string;
}

/** The Authorization header of token-based authentication. */
export function oauth1Header(netsuite: NetSuiteSimulator, query: string, signing: Signing = {}): string {
  const { credentials } = netsuite;
  const oauth = new Map([
    ['oauth_consumer_key', credentials.consumerKey],
    ['oauth_token', credentials.tokenId],
    ['oauth_signature_method', signing.method ?? 'HMAC-SHA256'],
    ['oauth_timestamp', String(signing.timestamp ?? Math.floor(Date.now() / 1000))],
    ['oauth_nonce', signing.nonce ?? randomBytes(12).toString('hex')],
    ['oauth_version', '1.0'],
  ]);
  const request = { method: 'POST', base: `${netsuite.url}${queryPath}`, query: signing.query ?? query, oauth };
  const signature = signatureOf(request, credentials);
  const parameters = [
    ['realm', signing.realm ?? credentials.accountId],
    ...oauth,
    ...Object.entries(signing.extra ?? {}),
    ['oauth_signature', signature],
  ];
  return `OAuth ${parameters.map(([name, value]) => `${name}="${encodeURIComponent(value ?? '')}"`).join(', ')}`;
}

/** A JSON web token for the token endpoint; `claims` and `header` replace what a good one has. */
export function assertionFor(
  netsuite: NetSuiteSimulator,
  {
    claims = {},
    header = {},
    privateKey,
    der = false,
  }: { claims?: Record<string, unknown>; header?: Record<string, unknown>; privateKey?: string; der?: boolean } = {},
): string {
  const { clientId, certificateId } = netsuite.credentials;
  const now = Math.floor(Date.now() / 1000);
  const head = { typ: 'JWT', alg: 'ES256', kid: certificateId, ...header };
  const payload = {
    iss: clientId,
    scope: ['rest_webservices'],
    aud: `${netsuite.url}${tokenPath}`,
    iat: now - 30,
    exp: now + 270,
    ...claims,
  };
  const data = [head, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const key = createPrivateKey(privateKey ?? netsuite.credentials.privateKey);
  const padding = head.alg === 'RS256' ? {} : { padding: 6, saltLength: 32 };
  const options = key.asymmetricKeyType === 'ec' ? ({ dsaEncoding: der ? 'der' : 'ieee-p1363' } as const) : padding;
  return `${data}.${sign('sha256', Buffer.from(data), { key, ...options }).toString('base64url')}`;
}

/** Asks for an access token. */
export async function requestToken(
  netsuite: NetSuiteSimulator,
  assertion: string,
  form: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, string> }> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    ...form,
  });
  const response = await fetch(`${netsuite.url}${tokenPath}`, { method: 'POST', body });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

/** How a statement is sent, where a test wants it otherwise. */
export interface Sending {
  /** What follows the `?`. */
  query?: string;
  authorization?: string;
  headers?: Record<string, string>;
}

/** Sends a statement, signed by token-based authentication unless told otherwise. */
export async function suiteql(netsuite: NetSuiteSimulator, q: string, sending: Sending = {}): Promise<Reply> {
  const { query = 'limit=1000&offset=0', authorization = oauth1Header(netsuite, query), headers = {} } = sending;
  const response = await fetch(`${netsuite.url}${queryPath}${query === '' ? '' : `?${query}`}`, {
    method: 'POST',
    headers: { prefer: 'transient', 'content-type': 'application/json', authorization, ...headers },
    body: JSON.stringify({ q }),
  });
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as Reply['body']) : { title: text };
  return { status: response.status, headers: response.headers, body };
}

/** The rows of a statement, without their links; throws the detail of a refusal. */
export async function rowsOf(netsuite: NetSuiteSimulator, q: string): Promise<Item[]> {
  const { status, body } = await suiteql(netsuite, q);
  if (status !== 200) throw new Error(detailOf({ body }));
  return (body.items ?? []).map(({ links: _, ...item }) => item as Item);
}

export function detailOf({ body }: Pick<Reply, 'body'>): string {
  return body['o:errorDetails']?.[0]?.['detail'] ?? '';
}
