import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { type Table, tables } from '../../sandbox/types.ts';
import { calm } from './network.ts';
import { mayLack } from './removals.ts';
import type { Story } from './story.ts';
import { runPass } from './story.ts';
import type { World } from './world.ts';

const longestPeace = 14;
const mostSweeps = 6;
const dayMs = 86_400_000;

/**
 * Everything that disturbs ends; then passes until nothing is left to do, and one that must cost the MES nothing. Resolves to the
 * names of records that can never be right there.
 */
export async function quiesce(story: Story): Promise<readonly string[]> {
  const { world, tell } = story;
  const { clock, erp, mes, network } = world;
  tell('peace');
  network.weather = { erp: calm, mes: calm };
  mes.refuse(() => undefined);
  mes.lie(0);
  erp.settle();
  erp.hides = undefined;
  // What moved no stamp is found by the mark of all open parents; and the day's requests may be used up.
  clock.advance(erp.markNeeded ? 3_700_000 : 1_800_000);
  if (story.limited) clock.advance(dayMs);
  const full = erp.unstamped === true;
  const sweeps = erp.reconcileNeeded || world.removed.size > 0;
  if (sweeps || erp.markNeeded) await deliverAll(story, full);
  // A first load that had been cut off has ended by now: its open parents are looked at an hour later.
  if (erp.markNeeded) clock.advance(3_700_000);
  if (sweeps) await sweepAll(story);
  const lost = await comeToRest(story, full && !sweeps && !erp.markNeeded);
  // The last of all operations, which hangs below a dead row of the MES, is found by every pass: a person says so once more.
  const results = await runPass(story, { release: mayLack(world).length > 0 });
  if (!results.complete) throw new Error('A pass in peace failed.');
  if (results.requests > 0) throw new Error(`A pass in peace sent ${results.requests} requests to the MES.`);
  const silent = await lostInSilence(world);
  if (silent.length > 0) throw new Error(`The MES lacks ${silent.join(', ')}, and nothing says so.`);
  return lost;
}

/** What waits for a parent that is gone may still wait then. */
async function deliverAll(story: Story, full: boolean): Promise<void> {
  const { world, limited } = story;
  for (let count = 0; count < longestPeace; count += 1) {
    await world.clock.run(world.app().store.retryDeadLetters({}));
    if ((await runPass(story, { full: full && count === 0, release: count > 2 })).complete && count > 0) return;
    world.clock.advance(limited ? dayMs : 60_000);
  }
  throw new Error(`Not complete after ${longestPeace} passes in peace.`);
}

async function comeToRest(story: Story, full: boolean): Promise<readonly string[]> {
  const { world, tell, limited } = story;
  for (let count = 0; count < longestPeace; count += 1) {
    tell(`retry: ${await world.clock.run(world.app().store.retryDeadLetters({}))} dead letters`);
    // Every operation of a small ERP may be gone at once: a person has to say that this is right.
    const { complete } = await runPass(story, { full: full && count === 0, release: count > 2 });
    const status = await world.clock.run(world.app().store.status());
    const lost = await unreachable(world);
    const letters = status.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
    const parked = status.reduce((sum, each) => sum + each.parked, 0);
    const due = await childrenDue(
      world,
      status.map(({ stream }) => stream),
    );
    const idle = parked + due === 0 || mayLack(world).length > 0;
    if (complete && letters === lost.length && idle) return lost;
    world.clock.advance(limited ? dayMs : 60_000);
  }
  throw new Error(`Not at rest after ${longestPeace} passes in peace.`);
}

/** Parents whose children the next pass will read: what a first load was interrupted in has left behind. */
async function childrenDue({ app, clock }: World, streams: readonly string[]): Promise<number> {
  let due = 0;
  for (const stream of streams) due += (await clock.run(app().store.dueChildren(stream, 1))).length;
  return due;
}

/** Until one finds nothing more. What vanishes from a small ERP may be all that it lists: a person has to say that this is right. */
async function sweepAll({ world, tell, limited, deletes }: Story): Promise<void> {
  const mes = world.removed.size > 0;
  for (let count = 0; count < mostSweeps; count += 1) {
    const results = await world.reconcile({ release: count > 1, mes });
    tell(`reconcile: ${results.map(({ stream, outcome, vanished }) => `${stream} ${outcome} ${vanished}`).join(', ')}`);
    const found = results.reduce((sum, { pending, vanished, lost }) => sum + pending + vanished + lost, 0);
    // What is gone from the ERP, and dead in the MES, is found by every sweep: that cannot be told to anybody, and to be deleted it is asked for again.
    const isIdle = ({ requests, lost }: (typeof results)[number]) => lost === 0 && (deletes || requests.mes === 0);
    const idle = mayLack(world).length > 0 && results.every(isIdle);
    if (results.every(({ outcome }) => outcome === 'ok') && (found === 0 || (count > 0 && idle))) return;
    world.clock.advance(limited ? dayMs : 600_000);
  }
  throw new Error(`Not done after ${mostSweeps} sweeps in peace.`);
}

/**
 * Operations that were created by a request whose answer was lost, in a MES that shows their ids nowhere: they cannot be changed
 * any more, and are dead letters that say so. Nothing better is possible there.
 */
async function unreachable(world: World): Promise<string[]> {
  const { app, clock } = world;
  const letters = await clock.run(app().store.deadLetters({}));
  const lack = new Set(mayLack(world));
  const names = letters.map(({ key, reason }) => ({ name: key.replace('/', 's/'), reason }));
  const named = names.filter(({ name, reason }) => lack.has(name) || reason.includes('tells its id nowhere'));
  return named.map(({ name }) => name);
}

/** Tables whose live rows this MES lists: what is removed from them is missed, and named when it cannot be brought back. */
const listed: Readonly<Record<Generation, readonly Table[]>> = {
  classic: tables,
  v060: ['cells', 'jobs'],
  main: ['cells', 'jobs'],
  repaired: tables,
};

/** What somebody removed from the MES, what the ERP has, and what is neither back nor a dead letter. */
async function lostInSilence({ app, clock, erp, mes, removed }: World): Promise<string[]> {
  const [expected, image] = [erp.expected(), mes.image()];
  const letters = new Set((await clock.run(app().store.deadLetters({}))).map(({ key }) => key.replace('/', 's/')));
  const status = await clock.run(app().store.status());
  if (status.some(({ parked }) => parked > 0)) return [];
  return listed[mes.generation].flatMap((table) =>
    [...expected[table].keys()].filter((id) => {
      const name = `${table}/${id}`;
      return removed.has(name) && !image[table].has(id) && !erp.isGone(table, id) && !letters.has(name);
    }),
  );
}
