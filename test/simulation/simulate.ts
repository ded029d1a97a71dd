import './disk.ts';
import { createHash } from 'node:crypto';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createRandom, type Random } from '../../sandbox/random.ts';
import type { StreamResult } from '../../src/core/events.ts';
import type { StampKind } from '../../src/core/types.ts';
import { createCrashPlan } from '../support/faulting.ts';
import { crashDiskAt, diskIsDown } from './disk.ts';
import { calm, fates } from './network.ts';
import { openWorld, type Setting, type World } from './world.ts';

export interface Simulated {
  seed: number;
  /** Why the run failed; undefined when all went well. */
  failure: string | undefined;
  /** What happened, a line an event. */
  history: string[];
  /** Over everything that happened, requests and all: equal for equal runs. */
  hash: string;
}

export interface SimulateOptions {
  /** Breaks the story off after so many events; what follows is the quiesce as always. */
  events?: number;
  /** Called with each line as it happens, requests included. */
  watch?: (line: string) => void;
}

/** MES generations that runs are drawn from. */
const generations: readonly Generation[] = ['classic', 'classic', 'v060', 'main', 'repaired'];
/** One run in so many meets the simulated S/4HANA over its protocol. */
const sapOneIn = 25;
const most = 50;

/** One seed, one run: a drawn history, then peace, then the MES must hold what the ERP implies. */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<Simulated> {
  const history: string[] = [];
  const hash = createHash('sha256');
  const trace = (line: string) => {
    hash.update(line);
    options.watch?.(`    ${line}`);
  };
  const tell = (line: string) => {
    history.push(line);
    hash.update(line);
    options.watch?.(line);
  };
  let failure: string | undefined;
  try {
    const random = createRandom(seed).fork('simulation');
    const setting = drawSetting(seed, random.fork('setting'));
    tell(`setting ${JSON.stringify(setting)}`);
    const world = await openWorld(setting, random, trace);
    try {
      await live({ world, random: random.fork('story'), tell, marks: new Map() }, options.events ?? most);
    } finally {
      await world.close();
    }
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return { seed, failure, history, hash: hash.digest('hex') };
}

function drawSetting(seed: number, random: Random): Setting {
  const kinds: readonly StampKind[] = ['timestamp', 'timestamp', 'second', 'char14', 'date'];
  const erp = random.chance(1 / sapOneIn)
    ? 'sap'
    : ({
        version: random.pick(['v2', 'v4'] as const),
        kinds: { jobs: random.pick(kinds), parts: random.pick(kinds), operations: random.pick(kinds) },
      } as const);
  return { seed, generation: random.pick(generations), erp, ...drawSizes(random) };
}

function drawSizes(random: Random): Pick<Setting, 'pageSize' | 'batchSize' | 'maxConcurrency'> {
  return {
    pageSize: random.pick([1, 2, 3, 5, 10, 100]),
    batchSize: random.pick([1, 3, 10, 100]),
    maxConcurrency: random.pick([1, 2, 3]),
  };
}

interface Story {
  world: World;
  random: Random;
  tell(line: string): void;
  /** The latest watermark of each stream. */
  marks: Map<string, string>;
}

type Chapter = (story: Story) => Promise<void> | void;

async function live(story: Story, events: number): Promise<void> {
  const { random, world } = story;
  let left = Math.min(events, random.int(2, random.chance(0.1) ? most : 10));
  for (; left > 0; left -= 1) await random.pick(tickets)(story);
  const lost = await quiesce(story);
  const differences = world.differences().filter((line) => !lost.some((name) => line.startsWith(`${name} `)));
  if (differences.length > 0) throw new Error(`The MES differs from the ERP:\n${differences.join('\n')}`);
}

const draw: readonly (readonly [number, Chapter])[] = [
  [30, erpEvents],
  [22, pass],
  [3, scheduledPass],
  [8, timePasses],
  [6, weatherTurns],
  [4, weatherClears],
  [8, crash],
  [4, diskCrash],
  [3, restart],
  [3, clockJumps],
  [4, busyPass],
  [6, refuse],
  [2, allow],
  [3, touch],
  [2, retryLetters],
  [4, listLacksOne],
];
const tickets = draw.flatMap(([count, chapter]) => Array.from({ length: count }, () => chapter));

function erpEvents({ world, random, tell }: Story): void {
  for (const line of world.erp.play(random.int(1, 3))) tell(`erp: ${line}`);
}

async function pass(story: Story): Promise<void> {
  const seconds = story.random.pick([0, 0, 130, 130, 700, 1300]);
  if (seconds > 0) {
    story.world.clock.advance(seconds * 1000);
    story.tell(`${seconds} s pass`);
  }
  await runPass(story, {});
}

async function scheduledPass(story: Story): Promise<void> {
  await runPass(story, { scheduled: true });
}

/** The ERP's people go on working between the pages. */
async function busyPass(story: Story): Promise<void> {
  const { world, random, tell } = story;
  let left = random.int(1, 6);
  world.network.between = () => {
    if (left <= 0 || !random.chance(0.5)) return;
    left -= 1;
    world.clock.advance(grainMs);
    for (const line of world.erp.play(1)) tell(`erp, between pages: ${line}`);
    world.clock.advance(grainMs);
  };
  await runPass(story, { full: random.chance(0.2) });
  world.network.between = () => undefined;
}

async function runPass(story: Story, how: How): Promise<boolean> {
  const { world, tell } = story;
  world.clock.advance(grainMs);
  const results = await world.pass(how);
  world.clock.advance(grainMs);
  tell(`pass ${JSON.stringify(how)}: ${results.map(summary).join(', ')}`);
  for (const { stream, watermark, outcome } of results) watch(story, { stream, watermark, outcome });
  const complete = results.every(({ outcome }) => outcome === 'ok' || outcome === 'refused');
  if (complete) world.erp.checkpoint();
  return complete;
}

/** What is read and what comes after it never share a stamp: a source whose clock has stopped tells nobody of its changes. */
const grainMs = 1001;

interface How {
  full?: boolean;
  scheduled?: boolean;
  release?: boolean;
}

function summary({ stream, outcome, read, created, updated, error }: StreamResult): string {
  return `${stream} ${outcome} ${read}/${created}/${updated}${error === undefined ? '' : ` (${error})`}`;
}

/** D2: a watermark never moves back, and never beyond the source's clock plus five minutes. */
function watch(
  story: Story,
  { stream, watermark, outcome }: Pick<StreamResult, 'stream' | 'watermark' | 'outcome'>,
): void {
  const { after } = watermark;
  if (after === null || outcome === 'failed' || outcome === 'waiting') return;
  const before = story.marks.get(stream);
  if (before !== undefined && after < before)
    throw new Error(`${stream}: the watermark ${before} moved back to ${after}.`);
  story.marks.set(stream, after);
  const limit = story.world.erp.now().getTime() + 300_000;
  const zones = 86_400_000;
  const digits = (text: string) => text.replace(/\D/g, '').slice(0, 8);
  if (digits(after) > digits(new Date(limit + zones).toISOString()))
    throw new Error(`${stream}: ${after} is believed.`);
}

function timePasses({ world, random, tell }: Story): void {
  const seconds = random.pick([1, 30, 121, 600, 1300, 3700]);
  world.clock.advance(seconds * 1000);
  tell(`${seconds} s pass`);
}

function weatherTurns({ world, random, tell }: Story): void {
  const system = random.pick(['erp', 'mes'] as const);
  const share = random.pick([0.1, 0.3, 0.7]);
  const chosen = fates.filter(() => random.chance(0.4));
  const latencyMs = random.pick([0, 0, 200, 5000]);
  world.network.weather[system] = { share: chosen.length === 0 ? 0 : share, fates: chosen, latencyMs };
  tell(`network to the ${system}: ${share} of ${chosen.join(', ')}; latency ${latencyMs}`);
}

function weatherClears({ world, tell }: Story): void {
  world.network.weather = { erp: calm, mes: calm };
  tell('network clear');
}

/** The machine goes down at one of the awaited steps of a pass, before or after it took effect. */
async function crash(story: Story): Promise<void> {
  const { world, random, tell } = story;
  const at = random.int(1, 60);
  const side = random.pick(['before', 'after'] as const);
  world.setPlan(createCrashPlan(at, side));
  await runPass(story, {});
  tell(`crash ${side} step ${at} ${world.plan().crashed() ? world.plan().steps.at(-1) : 'which never came'}`);
  await world.restart();
}

/** The machine goes down at a writing call of the state's. */
async function diskCrash(story: Story): Promise<void> {
  const { world, random, tell } = story;
  const at = random.int(1, 40);
  crashDiskAt(at);
  await runPass(story, {});
  tell(`disk gone at write ${at}: ${diskIsDown() ? 'yes' : 'not reached'}`);
  await world.restart();
}

async function restart({ world, random, tell }: Story): Promise<void> {
  const sizes = drawSizes(random);
  await world.restart(sizes);
  tell(`restart with ${JSON.stringify(sizes)}`);
}

function clockJumps({ world, random, tell }: Story): void {
  const ms = random.pick([-3_600_000, 3_600_000, -86_400_000, 90_000_000, -1000]);
  world.clock.jump(ms);
  tell(`the daemon's wall clock jumps ${ms} ms`);
}

/** Somebody at the MES locks a record; others may go on. */
function refuse({ world, random, tell }: Story): void {
  const expected = world.erp.expected();
  const table = random.pick(['cells', 'jobs', 'jobs', 'parts', 'parts', 'operations'] as const);
  const ids = [...expected[table].keys()];
  if (ids.length === 0) return;
  // Rather one that is new: what hangs on it has to wait then.
  const held = world.mes.image()[table];
  const fresh = ids.filter((id) => !held.has(id));
  const id = random.pick(fresh.length > 0 && random.chance(0.8) ? fresh : ids);
  world.mes.refuse((at, body) => (at === table && body['external_id'] === id ? 'it is locked' : undefined));
  tell(`the MES refuses ${table}/${id}`);
}

function allow({ world, tell }: Story): void {
  world.mes.refuse(() => undefined);
  tell('the MES refuses nothing');
}

/** Status belongs to the shop floor. */
function touch({ world, random, tell }: Story): void {
  const table = random.pick(['jobs', 'parts', 'operations'] as const);
  const ids = [...world.mes.image()[table].keys()].filter((id) => world.mes.statusOf(table, id) !== 'on_hold');
  if (ids.length === 0) return;
  const id = random.pick(ids);
  world.mes.touch(table, id, 'in_progress');
  tell(`the shop floor starts ${table}/${id}`);
}

function listLacksOne({ world, tell }: Story): void {
  world.erp.hidesOne = true;
  tell('the next list of operations by order lacks one');
}

async function retryLetters({ world, tell }: Story): Promise<void> {
  const { store } = world.app();
  tell(`retry: ${await world.clock.run(store.retryDeadLetters({}))} dead letters`);
}

/**
 * Operations that were created by a request whose answer was lost, in a MES that shows their ids nowhere: they cannot be changed
 * any more, and are dead letters that say so. Nothing better is possible there.
 */
async function unreachable({ app, clock }: World): Promise<string[]> {
  const letters = await clock.run(app().store.deadLetters({}));
  const named = letters.filter(({ reason }) => reason.includes('tells its id nowhere'));
  return named.map(({ key }) => key.replace('operation/', 'operations/'));
}

const longestPeace = 14;

/** Everything that disturbs ends; then passes until nothing is left to do, and one that must cost the MES nothing. */
async function quiesce(story: Story): Promise<readonly string[]> {
  const { world, tell } = story;
  tell('peace');
  weatherClears(story);
  allow(story);
  world.erp.settle();
  world.erp.hidesOne = false;
  // A day stamp does not move twice a day: what vanished under one is found by the sweep of open parents.
  world.clock.advance(world.erp.sweepNeeded === true ? 3_700_000 : 1_800_000);
  for (let count = 0; count < longestPeace; count += 1) {
    await retryLetters(story);
    // Every operation of a small ERP may be gone at once: a person has to say that this is right.
    const complete = await runPass(story, { full: world.erp.unstamped === true && count === 0, release: count > 2 });
    const status = await world.clock.run(world.app().store.status());
    const waiting = status.reduce((sum, { deadLetters, parked }) => sum + deadLetters + parked, 0);
    const lost = await unreachable(world);
    if (complete && waiting === lost.length) {
      if (!(await runPass(story, {}))) throw new Error('A pass in peace failed.');
      return lost;
    }
    world.clock.advance(60_000);
  }
  throw new Error(`Not at rest after ${longestPeace} passes in peace.`);
}
