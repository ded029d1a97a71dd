import { createHmac } from 'node:crypto';

/** What an OAuth 1.0a integration and its token hold; both secrets sign, neither is ever sent. */
export interface TokenCredentials {
  consumerKey: string;
  consumerSecret: string;
  tokenId: string;
  tokenSecret: string;
}

export interface Signing {
  method: string;
  /** Absolute, with its query as it is sent. */
  url: string;
  /** Letters and digits, never used twice. */
  nonce: string;
  /** Seconds since 1970. */
  timestamp: number;
}

type Parameters = readonly (readonly [name: string, value: string])[];

/** The header of one signed request (RFC 5849, HMAC-SHA256). `realm` is not part of what is signed. */
export function authorization(credentials: TokenCredentials, realm: string, signing: Signing): string {
  const own = [
    ...oauthParameters(credentials, signing),
    ['oauth_signature', signature(credentials, signing)] as const,
  ].map(([name, value]) => `${name}="${percentEncode(value)}"`);
  return `OAuth realm="${realm}", ${own.join(', ')}`;
}

/** In Base64. */
export function signature(credentials: TokenCredentials, signing: Signing): string {
  const key = `${percentEncode(credentials.consumerSecret)}&${percentEncode(credentials.tokenSecret)}`;
  return createHmac('sha256', key).update(baseString(credentials, signing)).digest('base64');
}

/** What is signed: method, URL without query, and all parameters of query and header; never the body. */
export function baseString(credentials: TokenCredentials, signing: Signing): string {
  const url = new URL(signing.url);
  const parameters = [...queryParameters(url.search), ...oauthParameters(credentials, signing)]
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([name, value], [otherName, otherValue]) => compare(name, otherName) || compare(value, otherValue))
    .map(([name, value]) => `${name}=${value}`);
  return [signing.method, url.origin + url.pathname, parameters.join('&')].map(percentEncode).join('&');
}

function oauthParameters({ consumerKey, tokenId }: TokenCredentials, { nonce, timestamp }: Signing): Parameters {
  return [
    ['oauth_consumer_key', consumerKey],
    ['oauth_token', tokenId],
    ['oauth_signature_method', 'HMAC-SHA256'],
    ['oauth_timestamp', String(timestamp)],
    ['oauth_nonce', nonce],
    ['oauth_version', '1.0'],
  ];
}

/** Decoded once. By hand, because URLSearchParams takes a plus for a blank; an equals sign inside a value belongs to it. */
function queryParameters(search: string): Parameters {
  const pairs = search.replace(/^\?/, '').split('&').filter(Boolean);
  return pairs.map((pair) => {
    const cut = pair.indexOf('=');
    const [name, value] = cut < 0 ? [pair, ''] : [pair.slice(0, cut), pair.slice(cut + 1)];
    return [decodeURIComponent(name), decodeURIComponent(value)];
  });
}

/** RFC 3986: encodeURIComponent leaves these five alone. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** By code unit: what is encoded is ASCII, and a locale would sort it otherwise. */
function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
