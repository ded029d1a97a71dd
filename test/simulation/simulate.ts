import './disk.ts';
import { createHash } from 'node:crypto';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createRandom } from '../../sandbox/random.ts';
import { chapters } from './chapters.ts';
import { comeBack } from './come-back.ts';
import { fullDisk } from './full-disk.ts';
import { newOrders } from './new-orders.ts';
import { quiesce } from './peace.ts';
import { mayLack, removeByHand } from './removals.ts';
import { scenes } from './scenes.ts';
import { drawSetting } from './setting.ts';
import type { Story } from './story.ts';
import { takenBack } from './taken-back.ts';
import { openWorld } from './world.ts';
import { readWrongClock } from './wrong-clock.ts';

export interface Simulated {
  seed: number;
  /** Why the run failed; undefined when all went well. */
  failure: string | undefined;
  /** What happened, a line an event. */
  history: string[];
  /** Over everything that happened, requests and all: equal for equal runs. */
  hash: string;
}

export interface SimulateOptions {
  /** Breaks the story off after so many events; what follows is the quiesce as always. */
  events?: number;
  /** Of the MES; drawn when absent. */
  generation?: Generation | undefined;
  /** What becomes in the MES of what is gone from the ERP, of all entities; marked when absent. No seed draws it. */
  policy?: 'delete' | undefined;
  /** Called with each line as it happens, requests included. */
  watch?: (line: string) => void;
}

const most = 50;
/** Before so many of the events somebody removes something from the MES. */
const removalShare = 0.04;
/** Before so many of them something happens that takes several steps in their order. */
const sceneShare = 0.02;
/** Before so many of them whole orders come at once. */
const ordersShare = 0.04;
/** Before so many of them the ERP shows a wrong clock for one pass. */
const wrongClockShare = 0.02;
/** Before so many of them a record goes that may have reached the MES without an answer. */
const doubtShare = 0.02;
/** Before so many of them the disk of the state is full for a while. */
const fullDiskShare = 0.03;
/** Before so many of them, where the MES is to delete what the ERP has deleted, a record goes and comes back. */
const comeBackShare = 0.06;

/** One seed, one run: a drawn history, then peace, then the MES must hold what the ERP implies. */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<Simulated> {
  const history: string[] = [];
  const hash = createHash('sha256');
  const trace = (line: string) => {
    hash.update(line);
    options.watch?.(`    ${line}`);
  };
  const tell = (line: string) => {
    history.push(line);
    hash.update(line);
    options.watch?.(line);
  };
  let failure: string | undefined;
  try {
    const random = createRandom(seed).fork('simulation');
    const { generation, policy } = options;
    const drawn = drawSetting(seed, random.fork('setting'), generation);
    const setting = policy === undefined ? drawn : { ...drawn, policy };
    tell(`setting ${JSON.stringify(setting)}`);
    const world = await openWorld(setting, random, trace);
    try {
      const limited = setting.requestsPerDay !== undefined;
      const lies = setting.provesAll === true;
      const story = {
        world,
        random: random.fork('story'),
        aside: random.fork('aside'),
        tell,
        marks: new Map(),
        limited,
        lies,
        deletes: policy === 'delete',
      };
      await live(story, options.events ?? most);
    } finally {
      await world.close();
    }
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return { seed, failure, history, hash: hash.digest('hex') };
}

async function live(story: Story, events: number): Promise<void> {
  const { random, aside, world } = story;
  const forScenes = aside.fork('scenes');
  const forOrders = aside.fork('orders');
  const forClock = aside.fork('clock');
  const forDoubt = aside.fork('doubt');
  const forReturn = aside.fork('come back');
  const forDisk = aside.fork('disk');
  let left = Math.min(events, random.int(2, random.chance(0.1) ? most : 10));
  for (; left > 0; left -= 1) {
    if (aside.chance(removalShare)) await removeByHand(story);
    if (world.erp.perform !== undefined && forScenes.chance(sceneShare)) await forScenes.pick(scenes)(story);
    if (world.erp.perform !== undefined && forOrders.chance(ordersShare))
      await newOrders({ ...story, aside: forOrders });
    if (forClock.chance(wrongClockShare)) await readWrongClock({ ...story, aside: forClock });
    if (world.erp.perform !== undefined && forDoubt.chance(doubtShare)) await takenBack({ ...story, aside: forDoubt });
    if (forDisk.chance(fullDiskShare)) await fullDisk({ ...story, aside: forDisk });
    if (story.deletes && world.erp.perform !== undefined && forReturn.chance(comeBackShare))
      await comeBack({ ...story, aside: forReturn });
    await random.pick(chapters)(story);
  }
  const lost = await quiesce(story);
  const excused = [...lost, ...mayLack(world)];
  const differences = world.differences().filter((line) => !excused.some((name) => line.startsWith(`${name} `)));
  const { untimely } = world.network;
  if (untimely.length > 0) throw new Error(`Sent while the day of the MES was used up: ${untimely.join(', ')}`);
  if (differences.length > 0) throw new Error(`The MES differs from the ERP:\n${differences.join('\n')}`);
}
