import { afterEach, describe, expect, it } from 'vitest';
import type { GenericGeneration } from '../../sandbox/eryxon/generation.ts';
import { unsupported } from '../../sandbox/eryxon/generic/functions.ts';
import { type EryxonOptions, type EryxonSimulator, startEryxon } from '../../sandbox/eryxon/simulator.ts';
import { projectImage } from '../../sandbox/projection.ts';
import type { ImageRecord, MesImage, Table } from '../../sandbox/types.ts';

type Row = Record<string, unknown> & { id: string };

interface Reply {
  status: number;
  headers: Headers;
  data: Record<string, unknown>;
  error: string | undefined;
}

const generics: readonly GenericGeneration[] = ['v060', 'main', 'repaired'];
const running: EryxonSimulator[] = [];

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.stop();
});

async function start(generation: GenericGeneration, options: Partial<EryxonOptions> = {}): Promise<EryxonSimulator> {
  const simulator = await startEryxon({ seed: 7, generation, ...options });
  running.push(simulator);
  return simulator;
}

async function call(mes: EryxonSimulator, request: string, body?: unknown): Promise<Reply> {
  const [method = '', path = ''] = request.split(' ');
  const init: RequestInit = { method, headers: { authorization: `Bearer ${mes.apiKey}` } };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await fetch(`${mes.url}/functions/v1${path}`, init);
  const json = (await response.json()) as { data?: Record<string, unknown>; error?: { message: string } };
  return { status: response.status, headers: response.headers, data: json.data ?? {}, error: json.error?.message };
}

function record(externalId: string, fields: object): object {
  return { external_id: externalId, external_source: 'SAP', ...fields };
}

/** A cell, a resource, a job, a part and an operation, made by the means that every generation has. */
async function filled(generation: GenericGeneration, options: Partial<EryxonOptions> = {}) {
  const mes = await start(generation, options);
  const cell = await call(mes, 'POST /api-cells', record('c1', { name: 'Saw', sequence: 1 }));
  const resource = await call(mes, 'POST /api-resources', record('r1', { name: 'Mill', type: 'equipment' }));
  const operation = record('o1', {
    operation_name: 'Cut',
    sequence: 1,
    cell_id: idOf(cell, 'cell'),
    estimated_time: 5,
  });
  const part = record('p1', { part_number: 'P1', material: 'Steel', quantity: 3, operations: [operation] });
  const job = await call(mes, 'POST /api-jobs', record('j1', { job_number: 'J1', customer: 'A', parts: [part] }));
  return { mes, cell: idOf(cell, 'cell'), resource: idOf(resource, 'resource'), job: idOf(job, 'job') };
}

function idOf(reply: Reply, key: string): string {
  return (reply.data[key] as Row).id;
}

describe.each(generics)('the hooks of %s', (generation) => {
  it('show what is stored in the words of the documented API', async () => {
    const { mes } = await filled(generation);
    const image = mes.image();
    expect(image.parts.get('p1')?.fields).toMatchObject({ job_external_id: 'j1', material: 'Steel', quantity: 3 });
    expect(image.operations.get('o1')?.fields).toMatchObject({
      part_external_id: 'p1',
      cell_name: 'Saw',
      estimated_time_minutes: 5,
      planned_start: null,
    });
    expect(image.jobs.get('j1')?.fields['priority']).toBe(generation === 'repaired' ? 0 : undefined);
    expect(mes.counts()).toEqual({ cells: 1, resources: 1, jobs: 1, parts: 1, operations: 1 });
    expect(mes.writes('operations', 'o1')).toBe(1);
    expect(mes.generation).toBe(generation);
  });

  it('change a record by hand without a timestamp moving', async () => {
    const { mes, job } = await filled(generation);
    const updatedAt = async () => ((await call(mes, `GET /api-jobs?id=${job}`)).data['job'] as Row)['updated_at'];
    const before = await updatedAt();
    mes.touch('jobs', 'j1', 'on_hold');
    mes.edit('jobs', 'j1', { customer: 'B' });
    expect(mes.image().jobs.get('j1')).toMatchObject({ onHold: true, fields: { customer: 'B', status: 'on_hold' } });
    expect(mes.statusOf('jobs', 'j1')).toBe('on_hold');
    expect([await updatedAt(), mes.writes('jobs', 'j1')]).toEqual([before, 1]);
    expect(() => mes.edit('jobs', 'nobody', {})).toThrow('The MES has no jobs/nobody.');
    expect(() => mes.edit('jobs', 'j1', { colour: 'red' })).toThrow("Could not find the 'colour' column");
    expect(() => mes.touch('jobs', 'j1', 'paused')).toThrow('invalid input value for enum job_status: "paused"');
  });

  it('delete by hand as the tables do: dead rows that keep their keys, and cells for good', async () => {
    const { mes } = await filled(generation);
    expect(() => mes.remove('cells', 'c1')).toThrow('violates foreign key constraint "tasks_stage_id_fkey"');
    for (const table of ['jobs', 'resources'] as const) mes.remove(table, `${table.charAt(0)}1`);
    expect(mes.counts()).toMatchObject({ jobs: 0, parts: 1, resources: 0 });
    expect([mes.image().jobs.size, mes.statusOf('jobs', 'j1')]).toEqual([0, undefined]);
    const again = await call(mes, 'POST /api-jobs', record('j1', { job_number: 'J1' }));
    expect(again.error).toContain('"jobs_tenant_id_job_number_key"');
    const renumbered = await call(mes, 'POST /api-jobs', record('j1', { job_number: 'J2' }));
    expect(renumbered.error).toContain('"idx_jobs_external_sync"');
    const spare = record('c2', { name: 'Saw', sequence: 2 });
    await call(mes, 'POST /api-cells', spare);
    mes.remove('cells', 'c2');
    expect((await call(mes, 'POST /api-cells', spare)).status).toBe(201);
  });

  it('refuse what a test wants refused, on every way in', async () => {
    const { mes, job } = await filled(generation);
    mes.refuse((_, body) => (String(body['external_id']).startsWith('bad') ? 'not today' : undefined));
    const bad = record('bad', { job_number: 'bad' });
    expect(await call(mes, 'PUT /api-jobs/sync', bad)).toMatchObject({ status: 400, error: 'not today' });
    expect((await call(mes, 'POST /api-jobs', bad)).error).toBe('not today');
    expect((await call(mes, 'POST /api-jobs/bulk-sync', { jobs: [bad] })).data['results']).toEqual({
      created: 0,
      updated: 0,
      failed: 1,
      errors: [{ item: bad, error: 'not today' }],
    });
    const part = record('bad', { part_number: 'X', job_id: job });
    const { data } = await call(mes, 'POST /api-erp-sync/sync', {
      parts: [part, record('good', { ...part, external_id: 'good' })],
    });
    expect((data['entities'] as { parts: { results: object[] } }).parts.results).toMatchObject([
      { external_id: 'bad', action: 'error', error: 'not today' },
      { external_id: 'good', action: 'created' },
    ]);
    mes.refuse((_, body) => (body['external_id'] === 'j1' ? 'never' : undefined));
    expect((await call(mes, `PATCH /api-jobs?id=${job}`, { notes: 'x' })).error).toBe('never');
  });

  it('lie about a share of the items of a bulk-sync', async () => {
    const mes = await start(generation);
    mes.lie(0.5);
    const jobs = Array.from({ length: 200 }, (_, index) => record(String(index), { job_number: String(index) }));
    const { data } = await call(mes, 'POST /api-jobs/bulk-sync', { jobs });
    expect(data['results']).toMatchObject({ created: 200, failed: 0 });
    expect(mes.counts().jobs).toBeGreaterThan(60);
    expect(mes.counts().jobs).toBeLessThan(140);
    mes.lie(0);
    await call(mes, 'POST /api-jobs/bulk-sync', { jobs });
    expect(mes.counts().jobs).toBe(200);
  });
});

describe('the generic functions', () => {
  it('count requests of a tenant and say so only when they are used up', async () => {
    let now = new Date('2026-11-20T22:19:30.107Z');
    const mes = await start('main', { dailyLimit: 2, now: () => now });
    await call(mes, 'GET /api-cells');
    const second = await call(mes, 'PUT /api-jobs/sync', {});
    expect([second.status, second.headers.has('x-ratelimit-remaining')]).toEqual([400, false]);
    now = new Date(now.getTime() + 1000);
    const refused = await call(mes, 'GET /api-cells');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '86399']);
    expect(refused.headers.get('x-ratelimit-reset')).toBe('2026-11-21T22:19:30.107Z');
  });

  it('let a body set the primary key, and pass empty strings on to the database', async () => {
    const mes = await start('main');
    const id = '99999999-9999-4999-8999-999999999999';
    const job = record('X-ID', { job_number: 'X-ID' });
    const created = await call(mes, 'PUT /api-jobs/sync', { ...job, id });
    expect([created.status, idOf(created, 'job')]).toEqual([201, id]);
    const cleared = await call(mes, 'PUT /api-jobs/sync', { ...job, status: '', due_date: '' });
    expect(cleared.error).toBe('Failed to sync jobs: invalid input syntax for type timestamp with time zone: ""');
  });

  it('delete by a write of deleted_at, and find nothing of what is dead', async () => {
    const { mes, job } = await filled('main');
    await call(mes, 'PUT /api-jobs/sync', record('j1', { job_number: 'J1', deleted_at: '2026-11-20T00:00:00Z' }));
    expect((await call(mes, `GET /api-jobs?id=${job}`)).status).toBe(404);
    expect((await call(mes, `PATCH /api-jobs?id=${job}`, { notes: 'x' })).status).toBe(404);
    expect((await call(mes, 'POST /api-jobs/bulk-sync', { items: [record('j1', { job_number: 'J1' })] })).data).toEqual(
      {
        results: { created: 1, updated: 0, failed: 0, errors: [] },
        total: 1,
      },
    );
    expect(mes.counts().jobs).toBe(0);
  });

  it('show dead parts inside a job that is alive', async () => {
    const { mes } = await filled('v060');
    mes.remove('parts', 'p1');
    const [job] = (await call(mes, 'GET /api-jobs')).data['jobs'] as { parts: Row[] }[];
    expect(job?.parts).toMatchObject([{ part_number: 'P1', status: 'not_started' }]);
    expect((await call(mes, 'GET /api-parts')).data['parts']).toEqual([]);
  });

  it('update through PATCH and PUT by id without a trace, and find nothing when no column is named', async () => {
    const { mes, job } = await filled('repaired');
    for (const method of ['PATCH', 'PUT']) {
      const { data } = await call(mes, `${method} /api-jobs?id=${job}`, { priority: 3, tenant_id: 'x', id: 'y' });
      expect(data['job']).toMatchObject({ id: job, priority: 3 });
    }
    expect((await call(mes, `PATCH /api-jobs?id=${job}`, { id: 'y' })).status).toBe(404);
    expect((await call(mes, 'PATCH /api-jobs', {})).error).toBe('ID parameter is required for updates');
    expect((await call(mes, `PATCH /api-jobs?id=${job}`, { status: 'paused' })).error).toBe(
      'Failed to update jobs: invalid input value for enum job_status: "paused"',
    );
    expect(mes.writes('jobs', 'j1')).toBe(3);
  });

  it('find fault with nested parts before anything is stored', async () => {
    const mes = await start('main');
    const parts = [
      { part_number: 'A', quantity: 0, operations: [] },
      { part_number: 'A', quantity: 1, operations: [{ operation_name: 'Cut', sequence: 1 }, { sequence: 1 }] },
    ];
    const response = await fetch(`${mes.url}/functions/v1/api-jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${mes.apiKey}` },
      body: JSON.stringify({ job_number: 'J', parts }),
    });
    const { error } = (await response.json()) as { error: { details: { field: string; constraint: string }[] } };
    expect(error.details.map(({ field, constraint }) => `${field} ${constraint}`)).toEqual([
      'parts[0].quantity MIN_VALUE',
      'parts[0].operations MIN_LENGTH',
      'parts[1].operations[1].operation_name NOT_NULL',
      'parts[1].operations UNIQUE_CONSTRAINT',
      'parts UNIQUE_CONSTRAINT',
    ]);
    expect(mes.counts().jobs).toBe(0);
  });

  it('say of a function that is not simulated that it is not', async () => {
    const mes = await start('repaired');
    for (const [name, reason] of Object.entries(unsupported)) {
      const { status, error } = await call(mes, `POST /${name}`, {});
      expect([status, error]).toEqual([500, `The simulator does not answer POST ${name}: ${reason}.`]);
    }
    expect((await call(mes, 'GET /api-nothing')).status).toBe(404);
  });
});

describe('the lists', () => {
  async function names(mes: EryxonSimulator, query: string): Promise<unknown[]> {
    const { data } = await call(mes, `GET /api-jobs?${query}`);
    return (data['jobs'] as Row[]).map((job) => job['job_number']);
  }

  async function withJobs(): Promise<EryxonSimulator> {
    const mes = await start('main');
    for (const [job_number, customer] of [
      ['B', null],
      ['A', 'x_y'],
      ['C', 'xay'],
    ]) {
      await call(mes, 'POST /api-jobs', { job_number, customer });
    }
    return mes;
  }

  it('sort by the field asked for, downwards unless told otherwise, and by age when it is not one of theirs', async () => {
    const mes = await withJobs();
    expect(await names(mes, 'sort=job_number&order=asc')).toEqual(['A', 'B', 'C']);
    expect(await names(mes, 'sort=job_number')).toEqual(['C', 'B', 'A']);
    expect(await names(mes, 'sort=external_id&order=asc')).toEqual(['C', 'A', 'B']);
    expect(await names(mes, 'sort=customer&order=asc')).toEqual(['A', 'C', 'B']);
    expect(await names(mes, 'limit=0')).toEqual(['C']);
  });

  it('take wildcards in what they search for', async () => {
    const mes = await withJobs();
    expect(await names(mes, 'customer=x_y')).toEqual(['C', 'A']);
    expect(await names(mes, 'customer=x%5C_y')).toEqual(['A']);
    expect(await names(mes, 'search=b')).toEqual(['B']);
    expect(await names(mes, 'job_number=%25')).toHaveLength(3);
  });

  it('give rows that tie in another order on the next page', async () => {
    const mes = await start('main');
    for (let index = 0; index < 4; index += 1) await call(mes, 'POST /api-cells', { name: `C${index}`, sequence: 1 });
    const pages = await Promise.all(
      [0, 2].map(async (offset) => {
        const { data } = await call(mes, `GET /api-cells?limit=2&offset=${offset}`);
        return (data['cells'] as Row[]).map((cell) => cell['name']);
      }),
    );
    expect(pages.flat()).toEqual(['C3', 'C2', 'C2', 'C3']);
  });
});

describe('erp-sync', () => {
  async function sync(mes: EryxonSimulator, body: object): Promise<Record<string, unknown>> {
    return (await call(mes, 'POST /api-erp-sync/sync', body)).data['summary'] as Record<string, unknown>;
  }

  it('skips by the hash of what was sent, which another way of writing does not share', async () => {
    const mes = await start('repaired');
    const job = record('j', { job_number: 'J', customer: 'A' });
    await call(mes, 'PUT /api-jobs/sync', job);
    expect(await sync(mes, { jobs: [job] })).toMatchObject({ total_updated: 1 });
    mes.edit('jobs', 'j', { customer: 'by hand' });
    expect(await sync(mes, { jobs: [job] })).toMatchObject({ total_skipped: 1 });
    expect(mes.image().jobs.get('j')?.fields['customer']).toBe('by hand');
    expect(await sync(mes, { jobs: [job], options: { skip_unchanged: false } })).toMatchObject({ total_updated: 1 });
    expect(mes.image().jobs.get('j')?.fields['customer']).toBe('A');
  });

  it('puts defaults where a field is omitted and never changes a status', async () => {
    const mes = await start('repaired');
    const part = record('p', { job_external_id: 'j', part_number: 'P' });
    await sync(mes, { jobs: [record('j', { job_number: 'J' })], parts: [{ ...part, material: 'S355', quantity: 0 }] });
    expect(mes.image().parts.get('p')?.fields).toMatchObject({ material: 'S355', quantity: 1 });
    await sync(mes, { jobs: [record('j', { job_number: 'J', status: 'completed' })], parts: [part] });
    expect(mes.image().parts.get('p')?.fields).toMatchObject({ material: 'Unknown', quantity: 1 });
    expect(mes.statusOf('jobs', 'j')).toBe('not_started');
  });
});

describe('what a generation can hold of an image', () => {
  function imageOf(table: Table, fields: ImageRecord['fields']): MesImage {
    const empty = { cells: new Map(), resources: new Map(), jobs: new Map(), parts: new Map(), operations: new Map() };
    return { ...empty, [table]: new Map([['1', { externalId: '1', fields, onHold: true }]]) };
  }

  it.each([
    ['main', 'jobs', { job_number: 'J', priority: 3 }, { job_number: 'J' }],
    ['repaired', 'jobs', { job_number: 'J', priority: 3 }, { job_number: 'J', priority: 3 }],
    ['classic', 'parts', { description: 'd', material: null }, { description: 'd', material: null }],
    ['v060', 'parts', { description: 'd', material: null }, { material: 'Unknown' }],
    ['v060', 'operations', { instructions: 'i', setup_time_minutes: 2 }, { setup_time_minutes: 2 }],
    [
      'main',
      'operations',
      { estimated_time_minutes: 2.5, cell_name: null },
      { estimated_time_minutes: 3, cell_name: null },
    ],
  ] as const)('%s: %s %o', (...[generation, table, fields, expected]) => {
    const record = projectImage(generation, imageOf(table, fields))[table].get('1');
    expect(record).toEqual({ externalId: '1', fields: expected, onHold: true });
  });
});

describe('the hooks of the documented generation', () => {
  it('edit and delete by hand, for good and with everything below', async () => {
    const mes = await startEryxon({ seed: 7 });
    running.push(mes);
    await call(mes, 'PUT /api-jobs/sync', record('j', { job_number: 'J', parts: [record('p', { part_number: 'P' })] }));
    mes.edit('parts', 'p', { quantity: 9 });
    expect(mes.image().parts.get('p')?.fields['quantity']).toBe(9);
    expect(() => mes.edit('parts', 'p', { nothing: 1 })).toThrow('Records of parts have no nothing.');
    mes.remove('jobs', 'j');
    expect(mes.counts()).toMatchObject({ jobs: 0, parts: 0 });
    expect(() => mes.remove('jobs', 'j')).toThrow('The MES has no jobs/j.');
  });
});
