import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { createTokenBucket, type Rate } from '../../src/core/token-bucket.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

interface Ask {
  /** Time since the ask before. */
  gapMs: number;
  /** Gives up after so long. */
  patienceMs?: number | undefined;
}

interface Grant {
  index: number;
  atMs: number;
}

const rates = fc.record({
  requestsPerSecond: fc.double({ min: 0.2, max: 1000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 20 }),
});
const schedules = fc.array(
  fc.record({
    gapMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })),
    patienceMs: fc.option(fc.integer({ min: 0, max: 2000 }), { nil: undefined, freq: 4 }),
  }),
  { minLength: 1, maxLength: 40 },
);

/** Plays a schedule; resolves to who was let through and when, in the order of leaving. */
async function play(rate: Rate, asks: readonly Ask[], wrap: (clock: FakeClock) => Clock = (clock) => clock) {
  const clock = createFakeClock(new Date('2026-03-01T00:00:00Z'));
  const bucket = createTokenBucket(rate, wrap(clock));
  const granted: Grant[] = [];
  const gaveUp: number[] = [];
  for (const [index, { gapMs, patienceMs }] of asks.entries()) {
    await clock.advance(gapMs);
    const controller = new AbortController();
    if (patienceMs !== undefined) clock.after(patienceMs, () => controller.abort(new Error('no patience left')));
    bucket.take(controller.signal).then(
      () => granted.push({ index, atMs: clock.monotonicMs() }),
      () => gaveUp.push(index),
    );
  }
  await clock.advance(((asks.length + 1) * 1000) / rate.requestsPerSecond + 600_000);
  return { granted, gaveUp, clock };
}

/** The largest excess over the allowance in any window between two requests. */
function excess({ requestsPerSecond, burst }: Rate, granted: readonly Grant[]): number {
  let worst = Number.NEGATIVE_INFINITY;
  for (const [first, from] of granted.entries()) {
    for (const [last, to] of granted.entries()) {
      if (last < first) continue;
      const allowed = burst + ((to.atMs - from.atMs) / 1000) * requestsPerSecond;
      worst = Math.max(worst, last - first + 1 - allowed);
    }
  }
  return worst;
}

const rounding = 1e-6;

describe('the token bucket', () => {
  it('lets at most burst + rate x W requests through in any window of W seconds', async () => {
    await fc.assert(
      fc.asyncProperty(rates, schedules, async (rate, asks) => {
        const { granted } = await play(rate, asks);
        expect(excess(rate, granted)).toBeLessThanOrEqual(rounding);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps to that when the event loop was blocked and many waits end at once', async () => {
    await fc.assert(
      fc.asyncProperty(rates, schedules, fc.integer({ min: 2, max: 5000 }), async (rate, asks, stallMs) => {
        const { granted } = await play(rate, asks, (clock) => stalling(clock, stallMs));
        expect(excess(rate, granted)).toBeLessThanOrEqual(rounding);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps the order of asking, and lets everybody through who has the patience', async () => {
    await fc.assert(
      fc.asyncProperty(rates, schedules, async (rate, asks) => {
        const { granted, gaveUp, clock } = await play(rate, asks);
        const order = granted.map(({ index }) => index);
        expect(order).toEqual([...order].sort((a, b) => a - b));
        expect([...order, ...gaveUp].sort((a, b) => a - b)).toEqual(asks.map((_, index) => index));
        expect(gaveUp.every((index) => asks[index]?.patienceMs !== undefined)).toBe(true);
        expect(clock.pending()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('lets a whole burst through at once after a rest, and then one each interval', async () => {
    const rate = { requestsPerSecond: 4, burst: 3 };
    const { granted } = await play(rate, [{ gapMs: 60_000 }, ...Array.from({ length: 5 }, () => ({ gapMs: 0 }))]);
    expect(granted.map(({ atMs }) => atMs - 60_000)).toEqual([0, 0, 0, 250, 500, 750]);
  });

  it('keeps up the full rate while there is always somebody waiting', async () => {
    const rate = { requestsPerSecond: 7, burst: 2 };
    const { granted } = await play(
      rate,
      Array.from({ length: 72 }, () => ({ gapMs: 0 })),
    );
    expect(granted.at(-1)?.atMs).toBeLessThanOrEqual(10_001);
  });

  it('rejects a wait with the reason of its signal as soon as that aborts, whoever waits before it', async () => {
    const clock = createFakeClock(new Date('2026-03-01T00:00:00Z'));
    const bucket = createTokenBucket({ requestsPerSecond: 0.1, burst: 1 }, clock);
    const never = new AbortController().signal;
    await bucket.take(never);
    const first = bucket.take(never);
    const controller = new AbortController();
    const second = bucket.take(controller.signal);
    const third = bucket.take(never);
    controller.abort(new Error('shutting down'));
    await expect(second).rejects.toThrow('shutting down');
    await clock.advance(30_000);
    await Promise.all([first, third]);
    expect(clock.pending()).toBe(0);
  });

  it('leaves no listener on a signal that outlives many requests', async () => {
    const clock = createFakeClock(new Date('2026-03-01T00:00:00Z'));
    const bucket = createTokenBucket({ requestsPerSecond: 10, burst: 2 }, clock);
    const { signal } = new AbortController();
    const taken = Promise.all(Array.from({ length: 30 }, () => bucket.take(signal)));
    await clock.advance(60_000);
    await taken;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('refuses a signal that has aborted already and books nothing for it', async () => {
    const clock = createFakeClock(new Date('2026-03-01T00:00:00Z'));
    const bucket = createTokenBucket({ requestsPerSecond: 1, burst: 1 }, clock);
    await expect(bucket.take(AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
    await bucket.take(new AbortController().signal);
    expect(clock.monotonicMs()).toBe(0);
  });
});

/** A machine whose event loop comes round only every `stallMs`: all timers due by then fire together. */
function stalling(clock: FakeClock, stallMs: number): Clock {
  return {
    ...clock,
    sleep(ms, signal) {
      const nowMs = clock.monotonicMs();
      const wakesMs = Math.ceil((nowMs + ms) / stallMs) * stallMs;
      return clock.sleep(wakesMs - nowMs, signal);
    },
  };
}

describe('buckets of one process after the other', () => {
  const steps = fc.array(
    fc.record({
      gapMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })),
      requests: fc.integer({ min: 1, max: 8 }),
      restart: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  );

  it('let no more through in any window than one would, over 10 000 random schedules with restarts', async () => {
    await fc.assert(
      fc.asyncProperty(rates, steps, async (rate, schedule) => {
        const clock = createEagerClock();
        const signal = new AbortController().signal;
        let bucket = createTokenBucket(rate, clock, 'empty');
        const granted: Grant[] = [];
        for (const { gapMs, requests, restart } of schedule) {
          clock.pass(gapMs);
          if (restart) bucket = createTokenBucket(rate, clock, 'empty');
          for (let index = 0; index < requests; index += 1) {
            await bucket.take(signal);
            granted.push({ index, atMs: clock.monotonicMs() });
          }
        }
        expect(excess(rate, granted)).toBeLessThanOrEqual(1e-6);
      }),
      { numRuns: 10_000 },
    );
  }, 60_000);
});

/** Sleeping takes no time; the clock has gone on all the same. */
function createEagerClock(): Clock & { pass(ms: number): void } {
  let elapsedMs = 0;
  const pass = (ms: number) => {
    elapsedMs += Math.max(ms, 0);
  };
  const now = () => new Date(elapsedMs);
  return { now, monotonicMs: () => elapsedMs, sleep: async (ms) => pass(ms), after: () => () => undefined, pass };
}
