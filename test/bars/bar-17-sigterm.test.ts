import { expect, it } from 'vitest';
import { terminateProcesses } from '../simulation/processes.ts';

/** 1 000 times by `npm run simulate -- --sigterm 1000`. */
it('bar 17: a daemon asked to stop at any moment exits 0 within 20 s with the last line of its log on disk', async () => {
  const lanes = await Promise.all([171, 172].map((seed) => terminateProcesses(seed, 10)));
  for (const { failures, atWork } of lanes) {
    expect(failures).toEqual([]);
    expect(atWork).toBeGreaterThan(5);
  }
}, 120_000);
