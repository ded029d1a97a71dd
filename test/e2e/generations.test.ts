import { describe, expect, it } from 'vitest';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import type { App } from '../../src/app/app.ts';
import { rebuildIds } from '../../src/app/rebuild.ts';
import { openPlant, type Plant } from '../support/plant.ts';

const installations: { what: string; sandbox: Partial<SandboxOptions> }[] = [
  { what: 'v060', sandbox: { generation: 'v060' } },
  { what: 'main', sandbox: { generation: 'main' } },
  { what: 'repaired', sandbox: { generation: 'repaired' } },
  { what: 'classic', sandbox: { generation: 'classic' } },
  { what: 'classic as released', sandbox: { generation: 'classic', released: true } },
  { what: 'classic without bulk-sync', sandbox: { generation: 'classic', bulk: false } },
];

/** As it was released the documented generation knows no planned times. */
function differences({ sandbox }: Plant): string[] {
  const found = sandbox.compare().differences;
  return found.filter((text) => !text.includes(' planned_'));
}

describe.each(installations)('a MES of generation $what', ({ sandbox }) => {
  it('ends equal to the ERP after a first load and deltas', async () => {
    const plant = await openPlant({ seed: 61, records: 60, ...sandbox });
    await plant.passUntilDone();
    expect(differences(plant)).toEqual([]);
    for (let round = 0; round < 3; round += 1) {
      plant.sandbox.sap.play(25);
      plant.settle();
      await plant.passUntilDone();
      expect(differences(plant)).toEqual([]);
    }
  });
});

/** As after a restore of a database: no id in the ledger is that of the record any more. */
async function spoilIds(app: App): Promise<void> {
  const transport = app.openTransport(new AbortController().signal);
  const wrong = '00000000-0000-4000-8000-000000000000';
  for (const entity of ['cell', 'resource', 'job', 'part'] as const) {
    for await (const { businessKey, externalId = null } of (await app.sink.list(entity, transport)) ?? []) {
      await app.store.adoptMesIds('SAP', entity, [{ mesId: wrong, businessKey, externalId }]);
    }
  }
}

describe.each(['main', 'v060', 'repaired'] as const)('the ids of a MES of generation %s', (generation) => {
  it('are found again by number, name and external id when the ledger has lost them', async () => {
    const plant = await openPlant({ seed: 62, records: 60, generation });
    await plant.passUntilDone();
    await spoilIds(plant.app());
    const rebuilt = await rebuildIds(plant.app(), (_name, task) => task(new AbortController().signal));
    for (const { entity, listed, found, without } of rebuilt) {
      expect({ entity, found, without }).toEqual({ entity, found: listed ?? 0, without: 0 });
      expect(found > 0).toBe(entity !== 'operation');
    }
    plant.sandbox.sap.play(40);
    plant.settle();
    const results = await plant.passUntilDone();
    expect(results.map(({ refused, parked }) => refused + parked)).toEqual([0, 0, 0, 0, 0]);
    expect(differences(plant)).toEqual([]);
  });
});
