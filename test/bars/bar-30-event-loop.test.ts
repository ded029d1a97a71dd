import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { createWorkspace } from '../support/cli-workspace.ts';
import { scratchDirectory } from '../support/state-builders.ts';

/** Bar 30. `ROWS=100000 npx vitest run test/bars/bar-30` loads more. */
const rows = Number(process.env['ROWS'] ?? 24_000);

it('bar 30: a first load holds the event loop for less than 250 ms in one go, and 50 ms in 99 of 100', async () => {
  const sandbox = await startSandbox({ seed: 30, records: rows });
  const samples = join(scratchDirectory(), 'held.json');
  const env = { NODE_OPTIONS: `--import=${resolve('test/preload/loop-sampler.ts')}`, LOOP_SAMPLES: samples };
  const workspace = createWorkspace(sandbox, { env });
  try {
    expect((await workspace.run('sync')).code).toBe(0);
    const heldMs = (JSON.parse(readFileSync(samples, 'utf8')) as number[]).sort((one, other) => one - other);
    expect(heldMs.length).toBeGreaterThan(100);
    expect(heldMs[Math.floor(heldMs.length * 0.99)]).toBeLessThan(50);
    expect(heldMs.at(-1)).toBeLessThan(250);
  } finally {
    workspace.remove();
    await sandbox.stop();
  }
}, 120_000);
