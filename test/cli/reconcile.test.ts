import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import type { ReconcileResult } from '../../src/core/events.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

describe('reconcile', () => {
  let sandbox: Sandbox;
  let workspace: Workspace;
  const reconcile = async (...args: string[]) => {
    const { code, answer } = await workspace.json('reconcile', ...args);
    return { code, streams: (answer as { streams: ReconcileResult[] }).streams };
  };

  beforeAll(async () => {
    sandbox = await startSandbox({ seed: 11, records: 120 });
    workspace = createWorkspace(sandbox);
    expect((await workspace.json('sync')).code).toBe(0);
  });
  afterAll(async () => {
    await sandbox.stop();
    workspace.remove();
  });

  it('proves stream by stream that nothing is missing, stale or extra', async () => {
    const { code, streams } = await reconcile();
    expect(code).toBe(0);
    expect(streams.map(({ stream }) => stream)).toHaveLength(5);
    for (const result of streams) {
      expect(result).toMatchObject({
        outcome: 'ok',
        missing: 0,
        stale: 0,
        extra: 0,
        repaired: 0,
        requests: { mes: 0 },
      });
      expect(result.checked).toBeGreaterThan(0);
    }
  });

  it('ends with 1 and says how to go on when too much has vanished', async () => {
    sandbox.sap.narrow(0.3);
    const { code, streams } = await reconcile('plant-1/sales-orders');
    expect(code).toBe(1);
    expect(streams).toMatchObject([{ stream: 'sales-orders', outcome: 'withheld', vanished: 0 }]);
    const { stdout } = await workspace.run('reconcile', 'plant-1/sales-orders');
    expect(stdout).toContain('erp-puller reconcile plant-1/sales-orders --release');
    expect(stdout.split('\n', 1)[0]).toMatch(/missing +stale +extra +lost +repaired/);
    sandbox.sap.narrow(1);
    expect((await reconcile('plant-1/sales-orders')).code).toBe(0);
  });

  it('refuses a stream that there is not, with 64', async () => {
    expect((await workspace.run('reconcile', 'plant-1/nothing')).code).toBe(64);
  });
});
