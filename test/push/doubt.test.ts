import { describe, expect, it } from 'vitest';
import { TransientError } from '../../src/core/errors.ts';
import type { HttpResponse } from '../../src/core/http.ts';
import type { Change } from '../../src/core/types.ts';
import { createPusher } from '../../src/push/pusher.ts';
import { BatchInterruptedError, type MesRequest, type Sink, type SinkResult } from '../../src/push/sink.ts';
import { delivered, unproven } from '../support/fake-sink.ts';
import { change, ledger, record } from '../support/push-builders.ts';

const signal = new AbortController().signal;
const { lookup } = ledger();
const jobs = (count: number) => Array.from({ length: count }, (_, index) => change(record('job', String(index))));
const idsOf = (changes: readonly Change[]) => changes.map(({ record: { externalId } }) => externalId);

/** What becomes of a try of a request: its answer's status, or `lost`, or `unsent`. */
type Fate = number | 'lost' | 'unsent';

/** Each record goes by a request of its own, or all of a batch in one; tries are made until one is answered, three at most. */
async function push(changes: readonly Change[], { fates, singly = false, result = delivered }: Script) {
  const left = [...fates];
  const noted: string[][] = [];
  const requests: string[][] = [];
  const request = async ({ carries = [], onUnknownOutcome }: MesRequest): Promise<HttpResponse> => {
    for (let each = 0; each < 3; each += 1) {
      requests.push(carries.map(({ record: { externalId } }) => externalId));
      const fate = left.shift() ?? 200;
      if (typeof fate === 'number') return { status: fate, headers: {}, text: '' };
      if (fate === 'lost') onUnknownOutcome?.();
    }
    throw new TransientError('no answer');
  };
  const sink: Sink = {
    async deliver({ changes: batch }, transport) {
      const results: SinkResult[] = [];
      const parts = singly ? batch.map((each) => [each]) : [batch];
      for (const carries of parts) {
        const { status } = await transport.request({ method: 'POST', path: '/', carries }).catch((error: unknown) => {
          throw results.length === 0 ? error : new BatchInterruptedError(results, error);
        });
        for (const _ of carries) results.push(status < 300 ? result : { kind: 'refused', reason: 'bad' });
      }
      return results;
    },
    list: async () => undefined,
  };
  const pusher = createPusher({
    sink,
    openTransport: () => ({ requests: () => 0, request }),
    batchSize: 2,
    maxConcurrency: 1,
  });
  const noteSending = async (going: readonly Change[]) => void noted.push(idsOf(going));
  const { outcomes, doubtful, failure } = await pusher.push(changes, { lookup, noteSending }, signal);
  return {
    kinds: outcomes.map(({ kind }) => kind),
    doubtful: idsOf(doubtful),
    failed: failure !== undefined,
    noted,
    requests,
  };
}

interface Script {
  fates: readonly Fate[];
  singly?: boolean;
  result?: SinkResult;
}

describe('what a push leaves in doubt', () => {
  it('is what went out in a request of which no try was answered, and nothing that did not', async () => {
    const lost = await push(jobs(5), { fates: [200, 'lost', 'lost', 'lost'] });
    expect(lost).toMatchObject({ failed: true, kinds: ['delivered', 'delivered'], doubtful: ['2', '3'] });
  });

  it('is one record where each goes by itself', async () => {
    const { doubtful } = await push(jobs(4), { fates: [200, 'lost', 'lost', 'lost'], singly: true });
    expect(doubtful).toEqual(['1']);
  });

  it('is nothing where no connection was made', async () => {
    expect(await push(jobs(2), { fates: ['unsent', 'unsent', 'unsent'] })).toMatchObject({
      failed: true,
      doubtful: [],
    });
  });

  it('is what one try may have brought, though the others were not even sent', async () => {
    expect((await push(jobs(2), { fates: ['unsent', 'lost', 'unsent'] })).doubtful).toEqual(['0', '1']);
  });

  it('is nothing where a later try proves it', async () => {
    expect(await push(jobs(2), { fates: ['lost', 200] })).toMatchObject({ failed: false, doubtful: [] });
  });

  it('is nothing that a later try has refused: the first would have been as well', async () => {
    const { kinds, doubtful } = await push(jobs(2), { fates: ['lost', 400] });
    expect([kinds, doubtful]).toEqual([['refused', 'refused'], []]);
  });

  it('is what is refused because it is there already, under an id that nobody knows', async () => {
    const result: SinkResult = { kind: 'refused', reason: 'it is there', there: true };
    expect(await push(jobs(2), { fates: ['lost', 200], result })).toMatchObject({ doubtful: ['0', '1'] });
  });

  it('is nothing of which the MES says that it misses a parent, and all of a kind that it does not take now', async () => {
    const waiting: SinkResult = { kind: 'waiting', waitsFor: { entity: 'part', externalId: 'p' } };
    expect((await push(jobs(2), { fates: ['lost', 200], result: waiting })).doubtful).toEqual([]);
    const closed: SinkResult = { kind: 'unavailable', reason: 'no room' };
    expect((await push(jobs(2), { fates: ['lost', 200], result: closed })).doubtful).toEqual(['0', '1']);
  });

  it('is what an answer calls a success without a word of the record', async () => {
    expect(await push(jobs(2), { fates: [200], result: unproven })).toMatchObject({
      failed: true,
      doubtful: ['0', '1'],
    });
  });

  it('is nothing that was refused at once', async () => {
    expect(await push(jobs(2), { fates: [400] })).toMatchObject({ kinds: ['refused', 'refused'], doubtful: [] });
  });
});

describe('what is noted before it goes out', () => {
  it('is what is ready, kind by kind, and nothing that waits for a parent', async () => {
    const part = (id: string, job: string) => change(record('part', id, { parents: { job } }));
    const { noted } = await push([...jobs(1), part('p', '0'), part('waits', 'nobody')], { fates: [] });
    expect(noted).toEqual([['0'], ['p']]);
  });

  it('is noted before the first request, and nothing where nothing goes out', async () => {
    expect((await push(jobs(1), { fates: ['unsent', 'unsent', 'unsent'] })).noted).toEqual([['0']]);
    const { noted, requests } = await push([change(record('part', 'p', { parents: { job: 'nobody' } }))], {
      fates: [],
    });
    expect([noted, requests]).toEqual([[], []]);
  });
});
