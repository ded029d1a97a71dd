import { describe, expect, it } from 'vitest';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import { openPlant, type Plant } from '../support/harness.ts';

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
