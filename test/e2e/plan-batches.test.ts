import { expect, it, onTestFinished } from 'vitest';
import { startSandbox } from '../../sandbox/sandbox.ts';
import type { Plan } from '../../src/app/plan.ts';
import type { StreamResult } from '../../src/core/events.ts';
import { createWorkspace } from '../support/cli-workspace.ts';

it('a plan counts with the batches of the running daemon, which have grown', async () => {
  const sandbox = await startSandbox({ seed: 22, records: 900 });
  const workspace = createWorkspace(sandbox, {});
  onTestFinished(async () => {
    workspace.remove();
    await sandbox.stop();
  });
  const daemon = await workspace.startDaemon();
  await daemon.waitFor(/"Pass finished\.".*operations/);
  await workspace.run('watermark', 'reset', 'plant-1/operations', '--forget');
  const operations = 'plant-1/operations';
  const { streams: planned } = (await workspace.json('plan', operations)).answer as Plan;
  const { streams: done } = (await workspace.json('sync', operations)).answer as { streams: StreamResult[] };
  const [updated, requests] = [planned[0]?.update ?? 0, planned[0]?.requests ?? 0];
  expect(updated).toBeGreaterThan(300);
  expect(requests).toBeLessThan(Math.ceil(updated / 100));
  expect([updated, requests]).toEqual([done[0]?.updated, done[0]?.requests.mes]);
  expect((await daemon.stop('SIGTERM')).code).toBe(0);
}, 120_000);
