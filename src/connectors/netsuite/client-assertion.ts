import { constants, createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { ConfigError, messageOf } from '../../core/errors.ts';

/** A private key with what it signs by. */
export interface SigningKey {
  key: KeyObject;
  algorithm: string;
  hash: string;
}

/** RSA keys below this are refused (Oracle's help, Certificate Conditions). */
const leastRsaBits = 3072;

const curves: Readonly<Record<string, string>> = { prime256v1: '256', secp384r1: '384', secp521r1: '512' };

/** Reads a PEM private key (PKCS#8, PKCS#1, SEC1, RSA-PSS). Throws ConfigError naming what is wrong with it. */
export function readSigningKey(pem: string, what: string): SigningKey {
  const key = parseKey(pem, what);
  const { modulusLength = 0, namedCurve = '', hashAlgorithm } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    const bits = Object.hasOwn(curves, namedCurve) ? curves[namedCurve] : undefined;
    if (bits !== undefined) return { key, algorithm: `ES${bits}`, hash: `sha${bits}` };
    throw new ConfigError(`${what} is a key on the curve ${namedCurve}: NetSuite takes P-256, P-384 and P-521.`);
  }
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'rsa-pss') {
    throw new ConfigError(`${what} is a key of type ${key.asymmetricKeyType}: NetSuite takes RSA and EC keys.`);
  }
  if (modulusLength < leastRsaBits) {
    throw new ConfigError(
      `${what} is an RSA key of ${modulusLength} bits: NetSuite takes 3072 or 4096. Make one with openssl req -new -x509 -newkey rsa:3072.`,
    );
  }
  // An RSA-PSS key may be bound to one hash.
  const bits = /^sha(256|384|512)$/.exec(hashAlgorithm ?? '')?.[1] ?? '256';
  return { key, algorithm: `PS${bits}`, hash: `sha${bits}` };
}

function parseKey(pem: string, what: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new ConfigError(
      `${what} holds no private key that can be read (${messageOf(error)}). It must be a PEM file without a passphrase.`,
      { cause: error },
    );
  }
}

export interface Claims {
  /** Client ID of the integration. */
  issuer: string;
  /** ID of the certificate, as NetSuite shows it. */
  keyId: string;
  /** URL of the token endpoint. */
  audience: string;
  scope: readonly string[];
  now: Date;
}

/** Issued a little in the past, against clocks that run ahead, and good for a few minutes: NetSuite allows an hour at most. */
const backdatedSeconds = 30;
const goodForSeconds = 300;

/** A signed JWT that proves the client to the token endpoint (RFC 7523). RS256 is refused by NetSuite, so RSA keys sign with PSS. */
export function clientAssertion({ key, algorithm, hash }: SigningKey, claims: Claims): string {
  const issuedAt = Math.floor(claims.now.getTime() / 1000) - backdatedSeconds;
  const header = { typ: 'JWT', alg: algorithm, kid: claims.keyId };
  const { issuer: iss, audience: aud, scope } = claims;
  const payload = { iss, scope, aud, iat: issuedAt, exp: issuedAt + goodForSeconds };
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  // The platform's own default for EC is DER, which no JWT may hold.
  const form = algorithm.startsWith('ES') ? ({ dsaEncoding: 'ieee-p1363' } as const) : pss;
  return `${signed}.${sign(hash, Buffer.from(signed), { key, ...form }).toString('base64url')}`;
}

/** NetSuite cuts a longer validity down to this. */
const longestYears = 2;

/** When a certificate ceases to be accepted. Throws ConfigError when it is none, or belongs to another key. */
export function readExpiry(pem: string, { key }: SigningKey, what: string): Date {
  const certificate = parseCertificate(pem, what);
  if (!certificate.checkPrivateKey(key)) {
    throw new ConfigError(
      `${what} belongs to another key than auth.keyFile. Name the two files that were made together.`,
    );
  }
  const longest = new Date(certificate.validFrom);
  longest.setUTCFullYear(longest.getUTCFullYear() + longestYears);
  return new Date(Math.min(Date.parse(certificate.validTo), longest.getTime()));
}

function parseCertificate(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new ConfigError(`${what} holds no certificate that can be read (${messageOf(error)}).`, { cause: error });
  }
}
