import { describe, expect, it } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createHttpClient, type OpenHttp } from '../../src/core/http.ts';
import { expectEqual, openPlant, type Plant, resultOf } from '../support/plant.ts';

/** One function of the MES that answers with that status, whatever it is asked, as long as it is set. */
function createFault(status: number) {
  const fault = { path: undefined as string | undefined, met: 0 };
  const openHttp: OpenHttp = (options) => {
    const client = createHttpClient(options);
    return {
      close: client.close,
      async request(request, signal) {
        const name = request.path.split('?', 1)[0]?.split('/')[3];
        if (options.system !== 'mes' || name !== fault.path) return client.request(request, signal);
        fault.met += 1;
        return {
          status,
          headers: {},
          text: '{"success":false,"error":{"code":"INTERNAL_ERROR","message":"canceled"}}',
        };
      },
    };
  };
  return { fault, openHttp };
}

async function poll(plant: Plant) {
  const { cycle } = plant.app().connectors.get('plant') ?? {};
  const request = { streams: undefined, full: false, manual: false, release: false };
  const results = (await cycle?.run(request, new AbortController().signal)) ?? [];
  return Object.fromEntries(results.map(({ stream, outcome }) => [stream, outcome]));
}

const small = { streams: { all: { pageSize: 10 } }, mes: { batchSize: 10 } };
const options = { records: 120, deletes: false };
const streams = ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations'];

describe.each<Generation>(['classic', 'v060', 'main'])(
  'one endpoint of the MES (%s) that always fails',
  (generation) => {
    it.each([500, 503])('holds back what goes there and nothing else (HTTP %i)', async (status) => {
      const { fault, openHttp } = createFault(status);
      const plant = await openPlant({ ...options, seed: 71, generation }, { ...small, openHttp });
      await plant.passUntilDone();
      fault.path = generation === 'classic' ? 'api-parts' : 'api-erp-sync';
      const held = generation === 'classic' ? ['production-orders'] : ['sales-orders', 'production-orders'];
      const outcomes: Record<string, string>[] = [];
      for (let cycle = 0; cycle < 3; cycle += 1) {
        plant.sandbox.sap.play(25);
        plant.settle();
        outcomes.push(await poll(plant));
      }
      for (const stream of streams.filter((each) => !held.includes(each))) {
        expect(outcomes.map((each) => each[stream])).toEqual(['ok', 'ok', 'ok']);
      }
      const last = held.at(-1) ?? '';
      expect(outcomes.map((each) => each[held[0] ?? ''])).toEqual(['failed', 'waiting', 'waiting']);
      expect(outcomes.map((each) => each[last])).not.toContain('ok');
      const waiting = plant.app().connectors.get('plant')?.cycle.waiting();
      expect(waiting?.get(last)?.reason).toContain('The MES cannot be given any');
      // A person is not held back; where it was tried, one try tells as much as five.
      const before = fault.met;
      expect(resultOf(await plant.pass(), last).outcome).toBe('failed');
      expect(fault.met - before).toBeLessThanOrEqual(held.length === 1 ? 1 : 10);
      fault.path = undefined;
      await plant.passUntilDone();
      await plant.passUntilDone();
      expectEqual(plant);
    });
  },
);

describe.each<Generation>(['classic', 'v060', 'main'])('a MES (%s) that is met for the first time', (generation) => {
  it.each(['api-parts', 'api-jobs', 'api-operations'])('is given what it takes while %s always fails', async (path) => {
    const { fault, openHttp } = createFault(500);
    fault.path = path;
    const plant = await openPlant({ ...options, seed: 72, generation }, { ...small, openHttp });
    const first = await poll(plant);
    expect(first).toMatchObject({ 'work-centers': 'ok', equipment: 'ok' });
    if (path !== 'api-jobs') expect(first['sales-orders']).toBe('ok');
    if (path === 'api-operations') expect(first['production-orders']).toBe('ok');
    fault.path = undefined;
    plant.clock.skip(11 * 60_000);
    await plant.passUntilDone();
    await plant.passUntilDone();
    expectEqual(plant);
  });
});
