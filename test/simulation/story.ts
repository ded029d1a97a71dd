import type { Random } from '../../sandbox/random.ts';
import type { StreamResult } from '../../src/core/events.ts';
import { createCrashPlan } from '../support/faulting.ts';
import type { World } from './world.ts';

/** One run under way. */
export interface Story {
  world: World;
  random: Random;
  /** For what happens beside the chapters: it moves nothing of them. */
  aside: Random;
  tell(line: string): void;
  /** The latest watermark of each stream. */
  marks: Map<string, string>;
  /** The MES takes only so many requests a day. */
  limited: boolean;
  /** What the MES counts as written may be missing: its lies are to be found out. */
  lies: boolean;
  /** What is gone from the ERP is deleted in the MES. */
  deletes: boolean;
}

export interface How {
  full?: boolean;
  scheduled?: boolean;
  release?: boolean;
}

export interface Passed {
  /** Every stream has come to its end. */
  complete: boolean;
  /** To the MES. */
  requests: number;
}

/** What is read and what comes after it never share a stamp: a source whose clock has stopped tells nobody of its changes. */
export const grainMs = 1001;

/** One cycle; throws when a watermark is where it must never be. */
export async function runPass(story: Story, how: How): Promise<Passed> {
  const { world, tell } = story;
  world.clock.advance(grainMs);
  const results = await world.pass(how);
  world.clock.advance(grainMs);
  // No two runs have a directory of the same name.
  const told = results.map(summary).join(', ').replaceAll(world.directory, 'its directory');
  tell(`pass ${JSON.stringify(how)}: ${told}`);
  for (const { stream, watermark, outcome } of results) watch(story, { stream, watermark, outcome });
  const complete = results.every(({ outcome }) => outcome === 'ok' || outcome === 'refused');
  if (complete) world.erp.checkpoint();
  return { complete, requests: results.reduce((sum, { requests }) => sum + requests.mes, 0) };
}

/** A pass in which the machine goes down at that awaited step, before or after it took effect. */
export async function cutOffPass(story: Story, at: number): Promise<void> {
  const { world, aside, tell } = story;
  world.setPlan(createCrashPlan(at, aside.pick(['before', 'after'] as const)));
  await runPass(story, {});
  tell(`crash at step ${at}: ${world.plan().crashed() ? world.plan().steps.at(-1) : 'which never came'}`);
  await world.crash();
  world.network.forgetSilence();
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
  const { erp } = story.world;
  // A watermark stays where a clock that is behind shows nothing to take its place.
  const limit = erp.now().getTime() + 300_000 - Math.min(0, erp.clockOffMs ?? 0);
  // And where the overlap makes up for it, one stays that was set by a clock that was ahead.
  const zones = (erp.clockWasOff === true ? 3 : 1) * 86_400_000;
  const digits = (text: string) => text.replace(/\D/g, '').slice(0, 8);
  if (digits(after) > digits(new Date(limit + zones).toISOString()))
    throw new Error(`${stream}: ${after} is believed.`);
}
