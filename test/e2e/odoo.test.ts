import { describe, expect, it } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import type { Faults } from '../../sandbox/types.ts';
import { expectEqual, openPlant, type Plant, resultOf, type Settings } from '../support/plant.ts';

const signal = new AbortController().signal;

function openOdooPlant(options: SandboxOptions, settings?: Settings): Promise<Plant<'odoo'>> {
  return openPlant<'odoo'>({ ...options, erps: ['odoo'] }, settings);
}

const pages = (pageSize: number): Settings => ({ streams: { all: { pageSize } } });
const password: Settings = {
  connector: { auth: { kind: 'password', username: 'mes-reader@example.com', password: 'Welcome#1:%' } },
};

const cases: readonly [what: string, sandbox: SandboxOptions, settings?: Settings][] = [
  ['19 by JSON-2', { seed: 1, records: 400 }],
  ['19 by JSON-RPC', { seed: 2, records: 400 }, { connector: { protocol: 'jsonrpc' } }],
  ['19 with a password', { seed: 3, records: 300 }, password],
  ['17', { seed: 4, records: 700, odoo: { version: 17 } }],
  [
    '17 without Sales and Maintenance',
    { seed: 5, records: 300, odoo: { version: 17, absent: ['sale', 'maintenance'] } },
  ],
  ['19 without Sales', { seed: 6, records: 300, odoo: { absent: ['sale'] } }],
  ['the smallest plant', { seed: 7, records: 20 }],
  ['pages of 1', { seed: 8, records: 60 }, pages(1)],
  ['pages of 3, 17', { seed: 9, records: 150, odoo: { version: 17 } }, pages(3)],
  ['pages of 7', { seed: 10, records: 300 }, pages(7)],
];

describe('the MES equals Odoo', () => {
  it.each(cases)('after a first load and deltas: %s', async (_what, sandbox, settings) => {
    const plant = await openOdooPlant(sandbox, settings);
    await plant.passUntilDone();
    expectEqual(plant);
    for (let round = 0; round < 4; round += 1) {
      plant.sandbox.odoo.play(30);
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    }
    expect(plant.sandbox.odoo.writes()).toBe(0);
  });

  it.each([
    [21, 19],
    [22, 17],
    [23, 19],
    [24, 17],
  ] as const)(
    'after passes in the middle of the history, with late commits and restarts (seed %i, %i)',
    async (seed, version) => {
      const plant = await openOdooPlant({ seed, records: 250, odoo: { version } }, pages(40));
      await plant.passUntilDone();
      for (let round = 0; round < 25; round += 1) {
        plant.sandbox.odoo.play(6);
        plant.sandbox.odoo.advance(45_000);
        await plant.passUntilDone();
        if (round % 6 === 5) await plant.reopen();
      }
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    },
  );

  it.each<Generation>(['classic', 'v060', 'main', 'repaired'])(
    'at an Eryxon of generation %s, after whole records were deleted',
    async (generation) => {
      const plant = await openOdooPlant({ seed: 31, records: 300, deletes: true, generation });
      await plant.passUntilDone();
      for (let round = 0; round < 3; round += 1) {
        plant.sandbox.odoo.play(60);
        plant.settle();
        await plant.passUntilDone();
      }
      await reconcileTwice(plant);
      expectEqual(plant);
    },
  );

  it.each([41, 42])(
    'although it restarts in the middle of passes and rows change between pages (seed %i)',
    async (seed) => {
      const plant = await openOdooPlant({ seed, records: 200 }, pages(6));
      await plant.passUntilDone();
      let playing = true;
      plant.events.on('page:committed', () => {
        if (playing) plant.sandbox.odoo.play(1);
      });
      for (let round = 0; round < 3; round += 1) {
        plant.sandbox.odoo.checkpoint();
        await plant.pass({ full: round === 1 });
        plant.sandbox.odoo.advance(60_000);
        await plant.reopen();
      }
      playing = false;
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    },
  );
});

describe('faults', () => {
  const all: Faults = {
    tooManyRequests: 0.04,
    serverError: 0.04,
    reset: 0.04,
    html: 0.04,
    truncate: 0.04,
    trickle: 0.01,
  };
  it.each([
    [51, 19],
    [52, 17],
  ] as const)('on both sides end equal (seed %i, %i)', { timeout: 60_000 }, async (seed, version) => {
    const small = { streams: { all: { pageSize: 10 } }, mes: { batchSize: 10 } };
    const plant = await openOdooPlant({ seed, records: 150, odoo: { version } }, small);
    plant.sandbox.setFaults(all);
    await plant.passUntilDone();
    for (let round = 0; round < 2; round += 1) {
      plant.sandbox.odoo.play(25);
      plant.settle();
      await plant.passUntilDone();
    }
    expectEqual(plant);
  });

  it.each(['psycopg2.errors.SerializationFailure', 'psycopg2.OperationalError', 'odoo.exceptions.LockError'])(
    'that pass by themselves are waited for: %s',
    async (exception) => {
      const plant = await openOdooPlant({ seed: 53, records: 60 });
      plant.sandbox.odoo.failNext(3, exception);
      const results = await plant.pass();
      expect(results.map(({ outcome }) => outcome)).toEqual(results.map(() => 'ok'));
      expectEqual(plant);
    },
  );

  it('a key that is revoked stops the connector with what to do, and asks once', async () => {
    const plant = await openOdooPlant({ seed: 54, records: 60 });
    await plant.passUntilDone();
    plant.sandbox.odoo.revokeKey();
    const before = plant.sandbox.odoo.requests().total;
    const results = await plant.pass();
    expect(results.map(({ outcome }) => outcome)).toEqual(results.map(() => 'failed'));
    expect(resultOf(results, 'work-centers').error).toMatch(/API key is wrong, revoked or expired/);
    expect(plant.sandbox.odoo.requests().total - before).toBeLessThan(3);
  });
});

describe('what is hidden from the account is not taken for gone', () => {
  const narrowed: readonly [string, (plant: Plant<'odoo'>) => void, (plant: Plant<'odoo'>) => void][] = [
    ['a right', ({ sandbox }) => sandbox.odoo.setRights('mrp.production', 'none'), giveBack('mrp.production')],
    ['by a record rule', ({ sandbox }) => sandbox.odoo.setRights('mrp.workorder', 'hidden'), giveBack('mrp.workorder')],
    ['by Own Documents Only', ({ sandbox }) => sandbox.odoo.setRights('sale.order', 'hidden'), giveBack('sale.order')],
    ['products', ({ sandbox }) => sandbox.odoo.setRights('product.product', 'hidden'), giveBack('product.product')],
    [
      'the orders of a company',
      ({ sandbox }) => sandbox.odoo.setCompanies([2]),
      ({ sandbox }) => sandbox.odoo.setCompanies([1, 2]),
    ],
  ];

  it.each(narrowed)('%s', async (_what, narrow, widen) => {
    const plant = await openOdooPlant({ seed: 61, records: 400 });
    await plant.passUntilDone();
    let cancelled = 0;
    plant.events.on('page:committed', ({ counts }) => {
      cancelled += counts.deleted;
    });
    narrow(plant);
    for (let round = 0; round < 3; round += 1) {
      plant.settle();
      await plant.pass({ full: round === 1 });
      await plant.app().reconcile({ selection: [], release: false, mes: false }, (_name, task) => task(signal));
    }
    expect(cancelled).toBe(0);
    widen(plant);
    plant.settle();
    await plant.passUntilDone();
    expectEqual(plant);
  });
});

describe('a sales order that is hidden, and that orders name by their origin alone', () => {
  it('leaves them STOCK jobs, which are on hold from the first whole read that sees it', async () => {
    const plant = await openOdooPlant({ seed: 63, records: 300, odoo: { version: 17 } });
    const { odoo, mes } = plant.sandbox;
    await plant.passUntilDone();
    for (let round = 0; round < 4; round += 1) {
      odoo.play(75);
      plant.settle();
      await plant.passUntilDone();
    }
    odoo.setRights('sale.order', 'hidden');
    await plant.pass({ full: true });
    const stock = () => [...mes.image().jobs.values()].filter(({ externalId }) => externalId.startsWith('STOCK-'));
    const extra = () => stock().filter(({ externalId }) => !odoo.expected().jobs.has(externalId));
    expect(extra().length).toBeGreaterThan(0);
    expect(extra().filter(({ onHold }) => onHold === true)).toEqual([]);
    odoo.setRights('sale.order', 'all');
    plant.settle();
    await plant.pass({ full: true });
    await plant.passUntilDone();
    expect(extra().filter(({ onHold }) => onHold !== true)).toEqual([]);
    const others = plant.sandbox.compare().differences.filter((text) => !/^jobs\/STOCK-\d+ is extra$/.test(text));
    expect(others).toEqual([]);
  });
});

function giveBack(model: string): (plant: Plant<'odoo'>) => void {
  return ({ sandbox }) => sandbox.odoo.setRights(model, 'all');
}

/** Two sweeps, and the passes that look at the children of what has gone. */
async function reconcileTwice(plant: Plant<'odoo'>): Promise<void> {
  for (let sweep = 0; sweep < 2; sweep += 1) {
    await plant.app().reconcile({ selection: [], release: true, mes: false }, (_name, task) => task(signal));
    plant.settle();
    await plant.passUntilDone();
  }
}
