import { expect, it } from 'vitest';
import { sweepCrashPoints } from '../simulation/crash-points.ts';

/** Bar 12. Every step is swept by `npm run simulate -- --crash-points`, real processes are killed in test/crash/kill.test.ts. */
it.each(['classic', 'main'] as const)(
  'loses nothing and re-sends at most what was in flight, wherever a first load, a delta or a sweep is cut off (%s)',
  async (generation) => {
    const { points, failures } = await sweepCrashPoints(47, generation);
    expect(failures).toEqual([]);
    expect(points).toBeGreaterThan(30);
  },
  120_000,
);
