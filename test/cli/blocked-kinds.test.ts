import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { serveControl } from '../../src/app/control.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

let sandbox: Sandbox;
let workspace: Workspace;
beforeEach(async () => {
  sandbox = await startSandbox({ seed: 13, records: 60, generation: 'main' });
  workspace = createWorkspace(sandbox);
});
afterEach(async () => {
  workspace.remove();
  await sandbox.stop();
});

const lacking = "Could not find the 'operation_name' column of 'operations' in the schema cache";
const told = /^The MES takes no operation in any way, they wait until it is repaired: .*'operation_name' column/m;

it('a kind of record that the MES takes in no way is named by every verb, which end with 2, until a sync finds it mended', async () => {
  sandbox.mes.refuse((table, body) => (table === 'operations' && 'operation_name' in body ? lacking : undefined));
  for (const verb of [['sync'], ['plan'], ['reconcile']]) {
    if (verb[0] === 'plan') await workspace.run('sync');
    const { code, stdout } = await workspace.run(...verb);
    expect({ verb, code }).toEqual({ verb, code: 2 });
    expect(stdout).toMatch(told);
  }
  const { code, stdout } = await workspace.run('status');
  expect(code).toBe(0);
  expect(stdout).toMatch(told);
  expect(await workspace.json('sync')).toMatchObject({
    code: 2,
    answer: { closed: [{ entity: 'operation', reason: expect.stringMatching(told) }] },
  });
  sandbox.mes.refuse(() => undefined);
  expect(await workspace.json('sync')).toMatchObject({ code: 0, answer: { closed: [] } });
  expect(sandbox.compare().differences).toEqual([]);
  expect((await workspace.run('status')).stdout).not.toMatch(told);
});

it('a running daemon is asked in the same way', async () => {
  sandbox.mes.refuse((table, body) => (table === 'operations' && 'operation_name' in body ? lacking : undefined));
  const daemon = await workspace.startDaemon();
  expect(await workspace.json('sync')).toMatchObject({ code: 2, answer: { closed: [{ entity: 'operation' }] } });
  sandbox.mes.refuse(() => undefined);
  expect(await workspace.json('sync')).toMatchObject({ code: 0, answer: { closed: [] } });
  expect(sandbox.compare().differences).toEqual([]);
  await daemon.stop('SIGTERM');
});

it.each(['sync', 'reconcile'])(
  'a daemon of an older version, which does not tell of it, is understood: %s',
  async (verb) => {
    mkdirSync(workspace.stateDirectory, { recursive: true });
    const daemon = await serveControl(workspace.stateDirectory, async () => ({ streams: [] }));
    expect(await workspace.json(verb)).toEqual({ code: 0, answer: { streams: [], closed: [] } });
    expect((await workspace.run(verb)).code).toBe(0);
    await daemon.close();
  },
);
