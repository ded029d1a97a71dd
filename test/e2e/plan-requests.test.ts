import { describe, expect, it } from 'vitest';
import type { ErpKind } from '../../sandbox/erps.ts';
import { generations } from '../../sandbox/eryxon/generation.ts';
import { planPasses } from '../../src/app/plan.ts';
import { openPlant, type Plant } from '../support/plant.ts';

const request = { selection: [], full: false, release: false };

/** Of each stream: what is created, what else is sent, and the requests that takes. */
async function planAndPass(plant: Plant<ErpKind>) {
  const { config, clock } = plant.app();
  const options = { config, clock, events: plant.events, random: () => 0.5 };
  const { streams, guesses } = await planPasses(options, request, new AbortController().signal);
  const results = await plant.pass();
  // Only before the first record is put on hold on a documented MES.
  const guessed = guesses.length > 0;
  return {
    guessed,
    planned: streams.map((each) => [
      each.stream,
      each.create,
      each.update + each.mark + each.delete,
      each.parked,
      guessed ? 0 : each.requests,
    ]),
    done: results.map((each) => [
      each.stream,
      each.created,
      each.updated + each.deleted,
      each.parked,
      guessed ? 0 : each.requests.mes,
    ]),
    deleted: streams.reduce((sum, each) => sum + each.delete, 0),
  };
}

describe.each(generations)('the requests of a plan, at a MES of generation %s', (generation) => {
  it.each(['sap', 'odoo'] as const)(
    'are those of the sync after it, to the last one: small batches side by side, deletions (%s)',
    async (erp) => {
      const settings = {
        mes: { batchSize: 7, maxConcurrency: 8 },
        connector: { deletes: { operation: 'delete', part: 'ignore' } },
      } as const;
      const plant = await openPlant<ErpKind>({ seed: 31, records: 300, erps: [erp], generation }, settings);
      const { sink, openTransport } = plant.app();
      await sink.check(openTransport(new AbortController().signal));
      let deleted = 0;
      let sure = 0;
      for (let round = 0; round < 5; round += 1) {
        const told = await planAndPass(plant);
        expect(told.planned).toEqual(told.done);
        deleted += told.deleted;
        sure += told.guessed ? 0 : 1;
        for (const { simulator } of plant.sandbox.erps) simulator.play(30);
        plant.settle();
        await plant.reopen();
      }
      expect(deleted).toBeGreaterThan(0);
      expect(sure).toBeGreaterThanOrEqual(generation === 'classic' ? 2 : 5);
    },
  );
});
