import { describe, expect, it } from 'vitest';
import type { ErpKind } from '../../sandbox/erps.ts';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { planPasses } from '../../src/app/plan.ts';
import { TransientError } from '../../src/core/errors.ts';
import { createHttpClient, type HttpRequest, type HttpResponse, type OpenHttp } from '../../src/core/http.ts';
import { expectEqual, mesRequests, openPlant, type Plant, totalWrites } from '../support/plant.ts';

type Send = (request: HttpRequest) => Promise<HttpResponse>;

function isWhole({ system }: Parameters<OpenHttp>[0], request: HttpRequest): boolean {
  return system === 'mes' && request.body?.includes('"operations":[{') === true;
}

/** Whole orders on their way to the MES go through `around`. */
function watching(around: (request: HttpRequest, send: Send) => Promise<HttpResponse>): OpenHttp {
  return (settings) => {
    const client = createHttpClient(settings);
    return {
      ...client,
      request(request, signal) {
        const send: Send = (each) => client.request(each, signal);
        return isWhole(settings, request) ? around(request, send) : send(request);
      },
    };
  };
}

/** As if whole orders had failed too often a moment ago. */
async function sendEachAlone(plant: Plant<ErpKind>): Promise<void> {
  await plant.app().store.writeNote('mes nothing nested until', '2099-01-01T00:00:00.000Z');
}

interface Loaded {
  requests: number;
  operations: number;
}

async function firstLoad(options: { erp: ErpKind; generation: Generation; alone?: boolean }): Promise<Loaded> {
  const { erp, generation, alone = false } = options;
  const plant = await openPlant<ErpKind>({ seed: 71, records: 150, erps: [erp], generation });
  if (alone) await sendEachAlone(plant);
  const results = await plant.passUntilDone();
  expectEqual(plant);
  expect(results.map(({ parked, refused }) => parked + refused)).toEqual(results.map(() => 0));
  const image = plant.sandbox.mes.image();
  const held = Object.values(image).reduce((sum, { size }) => sum + size, 0);
  // Each record was written once, and counts with the stream that brought it.
  expect(totalWrites(plant.sandbox)).toBe(held);
  expect(results.reduce((sum, { created }) => sum + created, 0)).toBe(held);
  for (const { created, read } of results) expect(created).toBeLessThanOrEqual(2 * read);
  const requests = mesRequests(plant);
  expect(results.reduce((sum, { requests: { mes } }) => sum + mes, 0)).toBe(requests);
  plant.settle();
  await plant.passUntilDone();
  expect(mesRequests(plant)).toBe(requests);
  return { requests, operations: image.operations.size };
}

describe.each(['main', 'v060'] as const)('a first load of a MES of generation %s', (generation) => {
  it.each(['sap', 'netsuite', 'odoo', 'frepple'] as const)(
    'from %s takes fewer requests than there are operations, and fewer than record by record',
    async (erp) => {
      const whole = await firstLoad({ erp, generation });
      const alone = await firstLoad({ erp, generation, alone: true });
      expect(whole.operations).toBe(alone.operations);
      expect(alone.requests).toBeGreaterThan(alone.operations);
      expect(whole.requests).toBeLessThan(whole.operations);
    },
  );

  it('is planned as it then goes, to the last request', async () => {
    const plant = await openPlant({ seed: 72, records: 150, generation });
    const { config, clock, sink, openTransport } = plant.app();
    await sink.check(openTransport(new AbortController().signal));
    const options = { config, clock, events: plant.events, random: () => 0.5 };
    const request = { selection: [], full: false, release: false };
    const { streams, guesses } = await planPasses(options, request, new AbortController().signal);
    expect(guesses).toEqual([]);
    const results = await plant.pass();
    expect(streams.map(({ stream, create, parked, requests }) => ({ stream, create, parked, requests }))).toEqual(
      results.map(({ stream, created, parked, requests }) => {
        return { stream, create: created, parked, requests: requests.mes };
      }),
    );
    expect(streams.map(({ changes }) => changes.length)).toEqual(results.map(({ created }) => created));
  });

  it('that breaks off between two orders goes on with whole orders, and makes none twice', async () => {
    let left = 5;
    const openHttp = watching((request, send) => {
      left -= 1;
      return left < 0 ? Promise.reject(new TransientError('ECONNREFUSED', { unsent: true })) : send(request);
    });
    const plant = await openPlant({ seed: 73, records: 150, generation }, { openHttp });
    const broken = await plant.pass();
    expect(broken.filter(({ outcome }) => outcome === 'failed')).toHaveLength(1);
    expect(plant.sandbox.mes.counts().operations).toBeGreaterThan(0);
    left = Number.POSITIVE_INFINITY;
    await plant.reopen();
    await plant.passUntilDone();
    expectEqual(plant);
    const image = plant.sandbox.mes.image();
    expect(totalWrites(plant.sandbox)).toBe(Object.values(image).reduce((sum, { size }) => sum + size, 0));
    expect(mesRequests(plant)).toBeLessThan(image.operations.size);
  });

  it.each(['before', 'after'] as const)(
    'whose answers are lost %s they took effect ends equal, with one row a record',
    async (when) => {
      const openHttp = watching(async (request, send) => {
        if (when === 'after') await send(request);
        throw new TransientError('ECONNRESET');
      });
      const plant = await openPlant({ seed: 74, records: 60, generation }, { openHttp });
      await plant.passUntilDone();
      plant.clock.skip(120_000);
      await plant.passUntilDone();
      expectEqual(plant);
      expect(plant.sandbox.mes.counts()).toEqual(
        Object.fromEntries(Object.entries(plant.sandbox.mes.image()).map(([table, { size }]) => [table, size])),
      );
    },
  );

  it('refuses the bad record alone, of an order that it takes otherwise', async () => {
    const plant = await openPlant({ seed: 75, records: 60, generation });
    const bad = { jobs: new Set<unknown>(), operations: new Set<unknown>() };
    plant.sandbox.mes.refuse((table, body) => {
      if (table !== 'jobs' && table !== 'operations') return undefined;
      if (body['external_id'] === 'erp-puller-probe') return undefined;
      const refused = bad[table];
      if (refused.size < 2) refused.add(body['external_id']);
      return refused.has(body['external_id']) ? 'it is locked' : undefined;
    });
    await plant.passUntilDone();
    const letters = (await plant.app().store.deadLetters({})).map(({ key }) => key).sort();
    const keys = [...[...bad.jobs].map((id) => `job/${id}`), ...[...bad.operations].map((id) => `operation/${id}`)];
    expect(letters).toEqual(keys.sort());
    plant.sandbox.mes.refuse(() => undefined);
    await plant.app().store.retryDeadLetters({});
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

/** More operations than there are notes of what was asked for. */
describe('a large first load, each order whole', () => {
  it.each(['main', 'v060'] as const)(
    'of generation %s: an early one whose answer is lost is settled in time',
    async (generation) => {
      let lost: unknown;
      const openHttp = watching(async (request, send) => {
        const answer = await send(request);
        const order: { parts: { operations: unknown[] }[] } = JSON.parse(request.body ?? '');
        if (lost !== undefined || order.parts.every(({ operations }) => operations.length < 2)) return answer;
        lost = order;
        throw new TransientError('ECONNRESET');
      });
      const plant = await openPlant({ seed: 801, records: 6000, generation, deletes: false }, { openHttp });
      const results = await plant.pass();
      expect(lost).toBeDefined();
      expect(plant.sandbox.mes.counts().operations).toBeGreaterThan(2048);
      expect(results.map(({ refused, parked }) => refused + parked)).toEqual(results.map(() => 0));
      expectEqual(plant);
    },
  );

  it('killed in the midst of it: goes on, and no record is taken for refused', async () => {
    let orders = 0;
    let killed = false;
    const openHttp: OpenHttp = (settings) => {
      const client = createHttpClient(settings);
      return {
        ...client,
        async request(request, signal) {
          if (killed && settings.system === 'mes') throw new Error('killed');
          const answer = await client.request(request, signal);
          if (isWhole(settings, request)) orders += 1;
          killed ||= orders === 45;
          if (killed) throw new Error('killed');
          return answer;
        },
      };
    };
    const plant = await openPlant({ seed: 802, records: 6000, generation: 'main', deletes: false }, { openHttp });
    await plant.pass();
    expect(killed).toBe(true);
    expect(plant.sandbox.mes.counts().operations).toBeLessThan(1000);
    [killed, orders] = [false, 45 + 1];
    await plant.reopen();
    const results = await plant.pass();
    expect(plant.sandbox.mes.counts().operations).toBeGreaterThan(2048);
    expect(results.map(({ refused, parked }) => refused + parked)).toEqual(results.map(() => 0));
    expectEqual(plant);
    await plant.reopen();
    plant.sandbox.sap.play(40);
    plant.settle();
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it('which the MES takes record by record after all: stops when asked to, and goes on later', async () => {
    const stopping = new AbortController();
    let sent = 0;
    const openHttp: OpenHttp = (settings) => {
      const client = createHttpClient(settings);
      return {
        ...client,
        request(request, signal) {
          if (request.method === 'POST' && request.path.includes('api-operations')) sent += 1;
          if (sent === 100) stopping.abort(new Error('The program is stopping.'));
          return client.request(request, signal);
        },
      };
    };
    const plant = await openPlant({ seed: 601, records: 1500, generation: 'main' }, { openHttp });
    plant.sandbox.mes.limit('jobs', 0);
    const request = { streams: undefined, full: false, manual: false, release: false, stopping: stopping.signal };
    const results = await plant.app().connectors.get('plant')?.cycle.run(request, new AbortController().signal);
    expect(results?.map(({ error }) => error)).toContain('The program is stopping.');
    // The page under way is brought to its end.
    expect(sent - 100).toBeLessThanOrEqual(500);
    await plant.passUntilDone();
    expectEqual(plant);
    expect(sent).toBeGreaterThan(800);
  });
});
