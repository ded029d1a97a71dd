import { createHmac } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { Authenticator } from '../protocols/auth.ts';

export interface WebTokenOptions {
  /** Says who is asking. */
  claims: Readonly<Record<string, string>>;
  /** What both sides know. */
  secret: string;
  clock: Clock;
}

/** Long enough for a server whose clock is hours ahead of ours. */
const goodForSeconds = 86_400;

/** JSON web tokens of our own, one a request, signed with a secret that both sides know (RFC 7519, HS256). */
export function createWebTokens({ claims, secret, clock }: WebTokenOptions): Authenticator {
  return {
    async headers() {
      const exp = Math.floor(clock.now().getTime() / 1000) + goodForSeconds;
      return { Authorization: `Bearer ${sign({ ...claims, exp }, secret)}` };
    },
    refresh: () => false,
  };
}

function sign(claims: object, secret: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
