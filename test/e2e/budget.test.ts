import { describe, expect, it } from 'vitest';
import type { StreamResult } from '../../src/core/events.ts';
import { collect, expectEqual, mesRequests, openPlant, type Plant } from '../support/plant.ts';

const dayMs = 86_400_000;
const pollMs = 300_000;

/** One cycle as the schedule asks for it. */
async function poll(plant: Plant): Promise<StreamResult[]> {
  const cycle = plant.app().connectors.get('plant')?.cycle;
  const request = { streams: undefined, full: false, manual: false, release: false };
  return (await cycle?.run(request, new AbortController().signal)) ?? [];
}

const rate = (requestsPerDay: number) => ({ requestsPerSecond: 1000, burst: 1000, requestsPerDay });
const scheduled = (requestsPerDay: number, rest: object = {}) => ({ mes: { ...rest, rate: rate(requestsPerDay) } });

describe('a day of polls on a budget of 100 requests', () => {
  it('never meets the limit of the MES, over three restarts, and ends equal', async () => {
    const plant = await openPlant({ seed: 91, records: 80, dailyLimit: 100 }, scheduled(100));
    const answers = collect(plant.events, 'request:done');
    let waiting = 0;
    let demanded = 0;
    for (let tick = 0; tick < dayMs / pollMs; tick += 1) {
      if ([50, 120, 200].includes(tick)) await plant.reopen();
      const written = plant.sandbox.sap.play(4).length;
      plant.sandbox.sap.advance(pollMs);
      demanded += Math.min(written, 4);
      const erpRequests = plant.sandbox.sap.requests().total;
      const results = await poll(plant);
      const outcomes = new Set(results.map(({ outcome }) => outcome));
      expect(outcomes.has('failed')).toBe(false);
      const sent = results.reduce((sum, { requests }) => sum + requests.mes, 0);
      if (outcomes.size === 1 && outcomes.has('waiting') && sent === 0) {
        waiting += 1;
        expect(plant.sandbox.sap.requests().total).toBe(erpRequests);
      }
      plant.clock.skip(pollMs);
    }
    expect(demanded).toBeGreaterThan(500);
    expect(mesRequests(plant)).toBeLessThanOrEqual(95);
    expect(mesRequests(plant)).toBeGreaterThan(80);
    expect(waiting).toBeGreaterThan(100);
    expect(answers.filter(({ system, status }) => system === 'mes' && status === 429)).toEqual([]);
    plant.settle();
    plant.clock.skip(dayMs);
    await plant.passUntilDone();
    await plant.passUntilDone();
    expectEqual(plant);
  }, 120_000);
});

describe('a first load that is larger than the budget', () => {
  it('stops between two pages, leaves the reserve to a person, and goes on with the next day', async () => {
    const small = { batchSize: 5 };
    const plant = await openPlant(
      { seed: 92, records: 500, dailyLimit: 40 },
      { ...scheduled(40, small), streams: { all: { pageSize: 10 } } },
    );
    const results = await poll(plant);
    const stopped = results.find(({ outcome }) => outcome === 'waiting');
    expect(stopped?.error).toMatch(/^The day's requests to the MES are planned: changes are gathered until \d{4}-/);
    expect(results.some(({ outcome }) => outcome === 'failed')).toBe(false);
    const used = mesRequests(plant);
    // Three quarters of the 38 that passes share, and a page that was under way.
    expect(used).toBeGreaterThanOrEqual(28);
    expect(used).toBeLessThanOrEqual(33);
    expect((await poll(plant)).every(({ outcome }) => outcome === 'waiting')).toBe(true);
    expect(mesRequests(plant)).toBe(used);

    const byHand = await plant.pass();
    expect(mesRequests(plant)).toBe(40);
    expect(byHand.some(({ error = '' }) => error.startsWith('The day budget of 40 requests is used up until'))).toBe(
      true,
    );
    for (let days = 0; days < 6; days += 1) {
      plant.clock.skip(dayMs);
      const before = mesRequests(plant);
      await poll(plant);
      expect(mesRequests(plant) - before).toBeLessThanOrEqual(38);
    }
    await plant.passUntilDone();
    expectEqual(plant);
  }, 60_000);
});

describe('the reserve of the day', () => {
  const never = new AbortController().signal;

  /** An equal plant of which the ERP has deleted much since, on a day whose requests for passes are used up. */
  async function spent(): Promise<Plant> {
    const deletes = { cell: 'delete', resource: 'delete', job: 'delete', part: 'delete', operation: 'delete' };
    const settings = { ...scheduled(2000), connector: { deletes } };
    const plant = await openPlant({ seed: 71, records: 300, deletes: true, dailyLimit: 2000 }, settings);
    await plant.passUntilDone();
    plant.sandbox.sap.play(200);
    plant.settle();
    await plant.passUntilDone();
    const { quota } = plant.app();
    for (let left = 2000; left > 0; left -= 1) await quota.take('scheduled').catch(() => (left = 0));
    await expect(quota.take('scheduled')).rejects.toThrow('used up but for what is kept for a person');
    return plant;
  }

  const reconcile = (plant: Plant, mes: boolean) =>
    plant.app().reconcile({ selection: [], release: true, mes }, (_name, task) => task(never));

  it('is there for the lists of the MES that a person asks for', async () => {
    const plant = await spent();
    const results = await reconcile(plant, true);
    expect(results.map(({ error }) => error)).toEqual(results.map(() => undefined));
  }, 60_000);

  it('is there for the deletions of what a person has reconciled', async () => {
    const plant = await spent();
    const before = plant.sandbox.mes.requests().total;
    for (let sweep = 0; sweep < 3; sweep += 1) {
      const results = await reconcile(plant, false);
      expect(results.map(({ error }) => error)).toEqual(results.map(() => undefined));
      plant.clock.skip(600_000);
    }
    expect(plant.sandbox.mes.requests().total).toBeGreaterThan(before);
  }, 60_000);
});
