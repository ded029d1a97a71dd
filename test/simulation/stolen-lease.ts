import './disk.ts';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { createRandom } from '../../sandbox/random.ts';
import type { CrashPlan } from '../support/faulting.ts';
import { openInMemory } from './memory-databases.ts';
import { openWorld, type Setting } from './world.ts';

export interface Theft {
  /** Whether the step came at which the lease was to be taken. */
  stolen: boolean;
  /** What the old writer changed in the state after that: nothing, or the bar is missed. */
  accepted: string[];
  /** The old writer noticed. */
  noticed: boolean;
}

/** Another daemon takes the lease at a random awaited step of a cycle; the old one goes on as if nothing had happened. */
export async function stealLease(seed: number): Promise<Theft> {
  const random = createRandom(seed).fork('theft');
  const setting: Setting = {
    seed,
    generation: 'classic',
    erp: { version: 'v2', kinds: { jobs: 'timestamp', parts: 'char14', operations: 'timestamp' }, deletes: false },
    pageSize: random.pick([1, 3, 100]),
    batchSize: random.pick([1, 10]),
    maxConcurrency: random.pick([1, 2]),
  };
  const world = await openWorld(setting, random, () => undefined);
  const beside = openInMemory(join(world.directory, 'ledger.db'));
  try {
    world.erp.play(random.int(2, 12));
    if (random.chance(0.5)) {
      await world.pass();
      world.erp.play(random.int(2, 12));
    }
    world.clock.advance(600_000);
    const at = random.int(1, 60);
    let steps = 0;
    let before: string[] | undefined;
    const plan: CrashPlan = {
      steps: [],
      crashed: () => false,
      async step(_name, work) {
        steps += 1;
        if (steps === at) {
          beside.exec("UPDATE meta SET value = value + 1 WHERE key = 'epoch'");
          before = contentsOf(beside);
        }
        return work();
      },
    };
    world.setPlan(plan);
    const results = await world.pass();
    if (before === undefined) return { stolen: false, accepted: [], noticed: false };
    const after = contentsOf(beside);
    const accepted = after.filter((text, index) => text !== before?.[index]).map((text) => text.slice(0, 300));
    const noticed = results.some(({ error }) => error !== undefined && /lease|taken over|epoch/i.test(error));
    return { stolen: true, accepted, noticed };
  } finally {
    beside.close();
    await world.close();
  }
}

/** Everything but the counters in `meta`: the day budget has no owner. */
function contentsOf(database: DatabaseSync): string[] {
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
  return names
    .map(({ name }) => String(name))
    .filter((name) => name !== 'meta' && !name.startsWith('sqlite_'))
    .map((name) => `${name}: ${JSON.stringify(database.prepare(`SELECT * FROM ${name}`).all())}`);
}
