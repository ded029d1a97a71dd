import { describe, expect, it, vi } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createRandom } from '../../sandbox/random.ts';
import { createEventBus } from '../../src/core/events.ts';
import type { Change, Outcome } from '../../src/core/types.ts';
import { createDayQuota } from '../../src/push/day-quota.ts';
import { createPusher } from '../../src/push/pusher.ts';
import { BatchRefusedError, type Sink } from '../../src/push/sink.ts';
import { createTransport } from '../../src/push/transport.ts';
import { startMes } from '../support/eryxon-mes.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { fakeMes, refusesWhole } from '../support/fake-sink.ts';
import { createMemoryQuota } from '../support/memory-quota.ts';
import { start } from '../support/pass-rig.ts';
import { change, entry, ledger, record } from '../support/push-builders.ts';

// For machines with other work.
vi.setConfig({ testTimeout: 120_000 });

/** Bar 18. */
const signal = new AbortController().signal;
const { lookup } = ledger();
const group = 100;
const jobs = Array.from({ length: 1000 }, (_, index) => change(record('job', String(index))));

const idsOf = (outcomes: readonly Outcome[], kind: Outcome['kind']) =>
  outcomes.filter((outcome) => outcome.kind === kind).map(({ change }) => change.record.externalId);

/** Every so-manieth, beginning somewhere. */
const even = (count: number, from = 0) =>
  new Set(Array.from({ length: count }, (_, index) => String((from + (index * 1000) / count) % 1000)));

/** So many more requests than one a group. */
function bound(bad: ReadonlySet<string>): number {
  const groups = new Set([...bad].map((id) => Math.floor(Number(id) / group)));
  return Math.min(2 * bad.size * Math.ceil(Math.log2(group)) + 20, groups.size * group);
}

const sets: readonly [string, ReadonlySet<string>][] = [
  ['1 bad row, the first', even(1)],
  ['1 bad row, the last', even(1, 999)],
  ['1 bad row, anywhere', even(1, 437)],
  ['10 bad rows, one a group', even(10, 7)],
  ['10 bad rows, at the ends of the groups', even(10, 99)],
  ['500 bad rows, every other', even(500)],
  ['500 bad rows, every other but the first', even(500, 1)],
];

const some = sets.filter((_, index) => [2, 3, 5].includes(index));

describe('a bulk of 1000 to a MES that refuses each group of 100 with a bad row whole', () => {
  it.each(sets)('delivers all good rows and names the bad ones with few requests more: %s', async (_what, bad) => {
    const mes = fakeMes({ ...refusesWhole((id) => bad.has(id)), batchSize: group, maxConcurrency: 2 });
    const { outcomes, requests, failure } = await mes.pusher.push(jobs, { lookup }, signal);
    expect(failure).toBeUndefined();
    expect(new Set(idsOf(outcomes, 'refused'))).toEqual(bad);
    expect(new Set(idsOf(outcomes, 'delivered')).size).toBe(1000 - bad.size);
    expect(outcomes).toHaveLength(1000);
    expect(requests - 1000 / group).toBeLessThanOrEqual(bound(bad));
  });

  it.each([1, 2, 3, 5, 10, 30])('keeps to that for %i bad rows wherever they are', async (count) => {
    const random = createRandom(count).fork('bad rows');
    for (let draw = 0; draw < 30; draw += 1) {
      const bad = new Set(Array.from({ length: count }, () => String(random.int(0, 999))));
      const mes = fakeMes({ ...refusesWhole((id) => bad.has(id)), batchSize: group, maxConcurrency: 2 });
      const { outcomes, requests } = await mes.pusher.push(jobs, { lookup }, signal);
      expect(new Set(idsOf(outcomes, 'refused'))).toEqual(bad);
      expect(requests - 1000 / group).toBeLessThanOrEqual(bound(bad));
    }
  });
});

describe.each(['classic', 'v060', 'main', 'repaired'] as const)(
  'a bulk of 1000 to Eryxon %s',
  (generation: Generation) => {
    it.each(some)('delivers all good rows and names the bad ones: %s', async (_what, bad) => {
      const { mes, pusher } = await startMes({ generation, batchSize: group });
      await pusher.push([change(record('job', 'first'))], { lookup }, signal);
      const calm = mes.requests().total;
      await pusher.push(
        jobs.map(({ record: each }) => change(record('job', `calm ${each.externalId}`))),
        { lookup },
        signal,
      );
      const needed = mes.requests().total - calm;
      mes.refuse((_table, body) => (bad.has(String(body['external_id'])) ? 'priority is out of range' : undefined));
      const { outcomes, requests } = await pusher.push(jobs, { lookup }, signal);
      expect(new Set(idsOf(outcomes, 'refused'))).toEqual(bad);
      expect(idsOf(outcomes, 'delivered')).toHaveLength(1000 - bad.size);
      expect(mes.counts().jobs).toBe(1001 + 1000 - bad.size);
      expect(requests - needed).toBeLessThanOrEqual(bound(bad));
    });
  },
);

describe.each(['v060', 'main', 'repaired'] as const)(
  'new parts whose numbers are taken, at Eryxon %s',
  (generation) => {
    it.each(some)('fail their whole statement, and only they are refused: %s', async (_what, bad) => {
      const { mes, pusher } = await startMes({ generation, batchSize: 1000 });
      const part = (id: string, number: string) =>
        change(record('part', id, { parents: { job: 'j' }, fields: { part_number: number, material: 'Steel' } }));
      await pusher.push([change(record('job', 'j')), part('owner', 'P-taken')], { lookup }, signal);
      const before = Number(mes.requests().byPath['POST /functions/v1/api-erp-sync/sync']);
      const { lookup: knowsJob } = ledger({ 'job/j': entry({ businessKey: 'J-j' }) });
      const parts = jobs.map(({ record: { externalId: id } }) => part(id, bad.has(id) ? 'P-taken' : `P-${id}`));
      const { outcomes, requests, failure } = await pusher.push(parts, { lookup: knowsJob }, signal);
      expect(failure).toBeUndefined();
      expect(new Set(idsOf(outcomes, 'refused'))).toEqual(bad);
      expect(idsOf(outcomes, 'delivered')).toHaveLength(1000 - bad.size);
      expect(mes.counts().parts).toBe(1001 - bad.size);
      const calls = Number(mes.requests().byPath['POST /functions/v1/api-erp-sync/sync']) - before;
      // Each statement is searched anew, which takes three calls where every other row is bad.
      expect(calls - 1000 / group).toBeLessThanOrEqual(bound(bad) + (3 * 1000) / group);
      // A number that is taken is looked up, once a record; the MES is looked at once.
      expect(requests - calls).toBeLessThanOrEqual(3 * bad.size + 12);
    });
  },
);

describe('a day of few requests', () => {
  it('ends the search for bad rows: what is left waits for the next day whole, and the reason is told', async () => {
    const clock = createFakeClock(start);
    const limit = 40;
    const bad = even(500);
    let sent = 0;
    const http = {
      async request() {
        sent += 1;
        return { status: 200, headers: {}, text: '' };
      },
      close: () => undefined,
    };
    const sink: Sink = {
      async deliver({ changes }, transport) {
        await transport.request({ method: 'POST', path: '/' });
        if (changes.some(({ record: { externalId } }) => bad.has(externalId))) throw new BatchRefusedError('bad data');
        return changes.map(() => ({ kind: 'delivered', action: 'created', mesId: null }));
      },
      list: async () => undefined,
    };
    const shared = {
      http,
      quota: createDayQuota(limit, createMemoryQuota(), clock),
      bucket: { take: async () => undefined },
      answers: { refuseTransient: () => undefined, isBootError: () => false, isDayUsedUp: () => false },
      clock,
      events: createEventBus(() => undefined),
      random: () => 0.5,
      attempts: 5,
    };
    const openTransport = (until: AbortSignal) => createTransport(shared, until);
    const pusher = createPusher({ sink, openTransport, batchSize: group, maxConcurrency: 1 });
    let left: readonly Change[] = jobs;
    for (let day = 0; day < 3; day += 1) {
      const before = sent;
      const { outcomes, failure } = await pusher.push(left, { lookup }, signal);
      expect(failure?.message).toMatch(/^The day budget of 40 requests is used up/);
      expect(sent - before).toBeLessThanOrEqual(0.95 * limit);
      expect(sent - before).toBeGreaterThan(0.8 * limit);
      const { outcomes: blind } = await pusher.push(left.slice(-1), { lookup }, signal);
      expect(blind).toEqual([]);
      expect(sent - before).toBeLessThanOrEqual(0.95 * limit);
      const done = outcomes.map((outcome) => outcome.change.record.externalId);
      expect(done).toEqual(left.slice(0, done.length).map(({ record: { externalId } }) => externalId));
      left = left.slice(done.length);
      clock.jump(86_400_000);
    }
    expect(left.length).toBeLessThan(920);
  });
});
