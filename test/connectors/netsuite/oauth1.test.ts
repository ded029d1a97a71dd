import { describe, expect, it } from 'vitest';
import { authorization, baseString, signature } from '../../../src/connectors/netsuite/oauth1.ts';
import vectors from '../../fixtures/netsuite/oauth1.json' with { type: 'json' };

const { credentials, nonce, timestamp } = vectors;

describe('a signed request', () => {
  it('is proved by seven published requests', () => {
    expect(vectors.requests).toHaveLength(7);
  });

  it.each(vectors.requests)('is signed as published: $what', ({ method, url, realm, ...expected }) => {
    const signing = { method, url, nonce, timestamp };
    expect(baseString(credentials, signing)).toBe(expected.baseString);
    expect(signature(credentials, signing)).toBe(expected.signature);
    expect(authorization(credentials, realm, signing)).toContain(
      `oauth_signature="${encodeURIComponent(expected.signature)}"`,
    );
  });

  it('names the realm, and what of the query is signed stays in the query', () => {
    const signing = { method: 'POST', url: 'https://1-sb1.example/q?limit=1000&offset=0', nonce, timestamp };
    expect(authorization(credentials, '1_SB1', signing)).toMatch(
      new RegExp(
        `^OAuth realm="1_SB1", oauth_consumer_key="${credentials.consumerKey}", oauth_token="${credentials.tokenId}", ` +
          `oauth_signature_method="HMAC-SHA256", oauth_timestamp="1508242306", oauth_nonce="${nonce}", ` +
          'oauth_version="1.0", oauth_signature="[A-Za-z0-9%]+"$',
      ),
    );
  });

  it('is signed for the host in lower case, without the port that goes without saying', () => {
    const at = (url: string) => baseString(credentials, { method: 'GET', url, nonce, timestamp });
    expect(at('https://A.Example:443/x')).toBe(at('https://a.example/x'));
    expect(at('https://a.example:8443/x')).not.toBe(at('https://a.example/x'));
  });

  it('holds a plus as a plus and a blank as %20', () => {
    const at = (query: string) =>
      baseString(credentials, { method: 'GET', url: `https://a.example/x?${query}`, nonce, timestamp });
    expect(at('a=1+1')).toContain('a%3D1%252B1');
    expect(at('a=1%201')).toContain('a%3D1%25201');
    expect(at('a')).toBe(at('a='));
  });
});
