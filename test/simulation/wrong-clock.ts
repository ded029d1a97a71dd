import { runPass, type Story } from './story.ts';

const hourMs = 3_600_000;
const offsMs = [0.4 * hourMs, 2 * hourMs, 26 * hourMs, 720 * hourMs, -2 * hourMs, -720 * hourMs];
/** Longer than the overlap and the settle time together. */
const longestGapMs = 0.7 * hourMs;
/** A window ends so far behind the clock, and a pass takes a moment: the right clock may not have caught up with its end by then. */
const settleAndPassMs = 180_000;

/** For one pass the ERP shows a clock that is wrong, and stamps its rows by the right one. */
export async function readWrongClock(story: Story): Promise<void> {
  const { world, aside, tell, marks } = story;
  const { erp } = world;
  if (erp.clockOffMs === undefined) return;
  const offMs = aside.pick(offsMs);
  erp.clockOffMs = offMs;
  erp.clockWasOff = true;
  tell(`the clock of the ERP is ${offMs / hourMs} hours off`);
  // Where the clock goes back, watermarks may.
  marks.clear();
  await runPass(story, {});
  erp.clockOffMs = 0;
  marks.clear();
  for (const label of erp.play(3)) tell(`erp: ${label}`);
  world.clock.advance(aside.int(60_000, Math.min(longestGapMs, Math.abs(offMs) - settleAndPassMs)));
  // What no pass has looked at before the right clock caught up with the wrong one takes a whole read.
  if (!(await runPass(story, {})).complete) erp.unstamped = true;
}
