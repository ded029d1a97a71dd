// The disk of the simulation, before anything that takes hold of the real one.
import '../simulation/disk.ts';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { BusyError } from '../../src/core/errors.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { stealLease } from '../simulation/stolen-lease.ts';
import { scratchDirectory } from '../support/state-builders.ts';

it('bar 16: a second daemon on one state directory is refused within two seconds', async () => {
  const directory = scratchDirectory();
  const first = await openEmbeddedStore({ directory, clock: systemClock });
  const startedMs = performance.now();
  await expect(openEmbeddedStore({ directory, clock: systemClock })).rejects.toThrow(BusyError);
  expect(performance.now() - startedMs).toBeLessThan(2000);
  await first.close();
});

/** 10 000 seeds by `npm run simulate -- --thefts 10000`. */
it('bar 16: nothing of a writer whose lease was stolen at any await is accepted, for 300 seeds', async () => {
  let stolen = 0;
  for (let seed = 1; seed <= 300; seed += 1) {
    const theft = await stealLease(seed);
    expect(theft.accepted, `seed ${seed}`).toEqual([]);
    if (theft.stolen) stolen += 1;
  }
  expect(stolen).toBeGreaterThan(150);
}, 60_000);
