import { describe, expect, it } from 'vitest';
import { TransientError } from '../../src/core/errors.ts';
import { createPusher } from '../../src/push/pusher.ts';
import type { Nesting, Tree } from '../../src/push/sink.ts';
import { change, record, told } from '../support/push-builders.ts';

/** Pushes jobs 0 to 4, two at a time, to a MES that creates them by this. */
async function push(create: (id: string) => Promise<Error | undefined>, signal = new AbortController().signal) {
  const asked: string[] = [];
  const nesting: Nesting = {
    wanted: async () => true,
    select: async (tree) => tree,
    estimate: async () => 1,
    async create({ job }) {
      asked.push(job.record.externalId);
      const error = await create(job.record.externalId);
      if (error !== undefined) throw error;
      return [{ change: job, mesId: 'u' }];
    },
  };
  const sink = { deliver: async () => [], list: async () => undefined, nesting };
  const openTransport = () => ({ requests: () => 0, request: () => Promise.reject(new Error('unused')) });
  const { trees } = createPusher({ sink, openTransport, batchSize: 10, maxConcurrency: 2 });
  const all = [0, 1, 2, 3, 4].map((id): Tree => ({ job: change(record('job', String(id))), children: [] }));
  const report = await trees?.push(all, {}, signal);
  return { asked, failure: report?.failure, told: told(report?.outcomes ?? []) };
}

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(() => resolve(value)));

describe('new jobs with what belongs to them', () => {
  it.each([
    ['a failure that passes', new TransientError('reset')],
    ['a bug', new TypeError('undefined is not a function')],
  ])('are not sent on after %s; what was on its way is waited for, and stands', async (_what, error) => {
    const pushed = await push((id) => (id === '1' ? Promise.resolve(error) : later(undefined)));
    expect(pushed).toEqual({ asked: ['0', '1'], failure: error, told: ['job/0 created'] });
  });

  it('end with the reason of the signal when the daemon stops, once nothing is on its way any more', async () => {
    const stop = new AbortController();
    const pushed = await push(async (id) => {
      if (id === '0') return later(undefined);
      stop.abort(new Error('shutting down'));
      return stop.signal.reason;
    }, stop.signal);
    expect(pushed).toEqual({ asked: ['0', '1'], failure: stop.signal.reason, told: ['job/0 created'] });
  });
});
