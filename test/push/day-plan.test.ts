import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gate } from '../../sandbox/eryxon/gate.ts';
import { WaitError } from '../../src/core/errors.ts';
import {
  exhaustionMs,
  type QuotaState,
  reserveLeft,
  reserveOf,
  roomAt,
  waitForRoom,
  windowMs,
} from '../../src/push/day-plan.ts';
import { createDayQuota } from '../../src/push/day-quota.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryQuota } from '../support/memory-quota.ts';

const start = new Date('2026-03-01T20:00:00.000Z');
const startMs = start.getTime();
const hourMs = 3_600_000;

function used(count: number, byOperator = 0): QuotaState {
  return { windowStart: start.toISOString(), used: count, byOperator, blockedUntil: null };
}

const fresh: QuotaState = { windowStart: null, used: 0, byOperator: 0, blockedUntil: null };

describe('the plan of a day of 1000 requests', () => {
  const delta = { firstLoad: false };

  it('keeps a twentieth for a person', () => {
    expect(reserveOf(1000)).toBe(50);
    expect(reserveLeft(used(10, 10), 1000)).toBe(40);
    expect(reserveLeft(used(980), 1000)).toBe(20);
  });

  it('lets a seventh of the rest leave at once, and three quarters of it for a first load', () => {
    expect(roomAt(fresh, 1000, { atMs: startMs, ...delta })).toBe(143);
    expect(roomAt(fresh, 1000, { atMs: startMs, firstLoad: true })).toBe(713);
  });

  it('frees the rest evenly over the 24 hours', () => {
    const half = roomAt(used(143), 1000, { atMs: startMs + windowMs / 2, ...delta });
    expect(half).toBeCloseTo((950 - 143) / 2);
    expect(roomAt(used(143), 1000, { atMs: startMs + windowMs, ...delta })).toBeCloseTo(950 - 143);
  });

  it("takes a person's requests out of the reserve first", () => {
    const atMs = startMs + hourMs;
    const before = roomAt(used(100), 1000, { atMs, ...delta });
    expect(roomAt(used(150, 50), 1000, { atMs, ...delta })).toBeCloseTo(before);
    expect(roomAt(used(160, 60), 1000, { atMs, ...delta })).toBeCloseTo(before - 10);
  });

  it('tells when as many are free as are wanted, and not a moment earlier', () => {
    fc.assert(
      fc.property(
        fc.record({
          limit: fc.integer({ min: 1, max: 10_000 }),
          share: fc.double({ min: 0, max: 1, noNaN: true }),
          elapsedMs: fc.integer({ min: 0, max: windowMs }),
          requests: fc.integer({ min: 1, max: 20 }),
          firstLoad: fc.boolean(),
        }),
        ({ limit, share, elapsedMs, requests, firstLoad }) => {
          const state = used(Math.floor(limit * share));
          const atMs = startMs + elapsedMs;
          const wait = waitForRoom(state, limit, { atMs, requests, firstLoad });
          const endsIn = windowMs - elapsedMs;
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(endsIn);
          if (wait === endsIn) return;
          expect(roomAt(state, limit, { atMs: atMs + wait, firstLoad })).toBeGreaterThanOrEqual(requests - 1e-3);
          if (wait > 2) {
            expect(roomAt(state, limit, { atMs: atMs + wait - 2, firstLoad })).toBeLessThan(requests);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('predicts when the budget is used up, and that it lasts when it does', () => {
    expect(exhaustionMs(used(500), 1000, startMs + 6 * hourMs)).toBe(startMs + 12 * hourMs);
    expect(exhaustionMs(used(200), 1000, startMs + 6 * hourMs)).toBeNull();
    expect(exhaustionMs(used(1000), 1000, startMs + hourMs)).toBe(startMs + hourMs);
    expect(exhaustionMs(fresh, 1000, startMs)).toBeNull();
    // Five requests in the first second are no prediction.
    expect(exhaustionMs(used(5), 1000, startMs + 1000)).toBeNull();
  });
});

describe('the limiter', () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 20 * hourMs })),
    requests: fc.array(fc.constantFrom('scheduled' as const, 'operator' as const), { maxLength: 6 }),
    restart: fc.boolean(),
  });

  it('lets out, over 10 000 random schedules of two callers with restarts, never more than the MES takes nor passes into the reserve', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.array(step, { minLength: 1, maxLength: 25 }),
        async (limit, steps) => {
          const clock = createFakeClock(start);
          const store = createMemoryQuota();
          let quota = createDayQuota(limit, store, clock);
          const mes = new Gate({ apiKey: 'ery_test_key', now: clock.now, dailyLimit: limit });
          const sent: { atMs: number; caller: string }[] = [];
          for (const { waitMs, requests, restart } of steps) {
            clock.jump(waitMs);
            if (restart) quota = createDayQuota(limit, store, clock);
            const asked = await Promise.allSettled(requests.map((caller) => quota.take(caller)));
            for (const [index, { status }] of asked.entries()) {
              const caller = requests[index] ?? 'scheduled';
              if (status === 'rejected') continue;
              // Throws when the MES would answer 429.
              mes.pass('Bearer ery_test_key');
              sent.push({ atMs: clock.now().getTime(), caller });
            }
            const refusals = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
            expect(refusals.every((reason) => reason instanceof WaitError)).toBe(true);
          }
          expectPassesLeaveTheReserve(sent, limit);
        },
      ),
      { numRuns: 10_000 },
    );
  }, 120_000);
});

/** In each window of the MES, which begins with the first request after the last one's end. */
function expectPassesLeaveTheReserve(sent: readonly { atMs: number; caller: string }[], limit: number): void {
  let windowStart = Number.NEGATIVE_INFINITY;
  let all = 0;
  let passes = 0;
  for (const { atMs, caller } of sent) {
    if (atMs - windowStart >= windowMs) {
      windowStart = atMs;
      all = 0;
      passes = 0;
    }
    all += 1;
    if (caller === 'scheduled') passes += 1;
    expect(all).toBeLessThanOrEqual(limit);
    expect(passes).toBeLessThanOrEqual(limit - reserveOf(limit));
  }
}
