import '../simulation/disk.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyReader } from '../../src/connectors/connector.ts';
import { TransientError } from '../../src/core/errors.ts';
import { type FakeRow, fakeStream, keysOf, openRig, type Rig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

/** Bar 9; with the permissions of a real protocol narrowed: e2e/deletes. */
const sizes = [1, 5, 8, 11, 27, 100, 101, 109, 150, 400];

function part(id: string): FakeRow {
  const base = { entity: 'part', source, externalId: id, parents: {}, lifecycle: 'active' } as const;
  return { key: id, stamp: start.toISOString(), records: [{ ...base, fields: { part_number: id } }] };
}

interface Stock {
  rig: Rig;
  rows: FakeRow[];
  /** Lists so many of the rows only; what the ERP says of their number follows the list where `honest`. */
  lists(count: number, honest: boolean): void;
  /** From this page on every page fails. */
  failsAt(page: number): void;
}

async function openStock(size: number): Promise<Stock> {
  const rows = Array.from({ length: size }, (_, index) => part(String(index)));
  let shown = size;
  let total = size;
  let failing = Infinity;
  const keys = keysOf(rows, { pageSize: 5, listed: (all) => all.slice(0, shown) });
  const reader: KeyReader = {
    ...keys,
    async *read(signal) {
      let page = 0;
      for await (const each of keys.read(signal)) {
        if (page >= failing) throw new TransientError('HTTP 503');
        page += 1;
        yield each;
      }
    },
  };
  const stream = fakeStream(rows, { entity: 'part', keys: reader });
  const rig = await openRig([{ ...stream, count: async () => total }]);
  await rig.run();
  return {
    rig,
    rows,
    lists(count, honest) {
      shown = count;
      total = honest ? count : size;
    },
    failsAt(page) {
      failing = page;
    },
  };
}

function cancelled({ sink }: Rig): number {
  return [...sink.held.values()].filter(({ record }) => record.lifecycle === 'cancelled').length;
}

const allowed = (size: number) => Math.max(10, size / 10);

describe.each(sizes)('of %i records', (size) => {
  it('an empty answer with status 200 deletes none, however often it comes, and is told in its own run', async () => {
    const { rig, lists } = await openStock(size);
    const alerts = collect(rig.events, 'absence:withheld');
    lists(0, true);
    for (let sweep = 1; sweep <= 4; sweep += 1) {
      expect(await rig.reconcile()).toMatchObject([{ outcome: 'withheld', withheld: size }]);
      expect(alerts.length).toBeGreaterThan(0);
    }
    expect(cancelled(rig)).toBe(0);
  });

  it('a list that is cut off, or of which half the pages fail, deletes none', async () => {
    const { rig, lists, failsAt } = await openStock(size);
    lists(Math.floor(size / 2), false);
    for (let sweep = 0; sweep < 3; sweep += 1) expect(await rig.reconcile()).toMatchObject([{ outcome: 'failed' }]);
    lists(size, true);
    failsAt(Math.floor(size / 10));
    for (let sweep = 0; sweep < 3; sweep += 1) expect(await rig.reconcile()).toMatchObject([{ outcome: 'failed' }]);
    expect(cancelled(rig)).toBe(0);
  });

  it('a permission that shows fewer than nine in ten deletes none', async () => {
    const { rig, lists } = await openStock(size);
    const alerts = collect(rig.events, 'absence:withheld');
    const hidden = Math.floor(allowed(size)) + 1;
    lists(Math.max(size - hidden, 0), true);
    for (let sweep = 0; sweep < 3; sweep += 1) await rig.reconcile();
    expect(cancelled(rig)).toBe(0);
    expect(alerts.length).toBeGreaterThan(0);
  });
});

it('more than ten and more than a tenth is withheld until it is released, less needs two complete sweeps', async () => {
  const drawn = fc.tuple(fc.integer({ min: 12, max: 260 }), fc.integer({ min: 1, max: 60 }));
  await fc.assert(
    fc.asyncProperty(drawn, async ([size, wanted]) => {
      const missing = Math.min(wanted, size - 1);
      const { rig, lists } = await openStock(size);
      lists(size - missing, true);
      await rig.reconcile();
      expect(cancelled(rig)).toBe(0);
      const [second] = await rig.reconcile();
      const withheld = missing > allowed(size);
      expect(second?.outcome).toBe(withheld ? 'withheld' : 'ok');
      expect(cancelled(rig)).toBe(withheld ? 0 : missing);
      if (withheld) await rig.reconcile({ release: true });
      expect(cancelled(rig)).toBe(missing);
    }),
    { numRuns: 40 },
  );
}, 60_000);
