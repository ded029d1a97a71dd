import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../src/core/errors.ts';
import type { MesRecord } from '../../../src/core/types.ts';
import { createEryxonRemover } from '../../../src/push/eryxon/remove.ts';
import type { MesRequest } from '../../../src/push/sink.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const never = new AbortController().signal;
const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
const id = '11111111-1111-4111-8111-111111111111';

const record = (entity: MesRecord['entity'], fields: MesRecord['fields'] = {}): MesRecord => ({
  entity,
  source: 'SAP',
  externalId: '7',
  parents: {},
  fields,
  lifecycle: 'active',
});

type Reply = [status: number, body: unknown];

/** A MES that answers each request by a function, and keeps what was asked. */
function open(
  reply: (request: MesRequest, asked: readonly string[]) => Reply,
  list: unknown = { jobs: [] },
  forget?: (record: MesRecord) => Promise<void>,
) {
  const asked: string[] = [];
  const bodies: unknown[] = [];
  const openTransport = () => ({
    requests: () => asked.length,
    async request(request: MesRequest) {
      const { method, path } = request;
      asked.push(`${method} ${path.replace('/functions/v1/api-', '').replace(/\?id=0{8}.*/, ' nobody')}`);
      bodies.push(request.body === undefined ? undefined : JSON.parse(String(request.body)));
      const [status, body] = path.endsWith('?limit=1')
        ? [200, { success: true, data: list }]
        : path.includes('00000000-')
          ? ([404, { success: false, error: { code: 'NOT_FOUND' } }] as const)
          : reply(request, asked);
      return { status, headers: {}, text: JSON.stringify(body) };
    },
  });
  const remover = createEryxonRemover('https://mes.test/functions/v1', openTransport, {
    clock,
    ...(forget === undefined ? {} : { forget }),
  });
  return { remover, asked, bodies };
}

const done: Reply = [200, { success: true, data: { job: {} } }];
const absent: Reply = [404, { success: false, error: { code: 'NOT_FOUND', message: 'not found' } }];
const refusal: Reply = [500, { success: false, error: { message: 'violates foreign key constraint "x"' } }];

/** What the host and what stands before it answer where they do not find the function. */
const astray: [string, unknown][] = [
  ['of the host', { code: 'NOT_FOUND', message: 'Requested function was not found' }],
  ['of a gateway', { message: 'no Route matched with those values' }],
  ['that is a page', '<html><body>404 Not Found</body></html>'],
];

const taken: Reply = [
  500,
  { success: false, error: { message: 'duplicate key value violates unique constraint "x"' } },
];

describe('where deleted rows only hide', () => {
  const job = { entity: 'job', mesId: id, record: record('job', { job_number: 'P-7' }) } as const;

  it('a row gives up its keys, is deleted, and must not be found afterwards', async () => {
    let deleted = false;
    const { remover, asked, bodies } = open(({ method }) => {
      if (method === 'DELETE') deleted = true;
      return method === 'PATCH' && deleted ? absent : done;
    });
    expect(await remover.remove(job, never)).toEqual({ kind: 'removed', requests: 5 });
    expect(asked).toEqual([
      'GET jobs?limit=1',
      'PATCH jobs nobody',
      `PATCH jobs?id=${id}`,
      `DELETE jobs?id=${id}`,
      `PATCH jobs?id=${id}`,
    ]);
    expect(bodies[2]).toEqual({ external_id: `7 (deleted ${id})`, job_number: `P-7 (deleted ${id})` });
    expect(await remover.remove(job, never)).toMatchObject({ kind: 'removed' });
    expect(asked).toHaveLength(6);
  });

  it('an answer of success is not believed while the row is still found', async () => {
    const { remover, bodies } = open(() => done);
    await expect(remover.remove(job, never)).rejects.toThrow(/still holds it/);
    expect(bodies.at(-1)).toEqual({ external_id: '7', job_number: 'P-7' });
  });

  it('a row that the MES will not let go gets its keys back and is kept', async () => {
    const { remover, bodies } = open(({ method }) => (method === 'DELETE' ? refusal : done));
    expect(await remover.remove(job, never)).toMatchObject({
      kind: 'kept',
      reason: expect.stringContaining('foreign key'),
    });
    expect(bodies.at(-1)).toEqual({ external_id: '7', job_number: 'P-7' });
  });

  it('a 404 at once means that it is gone already', async () => {
    const { remover } = open(() => absent);
    expect(await remover.remove(job, never)).toMatchObject({ kind: 'removed' });
  });

  it.each(astray)('a 404 %s proves nothing', async (_whose, body) => {
    const { remover } = open(({ method }) => (method === 'PATCH' ? [404, body] : done));
    await expect(remover.remove(job, never)).rejects.toThrow(`PATCH /functions/v1/api-jobs?id=${id} answers HTTP 404`);
    await expect(open(() => [404, body]).remover.restore(job, never)).rejects.toThrow('without a word of the record');
  });

  it.each(astray)('a row whose deletion ends with a 404 %s gets its keys back and is kept', async (_whose, body) => {
    const { remover, bodies } = open(({ method }) => (method === 'DELETE' ? [404, body] : done));
    expect(await remover.remove(job, never)).toMatchObject({
      kind: 'kept',
      reason: expect.stringMatching(/^HTTP 404/),
    });
    expect(bodies.at(-1)).toEqual({ external_id: '7', job_number: 'P-7' });
  });

  it('a function that did not start once may start later', async () => {
    let starts = false;
    const openTransport = () => ({
      requests: () => 0,
      async request({ path }: MesRequest) {
        if (path.endsWith('?limit=1')) return { status: 200, headers: {}, text: '{"success":true,"data":{"jobs":[]}}' };
        if (!starts)
          return { status: 503, headers: {}, text: '{"code":"BOOT_ERROR","message":"Function failed to start"}' };
        return { status: 404, headers: {}, text: JSON.stringify(absent[1]) };
      },
    });
    const remover = createEryxonRemover('https://mes.test/functions/v1', openTransport, { clock });
    expect(await remover.remove(job, never)).toMatchObject({ kind: 'kept', reason: expect.stringContaining('503') });
    starts = true;
    expect(await remover.remove(job, never)).toMatchObject({ kind: 'kept' });
    await clock.advance(3_600_000);
    expect(await remover.remove(job, never)).toMatchObject({ kind: 'removed' });
  });

  it('a fault that passes says nothing of what can be deleted', async () => {
    let faults = 1;
    const failing = createEryxonRemover(
      'https://mes.test/functions/v1',
      () => ({
        requests: () => 0,
        async request({ path }) {
          if (path.endsWith('?limit=1'))
            return { status: 200, headers: {}, text: '{"success":true,"data":{"jobs":[]}}' };
          faults -= 1;
          if (faults >= 0) throw new TransientError('reset');
          return { status: 404, headers: {}, text: '{"success":false,"error":{"code":"NOT_FOUND"}}' };
        },
      }),
      { clock },
    );
    await expect(failing.remove(job, never)).rejects.toThrow('reset');
    expect(await failing.remove(job, never)).toMatchObject({ kind: 'removed' });
  });

  it('a row that is neither deleted nor takes its keys back is no row that is kept', async () => {
    const { remover } = open(({ method, body }) => {
      if (method === 'DELETE') return refusal;
      return String(body).includes('(deleted') ? done : refusal;
    });
    await expect(remover.remove(job, never)).rejects.toThrow('does not give it its keys back: HTTP 500');
  });

  it('a removal that was cut off is taken back by giving the row its keys', async () => {
    const { remover, asked, bodies } = open(() => done);
    expect(await remover.restore(job, never)).toEqual({ kind: 'there', requests: 2 });
    expect(asked).toEqual(['GET jobs?limit=1', `PATCH jobs?id=${id}`]);
    expect(bodies.at(-1)).toEqual({ external_id: '7', job_number: 'P-7' });
  });

  it('a removal that was carried out cannot be taken back: a 404 says so', async () => {
    const forgotten: string[] = [];
    const { remover } = open(
      () => absent,
      { jobs: [] },
      async ({ externalId }) => void forgotten.push(externalId),
    );
    expect(await remover.restore(job, never)).toEqual({ kind: 'gone', requests: 2 });
    expect(forgotten).toEqual(['7']);
  });

  it.each([
    ['a function that does not start', [503, { code: 'BOOT_ERROR', message: 'Function failed to start' }]],
    ['a schema that is read anew', [500, { success: false, error: { message: 'Could not find the table' } }]],
    ['a right that is missing', [403, { success: false, error: { message: 'no' } }]],
  ] as [string, Reply][])(
    'a removal that was cut off is not ended by %s, and not taken for taken back',
    async (_what, reply) => {
      const { remover, asked } = open(() => reply);
      expect(await remover.restore(job, never)).toMatchObject({
        kind: 'refused',
        reason: expect.stringContaining(`answers HTTP ${reply[0]}`),
      });
      expect(asked.filter((request) => request.startsWith('DELETE'))).toEqual([]);
    },
  );

  it('a row whose keys another has by now is deleted after all', async () => {
    let deleted = false;
    const { remover, asked } = open(({ method, body }) => {
      if (method === 'DELETE') deleted = true;
      if (method === 'DELETE') return done;
      return deleted ? absent : String(body).includes('(deleted') ? done : taken;
    });
    expect(await remover.restore(job, never)).toMatchObject({ kind: 'gone' });
    expect(asked.at(-1)).toBe(`PATCH jobs?id=${id}`);
    expect(deleted).toBe(true);
  });

  it('nothing of an entity is deleted whose function cannot take the keys away, and check says so', async () => {
    const asked: string[] = [];
    const remover = createEryxonRemover(
      'https://mes.test/functions/v1',
      () => ({
        requests: () => asked.length,
        async request({ method, path }) {
          asked.push(method);
          if (path.endsWith('?limit=1'))
            return { status: 200, headers: {}, text: '{"success":true,"data":{"jobs":[]}}' };
          return { status: 503, headers: {}, text: '{"code":"BOOT_ERROR","message":"Function failed to start"}' };
        },
      }),
      { clock },
    );
    const part = { entity: 'part', mesId: id, record: record('part') } as const;
    expect(await remover.remove(part, never)).toMatchObject({ kind: 'kept' });
    expect(asked).not.toContain('DELETE');
    const [finding] = await remover.check(['part'], never);
    expect(finding).toMatchObject({ code: 'delete-unavailable', level: 'error', todo: 'Set deletes.part to mark.' });
  });

  it('check says where deleting is possible', async () => {
    const { remover } = open(() => absent);
    expect(await remover.check(['job'], never)).toMatchObject([{ code: 'delete-possible', level: 'ok' }]);
  });
});

describe('where rows are deleted for good', () => {
  const cell = { entity: 'cell', mesId: id, record: record('cell', { name: 'Saw' }) } as const;

  it('a row is deleted and looked for', async () => {
    const { remover, asked } = open(({ method }) => (method === 'GET' ? absent : done), []);
    expect(await remover.remove(cell, never)).toMatchObject({ kind: 'removed' });
    expect(asked.slice(1)).toEqual([`DELETE cells?id=${id}`, `GET cells?id=${id}`]);
  });

  it.each(astray)('a 404 %s proves nothing', async (_whose, body) => {
    for (const method of ['DELETE', 'GET']) {
      const { remover } = open((request) => (request.method === method ? [404, body] : done), []);
      await expect(remover.remove(cell, never)).rejects.toThrow(
        `${method} /functions/v1/api-cells?id=${id} answers HTTP 404`,
      );
    }
    await expect(open(() => [404, body], []).remover.restore(cell, never)).rejects.toThrow(
      'without a word of the record',
    );
  });

  it('409 is success only when the row is gone', async () => {
    const conflict: Reply = [409, { success: false, error: { message: 'in use' } }];
    const held = open(({ method }) => (method === 'DELETE' ? conflict : done), []);
    expect(await held.remover.remove(cell, never)).toMatchObject({ kind: 'kept' });
    const gone = open(({ method }) => (method === 'DELETE' ? conflict : absent), []);
    expect(await gone.remover.remove(cell, never)).toMatchObject({ kind: 'removed' });
  });

  it.each([
    ['there', done],
    ['gone', absent],
    ['refused', [400, { success: false, error: { message: 'no look at one' } }]],
  ] as [string, Reply][])('a removal that was cut off leaves it %s, as a look says', async (kind, reply) => {
    const { remover, asked } = open(() => reply, []);
    expect(await remover.restore(cell, never)).toMatchObject({ kind });
    expect(asked.slice(1)).toEqual([`GET cells?id=${id}`]);
  });
});
