import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { callControl } from '../../src/app/control.ts';
import { type RunningCli, runCli, startCli } from '../support/cli.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ seed: 15, records: 40 });
});
afterAll(() => sandbox.stop());

describe('verbs beside a running daemon', () => {
  let workspace: Workspace;
  let daemon: RunningCli & { url: string };
  beforeAll(async () => {
    workspace = createWorkspace(sandbox, { healthPort: await freePort() });
    daemon = await workspace.startDaemon();
    await daemon.waitFor(/"Pass finished\.","stream":"plant-1\/operations"/);
  });
  afterAll(async () => {
    await daemon.stop('SIGKILL');
    workspace.remove();
  });

  it('run ends with 75: there is one daemon a state directory', async () => {
    const { code, stdout, stderr } = await workspace.run('run');
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
    expect(stderr).toContain(`The state in ${workspace.stateDirectory} is in use by another erp-puller.`);
  });

  it('state restore ends with 75 and changes nothing', async () => {
    expect(await workspace.run('state', 'restore', 'previous')).toMatchObject({ code: 75, stdout: '' });
  });

  it('status tells what the daemon knows', async () => {
    const { code, answer } = await workspace.json('status');
    expect(code).toBe(0);
    expect(answer).toMatchObject({ streams: expect.toSatisfy((streams: unknown[]) => streams.length === 5) });
    for (const { lastSuccess } of (answer as { streams: { lastSuccess: string | null }[] }).streams) {
      expect(lastSuccess).not.toBeNull();
    }
  });

  it('check has the daemon book what it asks the MES, out of the reserve', async () => {
    const budget = async () => ((await workspace.json('status')).answer as { mes: Record<string, number> }).mes;
    const [before, sentBefore] = [await budget(), sandbox.mes.requests().total];
    expect((await workspace.run('check')).code).toBe(0);
    const sent = sandbox.mes.requests().total - sentBefore;
    expect(sent).toBeGreaterThan(0);
    const after = await budget();
    expect(after['budgetLeft']).toBe((before['budgetLeft'] ?? 0) - sent);
    expect(after['reserveLeft']).toBe((before['reserveLeft'] ?? 0) - sent);
  });

  it('state check finds the state in use sound', async () => {
    expect(await workspace.json('state', 'check')).toMatchObject({ code: 0, answer: { ok: true } });
  });

  it('health ends with 0 and prints what the daemon says of itself', async () => {
    expect(await workspace.run('health')).toEqual({
      code: 0,
      stdout: '{"ready":true,"reasons":[],"setAside":[]}\n',
      stderr: '',
    });
  });

  it('sync lets the daemon deliver what has changed', async () => {
    sandbox.sap.play(20);
    sandbox.sap.settle();
    sandbox.sap.advance(60_000);
    sandbox.sap.checkpoint();
    const { code, answer } = await workspace.json('sync');
    expect(code).toBe(0);
    expect((answer as { streams: unknown[] }).streams).toHaveLength(5);
    expect(sandbox.compare()).toMatchObject({ equal: true });
  });

  it('sync ends with 2 when the daemon has set records aside, and dead-letters list shows them', async () => {
    sandbox.mes.refuse((table) => (table === 'resources' ? 'closed today' : undefined));
    await workspace.run('watermark', 'reset', 'plant-1/equipment', '--forget');
    expect((await workspace.run('sync', 'plant-1/equipment')).code).toBe(2);
    sandbox.mes.refuse(() => undefined);
    const { answer } = await workspace.json('dead-letters', 'list');
    expect(answer).toMatchObject({ deadLetters: [{ reason: 'closed today', stream: 'plant-1/equipment' }] });
    expect((await workspace.run('dead-letters', 'retry')).stdout).toBe('1 will be tried again in the next pass.\n');
    expect((await workspace.run('sync', 'plant-1/equipment')).code).toBe(0);
    expect((await workspace.json('dead-letters', 'list')).answer).toEqual({ deadLetters: [] });
  });

  it('watermark set and reset change what the daemon goes by', async () => {
    const set = await workspace.run('watermark', 'set', 'plant-1/sales-orders', '2026-01-01T00:00:00.000Z');
    expect(set.code).toBe(0);
    expect((await workspace.run('watermark', 'get', 'plant-1/sales-orders')).stdout).toBe('2026-01-01T00:00:00.000Z\n');
    expect((await workspace.run('watermark', 'reset', 'plant-1/sales-orders')).code).toBe(0);
    expect((await workspace.run('watermark', 'get', 'plant-1/sales-orders')).stdout).toBe('-\n');
    expect(await workspace.json('sync', 'plant-1/sales-orders')).toMatchObject({
      code: 0,
      answer: { streams: [{ outcome: 'ok', created: 0, updated: 0 }] },
    });
  });

  it('state backup copies the state in use', async () => {
    const backup = path.join(workspace.folder, 'backup');
    expect((await workspace.run('state', 'backup', backup)).code).toBe(0);
    expect((await workspace.run('state', 'backup', backup)).code).toBe(64);
    expect(workspace.files().map(({ name }) => name)).toContain('backup/watermarks.json');
  });

  it('state backup goes where the person stands who asks for it, not where the daemon does', async () => {
    const { configFile, stateDirectory: state, env, folder } = workspace;
    const elsewhere = path.join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    const asked = await runCli(['state', 'backup', 'copy', '--config', configFile], { cwd: elsewhere, env });
    const copy = path.join(elsewhere, 'copy');
    expect(asked).toEqual({ code: 0, stdout: `The state is backed up in ${copy}.\n`, stderr: '' });
    expect(readdirSync(copy).sort()).toEqual(['ledger.db', 'watermarks.json']);
    const bare = callControl(state, { verb: 'backup', args: { directory: 'copy' } }, new AbortController().signal);
    await expect(bare).rejects.toThrow('Name the whole path of the directory');
    expect(existsSync(path.join(folder, 'copy'))).toBe(false);
  });

  it.each([
    ['sync', ['plant-1/nope']],
    ['watermark', ['set', 'plant-1/operations', 'yesterday']],
    ['watermark', ['reset', 'plant-1/nope']],
  ])('%s %j ends with 64 as it does without a daemon', async (verb, args) => {
    expect(await workspace.run(verb, ...args)).toMatchObject({ code: 64, stdout: '' });
  });

  it('the daemon logs a line of JSON for each thing that it tells, and nothing else', async () => {
    const lines = daemon.output().trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), message: expect.any(String) });
    }
  });

  it('the daemon ends on SIGTERM with 0, with its last line written and its socket gone', async () => {
    const stopped = daemon.stop('SIGTERM');
    // As a supervisor in a hurry does: nothing is cut short by it.
    void daemon.stop('SIGTERM');
    const { code, stdout } = await stopped;
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ message: 'Stopped.' });
    expect(workspace.files().map(({ name }) => name)).not.toContain('state/control.sock');
  });

  it('health says why it cannot ask where the port is any free one', async () => {
    const workspace = createWorkspace(sandbox, { healthPort: 0 });
    const { code, stderr } = await workspace.run('health');
    expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringMatching(/health\.port is 0: .* Set one\./) });
  });

  it('health asks at an IPv6 address too', async () => {
    const other = createWorkspace(sandbox, { healthPort: await freePort() });
    onTestFinished(other.remove);
    const written = readFileSync(other.configFile, 'utf8');
    writeFileSync(other.configFile, written.replace('health: {', 'health: { host: "::1",'));
    const { code, stdout, stderr } = await other.run('health');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^health: GET http:\/\/\[::1\]:\d+\/readyz failed: E[A-Z]+\.\n$/);
  });

  it('without the daemon health ends with 1, and status does the work itself', async () => {
    const { code, stdout } = await workspace.run('health');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^health: GET http:\/\/127\.0\.0\.1:\d+\/readyz failed: ECONNREFUSED\.\n$/);
    expect((await workspace.run('status')).code).toBe(0);
  });
});

describe('a daemon whose terminal is closed', () => {
  it('ends as on SIGTERM', async () => {
    const workspace = createWorkspace(sandbox);
    onTestFinished(workspace.remove);
    const { code, stdout } = await (await workspace.startDaemon()).stop('SIGHUP');
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ message: 'Stopped.' });
    expect(existsSync(path.join(workspace.stateDirectory, 'control.sock'))).toBe(false);
  });
});

describe('a daemon whose credentials are refused', () => {
  it('says so in health, which ends with 1, and in status', async () => {
    const workspace = createWorkspace(sandbox, { healthPort: await freePort(), password: 'not-the-password' });
    const daemon = await workspace.startDaemon();
    await daemon.waitFor(/"Pass failed\.","stream":"plant-1\/work-centers"/);
    const { code, stdout } = await workspace.run('health');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ready: false });
    expect(stdout).toMatch(/plant-1\/work-centers: waits for a human until .*: .* answered HTTP 401/);
    const { answer } = await workspace.json('status');
    expect(answer).toMatchObject({ streams: [{ paused: expect.stringContaining('HTTP 401') }, {}, {}, {}, {}] });
    expect((await daemon.stop('SIGTERM')).code).toBe(0);
    workspace.remove();
  });
});

describe('a daemon that is told to stop as soon as its program begins', () => {
  it('ends with 0', async () => {
    const atFirst = `const { once } = process; process.once = (name, listener) => {
      once.call(process, name, listener);
      if (name === 'SIGHUP') process.kill(process.pid, 'SIGTERM');
      return process;
    };`;
    const flags = ['--import', `data:text/javascript,${encodeURIComponent(atFirst)}`];
    const workspace = createWorkspace(sandbox, { healthPort: await freePort(), flags });
    const daemon = workspace.start('run');
    onTestFinished(async () => {
      await daemon.stop('SIGKILL');
      workspace.remove();
    });
    expect(await daemon.result).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('a daemon whose control socket cannot be made', () => {
  const directory = 'd'.repeat(100);
  const lines = [`state: { directory: ${directory} }`];

  it.each([
    [
      'its directory is open to others',
      { temporary: 'tmp', mode: 0o755 },
      /does not belong to the owner of .* alone\. Remove it and start again\./,
    ],
    [
      'no path is short enough',
      { temporary: 't'.repeat(120), mode: 0o700 },
      /The control socket .* cannot be made: .* Name a state\.directory/,
    ],
  ])(
    'says so and ends with 78, health page and all: %s',
    async (_, { temporary: name, mode }, reason) => {
      const temporary = path.join(tmpdir(), `socket-test-${process.pid}`, name);
      const workspace = createWorkspace(sandbox, { lines, env: { TMPDIR: temporary } });
      onTestFinished(() => {
        workspace.remove();
        rmSync(path.dirname(temporary), { recursive: true });
      });
      const socketFolder = createHash('sha256')
        .update(path.join(workspace.folder, directory))
        .digest('hex')
        .slice(0, 16);
      mkdirSync(path.join(temporary, `erp-puller-${socketFolder}`), { recursive: true, mode });
      const daemon = workspace.start('run');
      onTestFinished(async () => void (await daemon.stop('SIGKILL')));
      const { code, stderr } = await daemon.result;
      expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringMatching(reason) });
    },
    30_000,
  );
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a verb beside a daemon that hangs', () => {
  it('says what it waits for', async () => {
    const workspace = createWorkspace(sandbox, { healthPort: await freePort() });
    const daemon = await workspace.startDaemon();
    void daemon.stop('SIGSTOP');
    const status = startCli(['status'], { cwd: workspace.folder, env: workspace.env });
    await status.waitFor(/Waiting for the daemon/);
    void daemon.stop('SIGCONT');
    expect((await status.result).code).toBe(0);
    expect((await daemon.stop('SIGTERM')).code).toBe(0);
    workspace.remove();
  });
});
