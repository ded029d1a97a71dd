import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PermanentError, RecordError, TransientError } from '../../src/core/errors.ts';
import { createEventBus, type Events } from '../../src/core/events.ts';
import { withRetries } from '../../src/core/retry.ts';
import { createFakeClock } from '../support/fake-clock.ts';

interface Trial {
  /** What each attempt throws; an attempt beyond the last succeeds. */
  errors: readonly Error[];
  attempts?: number;
  random?: () => number;
  signal?: AbortSignal;
}

/** Runs a task that fails as told; `waits` are the pauses as they were slept and as they were told. */
async function run({ errors, attempts = 5, random = () => 0.5, signal = new AbortController().signal }: Trial) {
  const clock = createFakeClock(new Date('2026-03-01T00:00:00Z'));
  const events = createEventBus((error) => {
    throw error;
  });
  const told: Events['request:retried'][] = [];
  events.on('request:retried', (event) => told.push(event));
  const startsMs: number[] = [];
  const task = async () => {
    startsMs.push(clock.monotonicMs());
    const error = errors[startsMs.length - 1];
    if (error !== undefined) throw error;
    return 'done';
  };
  const ended = withRetries({ system: 'mes', name: 'mes', attempts, clock, events, random }, task, signal).then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  );
  await clock.advance(3_600_000);
  const waits = startsMs.slice(1).map((start, index) => start - (startsMs[index] ?? 0));
  return { ...(await ended), tries: startsMs.length, waits, told, pending: clock.pending() };
}

function transient(retryAfterMs?: number): TransientError {
  return new TransientError('HTTP 503', retryAfterMs === undefined ? {} : { retryAfterMs });
}

const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

describe('retries', () => {
  it('pause for a random share of 1, 2, 4, 8, 16 and at most 30 seconds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(share, { minLength: 7, maxLength: 7 }), async (shares) => {
        const left = [...shares];
        const errors = Array.from({ length: 7 }, () => transient());
        const { waits } = await run({ errors, attempts: 8, random: () => left.shift() ?? 0 });
        const longest = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
        expect(waits).toEqual(longest.map((ms, index) => Math.round(ms * (shares[index] ?? 0))));
      }),
      { numRuns: 50 },
    );
  });

  it('wait at least as long as the other side asked for, and at most a tenth longer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30_000 }), share, async (askedMs, drawn) => {
        const { waits, value } = await run({ errors: [transient(askedMs)], random: () => drawn });
        expect(value).toBe('done');
        expect(waits[0]).toBeGreaterThanOrEqual(askedMs);
        expect(waits[0]).toBeLessThanOrEqual(Math.ceil(askedMs * 1.1));
      }),
      { numRuns: 100 },
    );
  });

  it('still pause when the other side asked for no wait at all, as it does with a date that has passed', async () => {
    const { waits } = await run({ errors: [transient(0), transient(0)], random: () => 0.5 });
    expect(waits).toEqual([500, 1000]);
  });

  it.each([33_001, 120_000, 86_400_000])('throw a wait of %i ms instead of sleeping it', async (askedMs) => {
    const asked = transient(askedMs);
    const { error, tries, told } = await run({ errors: [asked], random: () => 0 });
    expect(error).toBe(asked);
    expect(tries).toBe(1);
    expect(told).toEqual([]);
  });

  it('end with the last error after the given number of attempts', async () => {
    const errors = Array.from({ length: 9 }, () => transient());
    const { error, tries } = await run({ errors, attempts: 5 });
    expect(tries).toBe(5);
    expect(error).toBe(errors[4]);
  });

  it.each([
    new PermanentError('HTTP 401'),
    new RecordError('no such date'),
    new Error('a bug'),
    new TypeError('undefined is not a function'),
  ])('never try again after %s', async (thrown) => {
    const { error, tries } = await run({ errors: [thrown] });
    expect(error).toBe(thrown);
    expect(tries).toBe(1);
  });

  it('tell each pause with attempt, length and reason', async () => {
    const { told } = await run({ errors: [transient(), transient(7000)], random: () => 0.5 });
    expect(told).toEqual([
      { system: 'mes', name: 'mes', attempt: 1, waitMs: 500, error: 'HTTP 503' },
      { system: 'mes', name: 'mes', attempt: 2, waitMs: 7350, error: 'HTTP 503' },
    ]);
  });

  it('stop in the middle of a pause when the signal aborts, without another try', async () => {
    const controller = new AbortController();
    const clock = createFakeClock(new Date('2026-03-01T00:00:00Z'));
    let tries = 0;
    const task = async () => {
      tries += 1;
      throw transient(20_000);
    };
    const events = createEventBus(() => undefined);
    const options = { system: 'mes', name: 'mes', attempts: 5, clock, events, random: () => 0 } as const;
    const ended = withRetries(options, task, controller.signal);
    await clock.advance(10_000);
    controller.abort(new Error('shutting down'));
    await expect(ended).rejects.toThrow('shutting down');
    expect(tries).toBe(1);
    expect(clock.pending()).toBe(0);
  });
});
