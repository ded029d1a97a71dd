import { constants, createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clientAssertion, readExpiry, readSigningKey } from '../../../src/connectors/netsuite/client-assertion.ts';

const claims = {
  issuer: 'client',
  keyId: 'cert-1',
  audience: 'https://1.example/token',
  scope: ['rest_webservices'],
  now: new Date('2026-11-20T12:00:00.750Z'),
};

function pemOf(key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string {
  return key.export({ type: type as 'pkcs8', format: 'pem' }) as string;
}

function parts(jwt: string): { header: unknown; payload: unknown; signed: Buffer; proof: Buffer } {
  const [header = '', payload = '', proof = ''] = jwt.split('.');
  const parse = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString());
  return {
    header: parse(header),
    payload: parse(payload),
    signed: Buffer.from(`${header}.${payload}`),
    proof: Buffer.from(proof, 'base64url'),
  };
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

describe('a client assertion', () => {
  it('names who asks whom, and is good for five minutes from half a minute ago', () => {
    const { header, payload } = parts(clientAssertion(readSigningKey(pemOf(rsa), 'key'), claims));
    expect(header).toEqual({ typ: 'JWT', alg: 'PS256', kid: 'cert-1' });
    const issuedAt = Date.parse('2026-11-20T11:59:30Z') / 1000;
    expect(payload).toEqual({
      iss: 'client',
      scope: ['rest_webservices'],
      aud: 'https://1.example/token',
      iat: issuedAt,
      exp: issuedAt + 300,
    });
  });

  it.each(['pkcs8', 'pkcs1'] as const)('of an RSA key (%s) is signed by PS256 with a salt of 32 bytes', (type) => {
    const { signed, proof } = parts(clientAssertion(readSigningKey(pemOf(rsa, type), 'key'), claims));
    expect(verify('sha256', signed, { key: createPublicKey(rsa), ...pss }, proof)).toBe(true);
  });

  it.each([
    { namedCurve: 'P-256', alg: 'ES256', hash: 'sha256', bytes: 64, form: 'pkcs8' },
    { namedCurve: 'P-256', alg: 'ES256', hash: 'sha256', bytes: 64, form: 'sec1' },
    { namedCurve: 'P-384', alg: 'ES384', hash: 'sha384', bytes: 96, form: 'sec1' },
    { namedCurve: 'P-521', alg: 'ES512', hash: 'sha512', bytes: 132, form: 'pkcs8' },
  ] as const)('of a key on $namedCurve ($form) is signed by $alg, raw and not in DER', (each) => {
    const { namedCurve, alg, hash, bytes, form } = each;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve });
    const key = readSigningKey(pemOf(privateKey, form), 'key');
    const { header, signed, proof } = parts(clientAssertion(key, claims));
    expect(header).toMatchObject({ alg });
    expect(proof).toHaveLength(bytes);
    expect(verify(hash, signed, { key: createPublicKey(privateKey), dsaEncoding: 'ieee-p1363' }, proof)).toBe(true);
  });

  it.each(['sha256', 'sha384', 'sha512'])('of an RSA-PSS key bound to %s is signed by that', (hashAlgorithm) => {
    const options = { modulusLength: 3072, hashAlgorithm, mgf1HashAlgorithm: hashAlgorithm };
    const { privateKey } = generateKeyPairSync('rsa-pss', options);
    const { header, signed, proof } = parts(clientAssertion(readSigningKey(pemOf(privateKey), 'key'), claims));
    expect(header).toMatchObject({ alg: hashAlgorithm.replace('sha', 'PS') });
    const key = { key: createPublicKey(privateKey), padding: constants.RSA_PKCS1_PSS_PADDING };
    expect(verify(hashAlgorithm, signed, { ...key, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, proof)).toBe(true);
  });
});

describe('a key that NetSuite refuses', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const edwards = generateKeyPairSync('ed25519').privateKey;
  const otherCurve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  it.each([
    ['too short', pemOf(small), /RSA key of 2048 bits: NetSuite takes 3072 or 4096/],
    ['of another kind', pemOf(edwards), /key of type ed25519/],
    ['on another curve', pemOf(otherCurve), /on the curve secp256k1/],
    ['none at all', 'canary', /holds no private key that can be read/],
    [
      'locked by a passphrase',
      rsa.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string,
      /PEM file without a passphrase/,
    ],
  ])('is named before anything is sent: %s', (_what, pem, text) => {
    expect(() => readSigningKey(pem, 'auth.keyFile')).toThrow(text);
    expect(() => readSigningKey(pem, 'auth.keyFile')).toThrow(/^auth\.keyFile/);
  });
});

describe('a certificate', () => {
  const read = (name: string) => readFileSync(`test/fixtures/netsuite/${name}.pem`, 'utf8');
  const key = readSigningKey(read('key'), 'auth.keyFile');

  it('expires when it says so', () => {
    expect(readExpiry(read('certificate'), key, 'auth.certFile')).toEqual(new Date('2027-11-21T07:42:45Z'));
  });

  it('expires after two years at the latest, because NetSuite cuts it there', () => {
    const tenYears = read('certificate-ten-years');
    expect(readExpiry(tenYears, key, 'auth.certFile')).toEqual(new Date('2028-11-21T07:42:45Z'));
  });

  it('of another key is refused, and so is what is none', () => {
    expect(() => readExpiry(read('certificate-other'), key, 'auth.certFile')).toThrow(
      /^auth.certFile belongs to another key/,
    );
    expect(() => readExpiry(read('key'), key, 'auth.certFile')).toThrow(/no certificate that can be read/);
  });
});
