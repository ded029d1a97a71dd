import './disk.ts';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createRandom } from '../../sandbox/random.ts';
import { tables } from '../../sandbox/types.ts';
import { type CrashPlan, createCrashPlan, type Side } from '../support/faulting.ts';
import { openWorld, type Setting, type World } from './world.ts';

/** What is under way when the machine goes down. */
export interface Workload {
  name: string;
  /** Up to the cycle in which it happens. */
  before(world: World): Promise<void>;
  full: boolean;
}

export const workloads: readonly Workload[] = [
  { name: 'a first load', before: async () => undefined, full: false },
  {
    name: 'a delta',
    async before(world) {
      await complete(world);
      world.erp.play(30);
      world.clock.advance(1_800_000);
    },
    full: false,
  },
  {
    name: 'a whole read that marks the open orders',
    async before(world) {
      await complete(world);
      await complete(world);
      world.erp.play(30);
      world.clock.advance(3_700_000);
    },
    full: true,
  },
];

export interface Point {
  workload: Workload;
  /** Of the MES. */
  generation: Generation;
  /** The how-manieth awaited step of the cycle; 0: none. */
  at: number;
  side: Side;
}

export interface PointResult {
  /** Names of the steps that were awaited. */
  steps: string[];
  /** Records written to the MES in all. */
  writes: number;
  differences: string[];
}

const setting: Omit<Setting, 'generation'> = {
  seed: 7,
  erp: 'sap',
  records: 90,
  pageSize: 1,
  batchSize: 2,
  maxConcurrency: 1,
};

/** A machine that goes down at one point, a restart, and the rest of the work. */
export async function crashAt({ workload, generation, at, side }: Point): Promise<PointResult> {
  const world = await openWorld({ ...setting, generation }, createRandom(setting.seed), () => undefined);
  try {
    await workload.before(world);
    const plan: CrashPlan = createCrashPlan(at, side);
    world.setPlan(plan);
    await world.pass({ full: workload.full });
    if (at > 0 && !plan.crashed()) throw new Error(`Step ${at} never came.`);
    await world.crash();
    world.erp.settle();
    // The first ends what was cut off, the second reads what came since.
    await complete(world);
    await complete(world);
    const image = world.mes.image();
    const written = tables.map((table) => [...image[table].keys()].map((id) => world.mes.writes(table, id)));
    const writes = written.flat().reduce((sum, count) => sum + count, 0);
    return { steps: plan.steps, writes, differences: world.differences() };
  } finally {
    await world.close();
  }
}

async function complete(world: World): Promise<void> {
  const failed = (await world.pass()).find(({ outcome }) => outcome === 'failed');
  if (failed !== undefined) throw new Error(`${failed.stream}: ${failed.error}`);
  world.erp.checkpoint();
}

/** Steps with an effect beyond the program; a crash behind any other is a crash before the next. */
const effects = new Set(['mes', 'store.commit', 'store.finish', 'store.markOpen', 'store.updateQuota']);
/**
 * A row becomes at most two records, and a page of rows is in flight while the next is compared. Where whole orders go out at once, twenty
 * of them are a page; their operations are never sent again.
 */
function inFlight(generation: Generation): number {
  return generation === 'classic' || generation === 'repaired' ? 2 : 40;
}

export interface Sweep {
  points: number;
  /** Awaited steps of each workload. */
  steps: Record<string, number>;
  failures: string[];
}

/** Every `stride`-th awaited step of each workload, before it and, where it has an effect, after it. */
export async function sweepCrashPoints(stride: number, generation: Generation = 'classic'): Promise<Sweep> {
  const sweep: Sweep = { points: 0, steps: {}, failures: [] };
  for (const workload of workloads) {
    const calm = await crashAt({ workload, generation, at: 0, side: 'before' });
    sweep.steps[workload.name] = calm.steps.length;
    for (let at = 1; at <= calm.steps.length; at += stride) {
      const name = calm.steps[at - 1] ?? '';
      for (const side of effects.has(name) ? (['before', 'after'] as const) : (['before'] as const)) {
        sweep.points += 1;
        const crashed = await crashAt({ workload, generation, at, side });
        const problem = problemOf(calm, crashed, inFlight(generation));
        if (problem !== undefined) sweep.failures.push(`${workload.name}, ${side} step ${at} (${name}): ${problem}`);
      }
    }
  }
  return sweep;
}

function problemOf(calm: PointResult, crashed: PointResult, most: number): string | undefined {
  if (crashed.differences.length > 0) return crashed.differences.join('; ');
  const again = crashed.writes - calm.writes;
  return again > most ? `${again} records sent again` : undefined;
}
