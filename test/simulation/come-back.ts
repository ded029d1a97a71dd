import { type CrashPlan, createCrashPlan } from '../support/faulting.ts';
import type { TableName } from './model-tables.ts';
import { calm } from './network.ts';
import { runPass, type Story } from './story.ts';

type Name = readonly [TableName, string];

/** What the removal of one record takes at the most, and the beginning of the next. */
const mostSteps = 12;
const mostRequests = 6;
/** A request about one row by its own id: not the one that only asks whether rows can be changed at all. */
const ofOneRow = /\/api-\w+\?id=(?!0000)/;

/** A record goes from the ERP, its removal from the MES is cut off, and as often as not the ERP has it again, just as it was. */
export async function comeBack(story: Story): Promise<void> {
  const { aside } = story;
  const gone = takeAway(story, await choose(story));
  if (gone.length === 0) return;
  // One sweep misses it, and of operations the next pass reads the lists of their parts.
  await sweep(story);
  await aside.pick([answersLost, cutOff])(story, async () => {
    await sweep(story);
    await runPass(story, { release: true });
  });
  if (aside.chance(0.25)) return;
  for (const name of gone.toReversed()) act(story, 'restored', name);
  if (aside.chance(0.4)) goOnWith(story, aside.pick(gone));
  // What takes a removal back is cut off as well.
  if (aside.chance(0.3))
    await aside.pick([answersLost, cutOff])(story, () => runPass(story, {}).then(() => sweep(story)));
  if (aside.chance(0.5)) await runPass(story, {});
  if (aside.chance(0.5)) await sweep(story);
}

type Kind = Parameters<NonNullable<Story['world']['erp']['perform']>>[0];

function act({ world, tell }: Story, kind: Kind, [table, id]: readonly [TableName, string?]): string | undefined {
  const label = world.erp.perform?.(kind, table, id);
  if (label !== undefined) tell(`erp: ${label}`);
  return label;
}

/** Nothing of a cell is cancelled, and operations are below none. */
function goOnWith(story: Story, [table, id]: Name): void {
  const below = ({ cells: undefined, jobs: 'parts', parts: 'operations', operations: undefined } as const)[table];
  const next = story.aside.pick(['changed', 'flagged', 'created'] as const);
  if (next === 'changed' || table === 'cells') act(story, 'changed', [table, id]);
  else if (next === 'flagged' || below === undefined) act(story, 'flagged', [table, id]);
  else act(story, 'created', [below, id]);
}

/** One that the MES has; new, where nothing hangs on it. */
async function choose(story: Story): Promise<Name | undefined> {
  const { world, aside } = story;
  const table = aside.pick(['cells', 'jobs', 'parts', 'parts', 'operations', 'operations'] as const);
  let chosen: string | undefined;
  if (aside.chance(0.6)) {
    chosen = act(story, 'created', [table])?.split(' ')[1];
    if (chosen !== undefined && table === 'parts' && aside.chance(0.5)) act(story, 'created', ['operations', chosen]);
  }
  world.clock.advance(130_000);
  await runPass(story, {});
  await runPass(story, {});
  const held = world.mes.image()[table];
  const ids = [...world.erp.expected()[table].keys()].filter((id) => held.has(id) && !world.erp.isGone(table, id));
  const id = ids.find((each) => each === chosen) ?? (ids.length === 0 ? undefined : aside.pick(ids));
  return id === undefined ? undefined : [table, id];
}

/** With a part now and then the job that it was the last of. */
function takeAway(story: Story, name: Name | undefined): Name[] {
  const { world, aside } = story;
  if (name === undefined) return [];
  const [table, id] = name;
  const job = String(world.erp.expected()[table].get(id)?.fields['job_external_id']);
  const names: readonly Name[] = table === 'parts' && aside.chance(0.5) ? [name, ['jobs', job]] : [name];
  return names.filter((each) => act(story, 'removed', each) !== undefined);
}

/** A person says that it is right, though it may be all that there is. */
async function sweep({ world, tell }: Story): Promise<void> {
  world.clock.advance(700_000);
  const results = await world.reconcile({ release: true });
  tell(`reconcile: ${results.map(({ stream, outcome, vanished }) => `${stream} ${outcome} ${vanished}`).join(', ')}`);
}

/** No answer comes any more from one of the requests of a removal on. */
async function answersLost({ world, aside, tell }: Story, removing: () => Promise<void>): Promise<void> {
  const fates = [aside.pick(['lost answer', 'timeout after', '502 after', 'lost request'] as const)];
  let left = aside.int(0, mostRequests);
  tell(`network to the mes: ${fates.join()} of all about one row, after ${left} requests of a removal`);
  const lose = () => {
    world.network.weather.mes = { share: 1, fates, latencyMs: 0, only: ofOneRow };
  };
  const plan = fromRemoval(createCrashPlan(0, 'before'), (name) => {
    if (name === 'mes') left -= 1;
    if (left <= 0) lose();
  });
  world.setPlan(plan);
  await removing();
  world.setPlan(createCrashPlan(0, 'before'));
  world.network.weather.mes = calm;
  tell('network clear');
}

/** The machine goes down at one of the steps of a removal. */
async function cutOff({ world, aside, tell }: Story, removing: () => Promise<void>): Promise<void> {
  const at = aside.int(1, mostSteps);
  const side = aside.pick(['before', 'after'] as const);
  world.setPlan(fromRemoval(createCrashPlan(at, side)));
  await removing();
  const reached = world.plan().crashed() ? world.plan().steps.at(-1) : 'which never came';
  tell(`crash ${side} step ${at} of a removal: ${reached}`);
  await world.crash();
  world.network.forgetSilence();
}

/** A plan that counts from where the first removal begins, or is to be taken back. */
function fromRemoval(plan: CrashPlan, watch: (name: string) => void = () => undefined): CrashPlan {
  let begun = false;
  return {
    ...plan,
    step(name, work) {
      begun ||= name === 'store.beginRemoval' || name === 'store.begunRemovals';
      if (!begun) return work();
      watch(name);
      return plan.step(name, work);
    },
  };
}
