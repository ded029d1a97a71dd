import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../sandbox/eryxon/generation.ts';
import { PermanentError, TransientError } from '../../../src/core/errors.ts';
import type { HttpResponse } from '../../../src/core/http.ts';
import type { Entity, MesRecord } from '../../../src/core/types.ts';
import type { Nesting, ReadyChange, Transport, Tree } from '../../../src/push/sink.ts';
import { toChange } from '../../../src/scheduler/diff.ts';
import { type RunningMes, startMes } from '../../support/eryxon-mes.ts';

function change(entity: Entity, externalId: string, rest: Partial<MesRecord> = {}): ReadyChange {
  const fields: Record<Entity, MesRecord['fields']> = {
    cell: { name: externalId, sequence: 1, active: true },
    resource: {},
    job: { job_number: externalId, customer: 'Acme' },
    part: { part_number: externalId, material: 'S355', quantity: 2 },
    operation: { operation_name: 'Cut', sequence: Number(externalId.split('-').at(-1)), estimated_time_minutes: 5 },
  };
  const record = { entity, source: 'SAP', externalId, parents: {}, lifecycle: 'active' as const, ...rest };
  return toChange({ fields: fields[entity], ...record }, undefined, null);
}

interface Ready extends RunningMes {
  nesting: Nesting;
  cell: { mesId: string | null; businessKey: string | null };
}

/** A MES with one cell in it, whose abilities are known by that. */
async function withCell(generation: Generation): Promise<Ready> {
  const running = await startMes({ generation });
  const [result] = await running.sink.deliver({ entity: 'cell', changes: [change('cell', 'C1')] }, running.transport);
  const { nesting } = running.sink;
  if (result?.kind !== 'delivered' || nesting === undefined) throw new Error('The cell was not delivered.');
  return { ...running, nesting, cell: { mesId: result.mesId, businessKey: 'C1' } };
}

/** J1 with a part and as many operations as there are sequences. */
function treeOf({ cell }: Pick<Ready, 'cell'>, sequences: readonly number[]): Tree {
  const operations = sequences.map((sequence, index) => {
    const fields = { operation_name: 'Cut', sequence, estimated_time_minutes: 5 };
    const tied = change('operation', `O${index + 1}`, { parents: { part: 'P1', cell: 'C1' }, fields });
    return { ...tied, parents: { cell } };
  });
  return { job: change('job', 'J1'), children: [change('part', 'P1', { parents: { job: 'J1' } }), ...operations] };
}

function keys(changes: readonly { change: ReadyChange }[]): string[] {
  return changes.map(({ change: { record } }) => `${record.entity}/${record.externalId}`);
}

describe.each(['main', 'v060'] as const)(
  'a job with its parts and operations, at a MES of generation %s',
  (generation) => {
    it('is created in one request, whose answer names every id', async () => {
      const ready = await withCell(generation);
      const { nesting, transport, mes } = ready;
      expect(await nesting.wanted()).toBe(true);
      const tree = await nesting.select(treeOf(ready, [10, 20]));
      if (tree === undefined) throw new Error('Nothing was selected.');
      const created = await nesting.create(tree, transport);
      expect(keys(created)).toEqual(['job/J1', 'part/P1', 'operation/O1', 'operation/O2']);
      expect(new Set(created.map(({ mesId }) => mesId)).size).toBe(4);
      expect(mes.counts()).toMatchObject({ jobs: 1, parts: 1, operations: 2 });
    });

    it('leaves out what the rules of the MES would refuse the whole for', async () => {
      const ready = await withCell(generation);
      const tree = await ready.nesting.select(treeOf(ready, [10, 10, 0]));
      expect(tree?.children.map(({ record }) => record.externalId)).toEqual(['P1', 'O1']);
    });

    it('is not tried twice: what may be there goes by itself', async () => {
      const ready = await withCell(generation);
      const { nesting, transport } = ready;
      const whole = treeOf(ready, [10, 20]);
      const tree = await nesting.select(whole);
      if (tree === undefined) throw new Error('Nothing was selected.');
      await nesting.create(tree, transport);
      expect(await nesting.select(whole)).toBeUndefined();
    });

    it('is not sent whole for those that did not fit before: the job may be there', async () => {
      const ready = await withCell(generation);
      const { nesting, transport } = ready;
      const tree = await nesting.select(treeOf(ready, [10]));
      if (tree === undefined) throw new Error('Nothing was selected.');
      await nesting.create(tree, transport);
      expect(await nesting.select(treeOf(ready, [10, 20]))).toBeUndefined();
    });
  },
);

/** The creation of J1 with O1 and O2 under P1, through a transport of the test's making. */
async function createThrough(ready: Ready, through: (transport: Transport) => Transport) {
  const { nesting, transport } = ready;
  const tree = await nesting.select(treeOf(ready, [10, 20]));
  if (tree === undefined) throw new Error('Nothing was selected.');
  return nesting.create(tree, through(transport));
}

/** Answers to whole orders are changed on their way. */
function changing(change: (answer: HttpResponse) => HttpResponse): (transport: Transport) => Transport {
  return (transport) => ({
    request: async (request) => change(await transport.request(request)),
  });
}

const passing: (transport: Transport) => Transport = (transport) => transport;

describe('an answer to a job with its parts and operations', () => {
  it('proves nothing of a record that it does not show', async () => {
    const ready = await withCell('main');
    const without = changing((answer) => {
      const body = JSON.parse(answer.text);
      body.data.job.parts[0].operations.pop();
      return { ...answer, text: JSON.stringify(body) };
    });
    expect(keys(await createThrough(ready, without))).toEqual(['job/J1', 'part/P1', 'operation/O1']);
  });

  it('proves nothing of a record that it shows under another external id, another source or no id', async () => {
    for (const spoilt of [{ external_id: 'O9' }, { external_source: 'other' }, { id: null }]) {
      const ready = await withCell('main');
      const other = changing((answer) => {
        const body = JSON.parse(answer.text);
        Object.assign(body.data.job.parts[0].operations[0], spoilt);
        return { ...answer, text: JSON.stringify(body) };
      });
      expect(keys(await createThrough(ready, other))).toEqual(['job/J1', 'part/P1', 'operation/O2']);
    }
  });

  it('names children that failed: they go by themselves, and the rest is delivered', async () => {
    const ready = await withCell('main');
    ready.mes.refuse((table, body) => (table === 'operations' && body['external_id'] === 'O1' ? 'locked' : undefined));
    const created = await createThrough(ready, passing);
    expect(keys(created)).toEqual(['job/J1', 'part/P1', 'operation/O2']);
    ready.mes.refuse(() => undefined);
    const [operation] = treeOf(ready, [10, 20]).children.slice(1);
    const part = { mesId: created[1]?.mesId ?? null, businessKey: 'P1' };
    const alone = { ...operation, parents: { cell: ready.cell, part } } as ReadyChange;
    const results = await ready.sink.deliver({ entity: 'operation', changes: [alone] }, ready.transport);
    expect(results).toMatchObject([{ kind: 'delivered', action: 'created', mesId: expect.any(String) }]);
    expect(ready.mes.counts().operations).toBe(2);
  });

  it('that refuses the job says nothing of any: each goes by itself, and the bad one alone is refused', async () => {
    const ready = await withCell('main');
    ready.mes.refuse((table) => (table === 'jobs' ? 'locked' : undefined));
    expect(await createThrough(ready, passing)).toEqual([]);
    expect(ready.mes.counts()).toMatchObject({ jobs: 0, parts: 0, operations: 0 });
    // Nothing is there: they may go out together once more.
    expect(await ready.nesting.select(treeOf(ready, [10, 20]))).toBeDefined();
  });

  it.each([
    ['HTML', { status: 200, headers: {}, text: '<html><body>Logon</body></html>' }],
    ['empty', { status: 200, headers: {}, text: '' }],
    ['broken off', { status: 201, headers: {}, text: '{"success":true,"data":{"job":{"id"' }],
  ])('that is %s is a failure, and no order is sent a second time as a whole', async (_what, instead) => {
    const ready = await withCell('main');
    const broken = changing(() => instead);
    await expect(createThrough(ready, broken)).rejects.toThrow(TransientError);
    expect(await ready.nesting.select(treeOf(ready, [10, 20]))).toBeUndefined();
  });

  it('that is lost makes no second order when the request is repeated, and nothing counts as delivered by it', async () => {
    const ready = await withCell('v060');
    const losing = (transport: Transport): Transport => ({
      async request(request) {
        await transport.request(request);
        request.onUnknownOutcome?.();
        return transport.request(request);
      },
    });
    expect(await createThrough(ready, losing)).toEqual([]);
    expect(ready.mes.counts()).toMatchObject({ jobs: 1, parts: 1, operations: 2 });
    expect(await ready.nesting.select(treeOf(ready, [10, 20]))).toBeUndefined();
  });

  it('that is too large to be read may be one to an order that is there: it is not sent a second time as a whole', async () => {
    const ready = await withCell('main');
    const unread = (transport: Transport): Transport => ({
      async request(request) {
        await transport.request(request);
        request.onUnknownOutcome?.();
        throw new PermanentError('answered with too much', { tooLarge: true });
      },
    });
    await expect(createThrough(ready, unread)).rejects.toThrow(PermanentError);
    expect(await ready.nesting.select(treeOf(ready, [10, 20]))).toBeUndefined();
  });

  it('that speaks of the plan of the MES ends such requests for a day; by sync it has room', async () => {
    const ready = await withCell('main');
    const error = { code: 'QUOTA_EXCEEDED', message: 'Job limit reached', statusCode: 402 };
    const full = (): Transport => ({
      request: async () => ({ status: 402, headers: {}, text: JSON.stringify({ success: false, error }) }),
    });
    // Of two that are on their way both find it.
    expect(await Promise.all([createThrough(ready, full), createThrough(ready, full)])).toEqual([[], []]);
    expect(await ready.nesting.wanted()).toBe(false);
    expect(ready.rests).toEqual([{ until: expect.stringMatching(/Z$/), reason: 'Job limit reached' }]);
  });
});

it('after three failures in a row each record goes by itself for an hour', async () => {
  const ready = await withCell('main');
  ready.mes.refuse((table) => (table === 'jobs' ? 'locked' : undefined));
  for (let failure = 0; failure < 3; failure += 1) {
    expect(await ready.nesting.wanted()).toBe(true);
    await createThrough(ready, passing);
  }
  expect(await ready.nesting.wanted()).toBe(false);
  expect(ready.rests).toEqual([
    { until: expect.any(String), reason: expect.stringMatching(/^3 whole orders .* locked$/) },
  ]);
});

it.each(['classic', 'repaired'] as const)(
  'a MES of generation %s takes operations many at a time: nothing is held back for it',
  async (generation) => {
    const { nesting } = await withCell(generation);
    expect(await nesting.wanted()).toBe(false);
  },
);
