import { createCrashPlan } from '../support/faulting.ts';
import { crashDiskAt, diskIsDown } from './disk.ts';
import { calm, fates } from './network.ts';
import { drawSizes } from './setting.ts';
import { grainMs, runPass, type Story } from './story.ts';

/** Something that happens in a run. */
type Chapter = (story: Story) => Promise<void> | void;

/** Everything that can happen, and how often. */
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
  [4, reconcile],
  [3, handEdit],
  [3, lie],
];
export const chapters: readonly Chapter[] = draw.flatMap(([count, chapter]) =>
  Array.from({ length: count }, () => chapter),
);

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

async function busyPass(story: Story): Promise<void> {
  const full = story.random.chance(0.2);
  await betweenPages(story, () => runPass(story, { full }));
}

/** The ERP's people go on working between the pages. */
async function betweenPages<T>({ world, random, tell }: Story, reading: () => Promise<T>): Promise<T> {
  let left = random.int(1, 6);
  world.network.between = () => {
    if (left <= 0 || !random.chance(0.5)) return;
    left -= 1;
    world.clock.advance(grainMs);
    for (const line of world.erp.play(1)) tell(`erp, between pages: ${line}`);
    world.clock.advance(grainMs);
  };
  const result = await reading();
  world.network.between = () => undefined;
  return result;
}

/** All keys are compared, by day or while the ERP's people work. Nobody lets through what the guard withholds. */
async function reconcile(story: Story): Promise<void> {
  const { world, random, tell } = story;
  const busy = random.chance(0.3);
  const results = await (busy ? betweenPages(story, () => world.reconcile()) : world.reconcile());
  tell(`reconcile: ${results.map(({ stream, outcome, vanished }) => `${stream} ${outcome} ${vanished}`).join(', ')}`);
  world.clock.advance(grainMs);
}

const byHand = { parts: 'quantity', operations: 'sequence' } as const;

/** Somebody at the MES overwrites what came from the ERP: it stays until the ERP changes the record. */
function handEdit({ world, random, tell }: Story): void {
  const table = random.pick(['parts', 'operations'] as const);
  const ids = [...world.mes.image()[table].keys()];
  if (ids.length === 0 || world.erp.changedAt === undefined) return;
  const id = random.pick(ids);
  const field = byHand[table];
  world.mes.edit(table, id, { [field]: random.int(100, 999) });
  world.edits.set(`${table}/${id}`, { field, at: world.erp.now().getTime() });
  tell(`somebody sets ${field} of ${table}/${id} in the MES`);
}

/** What a bulk-sync counts as written is not all there. */
function lie({ world, random, tell, lies }: Story): void {
  if (!lies) return;
  const share = random.pick([0, 0.2, 0.5, 1]);
  world.mes.lie(share);
  tell(`the MES lies of ${share} of what it is sent by bulk-sync`);
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
  await world.crash();
  world.network.forgetSilence();
}

/** The machine goes down at a writing call of the state's. */
async function diskCrash(story: Story): Promise<void> {
  const { world, random, tell } = story;
  const at = random.int(1, 40);
  crashDiskAt(at);
  await runPass(story, {});
  tell(`disk gone at write ${at}: ${diskIsDown() ? 'yes' : 'not reached'}`);
  await world.crash();
  world.network.forgetSilence();
}

async function restart({ world, random, tell }: Story): Promise<void> {
  const sizes = drawSizes(random);
  await world.restart(sizes);
  tell(`restart with ${JSON.stringify(sizes)}`);
}

function clockJumps({ world, random, tell }: Story): void {
  const ms = random.pick([-3_600_000, 3_600_000, -86_400_000, 90_000_000, -1000]);
  world.clock.jump(ms);
  world.network.forgetSilence();
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

function listLacksOne({ world, random, tell }: Story): void {
  const kind = random.pick(['children', 'children', 'keys'] as const);
  world.erp.hides = kind;
  tell(`the next list of ${kind} lacks one`);
}

async function retryLetters({ world, tell }: Story): Promise<void> {
  const { store } = world.app();
  tell(`retry: ${await world.clock.run(store.retryDeadLetters({}))} dead letters`);
}
