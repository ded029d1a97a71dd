import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError } from '../../src/core/errors.ts';
import { businessKeyOf } from '../../src/core/records.ts';
import { type Change, entities } from '../../src/core/types.ts';
import { createPusher } from '../../src/push/pusher.ts';
import { BatchInterruptedError, BatchRefusedError, type SinkResult } from '../../src/push/sink.ts';
import { delivered, fakeMes, refusesWhole, unproven } from '../support/fake-sink.ts';
import { change, entry, ledger, record, told } from '../support/push-builders.ts';

const signal = new AbortController().signal;
const { lookup: knowsNothing } = ledger();

function jobs(count: number): Change[] {
  return Array.from({ length: count }, (_, index) => change(record('job', String(index))));
}

const part = (id: string, job: string) => change(record('part', id, { parents: { job } }));
const operation = (id: string, parents: { part: string; cell: string }) => change(record('operation', id, { parents }));

describe('a push', () => {
  it('sends cells, resources, jobs, parts and operations in that order, whatever the order of the page', async () => {
    const mes = fakeMes();
    const page = [
      operation('o', { part: 'p', cell: 'c' }),
      part('p', 'j'),
      change(record('job', 'j')),
      change(record('resource', 'r')),
      change(record('cell', 'c')),
    ];
    const { outcomes, requests, failure } = await mes.pusher.push(page, { lookup: knowsNothing }, signal);
    expect(mes.batches).toEqual(['cell: c', 'resource: r', 'job: j', 'part: p', 'operation: o']);
    expect(told(outcomes)).toEqual(entities.map((entity, index) => `${entity}/${'crjpo'[index]} created`));
    expect([requests, failure]).toEqual([5, undefined]);
  });

  it('sends nothing for an empty page', async () => {
    const mes = fakeMes();
    expect(await mes.pusher.push([], { lookup: knowsNothing }, signal)).toEqual({
      outcomes: [],
      doubtful: [],
      requests: 0,
      failure: undefined,
    });
  });

  it('sends only the last of several changes with one key, once', async () => {
    const mes = fakeMes();
    const versions = ['old', 'newer', 'newest'].map((customer) =>
      change(record('job', '1', { fields: { job_number: 'J-1', customer } })),
    );
    const { outcomes } = await mes.pusher.push(
      [...versions, change(record('job', '2'))],
      { lookup: knowsNothing },
      signal,
    );
    expect(mes.batches).toEqual(['job: 1 2']);
    expect(mes.seen.get('job/1')?.record.fields['customer']).toBe('newest');
    expect(outcomes.map((outcome) => outcome.change.record)).toEqual([versions[2]?.record, record('job', '2')]);
  });

  it('takes records of two entities with one id for two', async () => {
    const mes = fakeMes();
    await mes.pusher.push([change(record('job', '1')), part('1', '1')], { lookup: knowsNothing }, signal);
    expect(mes.batches).toEqual(['job: 1', 'part: 1']);
  });

  it('splits an entity into batches of the configured size, in the order of the page', async () => {
    const mes = fakeMes({ batchSize: 2, maxConcurrency: 1 });
    await mes.pusher.push(jobs(5), { lookup: knowsNothing }, signal);
    expect(mes.batches).toEqual(['job: 0 1', 'job: 2 3', 'job: 4']);
  });

  it('lets batches grow from page to page while all goes well, up to the configured size', async () => {
    const mes = fakeMes({ batchSize: 300, maxConcurrency: 1 });
    const pushes: number[] = [];
    for (let page = 0; page < 15; page += 1) {
      pushes.push((await mes.pusher.push(jobs(600), { lookup: knowsNothing }, signal)).requests);
    }
    expect([pushes[0], pushes.at(-1)]).toEqual([6, 2]);
  });

  it('makes no batch larger than one request takes, so that the requests go side by side', async () => {
    const mes = fakeMes({ batchSize: 100, maxConcurrency: 2, largestBatch: 2, result: () => nextTurn(delivered) });
    await mes.pusher.push(jobs(5), { lookup: knowsNothing }, signal);
    expect(mes.batches).toEqual(['job: 0 1', 'job: 2 3', 'job: 4']);
    expect(mes.mostAtOnce()).toBe(2);
  });

  it.each([1, 2, 4])('has at most %i batches under way at one time, over all pushes', async (maxConcurrency) => {
    const mes = fakeMes({ batchSize: 1, maxConcurrency, result: () => nextTurn(delivered) });
    const pushes = [1, 2, 3].map(() => mes.pusher.push(jobs(6), { lookup: knowsNothing }, signal));
    await Promise.all(pushes);
    expect(mes.mostAtOnce()).toBe(maxConcurrency);
  });

  it('sends no entity before the one above it is through', async () => {
    const running = new Set<string>();
    const mes = fakeMes({
      batchSize: 1,
      maxConcurrency: 8,
      async result({ record: { entity } }) {
        running.add(entity);
        await nextTurn(undefined);
        expect([...running]).toEqual([entity]);
        await nextTurn(undefined);
        running.delete(entity);
        return delivered;
      },
    });
    const page = [change(record('job', '1')), part('1', '1')];
    expect((await mes.pusher.push(page, { lookup: knowsNothing }, signal)).outcomes).toHaveLength(2);
  });
});

describe('a parent', () => {
  it('delivered by the same push is known to its children, by the name it was delivered under', async () => {
    const mes = fakeMes({
      result: ({ record: { externalId } }) => ({ ...delivered, mesId: `id-${externalId}` }) as never,
    });
    const page = [
      operation('o', { part: 'p', cell: 'c' }),
      part('p', 'j'),
      ...['job', 'cell'].map((entity) => change(record(entity as 'job', entity === 'job' ? 'j' : 'c'))),
    ];
    const { lookup, asked } = ledger();
    await mes.pusher.push(page, { lookup }, signal);
    expect(mes.seen.get('operation/o')?.parents).toEqual({
      part: { mesId: 'id-p', businessKey: 'P-p' },
      cell: { mesId: 'id-c', businessKey: 'Cell c' },
    });
    expect(asked).toEqual([]);
  });

  it('renamed by the same push goes by its new name, not by the one in the ledger', async () => {
    const mes = fakeMes();
    const { lookup } = ledger({ 'part/p': entry(), 'cell/c': entry({ businessKey: 'Old name' }) });
    await mes.pusher.push([operation('o', { part: 'p', cell: 'c' }), change(record('cell', 'c'))], { lookup }, signal);
    expect(mes.seen.get('operation/o')?.parents?.cell?.businessKey).toBe('Cell c');
  });

  it('renamed in vain goes by the name that the MES still has', async () => {
    const mes = fakeMes({
      result: ({ record: { entity } }) => (entity === 'cell' ? { kind: 'refused', reason: 'no' } : delivered),
    });
    const { lookup } = ledger({ 'part/p': entry(), 'cell/c': entry({ businessKey: 'Old name' }) });
    await mes.pusher.push([operation('o', { part: 'p', cell: 'c' }), change(record('cell', 'c'))], { lookup }, signal);
    expect(mes.seen.get('operation/o')?.parents?.cell?.businessKey).toBe('Old name');
  });

  it('known to the ledger is looked up once for all its children', async () => {
    const mes = fakeMes();
    const { lookup, asked } = ledger({ 'job/j': entry({ mesId: 'uuid', businessKey: 'J-j' }) });
    await mes.pusher.push([part('1', 'j'), part('2', 'j')], { lookup }, signal);
    expect(asked).toEqual([{ entity: 'job', externalId: 'j' }]);
    expect(mes.seen.get('part/2')?.parents?.job).toMatchObject({ mesId: 'uuid', businessKey: 'J-j' });
  });

  it.each([
    ['that nobody knows', undefined],
    ['that the ledger names but that was never delivered', entry({ hash: null })],
  ])('%s parks its child without a request', async (_what, held) => {
    const mes = fakeMes();
    const { lookup } = ledger(held === undefined ? {} : { 'job/j': held });
    const { outcomes, requests, failure } = await mes.pusher.push([part('1', 'j')], { lookup }, signal);
    expect(told(outcomes)).toEqual(['part/1 waits for job/j']);
    expect([requests, failure]).toEqual([0, undefined]);
  });

  it('refused by the same push parks its children, and they theirs', async () => {
    const mes = fakeMes({
      result: ({ record: { entity } }) => (entity === 'job' ? { kind: 'refused', reason: 'bad date' } : delivered),
    });
    const page = [
      change(record('cell', 'c')),
      change(record('job', 'j')),
      part('p', 'j'),
      operation('o', { part: 'p', cell: 'c' }),
    ];
    const { outcomes, requests } = await mes.pusher.push(page, { lookup: knowsNothing }, signal);
    expect(told(outcomes)).toEqual([
      'cell/c created',
      'job/j refused: bad date',
      'part/p waits for job/j',
      'operation/o waits for part/p',
    ]);
    expect(requests).toBe(2);
  });

  it('that the MES says it does not hold parks the child, whatever the ledger says', async () => {
    const mes = fakeMes({ result: () => ({ kind: 'waiting', waitsFor: { entity: 'job', externalId: 'j' } }) });
    const { lookup } = ledger({ 'job/j': entry() });
    const { outcomes, failure } = await mes.pusher.push([part('1', 'j')], { lookup }, signal);
    expect(told(outcomes)).toEqual(['part/1 waits for job/j']);
    expect(failure).toBeUndefined();
  });
});

describe('a batch that the MES refuses whole', () => {
  it('names the reason that the MES gave for the record when it stood alone', async () => {
    const mes = fakeMes(refusesWhole((id) => id === '2'));
    const { outcomes } = await mes.pusher.push(jobs(4), { lookup: knowsNothing }, signal);
    expect(told(outcomes).filter((text) => text.includes('refused'))).toEqual(['job/2 refused: HTTP 500 bad data']);
  });

  it('after a part of it was delivered is searched in what is left alone, and nothing is sent twice that was delivered', async () => {
    const { fail } = refusesWhole((id) => id === '5');
    const mes = fakeMes({
      fail(batch) {
        const refusal = fail?.(batch);
        if (batch.changes.length < 8 || refusal === undefined) return refusal;
        const open = batch.changes.slice(4).map(() => unproven);
        return new BatchInterruptedError([delivered, delivered, refusedFor('no date'), delivered, ...open], refusal);
      },
    });
    const { outcomes, failure } = await mes.pusher.push(jobs(8), { lookup: knowsNothing }, signal);
    expect(failure).toBeUndefined();
    expect(mes.batches).toEqual(['job: 0 1 2 3 4 5 6 7', 'job: 4 5 6 7', 'job: 4', 'job: 5', 'job: 6', 'job: 7']);
    expect(told(outcomes)).toEqual(
      ['0 created', '1 created', '2 refused: no date', '3 created', '4 created']
        .concat(['5 refused: HTTP 500 bad data', '6 created', '7 created'])
        .map((text) => `job/${text}`),
    );
  });

  it('is searched no further once the MES cannot be reached; what was found out stands', async () => {
    let requests = 0;
    const mes = fakeMes({
      fail({ changes }) {
        requests += 1;
        if (requests === 5) return new TransientError('reset');
        return refusesWhole((id) => id === '7').fail?.({ entity: 'job', changes });
      },
    });
    const { outcomes, failure } = await mes.pusher.push(jobs(8), { lookup: knowsNothing }, signal);
    expect(failure?.message).toBe('reset');
    expect(mes.batches).toEqual(['job: 0 1 2 3 4 5 6 7', 'job: 0 1', 'job: 2 3', 'job: 4 5', 'job: 6']);
    expect(told(outcomes)).toEqual([0, 1, 2, 3, 4, 5].map((id) => `job/${id} created`));
  });
});

describe('a batch that cannot be delivered', () => {
  it('leaves the outcomes of those before it standing, and keeps those behind it from being sent', async () => {
    const mes = fakeMes({
      batchSize: 2,
      fail: ({ changes }) => (changes[0]?.record.externalId === '2' ? new TransientError('reset') : undefined),
    });
    const { outcomes, failure } = await mes.pusher.push(jobs(6), { lookup: knowsNothing }, signal);
    expect(failure).toBeInstanceOf(TransientError);
    expect(told(outcomes).sort()).toEqual([0, 1].map((id) => `job/${id} created`));
  });

  it('keeps the entities below it from being sent', async () => {
    const mes = fakeMes({ fail: ({ entity }) => (entity === 'job' ? new TransientError('reset') : undefined) });
    const page = [change(record('cell', 'c')), change(record('job', 'j')), part('p', 'j')];
    const { outcomes, failure } = await mes.pusher.push(page, { lookup: knowsNothing }, signal);
    expect(mes.batches).toEqual(['cell: c', 'job: j']);
    expect(told(outcomes)).toEqual(['cell/c created']);
    expect(failure?.message).toBe('reset');
  });

  it('for good stops the push: no further batch is sent with refused credentials', async () => {
    const mes = fakeMes({
      batchSize: 1,
      maxConcurrency: 2,
      fail: () => new PermanentError('HTTP 401', { credentials: true }),
    });
    const { failure, requests } = await mes.pusher.push(jobs(20), { lookup: knowsNothing }, signal);
    expect(failure).toBeInstanceOf(PermanentError);
    expect(requests).toBeLessThanOrEqual(2);
  });

  it('for good is told before one that passes', async () => {
    const mes = fakeMes({
      batchSize: 1,
      fail: ({ changes }) =>
        changes[0]?.record.externalId === '0' ? new TransientError('reset') : new PermanentError('HTTP 401'),
    });
    const { failure } = await mes.pusher.push(jobs(3), { lookup: knowsNothing }, signal);
    expect(failure).toBeInstanceOf(PermanentError);
  });

  it('because of a bug is a failure of the push, told before one that passes; what was delivered stands', async () => {
    const mes = fakeMes({
      batchSize: 1,
      maxConcurrency: 3,
      async fail({ changes }) {
        const id = changes[0]?.record.externalId;
        if (id === '0') return undefined;
        if (id === '1') return nextTurn(new TypeError('undefined is not a function'));
        return new TransientError('reset');
      },
    });
    const { outcomes, failure, failedEntity } = await mes.pusher.push(jobs(5), { lookup: knowsNothing }, signal);
    expect(told(outcomes)).toEqual(['job/0 created']);
    expect([failure, failedEntity]).toEqual([expect.any(TypeError), undefined]);
  });

  it('because the daemon stops ends with the reason of the signal, once nothing is on its way any more', async () => {
    const stop = new AbortController();
    let done = 0;
    const mes = fakeMes({
      batchSize: 1,
      maxConcurrency: 3,
      async fail({ changes }) {
        const id = changes[0]?.record.externalId;
        if (id === '1') stop.abort(new Error('shutting down'));
        if (id === '2') for (let turn = 0; turn < 5; turn += 1) await nextTurn(undefined);
        done += 1;
        return id === '1' ? stop.signal.reason : undefined;
      },
    });
    const { outcomes, failure } = await mes.pusher.push(jobs(9), { lookup: knowsNothing }, stop.signal);
    expect(failure?.message).toBe('shutting down');
    expect(done).toBe(3);
    expect(told(outcomes).sort()).toEqual(['job/0 created', 'job/2 created']);
  });
});

describe('an answer that proves nothing', () => {
  it('is a failure, never a success', async () => {
    const mes = fakeMes({ result: () => unproven });
    const { outcomes, failure } = await mes.pusher.push(jobs(3), { lookup: knowsNothing }, signal);
    expect(outcomes).toEqual([]);
    expect(failure).toBeInstanceOf(TransientError);
    expect(failure?.message).toContain('job 0');
  });

  it('leaves what was proved beside it standing, before and behind', async () => {
    const mes = fakeMes({ result: ({ record: { externalId } }) => (externalId === '1' ? unproven : delivered) });
    const { outcomes, failure } = await mes.pusher.push(jobs(4), { lookup: knowsNothing }, signal);
    expect(told(outcomes)).toEqual(['job/0 created', 'job/2 created', 'job/3 created']);
    expect(failure?.message).toContain('job 1');
  });

  it('is what too short a list of results is', async () => {
    const sink = {
      deliver: async () => [delivered],
      list: async () => undefined,
    };
    const openTransport = () => ({ requests: () => 1, request: () => Promise.reject(new Error('unused')) });
    const pusher = createPusher({ sink, openTransport, batchSize: 10, maxConcurrency: 1 });
    const { outcomes, failure } = await pusher.push(jobs(2), { lookup: knowsNothing }, signal);
    expect(told(outcomes)).toEqual(['job/0 created']);
    expect(failure).toBeInstanceOf(TransientError);
  });
});

describe('a reason that echoes a secret', () => {
  it.each(['of one record', 'of the whole batch'])('%s is kept without it', async (what) => {
    const text = 'bad header: s3cret';
    const whole = what === 'of the whole batch';
    const sink = {
      deliver: () => (whole ? Promise.reject(new BatchRefusedError(text)) : Promise.resolve([refusedFor(text)])),
      list: async () => undefined,
    };
    const openTransport = () => ({ requests: () => 1, request: () => Promise.reject(new Error('unused')) });
    const redact = (line: string) => line.replaceAll('s3cret', '[redacted]');
    const pusher = createPusher({ sink, openTransport, batchSize: 10, maxConcurrency: 1, redact });
    const { outcomes } = await pusher.push(jobs(1), { lookup: knowsNothing }, signal);
    expect(told(outcomes)).toEqual(['job/0 refused: bad header: [redacted]']);
  });
});

function refusedFor(reason: string): SinkResult {
  return { kind: 'refused', reason };
}

describe('the business key', () => {
  it('is what children are tied by where the MES wants a name', () => {
    const keys = entities.map((entity) => businessKeyOf(record(entity, '1')));
    expect(keys).toEqual(['Cell 1', null, 'J-1', 'P-1', null]);
  });
});

function nextTurn<T>(value: T): Promise<T> {
  return new Promise((resolve) => setImmediate(() => resolve(value)));
}
