import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { simulate } from './simulate.ts';

const run = promisify(execFile);

it('is the same run down to the last request when the seed is the same', async () => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= 30; seed += 1) {
    const first = await simulate(seed);
    const second = await simulate(seed);
    expect(second).toEqual(first);
    expect(first.failure).toBeUndefined();
    hashes.add(first.hash);
  }
  expect(hashes.size).toBe(30);
});

/** More by `npm run simulate -- --seeds 200000`. */
it.each([
  { told: 'what is gone marked', seeds: 10_000, policy: [] },
  { told: 'what is gone deleted, or marked where it cannot be', seeds: 1500, policy: ['--policy', 'delete'] },
])(
  'ends with the MES as the ERP has it, and $told, for $seeds seeds',
  async ({ seeds, policy }) => {
    const arguments_ = ['test/simulation/main.ts', '--seeds', String(seeds), '--workers', '2', ...policy];
    const { stdout } = await run(process.execPath, arguments_, { maxBuffer: 2 ** 26 }).catch((error) => error);
    expect(stdout).toContain(`${seeds} seeds from 1: 0 failures`);
  },
  600_000,
);
