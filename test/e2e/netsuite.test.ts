import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import type { Faults } from '../../sandbox/types.ts';
import { createHttpClient, type OpenHttp } from '../../src/core/http.ts';
import { collect, expectEqual, openPlant, type Plant, resultOf, type Settings } from '../support/plant.ts';

const signal = new AbortController().signal;
type NetSuitePlant = Plant<'netsuite'>;

function openNetSuitePlant(options: SandboxOptions, settings?: Settings): Promise<NetSuitePlant> {
  return openPlant<'netsuite'>({ ...options, erps: ['netsuite'] }, settings);
}

const folder = 'test/fixtures/netsuite';
const publicKey = createPublicKey(readFileSync(`${folder}/certificate.pem`))
  .export({ type: 'spki', format: 'pem' })
  .toString();

/** The same plant, asked for by certificate. */
async function byCertificate(plant: NetSuitePlant): Promise<void> {
  const { clientId, certificateId } = plant.sandbox.netsuite.credentials;
  await plant.reopen({
    connector: { auth: { kind: 'oauth2', clientId, certificateId, keyFile: `${folder}/key.pem` } },
  });
}

const pages = (pageSize: number): Settings => ({ streams: { all: { pageSize } } });

const cases: readonly [what: string, sandbox: SandboxOptions, settings?: Settings][] = [
  ['the usual account', { seed: 1, records: 400 }],
  ['another history', { seed: 2, records: 900 }],
  ['the smallest plant', { seed: 3, records: 20 }],
  [
    'a user in Tokyo with American dates',
    { seed: 4, records: 300, netsuite: { user: { timeZone: 'Asia/Tokyo', dateFormat: 'MM/DD/YYYY' } } },
  ],
  ['pages of 1', { seed: 8, records: 60 }, pages(1)],
  ['pages of 3', { seed: 9, records: 150 }, pages(3)],
  ['pages of 7', { seed: 10, records: 300 }, pages(7)],
];

describe('the MES equals NetSuite', () => {
  it.each(cases)('after a first load and deltas: %s', async (_what, sandbox, settings) => {
    const plant = await openNetSuitePlant(sandbox, settings);
    await plant.passUntilDone();
    expectEqual(plant);
    for (let round = 0; round < 4; round += 1) {
      plant.sandbox.netsuite.play(30);
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    }
    expect(plant.sandbox.netsuite.writes()).toBe(0);
  });

  it('by certificate, over tokens that expire and are revoked', async () => {
    const plant = await openNetSuitePlant({ seed: 11, records: 200, netsuite: { publicKey, tokenSeconds: 1200 } });
    await byCertificate(plant);
    await plant.passUntilDone();
    for (let round = 0; round < 3; round += 1) {
      plant.sandbox.netsuite.play(30);
      plant.settle();
      plant.sandbox.netsuite.revokeTokens();
      plant.sandbox.netsuite.setKeyCase(round % 2 === 0 ? 'upper' : 'lower');
      await plant.passUntilDone();
      expectEqual(plant);
    }
  });

  it.each([21, 22, 23, 24])(
    'after passes in the middle of the history, with late commits and restarts (seed %i)',
    async (seed) => {
      const plant = await openNetSuitePlant({ seed, records: 250 }, pages(40));
      await plant.passUntilDone();
      for (let round = 0; round < 25; round += 1) {
        plant.sandbox.netsuite.play(6);
        plant.sandbox.netsuite.advance(45_000);
        await plant.passUntilDone();
        if (round % 6 === 5) await plant.reopen();
      }
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    },
  );

  it.each([31, 32])('by scheduled passes alone, which sweep the tasks of open orders (seed %i)', async (seed) => {
    const plant = await openNetSuitePlant({ seed, records: 250 });
    const scheduled = async () => {
      const cycle = plant.app().connectors.get('plant')?.cycle;
      const results = await cycle?.run({ streams: undefined, full: false, manual: false, release: false }, signal);
      expect(results?.map(({ error }) => error)).toEqual(results?.map(() => undefined));
      plant.sandbox.netsuite.checkpoint();
    };
    await scheduled();
    for (let round = 0; round < 12; round += 1) {
      plant.sandbox.netsuite.play(10);
      plant.sandbox.netsuite.advance(300_000);
      await scheduled();
    }
    plant.settle();
    plant.sandbox.netsuite.advance(3_600_000);
    await scheduled();
    await scheduled();
    expectEqual(plant);
  });

  it.each([600, 608])(
    'by a pass an hour, also of sales orders cancelled before their approval (seed %i)',
    async (seed) => {
      const plant = await openNetSuitePlant({ seed, records: 60, deletes: true });
      await plant.passUntilDone();
      for (let round = 0; round < 12; round += 1) {
        plant.sandbox.netsuite.play(12);
        plant.sandbox.netsuite.advance(3_600_000);
        await plant.passUntilDone();
      }
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    },
  );

  it.each<Generation>(['classic', 'v060', 'main', 'repaired'])(
    'at an Eryxon of generation %s, after whole records were deleted',
    async (generation) => {
      const plant = await openNetSuitePlant({ seed: 41, records: 300, deletes: true, generation });
      await plant.passUntilDone();
      for (let round = 0; round < 3; round += 1) {
        plant.sandbox.netsuite.play(60);
        plant.settle();
        await plant.passUntilDone();
      }
      await reconcileTwice(plant);
      expectEqual(plant);
    },
  );

  it.each([51, 52])(
    'although it restarts in the middle of passes and rows change between pages (seed %i)',
    async (seed) => {
      const plant = await openNetSuitePlant({ seed, records: 200 }, pages(6));
      await plant.passUntilDone();
      let playing = true;
      plant.events.on('page:committed', () => {
        if (playing) plant.sandbox.netsuite.play(1);
      });
      for (let round = 0; round < 3; round += 1) {
        plant.sandbox.netsuite.checkpoint();
        await plant.pass({ full: round === 1 });
        plant.sandbox.netsuite.advance(60_000);
        await plant.reopen();
      }
      playing = false;
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    },
  );
});

describe('deletions', () => {
  it('are told by the next pass where NetSuite may list them, with no reconcile', async () => {
    const plant = await openNetSuitePlant({ seed: 61, records: 300, deletes: true });
    await plant.passUntilDone();
    const { netsuite } = plant.sandbox;
    while (!/^(sales|work) order \d+ deleted$/.test(netsuite.play(1)[0] ?? ''));
    plant.settle();
    const deleted = (await plant.pass()).reduce((sum, result) => sum + result.deleted, 0);
    expect(deleted).toBeGreaterThan(0);
  });

  it('are found by reconciling where it may not, and that is said once', async () => {
    const plant = await openNetSuitePlant({ seed: 62, records: 300, deletes: true });
    plant.sandbox.netsuite.setRights('deletedrecord', 'none');
    const said = collect(plant.events, 'stream:degraded');
    await plant.passUntilDone();
    plant.sandbox.netsuite.play(150);
    plant.settle();
    await plant.passUntilDone();
    await plant.passUntilDone();
    expect(said.map(({ stream }) => stream)).toEqual(['plant/sales-orders', 'plant/work-orders']);
    expect(said[0]?.reason).toMatch(/permission Deleted Records/);
    await reconcileTwice(plant);
    const { differences } = plant.sandbox.compare();
    // Closed orders that are gone may have been archived, as far as a list can tell.
    expect(differences.filter((line) => !line.includes('onHold'))).toEqual([]);
  });
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
  it.each([71, 72])('on both sides end equal (seed %i)', { timeout: 60_000 }, async (seed) => {
    const small = { streams: { all: { pageSize: 10 } }, mes: { batchSize: 10 } };
    const plant = await openNetSuitePlant({ seed, records: 150 }, small);
    plant.sandbox.setFaults(all);
    await plant.passUntilDone();
    for (let round = 0; round < 2; round += 1) {
      plant.sandbox.netsuite.play(25);
      plant.settle();
      await plant.passUntilDone();
    }
    expectEqual(plant);
  });

  it.each(['tooMany', 'restlet', 'unexpected', 'maintenance'] as const)(
    'that pass by themselves are waited for: %s',
    async (trouble) => {
      const plant = await openNetSuitePlant({ seed: 73, records: 60 });
      plant.sandbox.netsuite.failNext(3, trouble);
      const results = await plant.pass();
      expect(results.map(({ error }) => error)).toEqual(results.map(() => undefined));
      expectEqual(plant);
    },
  );

  it('a login that is refused because the account is busy is tried once more', async () => {
    const plant = await openNetSuitePlant({ seed: 74, records: 60 });
    await plant.passUntilDone();
    plant.sandbox.netsuite.failNext(1, 'login');
    const results = await plant.pass();
    expect(results.map(({ outcome }) => outcome)).toEqual(results.map(() => 'ok'));
  });

  it('a token that is not the one stops the connector with what to do, and asks once', async () => {
    const plant = await openNetSuitePlant({ seed: 75, records: 60 });
    const { consumerKey, consumerSecret, tokenId } = plant.sandbox.netsuite.credentials;
    await plant.reopen({
      connector: { auth: { kind: 'tba', consumerKey, consumerSecret, tokenId, tokenSecret: 'canary' } },
    });
    const before = plant.sandbox.netsuite.requests().total;
    const results = await plant.pass();
    expect(results.map(({ outcome }) => outcome)).toEqual(results.map(() => 'failed'));
    expect(resultOf(results, 'work-centers').error).toMatch(/INVALID_LOGIN.*Login Audit Trail/);
    expect(plant.sandbox.netsuite.requests().total - before).toBeLessThan(4);
  });

  it('without routing, orders are delivered all the same', async () => {
    const plant = await openNetSuitePlant({ seed: 76, records: 100, netsuite: { routing: false } });
    const results = await plant.pass();
    expect(results.map(({ stream, outcome }) => [stream, outcome])).toEqual([
      ['work-centers', 'failed'],
      ['sales-orders', 'ok'],
      ['work-orders', 'ok'],
      ['operation-tasks', 'failed'],
    ]);
    expectEqual(plant);
  });
});

describe('what is hidden from the role is not taken for gone', () => {
  it.each([0, 0.4])('when it sees only %d of the orders', async (share) => {
    const plant = await openNetSuitePlant({ seed: 81, records: 600 });
    await plant.passUntilDone();
    let cancelled = 0;
    plant.events.on('page:committed', ({ stream, counts }) => {
      // Of a dozen work centers, ten may go without anybody being asked.
      if (stream !== 'plant/work-centers') cancelled += counts.deleted;
    });
    plant.sandbox.netsuite.narrow(share);
    for (let round = 0; round < 3; round += 1) {
      plant.settle();
      await plant.pass({ full: round === 1 });
      await plant.app().reconcile({ selection: [], release: false, mes: false }, (_name, task) => task(signal));
    }
    expect(cancelled).toBe(0);
    plant.sandbox.netsuite.narrow(1);
    plant.settle();
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it('when an item with the number of an order is deleted meanwhile', async () => {
    const plant = await openNetSuitePlant({ seed: 5, records: 300 });
    await plant.passUntilDone();
    const { netsuite, mes } = plant.sandbox;
    const onHold = (): string[] =>
      [...mes.image().jobs, ...mes.image().parts].flatMap(([id, record]) => (record.onHold ? [id] : []));
    netsuite.narrow(0);
    const before = onHold();
    const items = netsuite.play(200).filter((line) => /^item \d+ deleted/.test(line));
    expect(items).not.toEqual([]);
    plant.settle();
    await plant.pass();
    expect(onHold()).toEqual(before);
  });

  it.each(['item', 'customer', 'transactionline'])(
    'nor made up where it sees only some of the rows of %s',
    async (table) => {
      const plant = await openNetSuitePlant({ seed: 82, records: 200 });
      await plant.passUntilDone();
      const before = plant.sandbox.mes.image();
      plant.sandbox.netsuite.narrow(0.5, [table]);
      const results = await plant.pass({ full: true });
      expect(results.reduce((sum, { refused }) => sum + refused, 0)).toBeGreaterThan(0);
      expect(plant.sandbox.mes.image()).toEqual(before);
      plant.sandbox.netsuite.narrow(1);
      const after = await plant.pass({ full: true });
      expect(after.map(({ refused }) => refused)).toEqual(after.map(() => 0));
      expectEqual(plant);
    },
  );
});

it('a work order that is deleted between its row and its lines becomes no other part', async () => {
  const { openHttp, before } = interrupted(/FROM transactionline l/);
  const plant = await openNetSuitePlant({ seed: 2, records: 200, deletes: true }, { openHttp });
  await plant.passUntilDone();
  const { netsuite, mes } = plant.sandbox;
  const parts = mes.image().parts;
  const deleted: string[] = [];
  before.next = () => {
    while (deleted.length < 3) {
      const id = /^work order (\d+) deleted/.exec(netsuite.play(1)[0] ?? '')?.[1];
      netsuite.settle();
      if (id !== undefined) deleted.push(id);
    }
  };
  const results = await plant.pass({ full: true });
  expect(results.map(({ outcome }) => outcome)).not.toContain('failed');
  for (const id of deleted) {
    expect(mes.image().parts.get(id)?.fields).toEqual(parts.get(id)?.fields);
  }
  plant.settle();
  await plant.passUntilDone();
  expectEqual(plant);
});

/** Runs `next`, once it is set, before a query of that form goes out. */
function interrupted(form: RegExp): { openHttp: OpenHttp; before: { next?: (() => void) | undefined } } {
  const before: { next?: (() => void) | undefined } = {};
  const openHttp: OpenHttp = (options) => {
    const client = createHttpClient(options);
    return {
      ...client,
      request(request, given) {
        if (form.test(String(request.body ?? ''))) {
          before.next?.();
          before.next = undefined;
        }
        return client.request(request, given);
      },
    };
  };
  return { openHttp, before };
}

/** Two sweeps, and the passes that look at the children of what has gone. */
async function reconcileTwice(plant: NetSuitePlant): Promise<void> {
  for (let sweep = 0; sweep < 2; sweep += 1) {
    await plant.app().reconcile({ selection: [], release: true, mes: false }, (_name, task) => task(signal));
    plant.settle();
    await plant.passUntilDone();
  }
}
