import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError } from '../../../src/core/errors.ts';
import { readAnswer, refuseTransient } from '../../../src/push/eryxon/answers.ts';
import { answered } from '../../support/eryxon-mes.ts';

const now = new Date('2026-03-01T08:00:00.000Z');

function failure(status: number, message: string, code = 'INTERNAL_ERROR') {
  return answered(status, { success: false, error: { code, message, statusCode: status } });
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('an answer of success', () => {
  it('is read when it is an envelope with data, of one record or of a list', () => {
    expect(readAnswer(answered(200, { success: true, data: { total: 1 } }), 'x').data).toEqual({ total: 1 });
    expect(readAnswer(answered(201, { success: true, data: { action: 'created' } }), 'x').status).toBe(201);
    const listed =
      '{"success":true,"data":[{"id":"4d17df3d"}],"meta":{"pagination":{"limit":1,"offset":0,"total":11}}}';
    expect(readAnswer(answered(200, listed), 'x').data).toEqual([{ id: '4d17df3d' }]);
  });

  it.each([
    ['an HTML page', '<!DOCTYPE html><html><head><title>Logon</title></head></html>'],
    ['nothing', ''],
    ['JSON that is broken off', '{"success":true,"data":{"total":2,"created":2,"resul'],
    ['an envelope without data', { success: true }],
    ['an envelope without success', { data: { total: 1 } }],
    ['a failure with status 200', { success: false, error: { message: 'no' } }],
    ['success as text', { success: 'true', data: {} }],
    ['data that is null', { success: true, data: null }],
    ['data that is text', { success: true, data: 'ok' }],
    ['JSON null', 'null'],
    ['a list', '[{"success":true}]'],
    ['a number', '200'],
  ])('that is %s proves nothing', (_what, body) => {
    expect(thrownBy(() => readAnswer(answered(200, body), 'POST /x'))).toBeInstanceOf(TransientError);
  });

  it('is never made of anything but an envelope', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const body: unknown = thrownBy(() => JSON.parse(text)) === undefined ? JSON.parse(text) : undefined;
        fc.pre(!(typeof body === 'object' && body !== null && 'success' in body));
        expect(thrownBy(() => readAnswer(answered(200, text), 'x'))).toBeInstanceOf(TransientError);
      }),
    );
  });
});

describe('an answer of failure', () => {
  it.each([
    [
      'the envelope',
      { success: false, error: { code: 'BAD_REQUEST', message: 'job_number is required' } },
      'BAD_REQUEST',
      'job_number is required',
    ],
    [
      'the form of Supabase',
      { code: 'NOT_FOUND', message: 'Requested function was not found' },
      'NOT_FOUND',
      'Requested function was not found',
    ],
    ['the form of the gateway', { message: 'no Route matched' }, '', 'no Route matched'],
    ['an error that is plain text', { success: false, error: 'no event' }, '', 'no event'],
    ['an HTML page', '<html>', '', ''],
    ['nothing', '', '', ''],
  ])('is read from %s', (_what, body, ...read) => {
    const [code, message] = read;
    expect(readAnswer(answered(400, body), 'x')).toEqual({ status: 400, data: undefined, code, message });
  });

  it('is cut to a length that a log can bear', () => {
    expect(readAnswer(failure(400, 'x'.repeat(10_000)), 'x').message).toHaveLength(500);
  });
});

describe('refused credentials', () => {
  it.each([
    [401, 'Invalid API key'],
    [401, ''],
    [403, 'Forbidden'],
    [500, 'Missing or invalid authorization header'],
    [500, 'Invalid API key format'],
    [500, 'Invalid API key'],
  ])('are HTTP %i %s: nothing else is sent until a human has looked', (status, message) => {
    const error = thrownBy(() => refuseTransient(failure(status, message), now));
    expect(error).toBeInstanceOf(PermanentError);
    expect((error as PermanentError).credentials).toBe(true);
    expect((error as Error).message).toContain('mes.apiKey');
  });

  it('are not what "Authentication failed" says, which a database fault causes too', () => {
    expect(thrownBy(() => refuseTransient(failure(500, 'Authentication failed'), now))).toBeInstanceOf(TransientError);
  });
});

describe('a passing fault', () => {
  it.each([
    [402, 'Job quota exceeded'],
    [408, ''],
    [429, 'Rate limit exceeded.'],
    [500, 'An unexpected error occurred'],
    [500, ''],
    [502, ''],
    [503, 'BOOT_ERROR'],
    [504, ''],
    [546, 'worker limit'],
  ])('is HTTP %i %s', (status, message) => {
    const error = thrownBy(() => refuseTransient(failure(status, message), now));
    expect(error).toBeInstanceOf(TransientError);
    expect((error as TransientError).retryAfterMs).toBeUndefined();
  });

  it('carries the wait that the headers of Eryxon ask for', () => {
    const headers = {
      'retry-after': '3600',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '2026-03-01T09:00:00.000Z',
    };
    const error = thrownBy(() => refuseTransient(answered(429, '{}', headers), now)) as TransientError;
    expect(error.retryAfterMs).toBe(3_600_000);
  });

  it.each([
    "Could not find the 'priority' column of 'jobs' in the schema cache",
    'duplicate key value violates unique constraint "jobs_tenant_id_job_number_key"',
    'insert or update on table "parts" violates foreign key constraint "parts_job_id_fkey"',
    'null value in column "material" of relation "parts" violates not-null constraint',
    'invalid input syntax for type integer: "2.5"',
    'invalid input value for enum job_status: "paused"',
    'date/time field value out of range: "31-12-2026"',
    'new row violates check constraint "quantity"',
  ])('is not HTTP 500 %s: no retry will change that', (message) => {
    expect(thrownBy(() => refuseTransient(failure(500, message), now))).toBeUndefined();
  });

  it('is a 429 whose wait is kept to, up to what is configured', () => {
    const asks = (seconds: number) => ({ ...failure(429, 'slow down'), headers: { 'retry-after': String(seconds) } });
    const waitOf = (seconds: number) => thrownBy(() => refuseTransient(asks(seconds), now, 600_000));
    expect(waitOf(599)).toMatchObject({ retryAfterMs: 599_000 });
    expect(waitOf(86_400)).toMatchObject({ retryAfterMs: 600_000 });
  });

  it.each([
    ['a logon page', '<!DOCTYPE html><html></html>'],
    ['nothing', ''],
    ['what broke off', '{"success":true,"data":{"jobs":[{"id":"1"'],
  ])('is HTTP 200 with %s: the next try may bring an answer', (_what, text) => {
    expect(thrownBy(() => refuseTransient({ status: 200, headers: {}, text }, now))).toBeInstanceOf(TransientError);
  });

  it.each([200, 201, 204, 400, 404, 405, 409, 413, 422])('is not HTTP %i', (status) => {
    expect(thrownBy(() => refuseTransient(failure(status, 'text'), now))).toBeUndefined();
  });
});
