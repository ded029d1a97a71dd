import { rm } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { restoreState } from '../../src/state/backup.ts';
import { createLosing, hang, type Losing } from '../support/losing.ts';
import { expectEqual, openPlant, type Plant } from '../support/plant.ts';

const signal = new AbortController().signal;
const generations: readonly Generation[] = ['classic', 'repaired', 'main', 'v060'];

/** Of removals, all from the one on that is counted as `from`, from 0. */
function loseRemovals(losing: Losing, from: number): void {
  let seen = 0;
  losing.loses = ({ method, path }) => {
    const removes = method === 'DELETE' || (method === 'PATCH' && !path.includes('=0000'));
    if (removes) seen += 1;
    return removes && seen > from;
  };
}

async function openStory(generation: Generation) {
  const fault = createLosing();
  const deletes = { job: 'delete', part: 'delete', operation: 'delete', cell: 'delete', resource: 'delete' };
  const plant = await openPlant(
    { seed: 5, records: 40, generation },
    { connector: { deletes }, openHttp: fault.openHttp },
  );
  await plant.passUntilDone();
  expectEqual(plant);
  return { plant, fault };
}

const sweep = (plant: Plant) =>
  plant.app().reconcile({ selection: [], mes: false, release: true }, (_name, task) => task(signal));

/** Most of what the ERP had is gone, as two sweeps and the lists of operations say. */
async function vanish(plant: Plant): Promise<void> {
  await sweep(plant);
  await plant.pass({ release: true });
}

/** Everything that the ERP shows again is as it was: nothing of it has another stamp. */
async function expectBack(plant: Plant): Promise<void> {
  plant.sandbox.sap.narrow(1);
  for (let round = 0; round < 2; round += 1) {
    await plant.passUntilDone();
    await sweep(plant);
  }
  await plant.passUntilDone();
  expectEqual(plant);
}

/** No answer is lost any more. */
const calm: Partial<Losing> = { dead: false, lost: 0, loses: () => false };

/** Takes in a cell, a resource and operations. */
const removals = 13;

describe.each(generations)('records that go from the ERP and come back as they were (%s)', (generation) => {
  it('are there again, whichever answer to their removal was lost', async () => {
    const { plant, fault } = await openStory(generation);
    for (let from = 0; from < removals; from += 1) {
      plant.sandbox.sap.narrow(0.2);
      await sweep(plant);
      loseRemovals(fault, from);
      await vanish(plant);
      expect(fault.lost).toBeGreaterThan(0);
      Object.assign(fault, calm);
      await expectBack(plant);
    }
  });

  it('are there again, whichever request of their removal the program died in', async () => {
    const { plant, fault } = await openStory(generation);
    for (let from = 0; from < removals; from += 1) {
      plant.sandbox.sap.narrow(0.2);
      await sweep(plant);
      const { underWay, die } = hang(fault);
      loseRemovals(fault, from);
      const last = vanish(plant);
      await Promise.race([underWay, last]);
      expect(fault.lost).toBe(1);
      await plant.crash(() => {
        die();
        return last;
      });
      Object.assign(fault, calm);
      await expectBack(plant);
    }
  });

  it('are there again after the restore of a backup from before their removal', async () => {
    const { plant } = await openStory(generation);
    const backup = `${plant.directory}-backup`;
    onTestFinished(() => rm(backup, { recursive: true, force: true }));
    await plant.app().store.backup(backup);
    plant.sandbox.sap.narrow(0.2);
    await sweep(plant);
    await vanish(plant);
    await sweep(plant);
    await plant.reopen(undefined, () => restoreState({ from: backup, directory: plant.directory, clock: plant.clock }));
    await expectBack(plant);
  });
});
