import { describe, expect, it } from 'vitest';
import { expectEqual, openPlant, type Plant } from '../support/plant.ts';

const generations = ['classic', 'main', 'v060', 'repaired'] as const;
const never = new AbortController().signal;

/** Sweeps until one finds nothing more to tell, then the passes that miss the operations of orders that are gone. */
async function reconcile(plant: Plant): Promise<void> {
  for (let sweep = 0; sweep < 6; sweep += 1) {
    const results = await plant
      .app()
      .reconcile({ selection: [], release: true, mes: false }, (_name, task) => task(never));
    if (results.every(({ outcome, pending, vanished }) => outcome === 'ok' && pending + vanished === 0)) break;
  }
  await plant.passUntilDone();
  await plant.passUntilDone();
}

describe('whole records that the ERP deletes, archives and creates again', () => {
  it.each(generations)('leave the MES equal after reconciling, at an Eryxon of generation %s', async (generation) => {
    const plant = await openPlant({ seed: 71, records: 300, deletes: true, generation });
    plant.sandbox.sap.checkpoint();
    await plant.passUntilDone();
    plant.sandbox.sap.checkpoint();
    for (let round = 0; round < 2; round += 1) {
      plant.sandbox.sap.play(200);
      plant.settle();
      await plant.passUntilDone();
      plant.sandbox.sap.checkpoint();
      await reconcile(plant);
      expectEqual(plant);
    }
    expect(plant.sandbox.sap.optional().size).toBeLessThan(60);
  });

  it.each([0, 0.3])(
    'are not what an ERP that shows only %d of its documents has lost: nothing is cancelled',
    async (share) => {
      const plant = await openPlant({ seed: 72, records: 1200 });
      await plant.passUntilDone();
      plant.sandbox.sap.narrow(share);
      for (let sweep = 0; sweep < 3; sweep += 1) {
        await plant.app().reconcile({ selection: [], release: false, mes: false }, (_name, task) => task(never));
        await plant.pass();
      }
      plant.sandbox.sap.narrow(1);
      expectEqual(plant);
    },
  );
});
