import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../sandbox/eryxon/generation.ts';
import { TransientError } from '../../../src/core/errors.ts';
import { type Change, type Entity, type Outcome, unknownContent } from '../../../src/core/types.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { type RunningMes, startMes } from '../../support/eryxon-mes.ts';
import { change, entry, ledger, record } from '../../support/push-builders.ts';

const signal = new AbortController().signal;

type Held = 'job' | 'part' | 'operation';
const tables = { job: 'jobs', part: 'parts', operation: 'operations' } as const;
const parents = { job: {}, part: { job: 'j' }, operation: { part: 'p', cell: 'c' } };
const of = (entity: Held, id: string) => record(entity, id, { parents: parents[entity] });

interface Known {
  mes: RunningMes;
  /** Delivers these and keeps their ids. */
  create(entity: Held, ids: readonly string[]): Promise<void>;
  /** Tells the MES that these are gone; resolves to the requests that it took. */
  cancel(entity: Held, ids: readonly string[]): Promise<{ requests: number; outcomes: Outcome[] }>;
}

async function startKnown(generation: Generation): Promise<Known> {
  const mes = await startMes({ generation });
  const ids = new Map<string, string | null>();
  const push = async (changes: readonly Change[]) => {
    const entries = [...ids].map(([key, mesId]) => [key, entry({ mesId })] as const);
    const { outcomes, requests, failure } = await mes.pusher.push(
      changes,
      { lookup: ledger(Object.fromEntries(entries)).lookup },
      signal,
    );
    expect(failure).toBeUndefined();
    for (const outcome of outcomes) {
      const { entity, externalId } = outcome.change.record;
      if (outcome.kind === 'delivered') ids.set(`${entity}/${externalId}`, outcome.mesId);
    }
    return { outcomes, requests };
  };
  const family: [Entity, string, object][] = [
    ['cell', 'c', {}],
    ['job', 'j', {}],
    ['part', 'p', { job: 'j' }],
  ];
  await push(family.map(([entity, id, tie]) => change(record(entity, id, { parents: tie }))));
  return {
    mes,
    async create(entity, externalIds) {
      await push(externalIds.map((id) => change(of(entity, id))));
    },
    cancel: (entity, externalIds) =>
      push(
        externalIds.map((id) =>
          change({ ...of(entity, id), lifecycle: 'cancelled' }, { mesId: ids.get(`${entity}/${id}`) ?? null }),
        ),
      ),
  };
}

/** Creates a job and resolves to its id. */
async function createJob({ pusher }: RunningMes, id: string): Promise<string | null> {
  const { outcomes } = await pusher.push([change(of('job', id))], { lookup: ledger().lookup }, signal);
  const [made] = outcomes;
  return made?.kind === 'delivered' ? made.mesId : null;
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);
const onHold = ({ mes }: RunningMes, table: 'jobs' | 'parts' | 'operations') =>
  [...mes.image()[table].values()].filter((row) => row.onHold === true).length;

describe('putting on hold what is gone', () => {
  it.each([
    ['v060', 'job'],
    ['v060', 'part'],
    ['main', 'job'],
    ['repaired', 'job'],
    ['repaired', 'part'],
    ['repaired', 'operation'],
  ] as [Generation, Held][])('takes two requests for a hundred on %s (%s): the second lists them', async (...row) => {
    const [generation, entity] = row;
    const { mes, create, cancel } = await startKnown(generation);
    await create(entity, numbered(100));
    const { requests, outcomes } = await cancel(entity, numbered(100));
    expect(outcomes.filter(({ kind }) => kind === 'delivered')).toHaveLength(100);
    expect(onHold(mes, tables[entity])).toBe(100);
    expect(requests).toBe(2);
  });

  it('is not believed of an answer that lies: what is not listed goes out once more', async () => {
    const { mes, create, cancel } = await startKnown('main');
    await create('job', numbered(40));
    mes.mes.lie(0.3);
    const { outcomes, requests } = await cancel('job', numbered(40));
    expect(outcomes.filter(({ kind }) => kind === 'delivered')).toHaveLength(40);
    expect(onHold(mes, 'jobs')).toBe(40);
    expect(requests).toBeGreaterThan(2);
    expect(requests).toBeLessThan(40);
  });

  it('goes by a request each where what is on hold fills more pages than that saves', async () => {
    const { mes, create, cancel } = await startKnown('main');
    await create('job', numbered(1906));
    for (const id of numbered(1900)) mes.mes.touch('jobs', id, 'on_hold');
    const [first, second] = [numbered(1903).slice(1900), numbered(1906).slice(1903)];
    // Two pages: one look tells so, and the next time nobody looks.
    expect((await cancel('job', first)).requests).toBe(1 + 1 + 3);
    expect((await cancel('job', second)).requests).toBe(3);
    expect(onHold(mes, 'jobs')).toBe(1906);
  });
});

describe.each([false, true])('what a lost answer may have brought (v0.1.0 as it was released: %s)', (released) => {
  const doubtful = entry({ hash: unknownContent });
  const cancelled = (id: string) => change({ ...of('job', id), lifecycle: 'cancelled' }, doubtful);
  const { lookup } = ledger();

  it('is on hold when its cancellation has gone out, whether it is there or not', async () => {
    const running = await startMes({ released });
    const { outcomes: made } = await running.pusher.push([change(of('job', 'there'))], { lookup }, signal);
    expect(made).toHaveLength(1);
    for (const id of ['not-there', 'there']) {
      const { outcomes } = await running.pusher.push([cancelled(id)], { lookup }, signal);
      expect(outcomes).toMatchObject([{ kind: 'delivered' }]);
    }
    expect(onHold(running, 'jobs')).toBe(2);
  });

  it('says so when it is active again, though nobody knows whether it was told', async () => {
    const running = await startMes({ released });
    const mesId = await createJob(running, 'there');
    const inDoubt = { hash: unknownContent, mesId, lifecycle: 'cancelled' } as const;
    await running.pusher.push([change({ ...of('job', 'there'), lifecycle: 'cancelled' }, inDoubt)], { lookup }, signal);
    expect(onHold(running, 'jobs')).toBe(1);
    await running.pusher.push([change(of('job', 'there'), inDoubt)], { lookup }, signal);
    expect(onHold(running, 'jobs')).toBe(1);
    expect(running.mes.image().jobs.get('there')?.fields['notes']).toContain('Active again in SAP');
  });

  it('proves nothing of updates where its cancellation made it', async () => {
    const running = await startMes({ released });
    const mesId = await createJob(running, 'there');
    const twice: Transport = {
      async request(request) {
        if (request.method === 'POST') await running.transport.request(request);
        return running.transport.request(request);
      },
    };
    await running.sink.deliver({ entity: 'job', changes: [cancelled('not-there')] }, twice);
    const known = entry({ mesId });
    await running.pusher.push([change({ ...of('job', 'there'), lifecycle: 'cancelled' }, known)], { lookup }, signal);
    expect(onHold(running, 'jobs')).toBe(2);
  });

  it('is on hold also beside one that its own first try has made', async () => {
    const running = await startMes({ released });
    await running.pusher.push([change(of('job', 'there'))], { lookup }, signal);
    const changes = [cancelled('not-there'), cancelled('there')];
    let tries = 0;
    const twice: Transport = {
      async request(request) {
        tries += 1;
        if (tries === 1) await running.transport.request(request);
        return running.transport.request(request);
      },
    };
    expect(await running.sink.deliver({ entity: 'job', changes }, twice)).toHaveLength(2);
    expect(onHold(running, 'jobs')).toBe(2);
  });

  it('is not told as put on hold while nobody can look whether it is', async () => {
    const running = await startMes({ released });
    const mesId = await createJob(running, 'there');
    const known = entry({ mesId });
    const gone = change({ ...of('job', 'there'), lifecycle: 'cancelled' }, known);
    const blind: Transport = {
      request: (request) =>
        request.method === 'GET' ? Promise.reject(new TransientError('HTTP 503')) : running.transport.request(request),
    };
    await expect(running.sink.deliver({ entity: 'job', changes: [gone] }, blind)).rejects.toThrow('HTTP 503');
    await running.pusher.push([gone], { lookup }, signal);
    expect(onHold(running, 'jobs')).toBe(1);
  });
});

describe('what a lost answer may have brought', () => {
  it.each([
    ['v060', 'job'],
    ['v060', 'part'],
    // There the function of parts does not start, and a note has to do.
    ['main', 'job'],
    ['repaired', 'job'],
    ['repaired', 'part'],
  ] as [Generation, Held][])('is on hold on %s when its cancellation has gone out (%s)', async (generation, entity) => {
    const known = await startKnown(generation);
    await known.create(entity, ['there']);
    const job = entry({ businessKey: 'J-j' });
    const { outcomes } = await known.mes.pusher.push(
      ['there', 'not-there'].map((id) =>
        change({ ...of(entity, id), lifecycle: 'cancelled' }, entry({ hash: unknownContent })),
      ),
      { lookup: ledger({ 'job/j': job }).lookup },
      signal,
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['delivered', 'delivered']);
    expect(onHold(known.mes, tables[entity])).toBe(2);
  });
});
