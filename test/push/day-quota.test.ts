import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gate } from '../../sandbox/eryxon/gate.ts';
import { TransientError } from '../../src/core/errors.ts';
import { createDayQuota, type DayQuota } from '../../src/push/day-quota.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryQuota } from '../support/memory-quota.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const start = new Date('2026-03-01T20:00:00.000Z');

function begin(limit: number | undefined) {
  const clock = createFakeClock(start);
  const store = createMemoryQuota();
  return { clock, store, quota: createDayQuota(limit, store, clock) };
}

/** Requests that a person could still book. */
async function left(quota: DayQuota): Promise<number | null> {
  return (await quota.report()).budgetLeft;
}

async function takeMany(quota: DayQuota, count: number): Promise<void> {
  for (let each = 0; each < count; each += 1) await quota.take();
}

async function refusal(take: Promise<void>): Promise<TransientError> {
  const error = await take.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TransientError);
  return error as TransientError;
}

describe('the day budget', () => {
  it('lets as many requests through as it holds, and then says how long to wait', async () => {
    const { clock, quota } = begin(3);
    await takeMany(quota, 2);
    await clock.advance(hourMs);
    await quota.take();
    const { retryAfterMs, message } = await refusal(quota.take());
    expect(retryAfterMs).toBe(23 * hourMs);
    expect(message).toBe('The day budget of 3 requests is used up until 2026-03-02T20:00:00.000Z.');
  });

  it('counts over 24 hours from the first request, not from midnight', async () => {
    const { clock, quota } = begin(2);
    await clock.advance(90 * 60_000);
    await takeMany(quota, 2);
    await clock.advance(dayMs - 1);
    await refusal(quota.take());
    await clock.advance(1);
    await takeMany(quota, 2);
    await refusal(quota.take());
  });

  it('begins no window without a request', async () => {
    const { clock, quota, store } = begin(2);
    expect(await left(quota)).toBe(2);
    await clock.advance(3 * dayMs);
    await quota.take();
    expect(store.state.windowStart).toBe('2026-03-04T20:00:00.000Z');
  });

  it('is durable before the request may leave', async () => {
    const { quota, store } = begin(5);
    await takeMany(quota, 2);
    expect(store.state).toEqual({ windowStart: start.toISOString(), used: 2, byOperator: 0, blockedUntil: null });
  });

  it('lets nothing out and counts nothing when it cannot be written', async () => {
    const { clock, store } = begin(2);
    const update = store.updateQuota;
    store.updateQuota = () => Promise.reject(new Error('disk full'));
    const quota = createDayQuota(2, store, clock);
    await expect(quota.take()).rejects.toThrow('disk full');
    store.updateQuota = update;
    await takeMany(quota, 2);
    await refusal(quota.take());
  });

  it('goes on counting after a restart in the middle of the window', async () => {
    const { clock, quota, store } = begin(5);
    await takeMany(quota, 3);
    await clock.advance(5 * hourMs);
    const next = createDayQuota(5, store, clock);
    expect(await left(next)).toBe(2);
    await takeMany(next, 2);
    expect((await refusal(next.take())).retryAfterMs).toBe(19 * hourMs);
  });

  it('does not give the last place away twice when many ask at once', async () => {
    const { quota } = begin(10);
    const asked = await Promise.allSettled(Array.from({ length: 50 }, () => quota.take()));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(await left(quota)).toBe(0);
  });

  it('is no budget at all when none is configured', async () => {
    const { quota, store } = begin(undefined);
    await takeMany(quota, 50);
    expect(await left(quota)).toBeNull();
    expect(store.state.used).toBe(0);
  });

  it('counts what an earlier, smaller or larger limit has used', async () => {
    const { clock, quota, store } = begin(4);
    await takeMany(quota, 4);
    expect(await left(createDayQuota(2, store, clock))).toBe(0);
    const larger = createDayQuota(6, store, clock);
    await takeMany(larger, 2);
    await refusal(larger.take());
  });

  it('never has the MES refuse a request, over random schedules and restarts', async () => {
    const step = fc.record({
      waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 30 * hourMs })),
      requests: fc.integer({ min: 0, max: 8 }),
      restart: fc.boolean(),
      patient: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 40 }), async (limit, steps) => {
        const { clock, store, ...first } = begin(limit);
        let { quota } = first;
        const apiKey = 'ery_test_key';
        const mes = new Gate({ apiKey, now: clock.now, dailyLimit: limit });
        for (const { waitMs, requests, restart, patient } of steps) {
          await clock.advance(waitMs);
          if (restart) quota = createDayQuota(limit, store, clock);
          const asked = await Promise.allSettled(Array.from({ length: requests }, () => quota.take()));
          const refused = asked.filter((each) => each.status === 'rejected');
          for (const each of asked) if (each.status === 'fulfilled') mes.pass(`Bearer ${apiKey}`);
          expect(refused.every(({ reason }) => reason instanceof TransientError)).toBe(true);
          const wait = (refused[0]?.reason as TransientError | undefined)?.retryAfterMs;
          if (wait === undefined || !patient) continue;
          await clock.advance(wait);
          await quota.take();
          mes.pass(`Bearer ${apiKey}`);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('silence that the MES asked for', () => {
  it('lets nothing out until it is over, and says so', async () => {
    const { clock, quota } = begin(10);
    await quota.block(2 * hourMs);
    const { retryAfterMs, message } = await refusal(quota.take());
    expect(retryAfterMs).toBe(2 * hourMs);
    expect(message).toBe('The MES asked for silence until 2026-03-01T22:00:00.000Z.');
    await clock.advance(2 * hourMs - 1);
    await refusal(quota.take());
    await clock.advance(1);
    await quota.take();
    expect(await left(quota)).toBe(9);
  });

  it('survives a restart', async () => {
    const { clock, quota, store } = begin(10);
    await quota.block(2 * hourMs);
    await clock.advance(hourMs);
    expect((await refusal(createDayQuota(10, store, clock).take())).retryAfterMs).toBe(hourMs);
  });

  it('is kept without a day budget too', async () => {
    const { quota } = begin(undefined);
    await quota.block(hourMs);
    await refusal(quota.take());
  });

  it('does not forget what the window has used', async () => {
    const { clock, quota } = begin(3);
    await takeMany(quota, 2);
    await quota.block(hourMs);
    await clock.advance(hourMs);
    expect(await left(quota)).toBe(1);
  });
});

describe('a wall clock that was wrong', () => {
  it.each([hourMs, 400 * dayMs])('by %i ms and is set back holds nobody up for more than a day', async (ms) => {
    const { clock, quota, store } = begin(2);
    await takeMany(quota, 2);
    await quota.block(dayMs);
    clock.jump(-ms);
    for (const each of [quota, createDayQuota(2, store, clock)]) {
      expect((await refusal(each.take())).retryAfterMs).toBeLessThanOrEqual(dayMs);
    }
    await clock.advance(dayMs);
    await takeMany(quota, 2);
  });

  it('and is set back frees no place that is taken', async () => {
    const { clock, quota } = begin(2);
    await takeMany(quota, 2);
    clock.jump(-3 * hourMs);
    await refusal(quota.take());
    await clock.advance(dayMs - 1);
    await refusal(quota.take());
  });
});

describe('the reserve', () => {
  it('is left to a person when passes have used up the rest', async () => {
    const { quota } = begin(100);
    await takeMany(quota, 95);
    const { message } = await refusal(quota.take('scheduled'));
    expect(message).toBe(
      'The day budget of 100 requests is used up but for what is kept for a person until 2026-03-02T20:00:00.000Z.',
    );
    for (let each = 0; each < 5; each += 1) await quota.take('operator');
    expect((await refusal(quota.take('operator'))).message).toMatch(/^The day budget of 100 requests is used up until/);
  });

  it("is smaller by a person's own requests, and comes back with one that was never sent", async () => {
    const { quota } = begin(100);
    await quota.take('operator');
    expect(await quota.report()).toMatchObject({ budgetLeft: 99, reserveLeft: 4 });
    await quota.giveBack('operator');
    expect(await quota.report()).toMatchObject({ budgetLeft: 100, reserveLeft: 5 });
  });
});

describe("the MES's own word that its day is used up", () => {
  it('ends our window when its does, although it began earlier: other clients count too', async () => {
    const { clock, quota, store } = begin(10);
    await takeMany(quota, 3);
    await clock.advance(hourMs);
    await quota.block(2 * hourMs, true);
    expect(await left(quota)).toBe(0);
    await clock.advance(2 * hourMs);
    await quota.take();
    expect(await left(quota)).toBe(9);
    expect(store.state.windowStart).toBe('2026-03-01T23:00:00.000Z');
  });
});

describe('the report', () => {
  it('tells what is left, until when, and when nothing will be', async () => {
    const { clock, quota } = begin(100);
    await takeMany(quota, 50);
    await clock.advance(6 * hourMs);
    expect(await quota.report()).toEqual({
      budget: 100,
      budgetLeft: 50,
      reserveLeft: 5,
      windowEndsAt: '2026-03-02T20:00:00.000Z',
      exhaustedAt: '2026-03-02T08:00:00.000Z',
      blockedUntil: null,
    });
  });

  it('has no figures without a budget', async () => {
    const { quota } = begin(undefined);
    await quota.take();
    expect(await quota.report()).toMatchObject({
      budget: null,
      budgetLeft: null,
      reserveLeft: null,
      exhaustedAt: null,
    });
  });
});
