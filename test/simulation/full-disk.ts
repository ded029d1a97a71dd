import { failedCalls, fillDisk, reviveDisk } from './disk.ts';
import { cutOffPass, runPass, type Story } from './story.ts';

/** The state cannot be written for a while: nothing of it takes place, and the program lives on, or is ended by a person. */
export async function fullDisk(story: Story): Promise<void> {
  const { world, aside, tell } = story;
  if (world.erp.perform !== undefined) {
    for (const table of ['jobs', 'parts', 'operations'] as const) {
      if (aside.chance(0.5)) tell(`erp: ${world.erp.perform('created', table)}`);
    }
    world.clock.advance(130_000);
  }
  const trouble = { callsBefore: aside.int(0, 30), calls: aside.pick([1, 1, 2, 3, 10, 100]) };
  fillDisk(trouble);
  await runPass(story, { scheduled: aside.chance(0.5) });
  tell(`the disk was full for ${failedCalls(trouble)} writes from the ${trouble.callsBefore}th on`);
  if (aside.chance(0.3)) {
    const results = await world.reconcile();
    tell(`reconcile: ${results.map(({ stream, outcome }) => `${stream} ${outcome}`).join(', ')}`);
  }
  reviveDisk();
  if (aside.chance(0.3)) await cutOffPass(story, aside.int(1, 60));
}
