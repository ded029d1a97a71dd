import { calm } from './network.ts';
import { cutOffPass, runPass, type Story } from './story.ts';

/** A record is new, its delivery ends without an answer, and the ERP deletes it before it is sent again: the MES may have it. */
export async function takenBack(story: Story): Promise<void> {
  const { world, aside, tell } = story;
  const table = aside.pick(['jobs', 'parts', 'operations'] as const);
  // Where there is no parent yet, that comes first.
  const [created, id] = world.erp.perform?.('created', table)?.split(' ') ?? [];
  if (created === undefined || id === undefined) return;
  tell(`erp: ${created} ${id} created`);
  world.clock.advance(130_000);
  await aside.pick([answersLost, cutOff])(story, id);
  const label = world.erp.perform?.('removed', created as typeof table, id);
  if (label !== undefined) tell(`erp: ${label}`);
}

async function answersLost(story: Story, id: string): Promise<void> {
  const { world, aside, tell } = story;
  const fates = [aside.pick(['lost answer', 'timeout after', '502 after'] as const)];
  world.network.weather.mes = { share: 1, fates, latencyMs: 0, only: new RegExp(`"${id}"`) };
  tell(`network to the mes: ${fates.join()} of all that carries ${id}`);
  await runPass(story, {});
  world.network.weather.mes = calm;
  tell('network clear');
}

async function cutOff(story: Story): Promise<void> {
  await cutOffPass(story, story.aside.int(8, 60));
}
