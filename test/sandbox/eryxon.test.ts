import { afterEach, describe, expect, it } from 'vitest';
import { type EryxonOptions, type EryxonSimulator, startEryxon } from '../../sandbox/eryxon/simulator.ts';
import { recorded } from './eryxon-recorded.ts';

interface Reply {
  status: number;
  headers: Headers;
  text: string;
  json: { data?: Record<string, unknown>; error?: { code: string; message: string } };
}

const running: EryxonSimulator[] = [];

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.stop();
});

async function start(options: Partial<EryxonOptions> = {}): Promise<EryxonSimulator> {
  const simulator = await startEryxon({ seed: 7, ...options });
  running.push(simulator);
  return simulator;
}

async function call(mes: EryxonSimulator, request: string, body?: unknown): Promise<Reply> {
  return callWith(mes, request, { body, headers: { authorization: `Bearer ${mes.apiKey}` } });
}

async function callWith(
  mes: EryxonSimulator,
  request: string,
  options: { headers?: Record<string, string>; body?: unknown },
): Promise<Reply> {
  const [method = '', path = ''] = request.split(' ');
  const { body, headers = {} } = options;
  const init: RequestInit = { method, headers };
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${mes.url}/functions/v1${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
}

function masked(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)/g, '<time>')
    .replace(/"[0-9a-f]{32}"/g, '"<hash>"');
}

/** A record of the one source all tests use. */
function record(externalId: string, fields: object): object {
  return { external_id: externalId, external_source: 'SAP', ...fields };
}

/** Bulk-syncs and returns the text of each error, or the action. */
async function bulk(mes: EryxonSimulator, table: string, records: unknown[]): Promise<string[]> {
  const { json } = await call(mes, `POST /api-${table}/bulk-sync`, { [table]: records });
  const results = json.data?.['results'] as { action: string; error?: string }[];
  return results.map((result) => result.error ?? result.action);
}

async function started(options: Partial<EryxonOptions> = {}): Promise<EryxonSimulator> {
  const mes = await start(options);
  await bulk(mes, 'cells', [record('c1', { name: 'Saw' })]);
  await bulk(mes, 'jobs', [record('j1', { job_number: 'J1', customer: 'A', notes: 'n', due_date: '2026-12-31' })]);
  await bulk(mes, 'parts', [
    record('p1', { job_external_id: 'j1', part_number: 'P1', material: 'Steel', quantity: 3 }),
  ]);
  await bulk(mes, 'operations', [
    record('o1', { part_external_id: 'p1', cell_name: 'Saw', operation_name: 'Cut', estimated_time_minutes: 5 }),
  ]);
  return mes;
}

describe('the recorded exchanges', () => {
  it('are answered as the real functions answered them', async () => {
    const mes = await start({ released: true });
    await bulk(
      mes,
      'cells',
      [1, 2, 3].map((index) => record(`c${index}`, { name: `Cell ${index}` })),
    );
    let jobId = '';
    for (const { title, request, body, status, answer } of recorded) {
      const reply = await call(mes, request.replace('<job>', jobId), body);
      const whole = masked(reply.text);
      const actual = answer.endsWith('…') ? `${whole.slice(0, answer.length - 1)}…` : whole;
      expect({ title, status: reply.status, answer: actual }).toEqual({ title, status, answer });
      if (title === 'Job list') jobId = String((reply.json.data as unknown as { id: string }[])[0]?.id);
    }
    expect([...mes.image().operations.keys()]).toEqual(['c010-1-10-010', 'c010-O1', 'c010-O3']);
    expect(mes.counts()).toEqual({ cells: 5, resources: 1, jobs: 1, parts: 2, operations: 3 });
  });
});

describe('authentication and routing', () => {
  it.each([
    ['no header', {}, 'Missing or invalid authorization header'],
    ['a lower-case scheme', { authorization: 'bearer ery_live_1' }, 'Missing or invalid authorization header'],
    ['a key of another form', { authorization: 'Bearer secret' }, 'Invalid API key format'],
    ['an unknown key', { authorization: 'Bearer ery_live_0123' }, 'Invalid API key'],
  ])('answers 500 with the text of the old generation for %s', async (_case, headers, message) => {
    const mes = await start();
    const reply = await callWith(mes, 'GET /api-jobs', { headers: headers as Record<string, string> });
    expect(reply.status).toBe(500);
    expect(reply.json.error).toEqual({ code: 'INTERNAL_ERROR', message, statusCode: 500 });
  });

  it('answers an unknown function in the words of its host', async () => {
    const reply = await call(await start(), 'GET /api-nothing');
    expect(reply.status).toBe(404);
    expect(reply.text).toBe('{"code":"NOT_FOUND","message":"Requested function was not found"}');
  });

  it('answers 400 to an unknown method and to a body that is no JSON', async () => {
    const mes = await start();
    expect((await call(mes, 'PATCH /api-jobs?id=1', {})).status).toBe(400);
    const reply = await call(mes, 'PUT /api-jobs/sync', '{oops');
    expect(reply.json.error).toMatchObject({ code: 'BAD_REQUEST', message: 'Invalid JSON in request body' });
  });

  it('echoes x-request-id and mints one when it is absent', async () => {
    const mes = await start();
    const authorization = `Bearer ${mes.apiKey}`;
    const echoed = await callWith(mes, 'GET /api-cells', { headers: { authorization, 'x-request-id': 'conn-42' } });
    expect(echoed.headers.get('x-request-id')).toBe('conn-42');
    expect((await call(mes, 'GET /api-cells')).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('knows no bulk-sync when it is switched off', async () => {
    const mes = await start({ bulk: false });
    const reply = await call(mes, 'POST /api-jobs/bulk-sync', { jobs: [] });
    expect([reply.status, reply.json]).toMatchObject([404, { code: 'NOT_FOUND' }]);
    expect((await call(mes, 'PUT /api-jobs/sync', record('1', { job_number: '1' }))).status).toBe(201);
  });
});

describe('the daily limit', () => {
  it('refuses what goes beyond it for 24 hours from the first request', async () => {
    let now = new Date('2026-11-20T22:19:30.107Z');
    const mes = await start({ dailyLimit: 100, now: () => now });
    for (let count = 0; count < 100; count += 1) {
      const reply = await call(mes, 'GET /api-cells?limit=1');
      expect([reply.status, reply.headers.has('x-ratelimit-remaining')]).toEqual([200, false]);
    }
    now = new Date(now.getTime() + 1000);
    const refused = await call(mes, 'GET /api-cells?limit=1');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('86399');
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0');
    expect(refused.headers.get('x-ratelimit-reset')).toBe('2026-11-21T22:19:30.107Z');
    expect(refused.text).toBe(
      '{"success":false,"error":{"code":"RATE_LIMIT_EXCEEDED","message":"Rate limit exceeded. Your free plan allows 100 requests per day. Please upgrade your plan or wait until the limit resets.","statusCode":429,"rateLimitInfo":{"remaining":0,"resetAt":"2026-11-21T22:19:30.107Z","retryAfter":86399}}}',
    );
    now = new Date('2026-11-21T22:19:30.107Z');
    expect((await call(mes, 'GET /api-cells')).status).toBe(200);
  });

  it('counts failing requests and no request without a valid key', async () => {
    const mes = await start({ dailyLimit: 2 });
    await callWith(mes, 'GET /api-cells', {});
    await call(mes, 'PATCH /api-cells');
    await call(mes, 'GET /api-cells?id=nope');
    expect((await call(mes, 'GET /api-cells')).status).toBe(429);
  });
});

describe('writing', () => {
  it('keeps what is omitted, clears what is null, and puts the defaults where the real code does', async () => {
    const mes = await started();
    await bulk(mes, 'jobs', [record('j1', { job_number: 'J1', due_date: null, unknown: 1 })]);
    await bulk(mes, 'parts', [record('p1', { job_external_id: 'j1', part_number: 'P1' })]);
    await bulk(mes, 'cells', [record('c1', { name: 'Saw', active: false, color: '#fff' })]);
    expect(mes.image().cells.get('c1')?.fields).toMatchObject({ active: false, color: '#fff', sequence: 1 });
    await bulk(mes, 'cells', [record('c1', { name: 'Saw' })]);
    await bulk(mes, 'operations', [record('o1', { part_external_id: 'p1', cell_name: 'Saw', operation_name: 'Cut' })]);
    const image = mes.image();
    expect(image.jobs.get('j1')?.fields).toMatchObject({ customer: 'A', notes: 'n', due_date: null });
    expect(image.parts.get('p1')?.fields).toMatchObject({ material: 'Unknown', quantity: 1, job_external_id: 'j1' });
    expect(image.cells.get('c1')?.fields).toMatchObject({ active: true, color: '#3B82F6' });
    expect(image.operations.get('o1')?.fields).toMatchObject({
      sequence: 1,
      estimated_time_minutes: 0,
      part_external_id: 'p1',
      cell_name: 'Saw',
    });
  });

  it.each([
    ['jobs', { job_number: 'X', due_date: '' }, 'invalid input syntax for type timestamp with time zone: ""'],
    ['jobs', { job_number: 'X', due_date: '2026-02-30' }, 'date/time field value out of range: "2026-02-30"'],
    ['jobs', { job_number: 'X', status: 'open' }, 'invalid input value for enum job_status: "open"'],
    ['jobs', { job_number: 'X', priority: 1.5 }, 'invalid input syntax for type integer: "1.5"'],
    [
      'parts',
      { job_external_id: 'j1', part_number: 'X', quantity: 2.5 },
      'invalid input syntax for type integer: "2.5"',
    ],
    [
      'parts',
      { job_external_id: 'j1', part_number: 'P1' },
      'duplicate key value violates unique constraint "parts_tenant_id_part_number_key"',
    ],
    ['cells', { name: 'X', active: 'maybe' }, 'invalid input syntax for type boolean: "maybe"'],
    [
      'operations',
      { part_external_id: 'p1', cell_name: 'Saw', operation_name: 'X', status: 'paused' },
      'invalid input value for enum task_status: "paused"',
    ],
  ])('refuses a record of %s that the database would refuse: %o', async (table, fields, message) => {
    const mes = await started();
    const before = mes.counts();
    expect(await bulk(mes, table, [record('x', fields)])).toEqual([message]);
    const singular = table.slice(0, -1);
    const reply = await call(mes, `PUT /api-${table}/sync`, record('x', fields));
    expect(reply.status).toBe(500);
    expect(reply.json.error?.message).toBe(`Failed to create ${singular}: ${message}`);
    expect(mes.counts()).toEqual(before);
  });

  it('lets a later duplicate in one batch overwrite the earlier one', async () => {
    const mes = await start();
    const records = ['first', 'second'].map((customer) => record('1', { job_number: '1', customer }));
    expect(await bulk(mes, 'jobs', records)).toEqual(['created', 'updated']);
    expect(mes.image().jobs.get('1')?.fields['customer']).toBe('second');
    expect(mes.writes('jobs', '1')).toBe(2);
  });

  it('takes 1000 records in a batch and not one more', async () => {
    const mes = await start();
    const records = Array.from({ length: 1001 }, (_, index) => record(String(index), { job_number: String(index) }));
    const reply = await call(mes, 'POST /api-jobs/bulk-sync', { jobs: records });
    expect([reply.status, reply.json.error?.message]).toEqual([400, 'Maximum 1000 jobs per bulk-sync request']);
    expect(await bulk(mes, 'jobs', records.slice(1))).toHaveLength(1000);
    expect(mes.counts().jobs).toBe(1000);
  });

  it('finds parents by PUT in the same source only, in bulk in any, and no cell when two have the name', async () => {
    const mes = await started();
    const other = { external_id: 'p2', external_source: 'Odoo', job_external_id: 'j1', part_number: 'P2' };
    const reply = await call(mes, 'PUT /api-parts/sync', other);
    expect([reply.status, reply.json.error?.message]).toEqual([400, 'job_id or job_external_id is required']);
    expect(await bulk(mes, 'parts', [other])).toEqual(['created']);
    await bulk(mes, 'cells', [record('c2', { name: 'Saw' })]);
    const operation = record('o2', { part_external_id: 'p1', cell_name: 'Saw', operation_name: 'Cut' });
    expect(await bulk(mes, 'operations', [operation])).toEqual(['cell_id or valid cell_name is required']);
  });

  it('stores planned times as instants', async () => {
    const mes = await started();
    const times = { planned_start: '2026-06-01T08:00:00+02:00', planned_end: '2026-06-01T10:00:00.500Z' };
    const operation = { part_external_id: 'p1', cell_name: 'Saw', operation_name: 'Cut', ...times };
    await bulk(mes, 'operations', [record('o1', operation)]);
    expect(mes.image().operations.get('o1')?.fields).toMatchObject({
      planned_start: '2026-06-01T06:00:00+00:00',
      planned_end: '2026-06-01T10:00:00.5+00:00',
    });
  });

  it('leaves the status to the shop floor unless one is sent', async () => {
    const mes = await started();
    expect(mes.statusOf('jobs', 'j1')).toBe('not_started');
    mes.touch('jobs', 'j1', 'in_progress');
    await bulk(mes, 'jobs', [record('j1', { job_number: 'J1' })]);
    expect(mes.statusOf('jobs', 'j1')).toBe('in_progress');
    await bulk(mes, 'jobs', [record('j1', { job_number: 'J1', status: 'on_hold' })]);
    expect(mes.image().jobs.get('j1')?.onHold).toBe(true);
    expect(mes.writes('jobs', 'j1')).toBe(3);
  });

  it('falls short of the documentation where v0.1.0 does, when asked to', async () => {
    const mes = await started({ released: true });
    const change = record('j1', { job_number: 'J1', status: 'on_hold' });
    await bulk(mes, 'jobs', [change]);
    expect(mes.statusOf('jobs', 'j1')).toBe('not_started');
    await call(mes, 'PUT /api-jobs/sync', change);
    expect(mes.statusOf('jobs', 'j1')).toBe('on_hold');
    const cells = Array.from({ length: 101 }, (_, index) => record(`x${index}`, { name: `X${index}` }));
    const reply = await call(mes, 'POST /api-cells/bulk-sync', { cells });
    expect(reply.json.error?.message).toBe('Maximum 100 cells per bulk-sync request');
  });

  it('refuses what a test wants refused, with its text', async () => {
    const mes = await started();
    mes.refuse((table, body) => (table === 'jobs' && body['external_id'] === 'bad' ? 'not today' : undefined));
    const records = ['bad', 'good'].map((id) => record(id, { job_number: id }));
    expect(await bulk(mes, 'jobs', records)).toEqual(['not today', 'created']);
    const reply = await call(mes, 'PUT /api-jobs/sync', records[0]);
    expect([reply.status, reply.json.error?.message]).toEqual([400, 'not today']);
    expect(mes.writes('jobs', 'bad')).toBe(0);
  });
});

describe('reading and deleting', () => {
  it('returns one row by id and a page otherwise', async () => {
    const mes = await started();
    const jobs = Array.from({ length: 3 }, (_, index) => record(`n${index}`, { job_number: `N${index}` }));
    await bulk(mes, 'jobs', jobs);
    const page = (await call(mes, 'GET /api-jobs?limit=2&offset=1')).json as unknown as {
      data: { id: string; job_number: string }[];
      meta: object;
    };
    expect(page.data.map((job) => job.job_number)).toEqual(['N1', 'N0']);
    expect(page.meta).toEqual({ pagination: { limit: 2, offset: 1, total: 4 } });
    const one = await call(mes, `GET /api-jobs?id=${page.data[0]?.id}`);
    expect(one.json.data?.['job']).toMatchObject({ job_number: 'N1', external_id: 'n1' });
    expect((await call(mes, 'GET /api-jobs?id=00000000-0000-0000-0000-000000000000')).status).toBe(404);
    expect((await call(mes, 'GET /api-jobs?offset=5')).json.error?.message).toContain('range not satisfiable');
  });

  it('deletes for good and with everything below', async () => {
    const mes = await started();
    const list = (await call(mes, 'GET /api-jobs')).json as unknown as { data: { id: string }[] };
    await call(mes, `DELETE /api-jobs?id=${list.data[0]?.id}`);
    expect(mes.counts()).toEqual({ cells: 1, resources: 0, jobs: 0, parts: 0, operations: 0 });
    expect(await bulk(mes, 'jobs', [record('j1', { job_number: 'J1' })])).toEqual(['created']);
    expect(mes.writes('jobs', 'j1')).toBe(2);
  });

  it('gives the same ids for the same seed', async () => {
    const [first, second] = [await started({ seed: 9 }), await started({ seed: 9 })];
    const headers = (mes: EryxonSimulator) => ({ authorization: `Bearer ${mes.apiKey}`, 'x-request-id': 'r' });
    const texts = [first, second].map((mes) => callWith(mes, 'GET /api-cells', { headers: headers(mes) }));
    const ids = (await Promise.all(texts)).map(({ text }) => /"id":"([^"]+)"/.exec(text)?.[1]);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[0]).toBe(ids[1]);
  });
});
