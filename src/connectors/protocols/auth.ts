import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { PermanentError, TransientError } from '../../core/errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../core/http.ts';
import { secretSchema, urlSchema } from '../settings.ts';

/** How a request proves who asks, where the ERP takes user and password, a token for client credentials, or a key. */
export const authSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('basic'),
    username: z.string().min(1).meta({ description: 'User of the ERP' }),
    password: secretSchema.meta({ description: 'Its password' }),
  }),
  z.strictObject({
    kind: z.literal('oauth2'),
    tokenUrl: urlSchema.meta({ description: 'Token endpoint for client credentials' }),
    clientId: z.string().min(1).meta({ description: 'Client that the token endpoint knows' }),
    clientSecret: secretSchema.meta({ description: 'Its secret' }),
    scope: z.string().min(1).optional().meta({ description: 'Scope to ask for, where the endpoint wants one' }),
    sendIn: z
      .enum(['header', 'body'])
      .default('header')
      .meta({ description: 'Where id and secret go in the token request' }),
  }),
  z.strictObject({
    kind: z.literal('apiKey'),
    key: secretSchema.meta({ description: 'The key' }),
    header: z
      .string()
      .regex(/^[A-Za-z0-9-]+$/)
      .default('APIKey')
      .meta({ description: 'Header that carries the key' }),
  }),
]);
export type AuthSettings = z.output<typeof authSchema>;

/** Supplies the headers that prove who is asking. */
export interface Authenticator {
  /** For one attempt: what signs a request signs each try anew. */
  headers(request: Pick<HttpRequest, 'method' | 'path'>, signal: AbortSignal): Promise<Record<string, string>>;
  /** Drops what was cached after a 401; true when another try can make a difference. */
  refresh(answer: Pick<HttpResponse, 'headers'>): boolean;
}

export interface AuthContext {
  clock: Clock;
  /** Client for the origin of the token endpoint. */
  tokenClient(origin: string): HttpClient;
}

export function createAuthenticator(auth: AuthSettings, context: AuthContext): Authenticator {
  if (auth.kind === 'basic') return fixed({ Authorization: `Basic ${base64(`${auth.username}:${auth.password}`)}` });
  if (auth.kind === 'apiKey') return fixed({ [auth.header]: auth.key });
  return clientCredentials(auth, context);
}

function fixed(headers: Record<string, string>): Authenticator {
  return { headers: async () => headers, refresh: () => false };
}

/** A token is used until a minute before it expires. */
const expiryMarginMs = 60_000;

function clientCredentials(auth: AuthSettings & { kind: 'oauth2' }, context: AuthContext): Authenticator {
  const url = new URL(auth.tokenUrl);
  const client = context.tokenClient(url.origin);

  async function fetchToken(signal: AbortSignal): Promise<HttpResponse> {
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (auth.scope !== undefined) form.set('scope', auth.scope);
    const headers: Record<string, string> = {
      'Content-Type': 'application/x-www-form-urlencoded',
      Accept: 'application/json',
    };
    if (auth.sendIn === 'body') {
      form.set('client_id', auth.clientId);
      form.set('client_secret', auth.clientSecret);
    } else {
      // As they are: the token services of SAP do not decode what the standard would encode here.
      headers['Authorization'] = `Basic ${base64(`${auth.clientId}:${auth.clientSecret}`)}`;
    }
    const path = url.pathname + url.search;
    return client.request({ method: 'POST', path, headers, body: form.toString() }, signal);
  }

  const hint = 'Check auth.clientId, auth.clientSecret and auth.scope.';
  return bearer({ clock: context.clock, marginMs: expiryMarginMs, hint, fetchToken });
}

export interface BearerOptions {
  clock: Clock;
  /** A token is given up so long before it expires. */
  marginMs: number;
  /** What to check when the token endpoint refuses. */
  hint: string;
  /** Asks the token endpoint. */
  fetchToken(signal: AbortSignal): Promise<HttpResponse>;
}

/** Bearer tokens of a token endpoint, each used until it is about to expire. */
export function bearer({ clock, marginMs, hint, fetchToken }: BearerOptions): Authenticator {
  let token: Token | undefined;
  let fetching: Promise<Token> | undefined;

  async function renew(signal: AbortSignal): Promise<Token> {
    const { text, seconds } = readToken(await fetchToken(signal), hint);
    return { text, goodUntilMs: clock.monotonicMs() + Math.max(seconds * 1000 - marginMs, 1000) };
  }

  return {
    async headers(_request, signal) {
      if (token === undefined || clock.monotonicMs() >= token.goodUntilMs) {
        // Requests side by side share one new token.
        fetching ??= renew(signal).finally(() => {
          fetching = undefined;
        });
        token = await fetching;
      }
      return { Authorization: `Bearer ${token.text}` };
    },
    refresh() {
      token = undefined;
      return true;
    },
  };
}

interface Token {
  text: string;
  goodUntilMs: number;
}

function readToken(answer: { status: number; text: string }, hint: string): { text: string; seconds: number } {
  if (answer.status >= 500 || answer.status === 429) {
    throw new TransientError(`The token endpoint answered HTTP ${answer.status}.`, { status: answer.status });
  }
  const parsed = parseObject(answer.text);
  if (answer.status === 200 && parsed === undefined) {
    throw new TransientError('The token endpoint answered HTTP 200 without JSON: usually a logon or maintenance page.');
  }
  const body = parsed ?? {};
  const text = body['access_token'];
  if (answer.status !== 200 || typeof text !== 'string') {
    const reason = String(body['error_description'] ?? body['error'] ?? '').slice(0, 200);
    throw new PermanentError(
      `The token endpoint refused the client credentials (HTTP ${answer.status} ${reason}). ${hint}`,
      { credentials: true },
    );
  }
  return { text, seconds: Number(body['expires_in'] ?? 3600) };
}

/** A server may echo what proved who was asking, tokens that no config knows among it. */
export function withoutProof(answer: HttpResponse, proof: Readonly<Record<string, string>>): HttpResponse {
  // A signature header has its proofs in quotes, all others at their end.
  const proofs = Object.values(proof).flatMap((value) => [
    ...[...value.matchAll(/"([^"]{16,})"/g)].map(([, quoted = '']) => quoted),
    value.split(' ').at(-1) ?? '',
  ]);
  return { ...answer, text: proofs.reduce((text, each) => text.replaceAll(each, '[redacted]'), answer.text) };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
