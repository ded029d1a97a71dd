import { calm } from './network.ts';
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
  // What moved no stamp is found by the sweep of open parents; and the day's requests may be used up.
  clock.advance(erp.sweepNeeded ? 3_700_000 : 1_800_000);
  if (story.limited) clock.advance(dayMs);
  const full = erp.unstamped === true;
  if (erp.reconcileNeeded) {
    await deliverAll(story, full);
    await sweepAll(story);
  }
  const lost = await comeToRest(story, full && !erp.reconcileNeeded);
  const results = await runPass(story, {});
  if (!results.complete) throw new Error('A pass in peace failed.');
  if (results.requests > 0) throw new Error(`A pass in peace sent ${results.requests} requests to the MES.`);
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
    const waiting = status.reduce((sum, { deadLetters, parked }) => sum + deadLetters + parked, 0);
    const lost = await unreachable(world);
    if (complete && waiting === lost.length) return lost;
    world.clock.advance(limited ? dayMs : 60_000);
  }
  throw new Error(`Not at rest after ${longestPeace} passes in peace.`);
}

/** Until one finds nothing more. What vanishes from a small ERP may be all that it lists: a person has to say that this is right. */
async function sweepAll({ world, tell, limited }: Story): Promise<void> {
  for (let count = 0; count < mostSweeps; count += 1) {
    const results = await world.reconcile({ release: count > 1 });
    tell(`reconcile: ${results.map(({ stream, outcome, vanished }) => `${stream} ${outcome} ${vanished}`).join(', ')}`);
    if (results.every(({ outcome, pending, vanished }) => outcome === 'ok' && pending + vanished === 0)) return;
    world.clock.advance(limited ? dayMs : 600_000);
  }
  throw new Error(`Not done after ${mostSweeps} sweeps in peace.`);
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
