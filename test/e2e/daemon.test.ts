import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { callControl } from '../../src/app/control.ts';
import type { StatusReport } from '../../src/app/verbs.ts';
import type { StreamResult } from '../../src/core/events.ts';
import { expectEqual, type Settings, settingsFor } from '../support/plant.ts';

interface RunningDaemon {
  child: ChildProcess;
  lines: Record<string, unknown>[];
  /** Resolves with the first log line from now on that says so. */
  logged(message: string): Promise<Record<string, unknown>>;
  /** Exit code, signal and how long it took from the signal on. */
  terminate(): Promise<{ code: number | null; signal: string | null; ms: number }>;
  ask(verb: string, args: unknown): Promise<unknown>;
  config: string;
}

async function startRun(sandbox: Sandbox, settings: Settings, url?: string): Promise<RunningDaemon> {
  const folder = await mkdtemp(join(tmpdir(), 'daemon-'));
  const config = join(folder, 'config.yaml');
  const directory = join(folder, 'state');
  const raw = settingsFor(sandbox, directory, settings);
  if (url !== undefined) Object.assign((raw['connectors'] as { plant: object }).plant, { url });
  await writeFile(config, JSON.stringify(raw), { mode: 0o600 });
  const child = spawn(process.execPath, ['src/bin.ts', 'run', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const lines: Record<string, unknown>[] = [];
  const waiting = new Map<string, (line: Record<string, unknown>) => void>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: Record<string, unknown> = JSON.parse(text);
    lines.push(line);
    waiting.get(String(line['message']))?.(line);
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true });
  });
  return {
    child,
    lines,
    logged: (message) => new Promise((resolve) => waiting.set(message, resolve)),
    async terminate() {
      const startedMs = performance.now();
      child.kill('SIGTERM');
      return { ...(await exited), ms: performance.now() - startedMs };
    },
    config,
    ask: (verb, args) => callControl(directory, { verb, args }, new AbortController().signal),
  };
}

async function openSandbox(seed: number, records: number): Promise<Sandbox> {
  const sandbox = await startSandbox({ seed, records });
  onTestFinished(() => sandbox.stop());
  return sandbox;
}

const everything = { selection: [], full: false, release: false };

describe('the daemon as a process', () => {
  it('polls on its schedule, answers the verbs meanwhile, and ends with 0 on SIGTERM', async () => {
    const sandbox = await openSandbox(121, 120);
    const daemon = await startRun(sandbox, { connector: { settleSeconds: 0 } });
    await daemon.logged('Started.');
    await daemon.ask('sync', everything);
    sandbox.sap.checkpoint();
    expectEqual({ sandbox });

    sandbox.sap.play(20);
    sandbox.sap.settle();
    sandbox.sap.advance(1_800_000);
    const requests = sandbox.mes.requests().total;
    while (sandbox.mes.requests().total === requests) await daemon.logged('Pass finished.');
    await daemon.ask('sync', everything);
    await daemon.ask('sync', everything);
    sandbox.sap.checkpoint();
    expectEqual({ sandbox });

    const stream = 'plant/sales-orders';
    const value = '2026-01-01T00:00:00.000Z';
    const watermarkOf = async () => {
      const { streams } = (await daemon.ask('status', {})) as StatusReport;
      return streams.find((status) => status.stream === stream)?.watermark;
    };
    expect(await watermarkOf()).toMatch(/^2026-/);
    expect(await daemon.ask('watermark-set', { stream, value })).toEqual({ watermark: value });
    await daemon.ask('sync', everything);
    expect(await watermarkOf()).not.toBe(value);
    expect(await daemon.ask('watermark-reset', { stream, forget: false })).toEqual({ watermark: null });
    await daemon.ask('sync', everything);
    expect(await watermarkOf()).toMatch(/^2026-/);
    await expect(daemon.ask('watermark-set', { stream, value: 'yesterday' })).rejects.toThrow(
      'not a time of this stream',
    );
    await expect(daemon.ask('watermark-set', { stream: 'plant/none', value })).rejects.toThrow('no stream plant/none');
    await expect(daemon.ask('sync', { ...everything, selection: ['nowhere'] })).rejects.toThrow('nowhere');

    const { code, signal, ms } = await daemon.terminate();
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(ms).toBeLessThan(20_000);
    expect(daemon.lines.at(-1)).toMatchObject({ level: 'info', message: 'Stopped.' });
    expectEqual({ sandbox });
  });

  it('ends in order with 1 when nobody reads its log any more', async () => {
    const sandbox = await openSandbox(125, 60);
    const daemon = await startRun(sandbox, {});
    await daemon.logged('Started.');
    const exited = new Promise((resolve) => daemon.child.once('exit', (code, signal) => resolve({ code, signal })));
    daemon.child.stdout?.destroy();
    expect(await exited).toEqual({ code: 1, signal: null });
  }, 40_000);

  it('holds its state alone: a second one ends at once with the exit code for busy', async () => {
    const sandbox = await openSandbox(124, 60);
    const daemon = await startRun(sandbox, {});
    await daemon.logged('Started.');
    const second = spawn(process.execPath, ['src/bin.ts', 'run', '--config', daemon.config], { stdio: 'ignore' });
    expect(await new Promise((resolve) => second.once('close', resolve))).toBe(75);
    await daemon.ask('sync', everything);
    expectEqual({ sandbox });
  });

  it('ends with 0 on SIGTERM in the middle of a first load, and its last line is written', async () => {
    const sandbox = await openSandbox(122, 600);
    sandbox.setFaults({ latencyMs: 40 });
    const daemon = await startRun(sandbox, { streams: { all: { pageSize: 5 } } });
    await daemon.logged('Started.');
    while (sandbox.mes.requests().total < 5) await new Promise((resolve) => setTimeout(resolve, 10));
    const { code, ms } = await daemon.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(20_000);
    expect(daemon.lines.at(-1)).toMatchObject({ message: 'Stopped.' });
    // The stream under way ends, no other is begun.
    const begun = daemon.lines.findIndex(({ message }) => message === 'Stopping.');
    const after = daemon.lines.slice(begun).map(({ message }) => message);
    expect(after).toEqual(['Stopping.', expect.stringMatching(/^Pass (finished|failed)\.$/), 'Stopped.']);
  }, 40_000);

  it('ends with 0 on SIGTERM behind the page under way of what a person asked for, too', async () => {
    const sandbox = await openSandbox(126, 600);
    sandbox.setFaults({ latencyMs: 40 });
    const nextYear = { everySeconds: undefined, schedule: '0 0 1 1 *' };
    const daemon = await startRun(sandbox, { connector: nextYear, streams: { all: { pageSize: 5 } } });
    await daemon.logged('Started.');
    const asked = daemon.ask('sync', everything);
    while (sandbox.mes.requests().total < 5) await new Promise((resolve) => setTimeout(resolve, 10));
    const { code, ms } = await daemon.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(10_000);
    const begun = daemon.lines.findIndex(({ message }) => message === 'Stopping.');
    const after = daemon.lines.slice(begun).map(({ message }) => message);
    expect(after).toEqual(['Stopping.', expect.stringMatching(/^Pass (finished|failed)\.$/), 'Stopped.']);
    const { streams } = (await asked) as { streams: StreamResult[] };
    expect(streams.at(-1)).toMatchObject({ outcome: 'failed', error: 'Not run: the program is stopping.' });
  }, 40_000);

  it('ends with 0 on SIGTERM while the ERP swallows requests without an answer', async () => {
    const sandbox = await openSandbox(123, 60);
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    await new Promise((resolve) => server.once('listening', resolve));
    const asked = new Promise((resolve) => server.once('request', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const daemon = await startRun(sandbox, { connector: { timeoutSeconds: 120 } }, url);
    await asked;
    const { code, ms } = await daemon.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(20_000);
  }, 40_000);
});
