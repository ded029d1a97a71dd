import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { type Authenticator, createAuthenticator } from '../protocols/auth.ts';
import { secretSchema } from '../settings.ts';
import { createWebTokens } from './web-token.ts';

export const authSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('basic'),
    username: z.string().min(1).meta({ description: 'User of FrePPLe' }),
    password: secretSchema.meta({ description: 'Its password' }),
  }),
  z.strictObject({
    kind: z.literal('apiKey'),
    key: secretSchema.meta({ description: 'API key of the user (since 9.11), or a web token that was made by hand' }),
  }),
  z.strictObject({
    kind: z.literal('webToken'),
    username: z.string().min(1).meta({ description: 'User of FrePPLe whom the tokens name' }),
    secret: secretSchema.meta({ description: "The server's SECRET_WEBTOKEN_KEY, or its AUTH_SECRET_KEY" }),
  }),
]);

type AuthSettings = z.output<typeof authSchema>;

/** How every request proves who asks. */
export function openAuth(auth: AuthSettings, clock: Clock): Authenticator {
  if (auth.kind === 'webToken') return createWebTokens({ claims: { user: auth.username }, secret: auth.secret, clock });
  if (auth.kind === 'basic') return createAuthenticator(auth, { clock, tokenClient: noTokens });
  const headers = { Authorization: `Bearer ${auth.key}` };
  return { headers: async () => headers, refresh: () => false };
}

function noTokens(): never {
  throw new Error('A password needs no token.');
}
