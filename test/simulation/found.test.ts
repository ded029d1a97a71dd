import './disk.ts';
import { expect, it } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createRandom } from '../../sandbox/random.ts';
import { calm } from './network.ts';
import { openWorld, type World } from './world.ts';

/** What the simulation has found, each as the shortest story that shows it. */
async function openAt(generation: Generation): Promise<World> {
  const sizes = { pageSize: 100, batchSize: 1, maxConcurrency: 1 };
  const setting = { seed: 3, generation, erp: 'sap', ...sizes } as const;
  return openWorld(setting, createRandom(3), () => undefined);
}

/** Something new is created in the MES, and the answer is lost; resolves to its id. */
async function loseCreate(world: World, table: 'parts' | 'operations', path: RegExp): Promise<string> {
  await world.pass();
  playUntil(world, (line) => (table === 'parts' ? isLinkedOrder(world, line) : line.includes('got operation')));
  settle(world);
  const before = world.mes.image()[table];
  world.network.weather.mes = { share: 1, fates: ['timeout after'], latencyMs: 0, only: path };
  await world.pass();
  world.network.weather.mes = calm;
  const [lost] = [...world.mes.image()[table].keys()].filter((id) => !before.has(id));
  if (lost === undefined) throw new Error('Nothing new has reached the MES.');
  return lost;
}

/** Its sales order is in the MES, so the part is the first that is sent. */
function isLinkedOrder({ erp, mes }: World, line: string): boolean {
  const [, order = ''] = /^production order (\d+) created/.exec(line) ?? [];
  return mes.image().jobs.has(String(erp.expected().parts.get(order)?.fields['job_external_id']));
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
  const lost = await loseCreate(world, 'operations', /api-operations$/);
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

it('a record whose create was lost and that is cancelled before the next pass is put on hold', async () => {
  const world = await openAt('repaired');
  const lost = await loseCreate(world, 'parts', /api-erp-sync/);
  playUntil(world, (line) => line.startsWith(`production order ${lost} marked for deletion`));
  settle(world);
  await world.pass();
  await world.pass();
  expect(world.mes.statusOf('parts', lost)).toBe('on_hold');
  await world.close();
});
