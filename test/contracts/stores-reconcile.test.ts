import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MesRecord, RecordSet } from '../../src/core/types.ts';
import type { Store } from '../../src/state/store.ts';
import { delivered, page, record, refused, source, stream } from '../state/builders.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { stores } from './store-kinds.ts';

const monday = '2026-03-02T00:00:00.000Z';
const tuesday = '2026-03-03T00:00:00.000Z';

describe.each(stores)('store: $name', ({ open }) => {
  let place: string;
  let clock: FakeClock;
  let store: Store;
  let epoch: number;

  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'store-'));
    clock = createFakeClock(new Date('2026-03-01T08:00:00Z'));
    store = await open(place, clock);
    ({ epoch } = await store.begin(stream));
  });

  afterEach(async () => {
    await store.close();
    await rm(place, { recursive: true });
  });

  async function reopen(): Promise<void> {
    await store.close();
    store = await open(place, clock);
    ({ epoch } = await store.begin(stream));
  }

  async function entry(externalId: string) {
    return (await store.lookup(source, 'job', [externalId])).get(externalId);
  }

  describe('reconciling', () => {
    const jobs = { entity: 'job' } as const;
    const sets = [jobs];
    const ref = (externalId: string) => ({ entity: 'job', externalId }) as const;

    async function deliver(...records: MesRecord[]): Promise<void> {
      await store.commit(page(epoch, { outcomes: records.map((each) => delivered(each)), keepRecords: true }));
    }

    /** A complete sweep that lists these; resolves to what it believes absent before it notes anything. */
    async function sweep(listed: readonly string[], withheld = 0): Promise<string[]> {
      await store.beginSweep(source, sets);
      await store.see(source, listed.map(ref));
      const absent = await absences('believed');
      await clock.advance(60_000);
      const at = clock.now().toISOString();
      await store.endSweep({ stream, source, sets, at, pending: 0, withheld });
      return absent;
    }

    async function absences(noted: 'believed' | 'withheld', set: RecordSet = jobs): Promise<string[]> {
      const query = { source, set, after: '', limit: 100, noted };
      return (await store.absent(query)).map(({ externalId }) => externalId);
    }

    it('counts what a source does not list of what is active in the MES', async () => {
      await deliver(
        record('1'),
        record('2'),
        record('3', { lifecycle: 'closed' }),
        record('4', { lifecycle: 'cancelled' }),
      );
      await store.commit(page(epoch, { outcomes: [refused(record('5'))] }));
      await store.beginSweep(source, sets);
      await store.see(source, [ref('1'), ref('9')]);
      expect(await store.countUnseen(source, sets)).toEqual({ live: 2, absent: 1 });
    });

    it('believes an absence that an earlier sweep noted, over a restart too', async () => {
      await deliver(record('1'), record('2'), record('3'));
      expect(await sweep(['1'])).toEqual([]);
      await reopen();
      expect(await sweep(['1', '3'])).toEqual(['2']);
    });

    it('gives what is absent as it was last delivered', async () => {
      const part = record('7', { entity: 'part', fields: { part_number: 'P7', quantity: 3 } });
      await deliver(part);
      const set = { entity: 'part' } as const;
      for (const at of [monday, tuesday]) {
        await store.beginSweep(source, [set]);
        await store.endSweep({ stream, source, sets: [set], at, pending: 1, withheld: 0 });
      }
      const query = { source, set, after: '', limit: 100, noted: 'believed' } as const;
      expect(await store.absent(query)).toEqual([part]);
      expect(await store.absent({ ...query, after: '7' })).toEqual([]);
    });

    it('forgets an absence when a complete sweep lists the record again', async () => {
      await deliver(record('1'), record('2'));
      await sweep(['1']);
      await sweep(['1', '2']);
      expect(await sweep(['1'])).toEqual([]);
    });

    it('forgets an absence when a sweep that breaks off has seen the record', async () => {
      await deliver(record('1'), record('2'));
      await sweep(['1']);
      await store.beginSweep(source, sets);
      await store.see(source, [ref('2')]);
      await store.abandonSweep(source, sets);
      expect(await sweep(['1'])).toEqual([]);
    });

    it('keeps absences through a sweep that breaks off without having seen the record', async () => {
      await deliver(record('1'), record('2'));
      await sweep(['1']);
      await store.beginSweep(source, sets);
      await store.abandonSweep(source, sets);
      expect(await sweep(['1'])).toEqual(['2']);
    });

    it('believes what was withheld only when it is asked for', async () => {
      await deliver(record('1'), record('2'));
      await sweep([], 2);
      await store.beginSweep(source, sets);
      await store.see(source, [ref('1')]);
      expect(await absences('believed')).toEqual([]);
      expect(await absences('withheld')).toEqual(['2']);
    });

    it('tells the records of one entity apart by how their ids begin', async () => {
      await deliver(record('1'), record('STOCK-1'));
      const stock = { entity: 'job', startsWith: 'STOCK-' } as const;
      const others = { entity: 'job', startsNotWith: 'STOCK-' } as const;
      await store.beginSweep(source, [stock]);
      expect(await store.countUnseen(source, [stock])).toEqual({ live: 1, absent: 1 });
      await store.endSweep({ stream, source, sets: [stock], at: monday, pending: 1, withheld: 0 });
      expect(await absences('believed', stock)).toEqual(['STOCK-1']);
      expect(await absences('believed', others)).toEqual([]);
    });

    it('tells how the last sweep of each stream ended', async () => {
      await store.endSweep({ stream, source, sets, at: monday, pending: 3, withheld: 0 });
      await store.endSweep({ stream, source, sets, at: tuesday, pending: 0, withheld: 12 });
      await reopen();
      expect(await store.sweeps()).toEqual([{ stream, at: tuesday, pending: 0, withheld: 12 }]);
    });

    it('forgets what was deleted in the MES, with all that was set aside of it', async () => {
      await deliver(record('1'));
      await store.commit(page(epoch, { outcomes: [refused(record('2'))] }));
      await store.commit(page(epoch, { removed: [ref('1'), ref('2')] }));
      expect(await entry('1')).toBeUndefined();
      expect(await store.deadLetters({})).toEqual([]);
    });

    it('finds what the MES has lost, and forgets that it was delivered', async () => {
      const held = ['1', '2', '3'].map((id) => delivered(record(id), `id-${id}`));
      await store.commit(page(epoch, { outcomes: [...held, delivered(record('4'))], keepRecords: true }));
      await store.beginSweep(source, sets);
      await store.seeInMes(source, 'job', ['id-1', 'id-3']);
      expect(await store.countLost(source, 'job')).toEqual({ held: 3, lost: 1 });
      expect(await store.lost(source, 'job', 100)).toEqual(['2']);
      await store.forgetLost(source, [ref('2')]);
      expect(await entry('2')).toMatchObject({ hash: null, mesId: 'id-2' });
    });

    it('adds up what was late, and keeps the latest', async () => {
      await store.commit(page(epoch, { late: { rows: 3, seconds: 900 } }));
      await store.commit(page(epoch, { late: { rows: 1, seconds: 60 } }));
      await reopen();
      expect((await store.begin(stream)).lateness).toEqual({ rows: 4, seconds: 900 });
    });
  });
});
