import { expect, it } from 'vitest';
import { createPlanLimit } from '../../../src/push/eryxon/plan-limit.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { ready, record } from '../../support/push-builders.ts';

const full = { status: 402, data: undefined, code: 'QUOTA_EXCEEDED', message: 'Quota exceeded for jobs' };
const reason = 'The plan of the MES has no room for new jobs (HTTP 402 Quota exceeded for jobs).';

it('asks again a minute after it was told that there is no room', async () => {
  const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
  const told: unknown[] = [];
  const limit = createPlanLimit(clock, (each) => told.push(each));
  const job = ready(record('job', '1'));
  expect(limit.refused('job', { ...full, code: 'BAD_REQUEST' })).toBeUndefined();
  expect(limit.waiting(job)).toBeUndefined();
  expect(limit.refused('job', full)).toEqual({ kind: 'unavailable', reason });
  expect(limit.waiting(job)).toEqual({ kind: 'unavailable', reason });
  expect(limit.waiting(ready(record('part', '1')))).toBeUndefined();
  await clock.advance(60_000);
  expect(limit.waiting(job)).toBeUndefined();
  limit.refused('job', full);
  expect(told).toEqual([{ entity: 'job', reason }]);
  limit.taken('job');
  expect(limit.waiting(job)).toBeUndefined();
  expect(limit.reasons().size).toBe(0);
});

it('costs one request of a batch, and none of its records is refused', async () => {
  const { mes, sink, transport } = await startMes({ bulk: false });
  mes.limit('jobs', 2);
  const jobs = ['1', '2', '3', '4', '5'].map((id) => ready(record('job', id)));
  await sink.deliver({ entity: 'cell', changes: [ready(record('cell', '1'))] }, transport);
  const before = mes.requests().total;
  const results = await sink.deliver({ entity: 'job', changes: jobs }, transport);
  expect(results.map(({ kind }) => kind)).toEqual([
    'delivered',
    'delivered',
    'unavailable',
    'unavailable',
    'unavailable',
  ]);
  expect(mes.requests().total - before).toBe(3);
});
