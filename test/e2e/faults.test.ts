import { describe, expect, it } from 'vitest';
import type { Faults } from '../../sandbox/types.ts';
import { collect, expectEqual, mesRequests, openPlant, type Plant, resultOf } from '../support/plant.ts';

const small = { streams: { all: { pageSize: 10 } }, mes: { batchSize: 10 } };

async function liveThrough(plant: Plant, faults: Faults): Promise<void> {
  plant.sandbox.setFaults(faults);
  await plant.passUntilDone();
  for (let round = 0; round < 2; round += 1) {
    plant.sandbox.sap.play(20);
    plant.settle();
    await plant.passUntilDone();
  }
  expectEqual(plant);
}

describe('faults on both sides', () => {
  const each: readonly [string, Faults][] = [
    ['every fifth answer is 429', { tooManyRequests: 0.2 }],
    ['every fifth answer is 5xx, half of them after the effect', { serverError: 0.2 }],
    ['every fifth connection is reset, half of them after the effect', { reset: 0.2 }],
    ['every seventh answer is a logon page with status 200', { html: 0.15 }],
    ['every seventh answer is cut in the middle with status 200', { truncate: 0.15 }],
    ['every thirtieth answer trickles', { trickle: 0.03 }],
    ['answers are late', { latencyMs: 30 }],
  ];
  it.each(each)('end equal: %s', async (_what, faults) => {
    const plant = await openPlant({ seed: 61, records: 150 }, small);
    await liveThrough(plant, faults);
  });

  it.each([62, 63])('end equal: all of them together (seed %i)', async (seed) => {
    const plant = await openPlant({ seed, records: 150 }, small);
    const all = { tooManyRequests: 0.04, serverError: 0.04, reset: 0.04, html: 0.04, truncate: 0.04, trickle: 0.01 };
    await liveThrough(plant, all);
  });

  it('end equal: all of them together against a MES without bulk-sync', async () => {
    const plant = await openPlant({ seed: 64, records: 80, bulk: false }, small);
    await liveThrough(plant, { tooManyRequests: 0.02, serverError: 0.02, reset: 0.02, html: 0.02, truncate: 0.02 });
  });
});

describe('an outage', () => {
  it('of the MES over many passes keeps every watermark and loses nothing', async () => {
    const plant = await openPlant({ seed: 65, records: 150 });
    await plant.passUntilDone();
    plant.sandbox.mes.setFaults({ serverError: 1 });
    for (let pass = 0; pass < 6; pass += 1) {
      plant.sandbox.sap.play(10);
      plant.settle();
      const before = await watermarks(plant);
      // Streams without changes to push may go on: their watermark says so truly.
      const failed = (await plant.pass()).filter(({ outcome }) => outcome === 'failed').map(({ stream }) => stream);
      const after = await watermarks(plant);
      expect(failed).toContain('operations');
      for (const stream of failed) expect(after.get(`plant/${stream}`)).toBe(before.get(`plant/${stream}`));
    }
    plant.sandbox.mes.setFaults({});
    await plant.passUntilDone();
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it('of the MES costs a few requests a pass, and the streams behind the second that fails cost none', async () => {
    const plant = await openPlant({ seed: 66, records: 150 });
    plant.sandbox.mes.setFaults({ reset: 1 });
    const results = await plant.pass();
    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed', 'failed', 'failed']);
    expect(results.slice(2).map(({ requests }) => requests)).toEqual(Array(3).fill({ erp: 0, mes: 0 }));
    expect(mesRequests(plant)).toBeLessThanOrEqual(6);
  });

  it('of the ERP leaves the MES alone and is made up for', async () => {
    const plant = await openPlant({ seed: 67, records: 150 });
    await plant.passUntilDone();
    plant.sandbox.sap.setFaults({ reset: 1 });
    const requests = mesRequests(plant);
    plant.sandbox.sap.play(20);
    plant.settle();
    const results = await plant.pass();
    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed', 'failed', 'failed']);
    expect(mesRequests(plant)).toBe(requests);
    plant.sandbox.sap.setFaults({});
    await plant.passUntilDone();
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

describe('the day budget', () => {
  const budget = { mes: { batchSize: 10, rate: { requestsPerSecond: 1000, burst: 1000, requestsPerDay: 12 } } };

  it('stops the push when it is used up and goes on a day later where it stopped', async () => {
    const plant = await openPlant({ seed: 68, records: 150, dailyLimit: 12 }, budget);
    let days = 0;
    for (let done = false; !done && days < 10; days += 1) {
      const before = mesRequests(plant);
      let results = await plant.pass();
      expect(mesRequests(plant) - before).toBeLessThanOrEqual(12);
      done = results.every(({ outcome }) => outcome === 'ok');
      if (done) break;
      results = await plant.pass();
      expect(mesRequests(plant) - before).toBeLessThanOrEqual(12);
      expect(results.map(({ error }) => error).join()).toMatch(/day budget|asked for silence/);
      plant.clock.skip(86_400_000);
    }
    expect(days).toBeGreaterThan(0);
    expect(days).toBeLessThan(4);
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it('is kept over a restart', async () => {
    const plant = await openPlant({ seed: 69, records: 150 }, budget);
    await plant.pass();
    expect(mesRequests(plant)).toBe(12);
    await plant.reopen();
    await plant.pass();
    expect(mesRequests(plant)).toBe(12);
  });

  it('of the MES itself is believed when no budget is configured: its 429 ends the pass and is kept to', async () => {
    const plant = await openPlant({ seed: 70, records: 150, dailyLimit: 5 }, { mes: { batchSize: 10 } });
    await plant.pass();
    const used = mesRequests(plant);
    expect(used).toBeLessThanOrEqual(6);
    await plant.pass();
    await plant.reopen();
    await plant.pass();
    expect(mesRequests(plant)).toBe(used);
    for (let days = 0; days < 8; days += 1) {
      plant.clock.skip(86_400_000);
      await plant.pass();
    }
    expectEqual(plant);
  });
});

describe('credentials', () => {
  it('that the ERP refuses stop the cycle after one request, and scheduled cycles wait', async () => {
    const plant = await openPlant({ seed: 71, records: 60 });
    await plant.reopen({ connector: { auth: { kind: 'basic', username: 'MES_READER', password: 'wrong' } } });
    const finished = collect(plant.events, 'stream:finished');
    const requests = plant.sandbox.sap.requests().total;
    const cycle = plant.app().connectors.get('plant')?.cycle;
    const scheduled = { streams: undefined, full: false, manual: false, release: false };
    const results = await cycle?.run(scheduled, new AbortController().signal);
    expect(results?.every(({ outcome }) => outcome === 'failed')).toBe(true);
    expect(finished).toHaveLength(1);
    expect(plant.sandbox.sap.requests().total - requests).toBe(1);
    expect(cycle?.paused().has('operations')).toBe(true);
    await cycle?.run(scheduled, new AbortController().signal);
    expect(plant.sandbox.sap.requests().total - requests).toBe(1);
  });

  it('that the MES refuses end the pass with the watermarks kept', async () => {
    const plant = await openPlant({ seed: 72, records: 60 });
    await plant.reopen({ mes: { apiKey: 'ery_test_wrong' } });
    const results = await plant.pass();
    expect(resultOf(results, 'work-centers').error).toContain('Check mes.apiKey');
    expect([...(await watermarks(plant)).values()].every((value) => value === null)).toBe(true);
    await plant.reopen({});
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

async function watermarks(plant: Plant): Promise<Map<string, string | null>> {
  const status = await plant.app().store.status();
  return new Map(status.map(({ stream, watermark }) => [stream, watermark?.value ?? null]));
}
