import { expect, it } from 'vitest';
import { sweepCrashPoints } from '../simulation/crash-points.ts';

/** Bar 12. Every step is swept by `npm run simulate -- --crash-points`, real processes are killed in test/crash/kill.test.ts. */
it('loses nothing and re-sends at most what was in flight, wherever a first load, a delta or a sweep is cut off', async () => {
  const { points, failures } = await sweepCrashPoints(47);
  expect(failures).toEqual([]);
  expect(points).toBeGreaterThan(30);
}, 120_000);
