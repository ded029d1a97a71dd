import { createHmac } from 'node:crypto';
import type { Exchange } from '../http.ts';
import type { Answer } from '../types.ts';
import type { Clock } from './clock.ts';

export type Action = 'view' | 'add' | 'change' | 'delete';

/** Somebody with an account. */
export interface User {
  name: string;
  email: string;
  password: string;
  active: boolean;
  may(action: Action, model: string): boolean;
}

/** Who may come in, and by which secrets. */
export interface Access {
  users: readonly User[];
  /** User name by API key (since 9.11). */
  apiKeys: ReadonlyMap<string, string>;
  /** The key that signs JSON web tokens (AUTH_SECRET_KEY). */
  webtokenKey: string;
}

/** Who asks: a user, and whether a session cookie's rules (CSRF) hold for him; or why nobody. */
export interface Caller {
  user?: User;
  /** Entered by API key or web token: Django takes such a user for one with a session. */
  session?: true;
  refusal?: string;
}

const html = { 'content-type': 'text/html; charset=utf-8' };
const unauthenticated = 'Authentication credentials were not provided.';

/** What FrePPLe's middleware makes of a request's credentials; an `Answer` where it already ends there. */
export function authenticate({ headers, query }: Exchange, access: Access, clock: Clock): Caller | Answer {
  const [, scheme = '', value = ''] = /^(\S+)\s*(.*)$/.exec(headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'basic') return byPassword(value, access);
  const token = scheme.toLowerCase() === 'bearer' ? value : new URLSearchParams(query).get('webtoken');
  return token === null ? { refusal: unauthenticated } : byToken(token, access, clock);
}

function byPassword(encoded: string, { users }: Access): Caller {
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return { refusal: 'Invalid basic header. Credentials not correctly base64 encoded.' };
  const [name, password] = [text.slice(0, colon), text.slice(colon + 1)];
  const user = users.find((each) => each.name === name || each.email === name);
  if (user === undefined || user.password !== password) return { refusal: 'Invalid username/password.' };
  return user.active ? { user } : { refusal: 'User inactive or deleted.' };
}

function byToken(token: string, { users, apiKeys, webtokenKey }: Access, clock: Clock): Caller | Answer {
  const claims = readWebtoken(token, webtokenKey);
  if (claims !== undefined && typeof claims['exp'] === 'number' && claims['exp'] * 1000 < clock.now()) {
    return { status: 302, headers: { ...html, location: '/data/login/' }, body: '' };
  }
  const name = claims === undefined ? apiKeys.get(token) : claims['user'];
  const user = users.find((each) => each.active && (each.name === name || each.email === claims?.['email']));
  if (user === undefined) return { status: 403, headers: html, body: 'Invalid API key: Key not found' };
  return { user, session: true };
}

/** Signs claims as FrePPLe's help page does: HS256. */
export function webtokenOf(claims: Record<string, unknown>, key: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${signatureOf(signed, key)}`;
}

function readWebtoken(token: string, key: string): Record<string, unknown> | undefined {
  const [head, claims, signature] = token.split('.');
  if (claims === undefined || signature !== signatureOf(`${head}.${claims}`, key)) return undefined;
  return JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as Record<string, unknown>;
}

function signatureOf(signed: string, key: string): string {
  return createHmac('sha256', key).update(signed).digest('base64url');
}

/**
 * What is wrong with the CSRF token of a write by a user with a session; undefined when nothing is. A cookie and a header
 * of the same 32 (or 64) letters and digits will do, even if the client made them up.
 */
export function csrfFailure({ headers }: Exchange): string | undefined {
  const cookie = /(?:^|;\s*)csrftoken=([^;]*)/.exec(headers.cookie ?? '')?.[1];
  if (cookie === undefined) return 'CSRF Failed: CSRF cookie not set.';
  if (cookie.length !== 32 && cookie.length !== 64) return 'CSRF Failed: CSRF cookie has incorrect length.';
  if (!/^[a-zA-Z0-9]*$/.test(cookie)) return 'CSRF Failed: CSRF cookie has invalid characters.';
  const header = headers['x-csrftoken'];
  if (header === undefined) return 'CSRF Failed: CSRF token missing.';
  return header === cookie ? undefined : "CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header incorrect.";
}
