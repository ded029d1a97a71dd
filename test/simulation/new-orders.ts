import type { TableName } from './model-tables.ts';
import { calm, type Fate, fates } from './network.ts';
import { cutOffPass, runPass, type Story } from './story.ts';

/** A job as it goes out with its parts and operations in one request. */
const nested = /\/api-jobs \{.*"operations":/;

/** Whole orders are new at once, as on a first load, and something goes wrong where they are delivered. */
export async function newOrders(story: Story): Promise<void> {
  const { world, aside, tell } = story;
  const before = new Set(Object.values(world.erp.expected()).flatMap((rows) => [...rows.keys()]));
  const counts: readonly (readonly [TableName, number])[] = [
    ['jobs', aside.int(1, 4)],
    ['parts', aside.int(2, 6)],
    ['operations', aside.int(3, 12)],
  ];
  for (const [table, count] of counts) {
    for (let made = 0; made < count; made += 1) tell(`erp: ${world.erp.perform?.('created', table)}`);
  }
  world.clock.advance(130_000);
  await aside.pick([calmly, disturbed, cutOff, refused])(story, before);
}

async function calmly(story: Story): Promise<void> {
  await runPass(story, {});
}

/** Something happens to the requests that carry whole orders, or to any. */
async function disturbed(story: Story): Promise<void> {
  const { world, aside, tell } = story;
  const chosen: readonly Fate[] = aside.chance(0.5) ? ['lost answer', 'timeout after', '502 after'] : fates;
  const only = aside.chance(0.7) ? nested : /./;
  const share = aside.pick([0.3, 0.6, 1]);
  world.network.weather.mes = { share, fates: chosen, latencyMs: 0, only };
  tell(`network to the mes: ${share} of ${chosen.join(', ')}, of ${only}`);
  for (let passes = aside.int(1, 3); passes > 0; passes -= 1) await runPass(story, { scheduled: aside.chance(0.3) });
  world.network.weather.mes = calm;
  tell('network clear');
}

async function cutOff(story: Story): Promise<void> {
  await cutOffPass(story, story.aside.int(20, 160));
}

/** The MES takes one of the new records in no request. */
async function refused(story: Story, before: ReadonlySet<string>): Promise<void> {
  const { world, aside, tell } = story;
  const expected = world.erp.expected();
  const table = aside.pick(['jobs', 'parts', 'operations'] as const);
  const ids = [...expected[table].keys()].filter((id) => !before.has(id));
  if (ids.length === 0) return;
  const id = aside.pick(ids);
  world.mes.refuse((at, body) => (at === table && body['external_id'] === id ? 'it is locked' : undefined));
  tell(`the MES refuses ${table}/${id}`);
  await runPass(story, {});
  if (aside.chance(0.5)) world.mes.refuse(() => undefined);
}
