import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cost, residentMegabytes, runNode } from './measure.ts';
import { productFlags as flags, flagsSetAtStart } from './product-flags.ts';
import { type SourceName, sources } from './sources/index.ts';
import { rate } from './sources/source.ts';

const entry = fileURLToPath(new URL('../dist/src/bin.js', import.meta.url));
const idleScript = fileURLToPath(new URL('./idle.ts', import.meta.url));
const environment = { MALLOC_ARENA_MAX: '2' };

/** A configured product with a state directory of its own. */
export interface Product {
  config: string;
}

export interface Synced extends Cost {
  /** The pass alone, as the product reports it. */
  passMs: number;
  read: number;
  unchanged: number;
  created: number;
}

export async function configure(directory: string, source: SourceName, origin: string): Promise<Product> {
  await mkdir(directory, { recursive: true });
  const { externalSource, settings: own } = sources[source];
  const settings = {
    mes: { url: `${origin}/functions/v1`, apiKey: 'ery_test_benchmark', rate, batchSize: 1000 },
    state: { directory: join(directory, 'state') },
    health: { port: 0 },
    log: { level: 'warn' },
    connectors: { bench: { everySeconds: 2, externalSource, ...own(origin) } },
  };
  const config = join(directory, 'erp-puller.yaml');
  await writeFile(config, JSON.stringify(settings), { mode: 0o600 });
  return { config };
}

/** One pass in a process of its own. */
export async function sync({ config }: Product, options: readonly string[] = []): Promise<Synced> {
  const cost = await runNode([...flags, entry, 'sync', '--json', ...options, '--config', config], environment);
  const { streams } = JSON.parse(cost.stdout) as { streams: (Synced & { outcome: string; durationMs: number })[] };
  const [stream] = streams;
  if (stream === undefined || stream.outcome !== 'ok') throw new Error(`The pass failed: ${cost.stdout}`);
  const { read, unchanged, created, durationMs } = stream;
  return { ...cost, passMs: durationMs, read, unchanged, created };
}

export interface IdlePolls {
  requestsPerPoll: number;
  cpuMsPerPoll: number;
  wallMsPerPoll: number;
}

/** Polls without news, many in one process; see idle.ts. */
export async function idlePolls({ config }: Product): Promise<IdlePolls> {
  const { stdout } = await runNode([...flags, ...flagsSetAtStart, idleScript, config], environment);
  return JSON.parse(stdout) as IdlePolls;
}

/** Memory of the daemon after some polls without news; `polled` resolves when there have been enough. */
export async function idleMegabytes({ config }: Product, polled: () => Promise<void>): Promise<number | undefined> {
  const child = spawn(process.execPath, [...flags, entry, 'run', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  const outcome = await Promise.race([polled().then(() => 'polled' as const), ended]);
  if (outcome !== 'polled') throw new Error(`The daemon ended by itself with ${outcome}.`);
  const resident = residentMegabytes(child.pid ?? 0);
  child.kill('SIGTERM');
  if ((await ended) !== 0) throw new Error('The daemon did not stop in good order.');
  return resident;
}
