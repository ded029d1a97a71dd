import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRandom } from '../../sandbox/random.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { expectEqual, type Settings, settingsFor } from '../support/plant.ts';

const settings: Settings = {
  streams: { all: { pageSize: 10 } },
  mes: { batchSize: 10 },
  connector: { settleSeconds: 0 },
};

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  errors: string;
}

/** When a child is killed: so long after its start, or after its first request. */
interface Blow {
  afterMs: number;
  from: 'start' | 'first request';
}

/** Starts the program as an operator would, and deals the blow unless it ends before. */
function start(args: readonly string[], sandbox: Sandbox, blow?: Blow): Promise<Ended> {
  const child = spawn(process.execPath, ['src/bin.ts', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<Ended>((resolve) => {
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.once('close', (code, signal) => resolve({ code, signal, errors }));
  });
  if (blow !== undefined) void deal(blow);
  return ended;

  async function deal({ afterMs, from }: Blow): Promise<void> {
    const before = requestsOf(sandbox);
    while (from === 'first request' && requestsOf(sandbox) === before && child.exitCode === null) await sleep(5);
    await sleep(afterMs);
    child.kill('SIGKILL');
  }
}

function requestsOf({ sap, mes }: Sandbox): number {
  return sap.requests().total + mes.requests().total;
}

async function setUp(seed: number): Promise<{ sandbox: Sandbox; config: string }> {
  const sandbox = await startSandbox({ seed, records: 300 });
  const folder = await mkdtemp(join(tmpdir(), 'kill-'));
  const config = join(folder, 'config.yaml');
  await writeFile(config, JSON.stringify(settingsFor(sandbox, join(folder, 'state'), settings)), { mode: 0o600 });
  onTestFinished(async () => {
    await sandbox.stop();
    await rm(folder, { recursive: true });
  });
  // Pages take long enough for a kill to fall into any part of one.
  sandbox.setFaults({ latencyMs: 8 });
  return { sandbox, config };
}

/** Of every five, three are killed while the daemon polls and two while a verb does. */
function argumentsOf(index: number, config: string): string[] {
  return index % 5 < 3 ? ['run', '--config', config] : ['sync', '--json', '--config', config];
}

const kills = 25;

describe('kill -9 at any moment', () => {
  it.each([301, 302])(
    `${kills} times over one state directory loses nothing and needs no hand (seed %i)`,
    async (seed) => {
      const random = createRandom(seed).fork('kills');
      const { sandbox, config } = await setUp(seed);
      let killed = 0;
      let atWork = 0;
      for (let index = 0; index < kills; index += 1) {
        const before = requestsOf(sandbox);
        // Every fifth while it starts up, the others in the middle of their work.
        const blow: Blow =
          index % 5 === 4
            ? { afterMs: random.int(150, 900), from: 'start' }
            : { afterMs: random.int(0, 400), from: 'first request' };
        const ended = await start(argumentsOf(index, config), sandbox, blow);
        // Exit 0: the verb was done before the blow. Anything else it says for itself is a failure of the restart.
        expect(ended.signal === 'SIGKILL' || ended.code === 0 || ended.errors).toBe(true);
        if (ended.signal === 'SIGKILL') killed += 1;
        if (requestsOf(sandbox) > before) atWork += 1;
        sandbox.sap.play(random.int(0, 6));
        sandbox.sap.advance(random.int(0, 90_000));
      }
      expect(killed).toBeGreaterThan(kills / 2);
      expect(atWork).toBeGreaterThan(kills / 2);
      sandbox.setFaults('none');
      sandbox.sap.settle();
      sandbox.sap.advance(1_800_000);
      // The first ends what was cut off, the second reads what came since.
      for (let times = 0; times < 2; times += 1) {
        expect(await start(['sync', '--json', '--config', config], sandbox)).toMatchObject({ code: 0 });
      }
      expectEqual({ sandbox });
    },
    300_000,
  );
});
