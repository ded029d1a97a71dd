import { rm } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { restoreState } from '../../src/state/backup.ts';
import { expectEqual, openPlant, type Plant } from '../support/plant.ts';

const signal = new AbortController().signal;
const hourMs = 3_600_000;

const sweep = (plant: Plant) =>
  plant.app().reconcile({ selection: [], mes: false, release: true }, (_name, task) => task(signal));

/** Returns what puts the present state in the place of that of then. */
async function backUp(plant: Plant): Promise<() => Promise<unknown>> {
  const from = `${plant.directory}-backup`;
  onTestFinished(() => rm(from, { recursive: true, force: true }));
  await plant.app().store.backup(from);
  return () => plant.reopen(undefined, () => restoreState({ from, directory: plant.directory, clock: plant.clock }));
}

async function parked(plant: Plant): Promise<number> {
  const status = await plant.app().store.status();
  return status.reduce((sum, each) => sum + each.parked, 0);
}

it.each<Generation>(['classic', 'main'])(
  'after the restore of a backup the polls deliver what changes (%s)',
  async (generation) => {
    const plant = await openPlant({ seed: 5, records: 40, generation });
    await plant.passUntilDone();
    await (await backUp(plant))();
    for (let hour = 0; hour < 12; hour += 1) {
      plant.sandbox.sap.play(10);
      plant.settle();
      plant.clock.skip(hourMs);
      await plant.passUntilDone();
      expect(await parked(plant)).toBe(0);
    }
    expectEqual(plant);
  },
);

it('after the restore of a backup nothing waits for what had been marked before it was made', async () => {
  const plant = await openPlant({ seed: 5, records: 60, generation: 'classic' });
  await plant.passUntilDone();
  // Sales orders and work centers are gone that production orders and operations name.
  plant.sandbox.sap.narrow(0.6);
  for (let round = 0; round < 3; round += 1) {
    await plant.pass({ release: true });
    await sweep(plant);
  }
  const before = await parked(plant);
  await (await backUp(plant))();
  for (let day = 0; day < 6; day += 1) {
    plant.sandbox.sap.play(30);
    plant.settle();
    await plant.pass({ release: true });
    await sweep(plant);
    plant.clock.skip(24 * hourMs);
  }
  // What hangs on what was hidden before it was ever delivered.
  expect(await parked(plant)).toBeLessThanOrEqual(before + 2);
});

const everything = { job: 'delete', part: 'delete', operation: 'delete', cell: 'delete', resource: 'delete' };
const generations: readonly Generation[] = ['classic', 'v060', 'main', 'repaired'];

/** Loaded and backed up; then two thirds are gone from the ERP and deleted in the MES, and back in the ERP and made anew there. */
async function openRemade(generation: Generation): Promise<{ plant: Plant; restore: () => Promise<unknown> }> {
  const plant = await openPlant({ seed: 5, records: 80, generation }, { connector: { deletes: everything } });
  await plant.passUntilDone();
  const restore = await backUp(plant);
  plant.sandbox.sap.narrow(0.3);
  for (let round = 0; round < 4; round += 1) {
    await sweep(plant);
    await plant.pass({ release: true });
  }
  plant.sandbox.sap.narrow(1);
  for (let round = 0; round < 3; round += 1) {
    await sweep(plant);
    await plant.pass();
  }
  return { plant, restore };
}

async function days(plant: Plant, count: number): Promise<void> {
  for (let day = 0; day < count; day += 1) {
    await plant.pass({ release: true });
    await sweep(plant);
    plant.clock.skip(24 * hourMs);
    plant.sandbox.sap.advance(24 * hourMs);
  }
}

/** Differences of which no dead letter tells. */
async function untold(plant: Plant): Promise<string[]> {
  const letters = await plant.app().store.deadLetters({});
  const names = letters.map(({ key }) => key.replace('/', 's/'));
  return plant.sandbox.compare().differences.filter((line) => !names.some((name) => line.startsWith(`${name} `)));
}

it.each(generations)(
  'after a restore nothing hangs on rows that were deleted since the backup (%s)',
  async (generation) => {
    const { plant, restore } = await openRemade(generation);
    await restore();
    plant.settle();
    plant.sandbox.sap.advance(2 * hourMs);
    plant.clock.skip(2 * hourMs);
    await days(plant, 4);
    // What was cancelled before its parent was deleted keeps its place, and is not told again.
    const cancelled = /^operations\/1000013-0-0010 part_external_id: .* \(deleted /;
    expect((await untold(plant)).filter((line) => !cancelled.test(line))).toEqual([]);
  },
);

it.each(generations)('after a restore nothing is taken for deleted by an id of before (%s)', async (generation) => {
  const { plant, restore } = await openRemade(generation);
  await restore();
  plant.sandbox.sap.play(60);
  plant.settle();
  await days(plant, 5);
  const letters = new Set((await plant.app().store.deadLetters({})).map(({ key }) => key));
  const still = [...plant.sandbox.mes.image().operations.values()].filter(
    ({ externalId, onHold }) =>
      onHold !== true && plant.sandbox.sap.isGone('operations', externalId) && !letters.has(`operation/${externalId}`),
  );
  expect(still.filter(({ externalId }) => !externalId.includes('(deleted'))).toEqual([]);
});

it('what was missed once before a backup must be missed twice after its restore', async () => {
  const plant = await openPlant({ seed: 5, records: 60 });
  await plant.passUntilDone();
  plant.sandbox.sap.narrow(0.8);
  expect((await sweep(plant)).some(({ pending }) => pending > 0)).toBe(true);
  const restore = await backUp(plant);
  plant.sandbox.sap.narrow(1);
  await sweep(plant);
  plant.clock.skip(7 * 24 * hourMs);
  await restore();
  plant.sandbox.sap.narrow(0.8);
  for (const { vanished } of await sweep(plant)) expect(vanished).toBe(0);
});
