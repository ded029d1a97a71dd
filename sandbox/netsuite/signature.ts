import { createHmac, timingSafeEqual } from 'node:crypto';

/** The four secrets of token-based authentication (OAuth 1.0a). */
export interface TokenPair {
  consumerKey: string;
  consumerSecret: string;
  tokenId: string;
  tokenSecret: string;
}

/** A request as it is signed: without its body. */
export interface SignedRequest {
  method: string;
  /** Scheme, host and path, e.g. `https://1234567.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql`. */
  base: string;
  /** What follows the `?`, still percent-encoded. */
  query: string;
  /** The `oauth_` parameters but for the signature. */
  oauth: ReadonlyMap<string, string>;
}

/** The signature of a request by HMAC-SHA256, base64. */
export function signatureOf(request: SignedRequest, { consumerSecret, tokenSecret }: TokenPair): string {
  const key = `${encode(consumerSecret)}&${encode(tokenSecret)}`;
  return createHmac('sha256', key).update(baseStringOf(request)).digest('base64');
}

/** What is signed, by RFC 5849, section 3.4.1. */
function baseStringOf({ method, base, query, oauth }: SignedRequest): string {
  const pairs = [...parametersOf(query), ...oauth].map(([name, value]) => [encode(name), encode(value)] as const);
  pairs.sort(([name, value], [otherName, otherValue]) => order(name, otherName) || order(value, otherValue));
  const parameters = pairs.map(([name, value]) => `${name}=${value}`).join('&');
  return `${method.toUpperCase()}&${encode(baseOf(base))}&${encode(parameters)}`;
}

/** The address with its host in lower case and without a default port. */
function baseOf(base: string): string {
  const { protocol, host, pathname } = new URL(base);
  return `${protocol}//${host}${pathname}`;
}

function parametersOf(query: string): [string, string][] {
  if (query === '') return [];
  return query.split('&').map((pair) => {
    const mark = pair.indexOf('=');
    const [name, value] = mark < 0 ? [pair, ''] : [pair.slice(0, mark), pair.slice(mark + 1)];
    return [decode(name), decode(value)];
  });
}

/** A `+` in an address is a plus here, which is why blanks have to be sent as `%20`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function order(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The parameters of an `Authorization: OAuth …` header, decoded; undefined when it is none. */
export function readHeader(header: string): Map<string, string> | undefined {
  const [, list] = /^OAuth\s+(.+)$/i.exec(header) ?? [];
  if (list === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const part of list.split(',')) {
    const [, name, value] = /^\s*([a-z_0-9A-Z]+)="([^"]*)"\s*$/.exec(part) ?? [];
    if (name === undefined || value === undefined || parameters.has(name)) return undefined;
    parameters.set(name, decode(value));
  }
  return parameters;
}

/** Seconds by which a timestamp may differ from NetSuite's clock. */
const tolerance = 300;
const signedNames = [
  'oauth_consumer_key',
  'oauth_nonce',
  'oauth_signature_method',
  'oauth_timestamp',
  'oauth_token',
  'oauth_version',
];

/** What a signature is checked against. */
export interface Account {
  /** `1234567_SB1`: upper case, with an underscore. */
  realm: string;
  tokens: TokenPair;
  /** Milliseconds. */
  now: number;
}

/** Checks signatures and remembers their nonces: every attempt has to be signed anew. */
export class SignatureCheck {
  readonly #seen = new Map<string, number>();

  /** True for a header that is whole, fresh, and signed by who it says. */
  accepts(header: string, request: Omit<SignedRequest, 'oauth'>, { realm, tokens, now }: Account): boolean {
    const given = readHeader(header);
    if (given?.get('realm') !== realm || given.get('oauth_consumer_key') !== tokens.consumerKey) return false;
    if (given.get('oauth_token') !== tokens.tokenId || given.get('oauth_signature_method') !== 'HMAC-SHA256')
      return false;
    const { oauth_signature: signature = '', ...others } = Object.fromEntries(given);
    // Parameters of the query do not belong into the header.
    if (Object.keys(others).some((name) => name !== 'realm' && !signedNames.includes(name))) return false;
    const timestamp = given.get('oauth_timestamp') ?? '';
    const nonce = given.get('oauth_nonce') ?? '';
    if (given.get('oauth_version') !== '1.0' || !/^\d{1,12}$/.test(timestamp) || !/^[A-Za-z0-9]{6,64}$/.test(nonce))
      return false;
    if (Math.abs(now / 1000 - Number(timestamp)) > tolerance) return false;
    const oauth = new Map([...given].filter(([name]) => signedNames.includes(name)));
    return isEqual(signature, signatureOf({ ...request, oauth }, tokens)) && this.#isNew(`${timestamp}/${nonce}`, now);
  }

  #isNew(key: string, now: number): boolean {
    for (const [old, at] of this.#seen) {
      if (now - at <= 2 * tolerance * 1000) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(key)) return false;
    this.#seen.set(key, now);
    return true;
  }
}

function isEqual(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
