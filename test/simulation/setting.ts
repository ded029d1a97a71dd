import type { Generation } from '../../sandbox/eryxon/generation.ts';
import type { Random } from '../../sandbox/random.ts';
import type { StampKind } from '../../src/core/types.ts';
import type { Setting } from './world.ts';

/** MES generations that runs are drawn from. */
const generations: readonly Generation[] = ['classic', 'classic', 'v060', 'main', 'repaired'];
/** One run in so many meets the simulated S/4HANA over its protocol. */
const sapOneIn = 25;
/** One in so many meets a MES that takes only so many requests a day. */
const limitedOneIn = 20;

/** What the seed decides; the generation may be given. */
export function drawSetting(seed: number, random: Random, given: Generation | undefined): Setting {
  const kinds: readonly StampKind[] = ['timestamp', 'timestamp', 'second', 'char14', 'date'];
  const deletes = random.chance(0.5);
  const erp = random.chance(1 / sapOneIn)
    ? 'sap'
    : ({
        version: random.pick(['v2', 'v4'] as const),
        kinds: { jobs: random.pick(kinds), parts: random.pick(kinds), operations: random.pick(kinds) },
        deletes,
      } as const);
  const drawn = random.pick(generations);
  return {
    seed,
    generation: given ?? drawn,
    erp,
    deletes,
    provesAll: random.chance(0.3),
    ...(random.chance(1 / limitedOneIn) ? { requestsPerDay: random.int(30, 90), plansDay: random.chance(0.5) } : {}),
    ...drawSizes(random),
  };
}

/** What a restart may change. */
export function drawSizes(random: Random): Pick<Setting, 'pageSize' | 'batchSize' | 'maxConcurrency'> {
  return {
    pageSize: random.pick([1, 2, 3, 5, 10, 100]),
    batchSize: random.pick([1, 3, 10, 100]),
    maxConcurrency: random.pick([1, 2, 3]),
  };
}
