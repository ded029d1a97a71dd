import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../src/core/redact.ts';

describe('redaction', () => {
  const secret = 'p@ss"w/rd 1';
  const redact = createRedactor([secret, 'abc']);

  it('blanks out a secret in clear text', () => {
    expect(redact(`password ${secret}!`)).toBe('password [redacted]!');
  });

  it.each([
    ['Base64', Buffer.from(secret).toString('base64')],
    ['URL-encoded', encodeURIComponent(secret)],
    ['JSON', JSON.stringify(secret).slice(1, -1)],
  ])('blanks out its %s form', (_form, text) => {
    expect(redact(`x ${text} y`)).toBe('x [redacted] y');
  });

  it('leaves text alone that holds no secret, and secrets too short to be told from it', () => {
    expect(redact('abc and nothing else')).toBe('abc and nothing else');
  });

  it('prefers the longer of two secrets that overlap', () => {
    expect(createRedactor(['secret', 'secret-two'])('secret-two')).toBe('[redacted]');
  });
});
