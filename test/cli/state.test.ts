import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { startCli } from '../support/cli.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';
import { serveHttp } from '../support/loopback.ts';

let sandbox: Sandbox;
let workspace: Workspace;
const watermarks = () => path.join(workspace.stateDirectory, 'watermarks.json');
const backup = () => path.join(workspace.folder, 'backup');
const status = async () => (await workspace.json('status')).answer;

beforeAll(async () => {
  sandbox = await startSandbox({ seed: 14, records: 40 });
  workspace = createWorkspace(sandbox);
});
afterAll(async () => {
  workspace.remove();
  await sandbox.stop();
});

describe('state', () => {
  it('check finds nothing wrong with a state that does not exist yet', async () => {
    const { code, answer } = await workspace.json('state', 'check');
    expect({ code, answer }).toEqual({
      code: 0,
      answer: {
        ok: true,
        findings: [
          { code: 'state-new', level: 'ok', where: workspace.stateDirectory, text: 'There is no state yet.', todo: '' },
        ],
      },
    });
  });

  it('lies beside the config file, for the eyes of its owner only', async () => {
    expect((await workspace.run('sync')).code).toBe(0);
    expect(statSync(workspace.stateDirectory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(workspace.stateDirectory)) {
      const mode = statSync(path.join(workspace.stateDirectory, name)).mode & 0o777;
      expect([name, mode]).toEqual([name, 0o600]);
    }
  });

  it('check finds a state sound that passes have left', async () => {
    expect(await workspace.json('state', 'check')).toMatchObject({
      code: 0,
      answer: { ok: true, findings: [{ code: 'state-sound' }] },
    });
  });

  it('check warns of a state that others can read', async () => {
    chmodSync(watermarks(), 0o644);
    const { code, answer } = await workspace.json('state', 'check');
    expect(code).toBe(0);
    expect(answer).toMatchObject({
      ok: true,
      findings: [{ code: 'state-exposed', level: 'warning', todo: `chmod go= ${watermarks()}` }],
    });
    chmodSync(watermarks(), 0o600);
  });

  it('backup copies it into a new directory, and refuses one that holds something', async () => {
    expect(await workspace.run('state', 'backup', backup())).toMatchObject({
      code: 0,
      stdout: `The state is backed up in ${backup()}.\n`,
    });
    const { code, stderr } = await workspace.run('state', 'backup', backup());
    expect(code).toBe(64);
    expect(stderr).toContain(`${backup()} is not empty. Name a directory that is, or one that does not exist yet.`);
  });

  it('restore brings back what the backup held, and keeps what was there', async () => {
    const before = await status();
    await workspace.run('watermark', 'reset', 'plant-1/operations', '--forget');
    expect(await status()).not.toEqual(before);
    const { code, stdout } = await workspace.run('state', 'restore', backup());
    expect(code).toBe(0);
    const [, aside = ''] = /what was there before is in (.+)\.\n$/.exec(stdout) ?? [];
    expect(existsSync(path.join(aside, 'watermarks.json'))).toBe(true);
    expect(withoutLag(await status())).toEqual(withoutLag(before));
    expect((await workspace.run('sync')).code).toBe(0);
    sandbox.sap.checkpoint();
    expect(sandbox.compare().equal).toBe(true);
  });

  it('rebuild ends soon after SIGTERM, whatever the MES does', async () => {
    const asked = Promise.withResolvers<void>();
    const { origin } = await serveHttp(() => asked.resolve());
    const env = { ...workspace.env, MES_URL: origin };
    const rebuild = startCli(['state', 'rebuild'], { cwd: workspace.folder, env });
    onTestFinished(async () => void (await rebuild.stop('SIGKILL')));
    await asked.promise;
    const startedMs = performance.now();
    const { code, stderr } = await rebuild.stop('SIGTERM');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Stopped by SIGTERM.') });
    expect(performance.now() - startedMs).toBeLessThan(3000);
  });

  it('restore refuses a directory that holds no backup, and changes nothing', async () => {
    const before = readFileSync(watermarks(), 'utf8');
    const { code, stderr } = await workspace.run('state', 'restore', path.join(workspace.folder, 'nowhere'));
    expect(code).toBe(78);
    expect(stderr).toContain(
      'nowhere holds no complete backup: watermarks.json is missing. Name a directory that `erp-puller state backup` has written.',
    );
    expect(readFileSync(watermarks(), 'utf8')).toBe(before);
  });

  it('restore refuses a damaged backup by its own name, and asks for another', async () => {
    const damaged = path.join(workspace.folder, 'damaged');
    cpSync(backup(), damaged, { recursive: true });
    writeFileSync(path.join(damaged, 'watermarks.json'), '{');
    const { code, stderr } = await workspace.run('state', 'restore', damaged);
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: `${path.join(damaged, 'watermarks.json')} is truncated or damaged: it is not JSON. Nothing was changed. Restore another backup.\n`,
    });
  });

  it('that is damaged is refused by every verb with 78 and the way out, and is not touched', async () => {
    const sound = readFileSync(watermarks(), 'utf8');
    const damaged = sound.slice(0, sound.length / 2);
    writeFileSync(watermarks(), damaged);
    for (const verb of ['status', 'run']) {
      const { code, stdout, stderr } = await workspace.run(verb);
      expect([verb, code, stdout]).toEqual([verb, 78, '']);
      expect(stderr).toMatch(/erp-puller state restore/);
    }
    expect(await workspace.json('state', 'check')).toMatchObject({
      code: 78,
      answer: {
        ok: false,
        findings: [
          {
            code: 'state-damaged',
            level: 'error',
            text: `${watermarks()} is truncated or damaged: it is not JSON.`,
            todo: expect.stringContaining('erp-puller state restore'),
          },
        ],
      },
    });
    expect(readFileSync(watermarks(), 'utf8')).toBe(damaged);
    expect((await workspace.run('state', 'restore', backup())).code).toBe(0);
    expect((await workspace.run('status')).code).toBe(0);
  });
});

describe('a first start that was killed before the ledger had its tables', () => {
  const cutOff = () => {
    const workspace = createWorkspace(sandbox);
    onTestFinished(workspace.remove);
    mkdirSync(workspace.stateDirectory, { mode: 0o700 });
    writeFileSync(path.join(workspace.stateDirectory, 'ledger.db'), '', { mode: 0o600 });
    return workspace;
  };

  it('has left no state yet, and nothing to restore', async () => {
    const workspace = cutOff();
    const text = `There is no state in ${workspace.stateDirectory} yet. The daemon creates it when it first starts.`;
    expect(await workspace.run('dead-letters', 'list')).toEqual({ code: 78, stdout: '', stderr: `${text}\n` });
    expect(await workspace.json('state', 'check')).toEqual({
      code: 78,
      answer: {
        ok: false,
        findings: [{ code: 'state-new', level: 'error', where: workspace.stateDirectory, text, todo: '' }],
      },
    });
  });

  it('is made up for by the next', async () => {
    const workspace = cutOff();
    expect((await workspace.run('sync')).code).toBe(0);
    expect((await workspace.run('dead-letters', 'list')).code).toBe(0);
  });
});

describe('a state directory that can be none', () => {
  it('is refused with 78 where it is a file', async () => {
    const workspace = createWorkspace(sandbox);
    onTestFinished(workspace.remove);
    writeFileSync(workspace.stateDirectory, '');
    const { code, stderr } = await workspace.run('state', 'check');
    expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringContaining('/state is not a directory. Name') });
  });

  it.each(['run', 'sync', 'status', 'dead-letters list', 'dead-letters retry', 'state check', 'plan', 'check'])(
    'is refused by %s with 78 where it is a circle of links',
    async (line) => {
      const workspace = createWorkspace(sandbox);
      onTestFinished(workspace.remove);
      symlinkSync(workspace.stateDirectory, workspace.stateDirectory);
      const { code, stderr } = await workspace.run(...line.split(' '));
      expect({ code, stderr }).toEqual({
        code: 78,
        stderr: expect.stringMatching(
          /state.* symbolic links.* Name another one \(state\.directory in the config file\)/,
        ),
      });
    },
  );
});

/** What passes with time is not part of the comparison. */
function withoutLag(report: unknown): unknown {
  const { streams, ...rest } = report as { streams: { lagSeconds: unknown }[] };
  return { ...rest, streams: streams.map(({ lagSeconds: _lag, ...stream }) => stream) };
}
