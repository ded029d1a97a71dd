import { describe, expect, it } from 'vitest';
import {
  classifyFailure,
  MissingModelError,
  UnknownFieldError,
} from '../../../../src/connectors/protocols/odoo/errors.ts';
import {
  json2Request,
  jsonRpcRequest,
  loginRequest,
  readJson2,
  readJsonRpc,
} from '../../../../src/connectors/protocols/odoo/wire.ts';
import { type PermanentError, TransientError } from '../../../../src/core/errors.ts';
import { type Recorded, recordedRun } from '../../../support/odoo-recorded.ts';

const reading = { what: 'plant-2: m.f', now: new Date('2026-11-20T22:30:00Z'), secret: 'canary-key' };
const account = { database: 'odoo', username: 'reader', secret: 'canary-key' };

type Read = typeof readJsonRpc;

interface Answer {
  status?: number;
  text: string;
  headers?: Record<string, string>;
}

/** What reading throws. */
function thrown(reader: Read, { status = 200, text, headers = {} }: Answer): Error {
  try {
    reader({ status, text, headers }, reading);
  } catch (error) {
    return error as Error;
  }
  throw new Error('Nothing was thrown.');
}

/** What becomes of an answer, in a word. */
function fateOf({ path, status, answer }: Recorded): string {
  const reader = path === '/jsonrpc' ? readJsonRpc : readJson2;
  try {
    reader({ status, text: answer, headers: {} }, reading);
    return 'value';
  } catch (error) {
    if (error instanceof MissingModelError) return 'no model';
    if (error instanceof UnknownFieldError) return 'no field';
    if (error instanceof TransientError) return error.malformed ? 'malformed' : 'transient';
    return (error as PermanentError).credentials ? 'credentials' : 'permanent';
  }
}

/** Recorded answers, closed again where the recording cut them off behind the traceback. */
function answersOf(version: 17 | 19): Recorded[] {
  return recordedRun(version).map((recorded) => {
    const ending = recorded.path === '/jsonrpc' ? '}}}' : '}';
    return {
      ...recorded,
      answer: recorded.answer.replace(/"\(server traceback\)"…$/, `"(server traceback)"${ending}`),
    };
  });
}

/** Beginning of a recorded title, and what a reader makes of the answer. Of some errors of 17 only the name was kept. */
const fates: readonly (readonly [title: string, fate: string, versions?: readonly number[]])[] = [
  ['common.version', 'value'],
  ['authenticate, wrong password', 'value'],
  ['authenticate, unknown database', 'credentials', [19]],
  ['missing model', 'no model'],
  ['missing method', 'permanent'],
  ['swallowed: mrp.production.search_read', 'no field', [19]],
  ['maintenance.equipment', 'no field', [19]],
  ['unknown field in domain', 'no field', [19]],
  ['read of one existing and one missing id', 'value'],
  ['JSON-RPC batch array', 'permanent'],
  ['internal user without manufacturing rights', 'permanent'],
  ['allowed_company_ids with a company the user does n', 'permanent'],
];

describe.each([17, 19] as const)('answers recorded from Odoo %i.0', (version) => {
  const run = answersOf(version).filter(({ answer }) => !answer.endsWith('…'));
  const ours = fates.flatMap(([title, fate, versions = [17, 19]]) =>
    versions.includes(version) ? [[title, fate]] : [],
  );

  it.each(ours)('%s: %s', (start = '', fate = '') => {
    const found = run.filter(({ title }) => title.startsWith(start));
    expect(found.length).toBeGreaterThan(0);
    expect(found.map(fateOf)).toContain(fate);
  });

  it('are never taken for a broken answer, nor for a fault that passes, where Odoo answered in JSON', () => {
    const passing = /OperationalError/;
    const json = run.filter(({ contentType, answer }) => contentType.includes('json') && !passing.test(answer));
    expect(json.length).toBeGreaterThan(40);
    expect(json.filter((recorded) => ['malformed', 'transient'].includes(fateOf(recorded)))).toEqual([]);
  });
});

it('what a database driver says of its host is never shown', () => {
  const recorded = answersOf(19).find(({ title }) => title.startsWith('authenticate, unknown database'));
  expect(recorded?.answer).toMatch(/port 5469/);
  const error = thrown(readJsonRpc, { text: recorded?.answer ?? '' });
  expect(error.message).toBe('plant-2: m.f was refused: there is no such database. Check database.');
});

describe('JSON-RPC', () => {
  it('takes an answer with neither result nor error for nothing returned', () => {
    expect(readJsonRpc({ status: 200, text: '{"jsonrpc":"2.0","id":1}', headers: {} }, reading)).toBeUndefined();
  });

  it.each([
    ['HTML with status 200', 200, '<html>Logon</html>', { malformed: true }],
    ['nothing with status 200', 200, '', { malformed: true }],
    ['JSON of somebody else', 200, '{"ok":true}', { malformed: true }],
    ['broken off', 200, '{"jsonrpc":"2.0","id":1,"resu', { malformed: true }],
    ['502 of a proxy', 502, '<html>Bad gateway</html>', { malformed: false }],
  ])('is tried again after %s', (...[, status, text, facts]) => {
    expect(thrown(readJsonRpc, { status, text })).toMatchObject({ name: 'TransientError', ...facts });
  });

  it('keeps to Retry-After', () => {
    expect(thrown(readJsonRpc, { status: 429, text: 'slow down', headers: { 'retry-after': '7' } })).toMatchObject({
      retryAfterMs: 7000,
    });
  });

  it('sends the domain by its place, and all else by name', () => {
    const named = { domain: [['id', '>', 3]], fields: ['name'], limit: 5 };
    const { path, body } = jsonRpcRequest(account, 9, { model: 'mrp.production', method: 'search_read', named });
    expect(path).toBe('/jsonrpc');
    const { args } = JSON.parse(body ?? '').params as { args: unknown[] };
    expect(args.slice(1)).toEqual([
      9,
      'canary-key',
      'mrp.production',
      'search_read',
      [[['id', '>', 3]]],
      { fields: ['name'], limit: 5 },
    ]);
    expect(JSON.parse(loginRequest(account).body ?? '').params.args).toEqual(['odoo', 'reader', 'canary-key', {}]);
  });
});

describe('JSON-2', () => {
  it('sends everything by name, the key as a bearer, and names the database', () => {
    const request = json2Request(account, { model: 'sale.order', method: 'search_count', named: { domain: [] } });
    expect(request).toMatchObject({ method: 'POST', path: '/json/2/sale.order/search_count', body: '{"domain":[]}' });
    expect(request.headers).toMatchObject({ Authorization: 'bearer canary-key', 'X-Odoo-Database': 'odoo' });
  });

  it.each([
    [500, 'psycopg2.errors.SerializationFailure', 'TransientError'],
    [500, 'builtins.ValueError', 'PermanentError'],
    [409, 'odoo.exceptions.LockError', 'TransientError'],
    [403, 'odoo.exceptions.AccessError', 'PermanentError'],
  ])('tells by the name of the exception, not by status %i: %s', (status, name, wanted) => {
    const text = JSON.stringify({ name, message: 'Invalid x', debug: 'Traceback /opt/odoo' });
    const error = thrown(readJson2, { status, text });
    expect(error.name).toBe(wanted);
    expect(error.message).not.toContain('/opt');
  });

  it('takes 404 with a page for a database that this host does not serve, which is no matter of rights', () => {
    const text = '<!DOCTYPE html><title>404 Not Found</title>';
    const message = expect.stringMatching(/no such database.*Check database and url/);
    expect(thrown(readJson2, { status: 404, text })).toMatchObject({
      name: 'PermanentError',
      message,
      credentials: true,
    });
    expect(thrown(readJsonRpc, { status: 404, text })).toMatchObject({ credentials: false });
  });
});

it('never shows a secret that a server echoes', () => {
  const echo = JSON.stringify({ name: 'odoo.exceptions.UserError', message: 'You sent canary-key.' });
  expect(thrown(readJson2, { status: 422, text: echo }).message).toContain('You sent [redacted].');
  const rpc = JSON.stringify({ jsonrpc: '2.0', error: { data: { name: 'x.UserError', message: 'canary-key' } } });
  expect(thrown(readJsonRpc, { text: rpc }).message).not.toContain('canary-key');
});

it.each([
  ['odoo.addons.base.models.ir_http.AccessDenied', 'Access Denied'],
  ['werkzeug.exceptions.Unauthorized', 'Invalid apikey'],
  [
    'odoo.exceptions.MissingError',
    'Record does not exist or has been deleted.\n(Record: res.users(9999,), User: 9999)',
  ],
])('%s ends the trying', (name, message) => {
  const failure = { name, message, status: 200, retryAfterMs: undefined };
  expect(classifyFailure('plant-2: m.f', failure)).toMatchObject({ credentials: true });
});
