import { describe, expect, it } from 'vitest';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import { expectEqual, openPlant, type Settings } from '../support/plant.ts';

interface Case {
  what: string;
  sandbox: SandboxOptions;
  settings?: Settings;
}

/** The service that an ECC offers in place of the sales orders of S/4HANA: other names, and a day as its only stamp. */
const eccSalesOrders = {
  path: '/sap/opu/odata/sap/ZMES_SRV/SalesOrders',
  key: ['Vbeln'],
  stamp: 'Aedat',
  stampKind: 'date',
  properties: {
    SalesOrder: 'Vbeln',
    SoldToParty: 'Kunnr',
    RequestedDeliveryDate: 'Vdatu',
    OverallSDDocumentRejectionSts: 'Abstk',
    OverallSDProcessStatus: 'Gbstk',
  },
};
const ecc: Settings = { streams: { 'sales-orders': eccSalesOrders } };
const v4: Settings = { connector: { odata: 'v4' } };
const pages = (pageSize: number): Settings => ({ streams: { all: { pageSize } } });

const cases: readonly Case[] = [
  { what: 'V2 services', sandbox: { seed: 1, records: 400, sap: { protocol: 'v2' } } },
  { what: 'V2 services, another history', sandbox: { seed: 2, records: 900 } },
  { what: 'V2 services, the smallest plant', sandbox: { seed: 3, records: 20 } },
  { what: 'V4 services', sandbox: { seed: 4, records: 400, sap: { protocol: 'v4' } }, settings: v4 },
  { what: 'V4 services, another history', sandbox: { seed: 5, records: 700 }, settings: v4 },
  { what: 'a custom ECC service', sandbox: { seed: 6, records: 400 }, settings: ecc },
  {
    what: 'a custom ECC service in pages of 3',
    sandbox: { seed: 7, records: 150 },
    settings: { streams: { 'sales-orders': { ...eccSalesOrders, pageSize: 3 } } },
  },
  { what: 'pages of 1 row', sandbox: { seed: 8, records: 60 }, settings: pages(1) },
  { what: 'pages of 2 rows', sandbox: { seed: 9, records: 100 }, settings: pages(2) },
  { what: 'pages of 7 rows', sandbox: { seed: 10, records: 300 }, settings: pages(7) },
  { what: 'pages of 7 rows, V4', sandbox: { seed: 11, records: 200 }, settings: { ...v4, ...pages(7) } },
  { what: 'server pages of 11 rows', sandbox: { seed: 12, records: 300, sap: { serverPageSize: 11 } } },
  {
    what: 'server pages of 4 rows inside pages of 9, V4',
    sandbox: { seed: 13, records: 200, sap: { serverPageSize: 4 } },
    settings: { ...v4, ...pages(9) },
  },
  {
    what: 'batches of 1 record, 4 side by side',
    sandbox: { seed: 14, records: 150 },
    settings: { mes: { batchSize: 1, maxConcurrency: 4 } },
  },
  { what: 'a MES without bulk-sync', sandbox: { seed: 15, records: 200, bulk: false } },
];

describe('the MES equals the ERP', () => {
  it.each(cases)('after a first load and deltas: $what', async ({ sandbox, settings }) => {
    const plant = await openPlant(sandbox, settings);
    await plant.passUntilDone();
    expectEqual(plant);
    for (let round = 0; round < 4; round += 1) {
      plant.sandbox.sap.play(25);
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    }
    expect(plant.sandbox.sap.writes()).toBe(0);
  });

  it.each([21, 22, 23, 24])('after passes in the middle of the history, with late commits (seed %i)', async (seed) => {
    const plant = await openPlant({ seed, records: 250 }, { streams: { all: { pageSize: 40 } } });
    await plant.passUntilDone();
    for (let round = 0; round < 25; round += 1) {
      plant.sandbox.sap.play(6);
      plant.sandbox.sap.advance(45_000);
      await plant.passUntilDone();
    }
    plant.settle();
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it.each([31, 32, 33])('although rows change between the pages of every pass (seed %i)', async (seed) => {
    const plant = await openPlant({ seed, records: 200 }, { streams: { all: { pageSize: 5 } } });
    let playing = true;
    plant.events.on('page:committed', () => {
      if (playing) plant.sandbox.sap.play(1);
    });
    for (let round = 0; round < 3; round += 1) {
      plant.sandbox.sap.checkpoint();
      await plant.pass();
      plant.sandbox.sap.advance(60_000);
    }
    playing = false;
    plant.settle();
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it.each([1, 3, 40])('after mass changes that share one stamp, in pages of %i rows', async (pageSize) => {
    const plant = await openPlant({ seed: 40 + pageSize, records: 120 }, { streams: { all: { pageSize } } });
    await plant.passUntilDone();
    let masses = 0;
    while (masses < 3) masses += plant.sandbox.sap.play(1).filter((line) => line.startsWith('mass change')).length;
    plant.settle();
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it('and rows dated 2999 are delivered, named, and do not hold up what comes after them', async () => {
    const plant = await openPlant({ seed: 55, records: 250 });
    const named = new Set<string>();
    plant.events.on('stamp:in-future', ({ stream, stamp }) => named.add(`${stream} ${stamp.slice(0, 4)}`));
    await plant.passUntilDone();
    for (const kind of ['sales order', 'production order', 'operation']) {
      const isAwaited = (line: string) => line.startsWith(kind) && line.includes('2999');
      while (!plant.sandbox.sap.play(1).some(isAwaited));
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    }
    plant.sandbox.sap.play(20);
    plant.settle();
    const results = await plant.passUntilDone();
    expectEqual(plant);
    expect([...named].sort()).toEqual([
      'plant/operations 2999',
      'plant/production-orders 2999',
      'plant/sales-orders 2999',
    ]);
    const marks = results.map(({ watermark }) => watermark.after?.replace(/\D/g, '').slice(0, 4));
    expect(marks).toEqual(['2026', '2026', '2026', '2026', '2026']);
  });
});
