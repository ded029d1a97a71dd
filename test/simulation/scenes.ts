import type { Generation } from '../../sandbox/eryxon/generation.ts';
import type { TableName } from './model-tables.ts';
import { runPass, type Story } from './story.ts';

type Scene = (story: Story) => Promise<void>;
type Kind = Parameters<NonNullable<Story['world']['erp']['perform']>>[0];

/** What hardly ever comes about by single events: each takes several in their order. Whatever else is going on goes on meanwhile. */
export const scenes: readonly Scene[] = [goesFromCancelled, goesWhileRefused, waitsForRefused, liesOfUpdates];

function act({ world, tell }: Story, kind: Kind, [table, id]: readonly [TableName, string?]): string | undefined {
  const label = world.erp.perform?.(kind, table, id);
  if (label !== undefined) tell(`erp: ${label}`);
  return label;
}

/** Long enough for what was written to be read. */
async function settledPass(story: Story): Promise<void> {
  story.world.clock.advance(130_000);
  await runPass(story, {});
}

function pickOf({ world, aside }: Story, table: TableName): string | undefined {
  const held = world.mes.image()[table];
  const ids = [...world.erp.expected()[table].keys()].filter((id) => held.has(id) && !world.erp.isGone(table, id));
  return ids.length === 0 ? undefined : aside.pick(ids);
}

/** A part is cancelled, and one of its operations goes later: nothing that is polled tells of it. */
async function goesFromCancelled(story: Story): Promise<void> {
  if (pickOf(story, 'operations') === undefined) act(story, 'created', ['operations']);
  await settledPass(story);
  const operation = pickOf(story, 'operations');
  if (operation === undefined) return;
  const part = story.world.erp.expected().operations.get(operation)?.fields['part_external_id'];
  act(story, 'flagged', ['parts', String(part)]);
  await settledPass(story);
  act(story, 'removed', ['operations', operation]);
}

/** The MES refuses the last content of a record, and then the ERP deletes that. */
async function goesWhileRefused(story: Story): Promise<void> {
  const { world, aside, tell } = story;
  const table = aside.pick(['jobs', 'parts'] as const);
  if (pickOf(story, table) === undefined) act(story, 'created', [table]);
  await settledPass(story);
  const id = pickOf(story, table);
  if (id === undefined) return;
  world.mes.refuse((at, body) => (at === table && body['external_id'] === id ? 'it is locked' : undefined));
  tell(`the MES refuses ${table}/${id}`);
  act(story, 'changed', [table, id]);
  await settledPass(story);
  await settledPass(story);
  if (act(story, 'removed', [table, id]) === undefined) return;
  for (let sweep = 0; sweep < 2; sweep += 1) {
    world.clock.advance(700_000);
    const results = await world.reconcile();
    tell(`reconcile: ${results.map(({ stream, outcome, vanished }) => `${stream} ${outcome} ${vanished}`).join(', ')}`);
  }
}

/** The MES refuses a new job that has a part already, and then takes it: nothing of the part changes any more. */
async function waitsForRefused(story: Story): Promise<void> {
  const { world, tell } = story;
  const job = act(story, 'created', ['jobs'])?.split(' ')[1];
  if (job === undefined || act(story, 'created', ['parts', job]) === undefined) return;
  world.mes.refuse((at, body) => (at === 'jobs' && body['external_id'] === job ? 'it is locked' : undefined));
  tell(`the MES refuses jobs/${job}`);
  await settledPass(story);
  world.mes.refuse(() => undefined);
  act(story, 'changed', ['jobs', job]);
  await settledPass(story);
}

/** What is updated by a bulk-sync that only counts. */
const inBulk: Readonly<Record<Generation, readonly TableName[]>> = {
  classic: [],
  v060: [],
  main: [],
  repaired: ['cells', 'operations'],
};

/** What the MES holds already changes at once, and its bulk-sync counts more than it stores. */
async function liesOfUpdates(story: Story): Promise<void> {
  const { world, aside, tell, lies } = story;
  const tables = inBulk[world.mes.generation];
  if (!lies || tables.length === 0) return;
  const table = aside.pick(tables);
  const sizes = { pageSize: 100, batchSize: 100 };
  await world.restart(sizes);
  tell(`restart with ${JSON.stringify(sizes)}`);
  for (let missing = 4 - world.mes.image()[table].size; missing > 0; missing -= 1) act(story, 'created', [table]);
  await settledPass(story);
  await settledPass(story);
  const share = aside.pick([0.4, 1]);
  world.mes.lie(share);
  tell(`the MES lies of ${share} of what it is sent by bulk-sync`);
  act(story, 'tied', [table]);
  await settledPass(story);
  if (aside.chance(0.7)) world.mes.lie(0);
}
