import { describe, expect, it } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import type { ReconcileSelection } from '../../src/app/app.ts';
import type { ReconcileResult } from '../../src/core/events.ts';
import { collect, expectEqual, openPlant, type Plant, type Settings } from '../support/plant.ts';

const signal = new AbortController().signal;

async function reconcile(plant: Plant, request: Partial<ReconcileSelection> = {}): Promise<ReconcileResult[]> {
  const asked = { selection: [], release: false, mes: false, ...request };
  return plant.app().reconcile(asked, (_name, task) => task(signal));
}

/** Plays history and lets everything that can be polled be delivered. */
async function play(plant: Plant, events: number): Promise<void> {
  for (let played = 0; played < events; played += 40) {
    plant.sandbox.sap.play(40);
    plant.settle();
    await plant.passUntilDone();
  }
}

/** Two sweeps, and the passes that look at the children of what has gone. */
async function settleDeletes(plant: Plant): Promise<void> {
  await reconcile(plant);
  plant.settle();
  await plant.passUntilDone();
  const results = await reconcile(plant);
  expect(results.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  plant.settle();
  await plant.passUntilDone();
}

const generations: readonly Generation[] = ['classic', 'v060', 'main', 'repaired'];

describe('after a history with records that the ERP deletes, archives and creates again', () => {
  it.each(generations)('the MES (%s) is equal after two sweeps', { timeout: 120_000 }, async (generation) => {
    const plant = await openPlant({ seed: 5, records: 500, deletes: true, generation });
    await plant.passUntilDone();
    await play(plant, 400);
    await settleDeletes(plant);
    expectEqual(plant);
    await play(plant, 200);
    await settleDeletes(plant);
    expectEqual(plant);
  });

  it('nothing is left to repair, and nothing is sent, by another sweep', { timeout: 60_000 }, async () => {
    const plant = await openPlant({ seed: 6, records: 300, deletes: true });
    await plant.passUntilDone();
    await play(plant, 200);
    await settleDeletes(plant);
    const before = plant.sandbox.mes.requests().total;
    const results = await reconcile(plant);
    for (const result of results) {
      expect(result).toMatchObject({ outcome: 'ok', missing: 0, stale: 0, repaired: 0, pending: 0 });
      expect(result.checked).toBeGreaterThan(0);
    }
    expect(plant.sandbox.mes.requests().total).toBe(before);
  });
});

describe('an ERP that shows less than it has', () => {
  it('by authorisations taken away: nothing is told to the MES, and it is said', { timeout: 60_000 }, async () => {
    const plant = await openPlant({ seed: 7, records: 400 });
    await plant.passUntilDone();
    const withheld = collect(plant.events, 'absence:withheld');
    plant.sandbox.sap.narrow(0.5);
    for (let sweep = 0; sweep < 3; sweep += 1) await reconcile(plant, { selection: ['plant/sales-orders'] });
    expect(withheld.map(({ stream, verb }) => `${verb} ${stream}`)).toContain('reconcile plant/sales-orders');
    plant.sandbox.sap.narrow(1);
    expectEqual(plant);
  });
});

describe('the policy delete', () => {
  const settings: Settings = {
    connector: { deletes: { job: 'delete', part: 'delete', operation: 'delete', resource: 'delete', cell: 'delete' } },
  };

  it.each(['classic', 'main', 'repaired'] as const)(
    'deletes in the MES (%s) what the ERP has deleted, and creates anew what comes back',
    { timeout: 120_000 },
    async (generation) => {
      const plant = await openPlant({ seed: 8, records: 300, deletes: true, generation }, settings);
      await plant.passUntilDone();
      await play(plant, 400);
      await settleDeletes(plant);
      const { mes, sap } = plant.sandbox;
      const differences = plant.sandbox.compare().differences.filter((text) => !text.endsWith(' is missing'));
      expect(differences).toEqual([]);
      const live = sap.expected();
      const gone = [...live.jobs.keys()].filter((id) => !mes.image().jobs.has(id));
      expect(gone.length).toBeGreaterThan(0);
      for (const id of gone) expect(live.jobs.get(id)?.onHold).toBe(true);
    },
  );
});
