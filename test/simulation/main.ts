import { fork, type StdioOptions } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { generations } from '../../sandbox/eryxon/generation.ts';
import { sweepCrashPoints } from './crash-points.ts';
import { catchMutation, mutations } from './mutations.ts';
import { killProcesses, type Processes, terminateProcesses } from './processes.ts';
import { type Simulated, simulate } from './simulate.ts';
import { stealLease } from './stolen-lease.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    events: { type: 'string' },
    generation: { type: 'string' },
    policy: { type: 'string' },
    work: { type: 'boolean', default: false },
    'until-failure': { type: 'boolean', default: false },
    'crash-points': { type: 'boolean', default: false },
    thefts: { type: 'string' },
    kills: { type: 'string' },
    sigterm: { type: 'string' },
    mutations: { type: 'boolean', default: false },
  },
});

/** Of the MES; drawn by each seed when absent. */
const generation = generations.find((name) => name === values.generation);
if (values.generation !== undefined && generation === undefined) {
  throw new Error(`--generation ${values.generation} is none of ${generations.join(', ')}.`);
}

/** What becomes in the MES of what is gone from the ERP; marked when absent. */
const policy = values.policy === 'delete' ? 'delete' : undefined;
if (values.policy !== policy) throw new Error(`--policy ${values.policy} is not delete.`);

/** One seed, told as it happens. */
async function replay(seed: number): Promise<void> {
  const events = values.events === undefined ? {} : { events: Number(values.events) };
  const result = await simulate(seed, { ...events, generation, policy, watch: (line) => console.log(line) });
  console.log(`hash ${result.hash}`);
  if (result.failure === undefined) return console.log(`Seed ${seed} passed.`);
  console.log(`Seed ${seed} FAILED: ${result.failure}`);
  process.exitCode = 1;
}

/** Some seeds at a time, as they are handed out; failures are sent as they come. */
function work(): void {
  process.on('message', async ({ first, count }: Portion) => {
    const before = process.cpuUsage();
    for (let seed = first; seed < first + count; seed += 1) {
      const result = await simulate(seed, { generation, policy });
      if (result.failure !== undefined) process.send?.(await shorten(result));
    }
    const { user, system } = process.cpuUsage(before);
    process.send?.({ done: count, cpuMs: (user + system) / 1000 });
  });
}

interface Portion {
  first: number;
  count: number;
}

/** The shortest beginning of the history that fails. */
async function shorten(failed: Simulated): Promise<Simulated & { events?: number }> {
  for (let events = 0; events < failed.history.length; events += 1) {
    const shorter = await simulate(failed.seed, { events, generation, policy });
    if (shorter.failure !== undefined) return { ...shorter, events };
  }
  return failed;
}

/** The errors that a run is full of cost a twentieth of it otherwise; `--seed` shows where one comes from. */
const execArgv = ['--stack-trace-limit=0'];

const portion = 100;

/** Over all workers; when interrupted it ends what has been begun and says how far it came. */
async function many(from: number, count: number): Promise<void> {
  const startedMs = Date.now();
  const total = { next: from, end: from + count, done: 0, cpuMs: 0, failures: 0 };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      total.end = total.next;
    });
  }
  const codes = await Promise.all(Array.from({ length: Number(values.workers) }, () => employ(total)));
  const { done, cpuMs, failures } = total;
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  const each = (cpuMs / done).toFixed(2);
  console.log(`${done} seeds from ${from}: ${failures} failures, ${seconds} s, ${each} ms of processor a seed.`);
  if (failures > 0 || codes.some((code) => code !== 0)) process.exitCode = 1;
}

interface Total {
  /** The next seed that nobody has begun, and the first that nobody shall. */
  next: number;
  end: number;
  done: number;
  cpuMs: number;
  failures: number;
}

type Failed = Simulated & { events?: number };

/** One worker from its first portion to its last; resolves to its exit code. */
function employ(total: Total): Promise<number | null> {
  const given = [
    ...(generation === undefined ? [] : ['--generation', generation]),
    ...(policy === undefined ? [] : ['--policy', policy]),
  ];
  const args = ['--work', ...given];
  // Of its own group: an interrupt is for this process to deal with.
  const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc'];
  const child = fork(import.meta.filename, args, { execArgv, stdio, detached: true });
  const handOut = () => {
    const count = Math.min(portion, total.end - total.next);
    if (count <= 0) return child.disconnect();
    child.send({ first: total.next, count });
    total.next += count;
  };
  child.on('message', (message: Failed | { done: number; cpuMs: number }) => {
    if ('done' in message) {
      total.done += message.done;
      total.cpuMs += message.cpuMs;
      return handOut();
    }
    total.failures += 1;
    const { seed, failure, history, events } = message;
    const again = ['--seed', seed, ...(events === undefined ? [] : ['--events', events]), ...given].join(' ');
    console.log(`Seed ${seed} FAILED: ${failure}\n  ${history.join('\n  ')}\n  again: npm run simulate -- ${again}`);
  });
  handOut();
  return new Promise((resolve) => child.once('exit', resolve));
}

/** Prints how many seeds it takes until one fails, or nothing when none does. */
async function untilFailure(from: number, count: number): Promise<void> {
  for (let seed = from; seed < from + count; seed += 1) {
    const { failure } = await simulate(seed, { generation, policy });
    if (failure === undefined) continue;
    console.log(`${seed - from + 1} ${failure.split('\n').slice(0, 2).join(' ')}`);
    process.exit(1);
  }
}

/** Each thing broken on purpose, at each generation of the MES where it makes a difference. */
async function runMutations(seeds: number): Promise<void> {
  for (const mutation of mutations) {
    const asked = generation === undefined ? generations : [generation];
    for (const each of asked.filter((name) => mutation.generations?.includes(name) ?? true)) {
      const caught = await catchMutation(mutation, { seeds, generation: each });
      console.log(`${mutation.name}, ${each}: ${caught ?? `NOT CAUGHT by ${seeds} seeds`}`);
      if (caught === undefined) process.exitCode = 1;
    }
  }
}

/** Two lanes side by side, each with systems and a state of its own. */
async function processes(what: string, lane: typeof killProcesses, count: number): Promise<void> {
  const startedMs = Date.now();
  const lanes = await Promise.all([1, 2].map((seed) => lane(seed, Math.ceil(count / 2))));
  const sum = (of: (lane: Processes) => number) => lanes.reduce((total, each) => total + of(each), 0);
  for (const failure of lanes.flatMap((each) => each.failures)) report(failure);
  const longest = Math.round(Math.max(...lanes.map((each) => each.longestMs)));
  const seconds = Math.round((Date.now() - startedMs) / 1000);
  console.log(
    `${sum((each) => each.done)} processes ${what}, ${sum((each) => each.atWork)} of them at work: ` +
      `${sum((each) => each.failures.length)} failures, the longest end took ${longest} ms, ${seconds} s in all.`,
  );
}

async function crashPoints(): Promise<void> {
  const { points, steps, failures } = await sweepCrashPoints(1, generation);
  for (const failure of failures) report(failure);
  console.log(`${points} crash points (awaited steps: ${JSON.stringify(steps)}): ${failures.length} failures.`);
}

async function thefts(first: number, count: number): Promise<void> {
  let stolen = 0;
  let accepted = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const theft = await stealLease(seed);
    if (theft.stolen) stolen += 1;
    if (theft.accepted.length === 0) continue;
    accepted += 1;
    report(`seed ${seed}: ${theft.accepted.join('; ')}`);
  }
  console.log(`${count} seeds, the lease stolen in ${stolen}: ${accepted} writes of the old writer accepted.`);
}

function report(failure: string): void {
  console.log(`FAILED: ${failure}`);
  process.exitCode = 1;
}

const from = Number(values.from);
if (values.seed !== undefined) await replay(Number(values.seed));
else if (values.kills !== undefined) await processes('killed', killProcesses, Number(values.kills));
else if (values.sigterm !== undefined) await processes('asked to stop', terminateProcesses, Number(values.sigterm));
else if (values['crash-points']) await crashPoints();
else if (values.thefts !== undefined) await thefts(from, Number(values.thefts));
else if (values.mutations) await runMutations(Number(values.seeds));
else if (values['until-failure']) await untilFailure(from, Number(values.seeds));
else if (values.work) work();
else await many(from, Number(values.seeds));
