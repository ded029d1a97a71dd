import { expect, it } from 'vitest';
import { createHttpClient, type OpenHttp } from '../../src/core/http.ts';
import { openPlant, resultOf } from '../support/plant.ts';

/** Functions of the MES that do not start, as long as they are named. */
function createBoot(...broken: string[]) {
  const boot = { broken };
  const openHttp: OpenHttp = (options) => {
    const client = createHttpClient(options);
    return {
      close: client.close,
      async request(request, signal) {
        const name = request.path.split(/[/?]/)[3] ?? '';
        if (options.system !== 'mes' || !boot.broken.includes(name)) return client.request(request, signal);
        const text = '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}';
        return { status: 503, headers: {}, text };
      },
    };
  };
  return { boot, openHttp };
}

const dayMs = 86_400_000;

it.each([
  ['jobs', ['api-operations', 'api-jobs'], ['work-centers', 'equipment']],
  ['all that tell what it is', ['api-operations', 'api-jobs', 'api-parts', 'api-cells'], ['equipment']],
] as const)(
  'a MES of which first the function of operations, then also %s does not start, is given what it takes, and in the end everything',
  async (_what, broken, taken) => {
    const { boot, openHttp } = createBoot('api-operations');
    const plant = await openPlant({ seed: 91, records: 120, generation: 'main', deletes: false }, { openHttp });
    await plant.passUntilDone();
    boot.broken = [...broken];
    await plant.reopen();
    // What is known is old: a look comes before the next record.
    plant.clock.skip(dayMs);
    const sent = new Set<string>();
    for (let round = 0; round < 8; round += 1) {
      plant.sandbox.sap.play(30);
      plant.settle();
      const results = await plant.pass();
      for (const name of taken) {
        const { outcome, created, updated, parked } = resultOf(results, name);
        expect({ name, outcome, parked }).toEqual({ name, outcome: 'ok', parked: 0 });
        if (created + updated > 0) sent.add(name);
      }
    }
    expect([...sent].sort()).toEqual([...taken].sort());
    boot.broken = [];
    await plant.reopen();
    plant.clock.skip(dayMs);
    plant.sandbox.sap.play(30);
    plant.settle();
    await plant.passUntilDone();
    await plant.passUntilDone();
    // Without api-jobs nothing can be put on hold: what is cancelled meanwhile gets a note.
    const { differences } = plant.sandbox.compare();
    expect(differences.filter((text) => !/^jobs.* status: /.test(text))).toEqual([]);
  },
);
