import { describe, expect, it } from 'vitest';
import { collect, expectEqual, mesRequests, openPlant, type Plant, resultOf, totalWrites } from '../support/plant.ts';

/** A job that parts hang on, and how many do. */
function jobWithParts({ sandbox }: Plant): { job: string; parts: string[] } {
  for (const job of sandbox.sap.expected().jobs.keys()) {
    const parts = [...sandbox.sap.expected().parts.values()]
      .filter(({ fields }) => fields['job_external_id'] === job)
      .map(({ externalId }) => externalId);
    if (parts.length > 0 && !job.startsWith('STOCK-')) return { job, parts };
  }
  throw new Error('No sales order has a production order.');
}

function firstOf(ids: Iterable<string>): string {
  for (const id of ids) return id;
  throw new Error('There is none.');
}

function padded(id: string): string {
  return id.padStart(10, '0');
}

/** Plays until an event says so; resolves to its text. */
function playUntil({ sandbox }: Plant, fits: (line: string) => boolean): string {
  for (let count = 0; count < 5000; count += 1) {
    const [line = ''] = sandbox.sap.play(1);
    if (fits(line)) return line;
  }
  throw new Error('The history never came to it.');
}

describe('a pass with nothing new', () => {
  it('costs one request a stream at the ERP and none at the MES', async () => {
    const plant = await openPlant({ seed: 81, records: 90 });
    await plant.passUntilDone();
    const requests = mesRequests(plant);
    const results = await plant.pass();
    expect(results.map(({ requests: { erp } }) => erp)).toEqual([1, 1, 1, 1, 1]);
    expect(mesRequests(plant)).toBe(requests);
    plant.settle();
    await plant.pass();
    const later = await plant.pass();
    expect(later.map(({ requests: { erp } }) => erp)).toEqual([1, 1, 1, 1, 1]);
    expect(mesRequests(plant)).toBe(requests);
  });

  it('costs nothing for a stream without stamps until its full read is due', async () => {
    const plant = await openPlant({ seed: 82, records: 60 });
    await plant.passUntilDone();
    const cycle = plant.app().connectors.get('plant')?.cycle;
    const scheduled = { streams: undefined, full: false, manual: false, release: false };
    const results = (await cycle?.run(scheduled, new AbortController().signal)) ?? [];
    expect(resultOf(results, 'work-centers').requests).toEqual({ erp: 0, mes: 0 });
  });

  it('re-reads the overlap and re-sends none of it', async () => {
    const plant = await openPlant({ seed: 83, records: 200 });
    await plant.passUntilDone();
    plant.sandbox.sap.play(30);
    plant.settle();
    await plant.passUntilDone();
    const writes = totalWrites(plant.sandbox);
    const results = await plant.pass();
    expect(resultOf(results, 'sales-orders').unchanged).toBeGreaterThan(0);
    expect(resultOf(results, 'operations').unchanged).toBeGreaterThan(0);
    expect(totalWrites(plant.sandbox)).toBe(writes);
  });

  it('of everything, asked for with --full, sends nothing that the MES holds already', async () => {
    const plant = await openPlant({ seed: 84, records: 200 });
    await plant.passUntilDone();
    const writes = totalWrites(plant.sandbox);
    const results = await plant.pass({ full: true });
    expect(results.reduce((sum, { read }) => sum + read, 0)).toBeGreaterThan(150);
    expect(totalWrites(plant.sandbox)).toBe(writes);
  });
});

describe('a pass that is told to stop', () => {
  it('ends behind the page under way, begins no other stream, and the next pass goes on from there', async () => {
    const plant = await openPlant({ seed: 47, records: 200 }, { streams: { all: { pageSize: 5 } } });
    const stopping = new AbortController();
    let pages = 0;
    plant.events.on('page:committed', ({ stream }) => {
      pages += stream.endsWith('/sales-orders') ? 1 : 0;
      if (pages === 1) stopping.abort(new Error('The program is stopping.'));
    });
    const cycle = plant.app().connectors.get('plant')?.cycle;
    const request = { streams: undefined, full: false, manual: true, release: false, stopping: stopping.signal };
    const results = (await cycle?.run(request, new AbortController().signal)) ?? [];
    expect(resultOf(results, 'sales-orders')).toMatchObject({ outcome: 'failed', error: 'The program is stopping.' });
    // One page was committed, another may have been on its way.
    expect(resultOf(results, 'sales-orders').created).toBeLessThanOrEqual(10);
    expect(resultOf(results, 'production-orders').error).toBe('Not run: the program is stopping.');
    const [again] = (await plant.pass()).filter(({ stream }) => stream === 'sales-orders');
    expect(again?.unchanged).toBe(0);
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

describe('a parent that comes later', () => {
  it('holds its children back without a request or an error, and releases them when it is there', async () => {
    const plant = await openPlant({ seed: 85, records: 120 });
    const { job, parts } = jobWithParts(plant);
    const without = { 'sales-orders': { filter: `SalesOrder ne '${padded(job)}'` } };
    await plant.reopen({ streams: without });
    const results = await plant.passUntilDone();
    expect(results.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(resultOf(results, 'production-orders').parked).toBe(parts.length);
    expect(resultOf(results, 'operations').parked).toBeGreaterThan(0);
    for (const part of parts) expect(plant.sandbox.mes.image().parts.has(part)).toBe(false);

    const requests = mesRequests(plant);
    await plant.pass();
    expect(mesRequests(plant)).toBe(requests);

    await plant.reopen({});
    await plant.passUntilDone();
    expectEqual(plant);
    const status = await plant.app().store.status();
    expect(status.reduce((sum, { parked }) => sum + parked, 0)).toBe(0);
  });

  it('releases the newest version of a child that changed while it was parked', async () => {
    const plant = await openPlant({ seed: 86, records: 120 });
    const { job, parts } = jobWithParts(plant);
    await plant.reopen({ streams: { 'sales-orders': { filter: `SalesOrder ne '${padded(job)}'` } } });
    await plant.passUntilDone();
    playUntil(plant, (line) => parts.some((part) => line === `production order ${part} quantity changed`));
    plant.settle();
    await plant.passUntilDone();
    await plant.reopen({});
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it('is asked for again after the MES has lost it', async () => {
    const plant = await openPlant({ seed: 87, records: 120 });
    await plant.passUntilDone();
    const { parts } = jobWithParts(plant);
    let lost = true;
    plant.sandbox.mes.refuse((table, body) =>
      lost && table === 'parts' && parts.includes(String(body['external_id']))
        ? 'insert or update on table "parts" violates foreign key constraint "parts_job_id_fkey"'
        : undefined,
    );
    const part = parts[0] ?? '';
    playUntil(plant, (line) => line === `production order ${part} quantity changed`);
    plant.settle();
    const results = await plant.passUntilDone();
    expect(resultOf(results, 'production-orders').parked).toBeGreaterThan(0);
    lost = false;
    plant.clock.skip(7 * 3_600_000);
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

describe('a record that the MES refuses', () => {
  const refusing = (plant: Plant, refused: string) =>
    plant.sandbox.mes.refuse((table, body) =>
      table === 'jobs' && body['external_id'] === refused ? 'customer is locked' : undefined,
    );

  it('becomes a dead letter with its reason, and all others are delivered', async () => {
    const plant = await openPlant({ seed: 88, records: 150 });
    const { job, parts } = jobWithParts(plant);
    refusing(plant, job);
    const named = collect(plant.events, 'record:refused');
    const results = await plant.passUntilDone();
    expect(resultOf(results, 'sales-orders')).toMatchObject({ outcome: 'refused', refused: 1 });
    expect(resultOf(results, 'production-orders').parked).toBe(parts.length);
    expect(named).toEqual([{ stream: 'plant/sales-orders', key: `job/${job}`, reason: 'customer is locked' }]);
    const letters = await plant.app().store.deadLetters({});
    expect(letters).toMatchObject([{ stage: 'push', key: `job/${job}`, reason: 'customer is locked', count: 1 }]);
    const missing = plant.sandbox.compare().differences.filter((line) => line.startsWith('jobs/'));
    expect(missing).toEqual([`jobs/${job} is missing`]);
  });

  it('is not sent again in the overlap as long as it is the same, and does not hold the watermark', async () => {
    const plant = await openPlant({ seed: 89, records: 150 });
    await plant.passUntilDone();
    const line = playUntil(plant, (text) => /^sales order \d+ changed$/.test(text));
    const job = line.split(' ')[2] ?? '';
    refusing(plant, job);
    plant.settle();
    const refused = resultOf(await plant.passUntilDone(), 'sales-orders');
    expect(refused.refused).toBe(1);
    expect(refused.watermark.after).not.toBe(refused.watermark.before);
    const requests = mesRequests(plant);
    const again = resultOf(await plant.pass({ full: true }), 'sales-orders');
    expect(again).toMatchObject({ outcome: 'ok', refused: 0 });
    expect(mesRequests(plant)).toBe(requests);
    expect(await plant.app().store.deadLetters({})).toHaveLength(1);
  });

  it('is replaced by newer content, which is sent', async () => {
    const plant = await openPlant({ seed: 90, records: 150 });
    await plant.passUntilDone();
    const isChange = (text: string) => /^sales order \d+ changed$/.test(text);
    const job = playUntil(plant, isChange).split(' ')[2] ?? '';
    refusing(plant, job);
    plant.settle();
    await plant.passUntilDone();
    plant.sandbox.mes.refuse(() => undefined);
    playUntil(plant, (text) => text === `sales order ${job} changed`);
    plant.settle();
    await plant.passUntilDone();
    expect(await plant.app().store.deadLetters({})).toEqual([]);
    expectEqual(plant);
  });

  it('is delivered by the retry verb, with the children that waited for it', async () => {
    const plant = await openPlant({ seed: 91, records: 150 });
    const { job } = jobWithParts(plant);
    refusing(plant, job);
    await plant.passUntilDone();
    plant.sandbox.mes.refuse(() => undefined);
    await plant.pass();
    expect(plant.sandbox.mes.image().jobs.has(job)).toBe(false);
    expect(await plant.app().store.retryDeadLetters({ stream: 'plant/sales-orders' })).toBe(1);
    await plant.passUntilDone();
    expect(await plant.app().store.deadLetters({})).toEqual([]);
    expectEqual(plant);
  });

  it('stays a dead letter when the retry is refused too', async () => {
    const plant = await openPlant({ seed: 92, records: 150 });
    const { job } = jobWithParts(plant);
    refusing(plant, job);
    await plant.passUntilDone();
    await plant.app().store.retryDeadLetters({});
    await plant.passUntilDone();
    const requests = mesRequests(plant);
    await plant.pass();
    expect(mesRequests(plant)).toBe(requests);
    expect(await plant.app().store.deadLetters({})).toMatchObject([{ count: 2, due: false }]);
  });

  it.each([1, 7, 30])('is found among %i of them in batches that the MES refuses one by one', async (count) => {
    const plant = await openPlant({ seed: 93, records: 300 }, { mes: { batchSize: 40 } });
    const ids = new Set([...plant.sandbox.sap.expected().operations.keys()].slice(0, count));
    plant.sandbox.mes.refuse((table, body) =>
      table === 'operations' && ids.has(String(body['external_id'])) ? 'no' : undefined,
    );
    const results = await plant.passUntilDone();
    expect(resultOf(results, 'operations').refused).toBe(count);
    const letters = await plant.app().store.deadLetters({});
    expect(new Set(letters.map(({ key }) => key.replace('operation/', '')))).toEqual(ids);
    expect(plant.sandbox.mes.counts().operations).toBe(plant.sandbox.sap.expected().operations.size - count);
  });
});

describe('the shop floor', () => {
  it('owns the status: no change in the ERP overwrites it', async () => {
    const plant = await openPlant({ seed: 94, records: 150 });
    await plant.passUntilDone();
    const { sap, mes } = plant.sandbox;
    const started = { jobs: [...mes.image().jobs.keys()], operations: [...mes.image().operations.keys()] };
    for (const table of ['jobs', 'operations'] as const) {
      for (const id of started[table]) {
        if (mes.statusOf(table, id) !== 'on_hold') mes.touch(table, id, 'in_progress');
      }
    }
    for (let round = 0; round < 4; round += 1) {
      sap.play(30);
      plant.settle();
      await plant.passUntilDone();
    }
    expectEqual(plant);
    const expected = sap.expected();
    let touched = 0;
    for (const table of ['jobs', 'operations'] as const) {
      for (const id of started[table]) {
        if (expected[table].get(id)?.onHold === true || mes.statusOf(table, id) === 'on_hold') continue;
        expect(`${id} ${mes.statusOf(table, id)}`).toBe(`${id} in_progress`);
        if (mes.writes(table, id) > 1) touched += 1;
      }
    }
    expect(touched).toBeGreaterThan(10);
  });

  it('keeps on hold what is active again in the ERP, and is told so', async () => {
    const plant = await openPlant({ seed: 97, records: 150 });
    await plant.passUntilDone();
    const told = collect(plant.events, 'record:left-on-hold');
    const job = playUntil(plant, (line) => /^sales order \d+ rejected$/.test(line)).split(' ')[2] ?? '';
    plant.settle();
    await plant.passUntilDone();
    expect(plant.sandbox.mes.statusOf('jobs', job)).toBe('on_hold');
    playUntil(plant, (line) => line.startsWith(`sales order ${job} un-rejected`));
    plant.settle();
    await plant.passUntilDone();
    expectEqual(plant);
    expect(plant.sandbox.sap.expected().jobs.get(job)?.onHold).toBeUndefined();
    expect(plant.sandbox.mes.statusOf('jobs', job)).toBe('on_hold');
    expect(told).toContainEqual({ stream: 'plant/sales-orders', entity: 'job', externalId: job });
  });

  it('may release what was cancelled: a later change of the cancelled record does not put it on hold again', async () => {
    const plant = await openPlant({ seed: 96, records: 150 });
    await plant.passUntilDone();
    const { mes } = plant.sandbox;
    const job = firstOf([...mes.image().jobs.keys()].filter((id) => mes.statusOf('jobs', id) === 'on_hold'));
    mes.touch('jobs', job, 'in_progress');
    const writes = mes.writes('jobs', job);
    playUntil(plant, (line) => line === `sales order ${job} changed`);
    plant.settle();
    await plant.passUntilDone();
    expect(mes.writes('jobs', job)).toBeGreaterThan(writes);
    expect(mes.statusOf('jobs', job)).toBe('in_progress');
  });
});
