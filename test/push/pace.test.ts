import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPace, type Pace } from '../../src/push/pace.ts';

const options = { batchSize: 1000, maxConcurrency: 16, slowMs: 30_000 };

/** As it is once all has gone well for a while. */
function grownPace(): Pace {
  const pace = createPace(options);
  for (let each = 0; each < 9; each += 1) pace.delivered(pace.batchSize());
  return pace;
}

function at(endedMs: number, tookMs = 200) {
  return { startedMs: endedMs - tookMs, endedMs };
}

describe('the pace', () => {
  it('starts with a hundred records at most and never goes beyond what is configured', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 16 }),
        fc.array(
          fc.record({
            waitMs: fc.integer({ min: 0, max: 300_000 }),
            tookMs: fc.integer({ min: 1, max: 60_000 }),
            what: fc.constantFrom('answered', 'limited', 'failed', 'delivered'),
          }),
          { maxLength: 200 },
        ),
        (batchSize, maxConcurrency, steps) => {
          const pace = createPace({ batchSize, maxConcurrency, slowMs: 30_000 });
          expect([pace.batchSize(), pace.slots()]).toEqual([Math.min(100, batchSize), maxConcurrency]);
          let nowMs = 0;
          for (const { waitMs, tookMs, what } of steps) {
            nowMs += waitMs;
            if (what === 'answered') pace.answered(at(nowMs, tookMs));
            else if (what === 'delivered') pace.delivered(pace.batchSize());
            else pace.troubled(what as 'limited' | 'failed', at(nowMs, tookMs));
            expect(pace.batchSize()).toBeGreaterThanOrEqual(1);
            expect(pace.batchSize()).toBeLessThanOrEqual(batchSize);
            expect(pace.slots()).toBeGreaterThanOrEqual(1);
            expect(pace.slots()).toBeLessThanOrEqual(maxConcurrency);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('grows by a tenth of the largest batch with each full one', () => {
    const pace = createPace(options);
    const sizes = Array.from({ length: 11 }, () => {
      const size = pace.batchSize();
      pace.delivered(size);
      return size;
    });
    expect(sizes).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1000]);
  });

  it('halves batches and requests at one time when the MES breaks down over one', () => {
    const pace = grownPace();
    pace.troubled('failed', at(1000));
    expect([pace.batchSize(), pace.slots()]).toEqual([500, 8]);
  });

  it('keeps the batches when the MES refuses for the number of requests: smaller ones would be more', () => {
    const pace = grownPace();
    pace.troubled('limited', at(1000));
    expect([pace.batchSize(), pace.slots()]).toEqual([1000, 8]);
  });

  it('counts trouble once, however many requests were under way', () => {
    const pace = grownPace();
    for (let each = 0; each < 16; each += 1) pace.troubled('failed', { startedMs: each, endedMs: 1000 + each });
    expect([pace.batchSize(), pace.slots()]).toEqual([500, 8]);
    pace.troubled('failed', { startedMs: 1001, endedMs: 1200 });
    expect([pace.batchSize(), pace.slots()]).toEqual([250, 4]);
  });

  it('makes batches smaller when answers take half the time allowed', () => {
    const pace = grownPace();
    pace.answered(at(31_000, 30_001));
    expect([pace.batchSize(), pace.slots()]).toEqual([750, 16]);
  });

  it('goes back to the full batch, at first no further than three quarters of what failed', () => {
    const pace = grownPace();
    pace.troubled('failed', at(1000));
    pace.answered(at(2000));
    for (let each = 0; each < 20; each += 1) pace.delivered(pace.batchSize());
    expect(pace.batchSize()).toBe(750);
    pace.answered(at(700_000));
    for (let each = 0; each < 20; each += 1) pace.delivered(pace.batchSize());
    expect(pace.batchSize()).toBe(1000);
  });

  it('goes back to the full batch at once when single records failed too: it was not for their number', () => {
    const pace = grownPace();
    const nowMs = failToSingles(pace);
    for (let each = 1; each <= 3; each += 1) pace.troubled('failed', at(nowMs + 1000 * each));
    pace.answered(at(nowMs + 4000));
    for (let each = 0; each < 20; each += 1) pace.delivered(pace.batchSize());
    expect(pace.batchSize()).toBe(1000);
  });

  it('stays at single records where one of them fails or is slow now and then, and larger batches failed', () => {
    const pace = grownPace();
    let nowMs = failToSingles(pace);
    for (let each = 0; each < 8; each += 1) {
      pace.troubled('failed', at(nowMs + 1000));
      pace.answered(at(nowMs + 41_000, 31_000));
      pace.delivered(1);
      nowMs += 41_000;
      expect(pace.batchSize()).toBe(1);
    }
  });

  it('learns nothing of large batches from small ones', () => {
    const pace = grownPace();
    pace.troubled('failed', at(1000));
    pace.answered(at(700_000));
    for (let each = 0; each < 20; each += 1) pace.delivered(499);
    expect(pace.batchSize()).toBe(500);
  });
});

/** When the last of two records failed. */
function failToSingles(pace: Pace): number {
  let nowMs = 0;
  while (pace.batchSize() > 1) {
    nowMs += 1000;
    pace.troubled('failed', at(nowMs));
  }
  return nowMs;
}

/** A MES that answers so many requests at one time in 200 ms each and refuses the rest, under endless demand, in virtual time. */
function simulate(pace: Pace, capacityAt: (nowMs: number) => number, untilMs: number) {
  const stepMs = 10;
  let flying: { startedMs: number; endsMs: number; refused: boolean }[] = [];
  const samples: { atMs: number; flying: number; sent: number; refused: number }[] = [];
  for (let nowMs = 0; nowMs < untilMs; nowMs += stepMs) {
    for (const { startedMs, endsMs, refused } of flying.filter((each) => each.endsMs <= nowMs)) {
      if (refused) pace.troubled('limited', { startedMs, endedMs: endsMs });
      else pace.answered({ startedMs, endedMs: endsMs });
    }
    flying = flying.filter((each) => each.endsMs > nowMs);
    let sent = 0;
    let refused = 0;
    while (flying.length < pace.slots()) {
      const over = flying.length >= capacityAt(nowMs);
      flying.push({ startedMs: nowMs, endsMs: nowMs + (over ? 50 : 200), refused: over });
      sent += 1;
      if (over) refused += 1;
    }
    samples.push({ atMs: nowMs, flying: flying.length, sent, refused });
  }
  const sum = (from: number, to: number, of: (sample: (typeof samples)[number]) => number) =>
    samples.filter(({ atMs }) => atMs >= from && atMs < to).reduce((total, sample) => total + of(sample), 0);
  const mean = (from: number, to: number) => sum(from, to, ({ flying }) => flying) / ((to - from) / stepMs);
  return { samples, sum, mean };
}

describe('a MES whose capacity halves for five minutes and comes back', () => {
  const [halvedMs, backMs, endMs] = [60_000, 360_000, 900_000];
  const capacityAt = (nowMs: number) => (nowMs >= halvedMs && nowMs < backMs ? 8 : 16);
  const run = simulate(createPace(options), capacityAt, endMs);

  it('has at most 1.2 times of the new best number under way within 30 s', () => {
    const flying = run.samples
      .filter(({ atMs }) => atMs >= halvedMs + 30_000 && atMs < backMs)
      .map((each) => each.flying);
    expect(Math.max(...flying)).toBeLessThanOrEqual(1.2 * 8);
    expect(run.mean(halvedMs + 30_000, backMs)).toBeGreaterThan(0.75 * 8);
  });

  it('is used to 80 % again within five minutes after it is back, and stays so', () => {
    for (let fromMs = backMs + 60_000; fromMs < endMs; fromMs += 60_000) {
      expect(run.mean(fromMs, fromMs + 60_000)).toBeGreaterThanOrEqual(0.8 * 16);
    }
  });

  it('refuses fewer than 5 % of the requests, over all and in each minute', () => {
    for (let fromMs = 0; fromMs < endMs; fromMs += 60_000) {
      const [sent, refused] = [
        run.sum(fromMs, fromMs + 60_000, (s) => s.sent),
        run.sum(fromMs, fromMs + 60_000, (s) => s.refused),
      ];
      expect(refused / sent).toBeLessThan(0.05);
    }
  });

  it('is kept busy by what it can do when it never has the capacity that is configured', () => {
    const small = simulate(createPace(options), () => 3, 600_000);
    expect(small.mean(60_000, 600_000)).toBeGreaterThanOrEqual(0.75 * 3);
    const share = small.sum(60_000, 600_000, (s) => s.refused) / small.sum(60_000, 600_000, (s) => s.sent);
    expect(share).toBeLessThan(0.05);
  });
});
