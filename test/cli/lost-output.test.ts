import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { startCli } from '../support/cli.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

const onLinux = describe.skipIf(process.platform !== 'linux');
/** Linux says of every write to it that the disk is full. */
const full = '/dev/full';
const saysFull = expect.stringMatching(/^Standard output cannot be written: .*ENOSPC.*\n$/);

let sandbox: Sandbox;
let workspace: Workspace;
beforeAll(async () => {
  sandbox = await startSandbox({ seed: 16, records: 40 });
  workspace = createWorkspace(sandbox);
});
afterAll(async () => {
  workspace.remove();
  await sandbox.stop();
});

const hasStateFile = (name: string) => existsSync(path.join(workspace.stateDirectory, name));

onLinux('a daemon whose log cannot be written', () => {
  it('ends in order, with 1 for whoever restarts it and the reason', async () => {
    const { code, stderr } = await workspace.runInto(full, 'run');
    expect({ code, stderr }).toEqual({ code: 1, stderr: saysFull });
    expect(['ledger.db', 'ledger.db-wal', 'control.sock'].filter(hasStateFile)).toEqual(['ledger.db']);
  });

  it('does so too when whoever read it is gone', async () => {
    const daemon = await workspace.startDaemon();
    expect(hasStateFile('control.sock')).toBe(true);
    daemon.hangUp();
    const { code, stderr } = await daemon.result;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^Standard output cannot be written: .*EPIPE.*\n$/),
    });
    expect(hasStateFile('control.sock')).toBe(false);
  });
});

onLinux('a verb whose output cannot be written', () => {
  it.each(['schema', '--help', 'status --json', 'dead-letters list --json', 'sync --json'])(
    'ends with 1 and says so: %s',
    async (line) => {
      const { code, stderr } = await workspace.runInto(full, ...line.split(' '));
      expect({ code, stderr }).toEqual({ code: 1, stderr: saysFull });
    },
  );

  it('keeps a code that says more', async () => {
    const { code } = await workspace.runInto(full, 'check', '--offline', '--config', 'none.yaml');
    expect(code).toBe(78);
  });
});

describe('a verb whose reader has seen enough', () => {
  it.each(['schema', 'status --json'])('ends quietly with its own outcome: %s', async (line) => {
    const verb = startCli(line.split(' '), { cwd: workspace.folder, env: workspace.env });
    verb.hangUp();
    const { code, stderr } = await verb.result;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
