import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/core/errors.ts';
import { never } from '../support/connector-context.ts';
import { type MockAnswer, useHttpMock } from '../support/http-mock.ts';
import { openClient } from '../support/odata-client.ts';

/**
 * Bar 7. No walk here keeps a delta token: windows go by key and stamp. What does expire are the next links of a server that pages
 * by itself, and access tokens.
 */
const origin = 'https://erp.example';
const http = useHttpMock(origin);
const path = '/SRV/Set';
const query = { path, top: 5 };
const first = `${path}?$top=5`;
const next = `${path}?$top=5&$skiptoken=s1`;
const oauth = {
  kind: 'oauth2',
  sendIn: 'header',
  tokenUrl: `${origin}/oauth/token`,
  clientId: 'client',
  clientSecret: 'canary',
} as const;

const page = (ids: readonly string[], link?: string): MockAnswer => ({
  body: { value: ids.map((Id) => ({ Id })), ...(link === undefined ? {} : { '@odata.nextLink': link }) },
});
const token = (name: string): MockAnswer => ({ body: { access_token: name, expires_in: 3600 } });
const error = (status: number, message: string): MockAnswer => ({ status, body: { error: { code: 'X', message } } });
const asked = () => http.seen().filter(({ method }) => method === 'GET');
const bought = () => http.seen().filter(({ method }) => method === 'POST').length;

describe('a next link that has expired', () => {
  it.each([
    [410, 'Gone'],
    [400, 'The skip token is invalid or has expired'],
    [404, 'Session not found'],
  ])('(HTTP %i %s) has its query asked anew, exactly once, and no row is lost or doubled', async (status, message) => {
    http.get(first, page(['1', '2'], next), page(['1', '2'], next));
    http.get(next, error(status, message), page(['3', '4', '5']));
    const rows = await openClient({ origin }).client.rows(query, never);
    expect(rows).toEqual(['1', '2', '3', '4', '5'].map((Id) => ({ Id })));
    expect(asked()).toHaveLength(4);
  });

  it('again at once is an error that is told, not a loop', async () => {
    http.get(first, page(['1', '2'], next), page(['1', '2'], next));
    http.get(next, error(410, 'Gone'), error(410, 'Gone'));
    const reading = openClient({ origin }).client.rows(query, never);
    await expect(reading).rejects.toThrow(PermanentError);
    await expect(reading).rejects.toThrow(/HTTP 410/);
    expect(asked()).toHaveLength(4);
  });

  it('is no reason to ask anew when it was the query itself that is refused, or the credentials', async () => {
    http.get(first, error(400, 'Invalid filter'));
    await expect(openClient({ origin }).client.rows(query, never)).rejects.toThrow(PermanentError);
    http.get(first, page(['1'], next));
    http.get(next, error(401, 'Logon failed'));
    await expect(openClient({ origin }).client.rows(query, never)).rejects.toMatchObject({ credentials: true });
    expect(asked()).toHaveLength(3);
  });
});

describe('an access token', () => {
  it('that has expired in the middle of a query is bought anew once, and the query goes on where it was', async () => {
    http.post('/oauth/token', token('one'), token('two'));
    http.get(first, page(['1', '2'], next));
    http.get(next, error(401, 'token expired'), page(['3']));
    const rows = await openClient({ origin, auth: oauth }).client.rows(query, never);
    expect(rows).toHaveLength(3);
    expect(bought()).toBe(2);
  });

  it.each([
    [500, "Unexpected token '<' in JSON"],
    [503, 'The token service is in maintenance'],
    [429, 'Too many tokens'],
  ])('is kept when an error merely speaks of one (HTTP %i: %s), and the request is tried again', async (...answer) => {
    http.post('/oauth/token', token('one'));
    http.get(first, error(...answer), page(['1']));
    expect(await openClient({ origin, auth: oauth }).client.rows(query, never)).toHaveLength(1);
    expect(bought()).toBe(1);
    expect(asked().map(({ headers }) => headers['authorization'])).toEqual(['Bearer one', 'Bearer one']);
  });

  it.each([
    [400, "Invalid token 'Stamp' at position 3"],
    [403, 'CSRF token validation failed'],
  ])('is kept when a refusal merely speaks of one (HTTP %i: %s)', async (...answer) => {
    http.post('/oauth/token', token('one'));
    http.get(first, error(...answer));
    await expect(openClient({ origin, auth: oauth }).client.rows(query, never)).rejects.toThrow(PermanentError);
    expect(bought()).toBe(1);
    expect(asked()).toHaveLength(1);
  });
});
