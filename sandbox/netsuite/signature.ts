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
/** More than any client sends while a timestamp is fresh. */
const mostSeen = 100_000;
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
  /** Milliseconds; a timestamp has to be near one of them. */
  clocks: readonly number[];
}

/** Checks signatures and remembers their nonces: every attempt has to be signed anew. */
export class SignatureCheck {
  readonly #seen = new Set<string>();

  /** True for a header that is whole, fresh, and signed by who it says. */
  accepts(header: string, request: Omit<SignedRequest, 'oauth'>, account: Account): boolean {
    const given = readHeader(header);
    if (given === undefined || !isWhole(given, account) || !isFresh(given, account)) return false;
    const oauth = new Map([...given].filter(([name]) => signedNames.includes(name)));
    const signature = given.get('oauth_signature') ?? '';
    if (!isEqual(signature, signatureOf({ ...request, oauth }, account.tokens))) return false;
    return this.#isNew(`${given.get('oauth_timestamp')}/${given.get('oauth_nonce')}`);
  }

  /** A nonce counts together with its timestamp, so that the oldest can be forgotten. */
  #isNew(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > mostSeen && oldest !== undefined) this.#seen.delete(oldest);
    return true;
  }
}

type Parameters = ReadonlyMap<string, string>;

/** Of this account and this token, and without parameters of the query, which do not belong into the header. */
function isWhole(given: Parameters, { realm, tokens }: Account): boolean {
  const wanted = { realm, oauth_consumer_key: tokens.consumerKey, oauth_token: tokens.tokenId, ...method };
  const others = [...given.keys()].filter((name) => !['realm', 'oauth_signature', ...signedNames].includes(name));
  return others.length === 0 && Object.entries(wanted).every(([name, value]) => given.get(name) === value);
}

const method = { oauth_signature_method: 'HMAC-SHA256', oauth_version: '1.0' };

function isFresh(given: Parameters, { clocks }: Account): boolean {
  const timestamp = given.get('oauth_timestamp') ?? '';
  if (!/^\d{1,12}$/.test(timestamp) || !/^[A-Za-z0-9]{6,64}$/.test(given.get('oauth_nonce') ?? '')) return false;
  return clocks.some((now) => Math.abs(now / 1000 - Number(timestamp)) <= tolerance);
}

function isEqual(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
