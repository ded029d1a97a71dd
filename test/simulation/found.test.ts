import './disk.ts';
import { expect, it } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createRandom } from '../../sandbox/random.ts';
import { calm } from './network.ts';
import { simulate } from './simulate.ts';
import { openWorld, type World } from './world.ts';

/** What the simulation has found, each as the shortest story that shows it. */
async function openAt(generation: Generation): Promise<World> {
  const sizes = { pageSize: 100, batchSize: 1, maxConcurrency: 1 };
  const setting = { seed: 3, generation, erp: 'sap', ...sizes } as const;
  return openWorld(setting, createRandom(3), () => undefined);
}

/** Something new is created in the MES, and the answer is lost; resolves to its id. */
async function loseCreate(world: World, idOf: (line: string) => string | undefined): Promise<string> {
  await world.pass();
  let id: string | undefined;
  playUntil(world, (line) => {
    id = idOf(line);
    return id !== undefined;
  });
  settle(world);
  const only = new RegExp(
    `(_number":"[^"]*\\|${id}"|"external_id":"${id}".*operation_name|operation_name.*"external_id":"${id}")`,
  );
  world.network.weather.mes = { share: 1, fates: ['timeout after'], latencyMs: 0, only };
  await world.pass();
  world.network.weather.mes = calm;
  return String(id);
}

function newOperation(line: string): string | undefined {
  const [, order, operation] = /^production order (\d+) got operation (\d+)$/.exec(line) ?? [];
  return order === undefined ? undefined : `${order}-0-${operation}`;
}

/** A part whose sales order is in the MES: it is sent alone. */
function newPart({ erp, mes }: World): (line: string) => string | undefined {
  return (line) => {
    const [, order] = /^production order (\d+) created$/.exec(line) ?? [];
    const job = order && erp.expected().parts.get(order)?.fields['job_external_id'];
    return mes.image().jobs.has(String(job)) ? order : undefined;
  };
}

function settle({ erp, clock }: World): void {
  erp.settle();
  clock.advance(1_800_000);
}

function playUntil(world: World, fits: (line: string) => boolean): void {
  for (let count = 0; count < 20_000; count += 1) if (world.erp.play(1).some(fits)) return;
  throw new Error('The history never came to it.');
}

it('a create whose answer was lost is never taken for the delivery of newer content, however often that is retried', async () => {
  const world = await openAt('v060');
  const lost = await loseCreate(world, newOperation);
  const [order = '', , operation = ''] = lost.split('-');
  playUntil(world, (line) => line === `operation ${order}/${operation} changed`);
  settle(world);
  for (let tries = 0; tries < 3; tries += 1) {
    await world.clock.run(world.app().store.retryDeadLetters({}));
    await world.pass();
  }
  const held = world.mes.image().operations.get(lost)?.fields['operation_name'];
  const wanted = world.erp.expected().operations.get(lost)?.fields['operation_name'];
  expect(held).not.toBe(wanted);
  const letters = await world.clock.run(world.app().store.deadLetters({}));
  expect(letters.map(({ key }) => key)).toContain(`operation/${lost}`);
  await world.close();
});

it.each(['v060', 'repaired'] as const)(
  'a record whose create was lost and that is cancelled before the next pass is put on hold (%s)',
  async (generation) => {
    const world = await openAt(generation);
    const lost = await loseCreate(world, newPart(world));
    expect(world.mes.image().parts.has(lost)).toBe(true);
    playUntil(world, (line) => line.startsWith(`production order ${lost} marked for deletion`));
    settle(world);
    await world.pass();
    await world.pass();
    expect(world.mes.statusOf('parts', lost)).toBe('on_hold');
    await world.close();
  },
);

it.each([
  { seed: 903_483, events: 7 },
  { seed: 900_400, events: 19 },
])(
  'what has vanished while it waited is told from what waits anew, though the clock was set back meanwhile: seed $seed',
  async (shown) => {
    expect(await simulate(shown.seed, { events: shown.events })).toMatchObject({ failure: undefined });
  },
);

it('open parents are looked at in time, though the clock by which they were last was ahead by minutes: seed 6198302', async () => {
  expect(await simulate(6_198_302, { events: 5 })).toMatchObject({ failure: undefined });
});

it.each([
  [
    'takes its keys back where nothing of it can be deleted any more',
    { seed: 31_000_252, events: 24, generation: 'main' },
  ],
  [
    'is missed until it is gone, though it had been cancelled without an answer',
    { seed: 30_002_163, events: 5, generation: 'classic' },
  ],
  ['waits for what lives below a cancelled part of it', { seed: 33_002_973, events: 7, generation: 'main' }],
] as const)('what is deleted in the MES %s: %j', async (_what, { seed, ...how }) => {
  expect(await simulate(seed, { ...how, policy: 'delete' })).toMatchObject({ failure: undefined });
});
