import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { lockState } from '../../src/state/lock.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

interface Status {
  streams: {
    stream: string;
    watermark: string | null;
    lagSeconds: number | null;
    lastSuccess: string | null;
    lastRun: Record<string, unknown> | null;
  }[];
  mes: { budgetLeft: number | null };
}

const ids = ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations'].map(
  (name) => `plant-1/${name}`,
);

let sandbox: Sandbox;
let workspace: Workspace;
beforeAll(async () => {
  sandbox = await startSandbox({ seed: 12, records: 60, startAt: new Date() });
  workspace = createWorkspace(sandbox);
});
afterAll(async () => {
  workspace.remove();
  await sandbox.stop();
});

const status = async () => (await workspace.json('status')).answer as Status;
const watermarkOf = async (stream: string) => (await workspace.run('watermark', 'get', stream)).stdout.trim();

describe('status', () => {
  it('knows every stream before the first pass, and the whole budget', async () => {
    expect(await workspace.json('status')).toEqual({
      code: 0,
      answer: {
        streams: ids.map((stream) => ({
          stream,
          watermark: null,
          lagSeconds: null,
          lastSuccess: null,
          lastRun: null,
          deadLetters: 0,
          parked: 0,
          paused: null,
          waitsUntil: null,
        })),
        mes: {
          budget: 10_000,
          budgetLeft: 10_000,
          reserveLeft: 500,
          windowEndsAt: null,
          exhaustedAt: null,
          blockedUntil: null,
          batchSize: 100,
          concurrency: 2,
          ways: [],
        },
      },
    });
  });

  it('leaves no state behind where there was none: the daemon may be another user', async () => {
    expect(existsSync(workspace.stateDirectory)).toBe(false);
  });

  it('tells how far every stream has come, how far behind that is, and what the passes took of the budget', async () => {
    const startedAt = new Date();
    const before = sandbox.mes.requests().total;
    expect((await workspace.run('sync')).code).toBe(0);
    const { streams, mes } = await status();
    expect(streams.map(({ stream }) => stream)).toEqual(ids);
    for (const { lastSuccess, watermark } of streams) {
      expect(Date.parse(lastSuccess ?? '')).toBeGreaterThanOrEqual(startedAt.getTime());
      expect(watermark).toMatch(/^\d{14}$|^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/);
    }
    expect(streams[0]?.lagSeconds).toBeLessThan(60);
    for (const { lastRun } of streams) expect(lastRun).toMatchObject({ outcome: 'ok', unchanged: 0, error: null });
    expect(streams[2]?.lastRun).toMatchObject({ read: expect.any(Number), requests: { erp: expect.any(Number) } });
    expect(mes.budgetLeft).toBe(10_000 - (sandbox.mes.requests().total - before));
  });

  it('answers while another verb has the state to itself', async () => {
    const lock = lockState(workspace.stateDirectory);
    onTestFinished(() => lock.release());
    const { code, answer } = await workspace.json('status');
    expect({ code, streams: (answer as Status).streams.length }).toEqual({ code: 0, streams: ids.length });
    expect(await watermarkOf('plant-1/sales-orders')).not.toBe('-');
    expect((await workspace.run('sync')).code).toBe(75);
  });

  it('prints a table for people, with the budget below it', async () => {
    const { code, stdout } = await workspace.run('status');
    expect(code).toBe(0);
    const [head, ...lines] = stdout.trimEnd().split('\n');
    expect(head?.trim().split(/\s+/)).toEqual([
      'stream',
      'watermark',
      'lagSeconds',
      'lastSuccess',
      'deadLetters',
      'parked',
      'last',
      'run',
      'seconds',
      'delivered',
      'state',
    ]);
    expect(lines.map((line) => line.split(' ', 1)[0])).toEqual([...ids, 'MES']);
    expect(lines.at(-1)).toMatch(
      /^MES requests left of the day budget: 999\d of 10000, \d+ kept for a person, until \d{4}-.*Z$/,
    );
  });
});

describe('status of a stream whose last pass failed', () => {
  it('says so and why, also in a later process, and lists the passes before it', async () => {
    const good = (await status()).streams[2]?.lastRun;
    sandbox.sap.setFaults({ reset: 1 });
    expect((await workspace.run('sync', 'plant-1/sales-orders')).code).toBe(1);
    sandbox.sap.setFaults({});
    const { lastRun, lastSuccess } = (await status()).streams[2] ?? {};
    expect(lastRun).toMatchObject({ outcome: 'failed', error: expect.stringContaining('ECONNRESET') });
    expect(Date.parse(lastSuccess ?? '')).toBeLessThanOrEqual(Date.parse(String(good?.['finishedAt'])));
    expect((await workspace.run('status')).stdout).toContain(`plant-1/sales-orders: ${String(lastRun?.['error'])}`);
    const { answer } = await workspace.json('status', '--runs', 'plant-1/sales-orders');
    expect((answer as { runs: unknown[] }).runs).toEqual([lastRun, good]);
    const { stdout } = await workspace.run('status', '--runs', 'plant-1/sales-orders');
    expect(stdout.split('\n').map((line) => line.split(/ +/)[1])).toEqual(['outcome', 'failed', 'ok', undefined]);
    expect((await workspace.run('status', '--runs', 'plant-1/none')).code).toBe(64);
  });
});

describe('watermark', () => {
  it('get prints the watermark and nothing else', async () => {
    const { streams } = await status();
    const { code, stdout } = await workspace.run('watermark', 'get', 'plant-1/operations');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${streams.find(({ stream }) => stream === 'plant-1/operations')?.watermark}\n`,
    });
  });

  it('set moves it, and the next pass reads from there', async () => {
    const { code, stdout } = await workspace.run(
      'watermark',
      'set',
      'plant-1/sales-orders',
      '2026-01-01T00:00:00.000Z',
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'The next pass of plant-1/sales-orders begins at 2026-01-01T00:00:00.000Z, less the overlap.\n',
    });
    expect(await watermarkOf('plant-1/sales-orders')).toBe('2026-01-01T00:00:00.000Z');
    const { answer } = await workspace.json('sync', 'plant-1/sales-orders');
    expect(answer).toMatchObject({
      streams: [{ watermark: { before: '2026-01-01T00:00:00.000Z' }, read: expect.toSatisfy((read) => read > 0) }],
    });
  });

  it('reset makes the next pass read everything and send only what differs', async () => {
    const { code, stdout } = await workspace.run('watermark', 'reset', 'plant-1/equipment');
    expect(code).toBe(0);
    expect(stdout).toBe(
      'The next pass of plant-1/equipment reads everything and sends what differs from what the MES holds.\n',
    );
    expect(await watermarkOf('plant-1/equipment')).toBe('-');
    const { answer } = await workspace.json('sync', 'plant-1/equipment');
    expect(answer).toMatchObject({ streams: [{ read: 2, unchanged: 2, requests: { mes: 0 } }] });
  });

  it('reset --forget makes the next pass send everything', async () => {
    const { stdout } = await workspace.run('watermark', 'reset', 'plant-1/equipment', '--forget');
    expect(stdout).toBe('The next pass of plant-1/equipment reads everything and sends everything again.\n');
    const { answer } = await workspace.json('sync', 'plant-1/equipment');
    expect(answer).toMatchObject({ streams: [{ read: 2, unchanged: 0, requests: { mes: 2 } }] });
  });

  it.each([
    ['get', ['plant-1/nope'], 'There is no stream plant-1/nope; there is plant-1/work-centers, '],
    ['set', ['plant-1/nope', '2026-01-01T00:00:00.000Z'], 'There is no stream plant-1/nope. See: erp-puller status.'],
    ['set', ['plant-1/operations', 'yesterday'], 'yesterday is not a time of this stream. Write 20261231080000, 2026-'],
    ['set', ['plant-1/operations', '29990101000000'], '29990101000000 lies in the future: everything that changes'],
    ['set', ['plant-1/sales-orders', '2999-01-01T00:00:00.000Z'], 'lies in the future: everything that changes'],
    [
      'set',
      ['plant-1/sales-orders', '0001-01-01T00:00:00Z'],
      'To read everything: erp-puller watermark reset plant-1/sales-orders.',
    ],
    ['set', ['plant-1/work-centers', '2026-01-01T00:00:00.000Z'], 'is read whole; its watermark is never asked for'],
    ['reset', ['plant-1'], 'There is no stream plant-1. See: erp-puller status.'],
  ])('%s %j ends with 64 and says what is wrong', async (verb, args, text) => {
    const { code, stdout, stderr } = await workspace.run('watermark', verb, ...args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(text);
  });
});
