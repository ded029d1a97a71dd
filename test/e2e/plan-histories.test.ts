import { describe, expect, it } from 'vitest';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import { type Plan, planPasses } from '../../src/app/plan.ts';
import { createHttpClient, type OpenHttp } from '../../src/core/http.ts';
import { mesRequests, openPlant, type Plant } from '../support/plant.ts';

interface Watched {
  plan: Plan;
  /** System and method of every request, on the wire. */
  wire: string[];
}

async function plan(plant: Plant): Promise<Watched> {
  const wire: string[] = [];
  const openHttp: OpenHttp = (settings) => {
    const client = createHttpClient(settings);
    return {
      ...client,
      request(request, signal) {
        wire.push(`${settings.system} ${request.method}`);
        return client.request(request, signal);
      },
    };
  };
  const { config, clock } = plant.app();
  const options = { config, clock, events: plant.events, random: () => 0.5, openHttp };
  const request = { selection: [], full: false, release: false };
  return { plan: await planPasses(options, request, new AbortController().signal), wire };
}

const installations: { what: string; seed: number; unknownPasses: number; sandbox: Partial<SandboxOptions> }[] = [
  { what: 'classic', seed: 301, unknownPasses: 0, sandbox: { generation: 'classic' } },
  { what: 'classic as released', seed: 302, unknownPasses: 2, sandbox: { generation: 'classic', released: true } },
  { what: 'classic, again', seed: 303, unknownPasses: 0, sandbox: { generation: 'classic' } },
  { what: 'v060', seed: 304, unknownPasses: 1, sandbox: { generation: 'v060' } },
  { what: 'main', seed: 305, unknownPasses: 1, sandbox: { generation: 'main' } },
  { what: 'repaired', seed: 306, unknownPasses: 1, sandbox: { generation: 'repaired' } },
];

describe('over a history of the ERP, a plan', () => {
  it.each(installations)(
    'is what the pass then does, and only reads the ERP: a MES of generation $what',
    async (each) => {
      const { sandbox, seed } = each;
      const plant = await openPlant({ seed, records: 90, ...sandbox });
      const goOn = async () => {
        // Each pass in a process of its own, as `sync` is: what a daemon has learnt by the way may save it a request.
        await plant.reopen();
        const results = await plant.pass();
        plant.sandbox.sap.play(40);
        plant.settle();
        return results;
      };
      // How an installation takes records is not known before the first of them.
      for (let unknown = each.unknownPasses; unknown > 0; unknown -= 1) await goOn();
      for (let round = 0; round < 6; round += 1) {
        const requests = mesRequests(plant);
        const { plan: planned, wire } = await plan(plant);
        expect(mesRequests(plant)).toBe(requests);
        expect([...new Set(wire)]).toEqual(['erp GET']);
        const results = await goOn();
        expect(
          planned.streams.map(({ stream, create, update, mark, leave, parked, requests: mes }) => {
            return { stream, create, update, mark, leave, parked, mes };
          }),
        ).toEqual(
          results.map(({ stream, created, updated, deleted, unchanged, parked, requests: { mes } }) => {
            return { stream, create: created, update: updated, mark: deleted, leave: unchanged, parked, mes };
          }),
        );
      }
    },
  );

  it('names of a job the fields that differ, and of a part their old values too', async () => {
    const plant = await openPlant({ seed: 305, records: 120 });
    await plant.passUntilDone();
    const seen = { job: 0, part: 0 };
    for (let round = 0; round < 30 && (seen.job === 0 || seen.part === 0); round += 1) {
      plant.sandbox.sap.play(20);
      plant.settle();
      const { streams } = (await plan(plant)).plan;
      for (const { entity, action, fields = {} } of streams.flatMap(({ changes }) => changes)) {
        if (action === 'create' || (entity !== 'job' && entity !== 'part')) continue;
        expect(Object.keys(fields).length).toBeGreaterThan(0);
        const named = Object.entries(fields).filter(([name]) => name !== 'lifecycle');
        for (const [, { from, to }] of named) {
          if (entity === 'part') expect(from).not.toEqual(to);
          else expect(from).toBeUndefined();
          seen[entity] += 1;
        }
      }
      await plant.passUntilDone();
    }
    expect(seen.job * seen.part).toBeGreaterThan(0);
  });
});
