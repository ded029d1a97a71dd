import { constants, type KeyObject, randomBytes, verify } from 'node:crypto';
import type { Answer } from '../types.ts';

/** A certificate that was uploaded for an integration, a role and a user. */
export interface Certificate {
  /** The id that NetSuite gave it; JSON web tokens name it as `kid`. */
  id: string;
  publicKey: KeyObject;
  /** Milliseconds. */
  validUntil: number;
}

/** What the token endpoint compares a request with. */
export interface Grantor {
  clientId: string;
  certificate: Certificate;
  /** Addresses that a token may name as its audience. */
  audiences: readonly string[];
  /** Seconds that an access token lasts. */
  lifetime: number;
  /** Milliseconds. */
  now: number;
  /** Milliseconds; an assertion has to be valid at one of them. */
  clocks: readonly number[];
}

const maxSeconds = 3600;
/** Seconds by which the client's clock may be ahead. */
const leeway = 60;
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const scopes = ['restlets', 'rest_webservices', 'suite_analytics'];

/** The access tokens that were given out. */
export class Grants {
  readonly #tokens = new Map<string, number>();

  /** Answers the token endpoint: a bearer token for a valid assertion. */
  grant(exchange: { method: string; type: string; body: string }, grantor: Grantor): Answer {
    if (exchange.method !== 'POST' || !/^application\/x-www-form-urlencoded\b/i.test(exchange.type)) {
      return refusal('invalid_request');
    }
    const form = new URLSearchParams(exchange.body);
    if (form.get('grant_type') !== 'client_credentials') return refusal('unsupported_grant_type');
    if (form.get('client_assertion_type') !== assertionType) return refusal('invalid_request');
    const problem = problemWith(form.get('client_assertion') ?? '', grantor);
    if (problem !== undefined) return refusal(problem);
    const token = randomBytes(24).toString('base64url');
    this.#tokens.set(token, grantor.now + grantor.lifetime * 1000);
    const body = { access_token: token, expires_in: String(grantor.lifetime), token_type: 'bearer' };
    return { status: 200, headers: { 'cache-control': 'no-store' }, body: JSON.stringify(body) };
  }

  isValid(token: string, now: number): boolean {
    return now < (this.#tokens.get(token) ?? Number.NEGATIVE_INFINITY);
  }

  /** Ends every token at once. */
  revokeAll(): void {
    this.#tokens.clear();
  }
}

type Problem = 'invalid_request' | 'invalid_client' | 'invalid_grant' | 'invalid_scope' | 'unsupported_grant_type';

function refusal(error: Problem): Answer {
  return { status: error === 'invalid_client' ? 401 : 400, body: JSON.stringify({ error }) };
}

type Claims = Record<string, unknown>;

function problemWith(assertion: string, grantor: Grantor): Problem | undefined {
  const [head = '', payload = '', signature = '', ...rest] = assertion.split('.');
  const [header, claims] = [claimsOf(head), claimsOf(payload)];
  if (header === undefined || claims === undefined || rest.length > 0) return 'invalid_request';
  const { certificate, clientId, now, clocks } = grantor;
  if (header['kid'] !== certificate.id || claims['iss'] !== clientId || now > certificate.validUntil)
    return 'invalid_client';
  const signed = { data: Buffer.from(`${head}.${payload}`), signature: Buffer.from(signature, 'base64url') };
  if (!isSigned(String(header['alg']), signed, certificate.publicKey)) return 'invalid_grant';
  if (!grantor.audiences.includes(String(claims['aud'])) || !clocks.some((clock) => isTimely(claims, clock / 1000)))
    return 'invalid_grant';
  return hasScopes(claims['scope']) ? undefined : 'invalid_scope';
}

function claimsOf(part: string): Claims | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Claims) : undefined;
  } catch {
    return undefined;
  }
}

/** Only PS256 to PS512 and ES256 to ES512; RS256, the usual default of libraries, is refused. */
function isSigned(
  algorithm: string,
  { data, signature }: { data: Buffer; signature: Buffer },
  key: KeyObject,
): boolean {
  const [, family, bits] = /^(PS|ES)(256|384|512)$/.exec(algorithm) ?? [];
  const isRsa = key.asymmetricKeyType?.startsWith('rsa') === true;
  if (family === undefined || isRsa !== (family === 'PS')) return false;
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  const options = isRsa ? { key, padding, saltLength } : { key, dsaEncoding: 'ieee-p1363' as const };
  return verify(`sha${bits}`, data, options, signature);
}

function isTimely({ iat, exp }: Claims, now: number): boolean {
  if (typeof iat !== 'number' || typeof exp !== 'number') return false;
  return exp > now && iat <= now + leeway && exp > iat && exp - iat < maxSeconds;
}

function hasScopes(scope: unknown): boolean {
  const list: unknown[] = typeof scope === 'string' ? scope.split(/[ ,]+/) : Array.isArray(scope) ? scope : [];
  return list.includes('rest_webservices') && list.every((one) => scopes.includes(String(one)));
}
