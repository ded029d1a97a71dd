import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { type Cost, median, runNode } from './measure.ts';
import { configure, type IdlePolls, idleMegabytes, idlePolls, type Product, type Synced, sync } from './product.ts';
import type { Load, Seen } from './server.ts';
import { selected } from './sources/sap.ts';
import type { Systems } from './systems.ts';

export interface Job extends Load {
  systems: Systems;
  rounds: number;
}

export interface FloorRun extends Cost {
  passMs: number;
  seen: Seen;
}

export interface LoadRun extends Synced {
  seen: Seen;
}

export interface Round {
  /** The mean of a run right before the first load and one right after it. */
  floor: FloorRun;
  load: LoadRun;
  unchanged: LoadRun;
}

export interface Results {
  rounds: Round[];
  pageBytes: number;
  idle: IdlePolls | undefined;
  idleMegabytes: number | undefined;
}

/** Floor, first load, floor and second pass in turn, round after round, so that whatever else the machine does hits them alike. */
export async function runJob(job: Job, options: { idle: boolean }): Promise<Results> {
  const { systems, source, records, rows } = job;
  const directory = await mkdtemp(join(tmpdir(), 'erp-puller-bench-'));
  try {
    const pageBytes = await systems.prepare({ source, records, rows });
    const floor = await buildFloor(directory);
    await runFloor(floor, job);
    const done: Round[] = [];
    let product = await configure(join(directory, 'unused'), source, systems.origin);
    for (let number = 1; number <= job.rounds; number += 1) {
      const previous = join(directory, String(number - 1));
      await rm(previous, { recursive: true, force: true });
      product = await configure(join(directory, String(number)), source, systems.origin);
      done.push(await runRound(floor, product, job));
    }
    const idle = options.idle ? await measureIdle(product, systems) : { idle: undefined, idleMegabytes: undefined };
    return { rounds: done, pageBytes, ...idle };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Without its types, so that the floor does not pay for having them taken off at start. */
async function buildFloor(directory: string): Promise<string> {
  const source = await readFile(new URL('./floor.ts', import.meta.url), 'utf8');
  const file = join(directory, 'floor.mjs');
  const { ES2024: target } = ts.ScriptTarget;
  const { outputText } = ts.transpileModule(source, { compilerOptions: { target, module: ts.ModuleKind.ESNext } });
  await writeFile(file, outputText);
  return file;
}

async function runRound(floor: string, product: Product, job: Job): Promise<Round> {
  const before = await runFloor(floor, job);
  const load = { ...(await sync(product)), seen: await job.systems.take() };
  const bare = meanOf(before, await runFloor(floor, job));
  const unchanged = { ...(await sync(product, ['--full'])), seen: await job.systems.take() };
  expectAll(load.seen, job);
  if (recordBytes(load.seen) !== recordBytes(bare.seen)) {
    throw new Error(
      `Floor and product sent different records: ${recordBytes(bare.seen)} and ${recordBytes(load.seen)} bytes.`,
    );
  }
  if (unchanged.unchanged !== job.records) throw new Error(`${unchanged.unchanged} of ${job.records} were unchanged.`);
  return { floor: bare, load, unchanged };
}

async function runFloor(floor: string, job: Job): Promise<FloorRun> {
  await job.systems.take();
  const select = job.rows === 'selected' ? selected.join(',') : '';
  const cost = await runNode([floor, job.source, job.systems.origin, select]);
  const seen = await job.systems.take();
  expectAll(seen, job);
  const { durationMs } = JSON.parse(cost.stdout) as { durationMs: number };
  return { ...cost, passMs: durationMs, seen };
}

function meanOf(before: FloorRun, after: FloorRun): FloorRun {
  const mean = (read: (run: FloorRun) => number) => (read(before) + read(after)) / 2;
  return {
    ...after,
    passMs: mean((run) => run.passMs),
    processMs: mean((run) => run.processMs),
    cpuSeconds: mean((run) => run.cpuSeconds),
    peakMegabytes: mean((run) => run.peakMegabytes),
  };
}

/** Without what each post adds: `{"jobs":[` and `]}` for one of the commas. */
function recordBytes({ bodyBytes, posts }: Seen): number {
  return bodyBytes - 10 * posts;
}

/** What batches that begin with 100 records and grow by 100 a page take beyond the least. */
const warmUp = 23;

function expectAll({ distinct, posts }: Seen, { records }: Job): void {
  if (distinct === records && posts <= Math.ceil(records / 1000) + warmUp) return;
  throw new Error(`${distinct} of ${records} records arrived in ${posts} posts.`);
}

const idlePollsAwaited = 8;
const idleRounds = 3;

async function measureIdle(product: Product, systems: Systems): Promise<Pick<Results, 'idle' | 'idleMegabytes'>> {
  await systems.take();
  // First: the clock of the polls runs ahead, and what it has set would be read again.
  const resident = await idleMegabytes(product, async () => {
    for (let polls = 0; polls < idlePollsAwaited; ) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      polls += (await systems.take()).idle;
    }
  });
  const rounds: IdlePolls[] = [];
  for (let number = 0; number < idleRounds; number += 1) rounds.push(await idlePolls(product));
  const idle: IdlePolls = {
    requestsPerPoll: median(rounds.map(({ requestsPerPoll }) => requestsPerPoll)),
    cpuMsPerPoll: median(rounds.map(({ cpuMsPerPoll }) => cpuMsPerPoll)),
    wallMsPerPoll: median(rounds.map(({ wallMsPerPoll }) => wallMsPerPoll)),
  };
  return { idle, idleMegabytes: resident };
}
