import { describe, expect, it } from 'vitest';
import type { RunExclusive } from '../../src/app/app.ts';
import { verbHandlers } from '../../src/app/verbs.ts';
import { collect, expectEqual, mesRequests, openPlant, type Plant, resultOf } from '../support/plant.ts';

describe('a changed mapping', () => {
  it('triggers one announced full read of that stream, and none after it', async () => {
    const plant = await openPlant({ seed: 101, records: 150 });
    await plant.passUntilDone();
    const announced = collect(plant.events, 'stream:full-read');
    await plant.reopen({ streams: { 'sales-orders': { fields: { notes: 'PurchaseOrderByCustomer' } } } });
    const orders = plant.sandbox.sap.expected().jobs.size;
    const results = await plant.passUntilDone();
    expect(announced.map(({ stream, reason }) => [stream, reason])).toEqual([
      ['plant/sales-orders', 'the mapping or a filter changed'],
    ]);
    expect(resultOf(results, 'sales-orders').updated).toBeGreaterThan(0);
    expect(resultOf(results, 'sales-orders').read).toBeLessThanOrEqual(orders);
    const requests = mesRequests(plant);
    await plant.passUntilDone();
    expect(announced).toHaveLength(1);
    expect(mesRequests(plant)).toBe(requests);
    expectEqual(plant);
  });

  it('is still read in full when the restart with it comes in the middle of a pass', async () => {
    const plant = await openPlant({ seed: 102, records: 150 }, { streams: { all: { pageSize: 5 } } });
    await plant.passUntilDone();
    plant.sandbox.sap.play(30);
    plant.settle();
    let pages = 0;
    const aborter = new AbortController();
    plant.events.on('page:committed', ({ stream }) => {
      if (stream === 'plant/sales-orders' && ++pages === 2) aborter.abort(new Error('stop'));
    });
    await plant.app().sync({ selection: [], full: false, release: false }, (_name, task) => task(aborter.signal));
    const fields = { customer: '"all the same"' };
    await plant.reopen({ streams: { 'sales-orders': { fields, pageSize: 5 } } });
    await plant.passUntilDone();
    const jobs = [...plant.sandbox.mes.image().jobs.values()].filter(({ externalId }) => !externalId.startsWith('S'));
    expect(new Set(jobs.map(({ fields: held }) => held['customer']))).toEqual(new Set(['all the same']));
  });

  it('that leaves a known row out cancels it, and one never delivered costs nothing', async () => {
    const plant = await openPlant({ seed: 103, records: 150 });
    const active = [...plant.sandbox.sap.expected().jobs.values()].filter(({ onHold }) => onHold !== true);
    const all = active.map(({ externalId }) => externalId).filter((id) => !id.startsWith('STOCK-'));
    const [never = '', known = ''] = all.sort();
    const not = (...ids: string[]) => ids.map((id) => `SalesOrder != "${id}"`).join(' and ');
    await plant.reopen({ streams: { 'sales-orders': { when: not(never) } } });
    await plant.passUntilDone();
    expect(plant.sandbox.mes.image().jobs.has(never)).toBe(false);
    await plant.reopen({ streams: { 'sales-orders': { when: not(never, known) } } });
    const results = await plant.passUntilDone();
    expect(plant.sandbox.mes.image().jobs.has(never)).toBe(false);
    expect(plant.sandbox.mes.statusOf('jobs', known)).toBe('on_hold');
    expect(resultOf(results, 'sales-orders')).toMatchObject({ deleted: 1, created: 0 });
  });

  it.each([
    ['sap', 'sales-orders', 'SalesOrder = "none of them"'],
    ['netsuite', 'sales-orders', 'status = "none of them"'],
    ['odoo', 'sales-orders', 'state = "none of them"'],
    ['frepple', 'demands', 'Status = "open"'],
  ] as const)('that leaves out too much at once cancels nothing before a person says so: %s', async (...given) => {
    const [kind, name, when] = given;
    const plant = await openPlant({ seed: 113, records: 150, erps: [kind] });
    await plant.passUntilDone();
    const statuses = () =>
      [...plant.sandbox.mes.image().jobs.keys()].map((id) => `${id} ${plant.sandbox.mes.statusOf('jobs', id)}`);
    const [before, requests] = [statuses(), mesRequests(plant)];
    await plant.reopen({ streams: { [name]: { when } } });
    for (let pass = 0; pass < 2; pass += 1) {
      expect(resultOf(await plant.pass(), name)).toMatchObject({
        outcome: 'failed',
        deleted: 0,
        error: expect.stringMatching(/leaves out more than \d+ records .* Look at when.*sync plant\/\S+ --release/),
      });
    }
    const asked = { selection: [`plant/${name}`], release: false, mes: false };
    const [reconciled] = await plant.app().reconcile(asked, (_name, task) => task(new AbortController().signal));
    expect(reconciled).toMatchObject({
      outcome: 'failed',
      repaired: 0,
      error: expect.stringContaining('Look at when'),
    });
    expect([statuses(), mesRequests(plant)]).toEqual([before, requests]);
    const released = await plant.pass({ selection: [`plant/${name}`], release: true });
    expect(resultOf(released, name).outcome).toBe('ok');
    expect(resultOf(released, name).deleted).toBeGreaterThan(10);
    expect(resultOf(await plant.pass(), name)).toMatchObject({ outcome: 'ok', deleted: 0 });
    // Once let through it is no news any more, and neither is its withdrawal.
    await plant.reopen({});
    expect(resultOf(await plant.passUntilDone(), name).outcome).toBe('ok');
  });

  it('that leaves out much and was let through goes on without asking again where it was interrupted', async () => {
    const plant = await openPlant({ seed: 114, records: 150 });
    await plant.passUntilDone();
    await plant.reopen({ streams: { 'sales-orders': { when: 'SalesOrder = "none of them"', pageSize: 5 } } });
    const aborter = new AbortController();
    let pages = 0;
    plant.events.on('page:committed', ({ stream }) => {
      if (stream === 'plant/sales-orders' && ++pages === 2) aborter.abort(new Error('stop'));
    });
    const asked = { selection: ['plant/sales-orders'], full: false, release: true };
    const stopped = await plant.app().sync(asked, (_name, task) => task(aborter.signal));
    expect(resultOf(stopped, 'sales-orders').outcome).toBe('failed');
    expect(resultOf(stopped, 'sales-orders').deleted).toBeGreaterThan(0);
    const rest = resultOf(await plant.pass(), 'sales-orders');
    expect(rest.outcome).toBe('ok');
    expect(rest.deleted).toBeGreaterThan(10);
  });

  it('that lets a row in again makes it active again', async () => {
    const plant = await openPlant({ seed: 104, records: 150 });
    const [job = ''] = [...plant.sandbox.sap.expected().jobs.keys()].filter((id) => !id.startsWith('STOCK-')).sort();
    await plant.passUntilDone();
    await plant.reopen({ streams: { 'sales-orders': { when: `SalesOrder != "${job}"` } } });
    await plant.passUntilDone();
    expect(plant.sandbox.mes.statusOf('jobs', job)).toBe('on_hold');
    await plant.reopen({});
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

describe('rows that cannot be mapped', () => {
  const broken = { 'production-orders': { fields: { material: '$error("no such material")' } } };

  it('are set aside with the reason, and neither they nor their children stop anything', async () => {
    const plant = await openPlant({ seed: 105, records: 120 }, { streams: broken });
    const results = await plant.passUntilDone();
    expect(results.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'refused', 'ok']);
    const letters = await plant.app().store.deadLetters({});
    expect(letters.length).toBe(plant.sandbox.sap.expected().parts.size);
    expect(letters[0]).toMatchObject({ stage: 'map', reason: expect.stringContaining('no such material') });
    expect(resultOf(results, 'operations').parked).toBe(resultOf(results, 'operations').read);
  });

  it('are retried from the row with the mapping of today, and nothing appears that the ERP does not imply', async () => {
    const plant = await openPlant({ seed: 106, records: 120 }, { streams: broken });
    await plant.passUntilDone();
    await plant.reopen({});
    await plant.app().store.retryDeadLetters({});
    await plant.passUntilDone();
    expect(await plant.app().store.deadLetters({})).toEqual([]);
    expectEqual(plant);
  });

  it('are settled by the full read of the corrected mapping, without a retry', async () => {
    const plant = await openPlant({ seed: 107, records: 120 }, { streams: broken });
    await plant.passUntilDone();
    await plant.reopen({});
    await plant.passUntilDone();
    expect(await plant.app().store.deadLetters({})).toEqual([]);
    expectEqual(plant);
  });
});

describe('a reset watermark', () => {
  it('re-reads everything and sends nothing that the MES holds', async () => {
    const plant = await openPlant({ seed: 108, records: 150 });
    await plant.passUntilDone();
    const requests = mesRequests(plant);
    const stream = 'plant/operations';
    await plant.app().store.setWatermark({ stream, watermark: null, forget: null });
    const results = await plant.passUntilDone();
    expect(resultOf(results, 'operations').read).toBe(plant.sandbox.sap.expected().operations.size);
    expect(mesRequests(plant)).toBe(requests);
  });

  it('that also forgets sends everything again, and what is cancelled meanwhile is cancelled', async () => {
    const plant = await openPlant({ seed: 109, records: 150 });
    await plant.passUntilDone();
    const jobs = [...plant.sandbox.sap.expected().jobs.keys()].filter((id) => !id.startsWith('STOCK-')).sort();
    const job = jobs.find((id) => plant.sandbox.mes.statusOf('jobs', id) !== 'on_hold') ?? '';
    const forget = { source: 'SAP', entities: ['job'] } as const;
    await plant.app().store.setWatermark({ stream: 'plant/sales-orders', watermark: null, forget });
    await plant.reopen({ streams: { 'sales-orders': { when: `SalesOrder != "${job}"` } } });
    await plant.passUntilDone();
    expect(plant.sandbox.mes.writes('jobs', jobs.at(-1) ?? '')).toBe(2);
    expect(plant.sandbox.mes.statusOf('jobs', job)).toBe('on_hold');
  });

  it('of operations does not lose sight of one that vanished before', async () => {
    const plant = await openPlant({ seed: 110, records: 150 });
    // Twice, for the oracle to be sure that everything has been delivered.
    for (let pass = 0; pass < 2; pass += 1) await plant.passUntilDone();
    for (let gone = 0; gone < 3; ) {
      gone += plant.sandbox.sap.play(1).filter((line) => line.includes('lost operation')).length;
    }
    plant.settle();
    await plant.pass({ selection: ['plant/production-orders'] });
    await plant.app().store.setWatermark({ stream: 'plant/operations', watermark: null, forget: null });
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

describe('a watermark set by hand', () => {
  const verbsOf = (plant: Plant) => {
    const exclusive: RunExclusive = (_name, task) => task(new AbortController().signal);
    return verbHandlers(plant.app(), { exclusive, watched: exclusive });
  };
  const stream = 'plant/sales-orders';

  it('to an earlier time is read from there, and sends nothing that the MES holds', async () => {
    const plant = await openPlant({ seed: 111, records: 150 });
    await plant.passUntilDone();
    const requests = mesRequests(plant);
    await verbsOf(plant)('watermark-set', { stream, value: '2020-01-01T00:00:00.000Z' });
    expect(resultOf(await plant.passUntilDone(), 'sales-orders').read).toBeGreaterThan(10);
    expect(mesRequests(plant)).toBe(requests);
  });

  it("to the source's clock is one that a pass would set: nothing is read whole, and it does not step back", async () => {
    const plant = await openPlant({ seed: 113, records: 150 }, { connector: { settleSeconds: 60 } });
    const { read } = resultOf(await plant.passUntilDone(), 'sales-orders');
    const clock = plant.app().connectors.get('plant')?.session.clock;
    const value = (await clock?.(new AbortController().signal))?.toISOString() ?? '';
    const set = (await verbsOf(plant)('watermark-set', { stream, value })) as { watermark: string; asked?: string };
    const { watermark, ...next } = resultOf(await plant.pass(), 'sales-orders');
    expect(next.read).toBeLessThan(read / 2);
    expect(watermark.before).toBe(set.watermark);
    expect(String(watermark.after) >= set.watermark).toBe(true);
    expect(set.asked).toBe(value);
    expect(set.watermark < value).toBe(true);
  });

  it('to a time that the source has not reached yet is refused: the changes until then would be skipped', async () => {
    const plant = await openPlant({ seed: 112, records: 150 });
    await plant.passUntilDone();
    const set = verbsOf(plant)('watermark-set', { stream, value: '2062-01-01T00:00:00.000Z' });
    await expect(set).rejects.toThrow("ahead of the source's clock by more than five minutes (it may go up to ");
    const day = verbsOf(plant)('watermark-set', { stream: 'plant/operations', value: '20620101000000' });
    await expect(day).rejects.toThrow("ahead of the source's clock");
  });
});
