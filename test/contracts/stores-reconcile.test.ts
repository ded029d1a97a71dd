import { describe, expect, it } from 'vitest';
import type { MesRecord, RecordSet } from '../../src/core/types.ts';
import { delivered, page, parked, record, refused, source, stream } from '../support/state-builders.ts';
import { stores, useStore } from './store-kinds.ts';

const monday = '2026-03-02T00:00:00.000Z';
const tuesday = '2026-03-03T00:00:00.000Z';

describe.each(stores)('store: $name', (kind) => {
  const state = useStore(kind);

  describe('reconciling', () => {
    const jobs = { entity: 'job' } as const;
    const sets = [jobs];
    const ref = (externalId: string) => ({ entity: 'job', externalId }) as const;

    async function deliver(...records: MesRecord[]): Promise<void> {
      await state.store.commit(
        page(state.epoch, { outcomes: records.map((each) => delivered(each)), keepRecords: true }),
      );
    }

    /** A complete sweep that lists these; resolves to what it believes absent before it notes anything. */
    async function sweep(listed: readonly string[], withheld = 0): Promise<string[]> {
      await state.store.beginSweep(source, sets);
      await state.store.see(source, listed.map(ref));
      const absent = await absences('believed');
      await state.clock.advance(60_000);
      const at = state.clock.now().toISOString();
      await state.store.endSweep({ stream, source, sets, waiting: [], at, pending: 0, withheld });
      return absent;
    }

    async function absences(noted: 'believed' | 'withheld', set: RecordSet = jobs): Promise<string[]> {
      const query = { source, set, after: '', limit: 100, noted };
      return (await state.store.absent(query)).map(({ externalId }) => externalId);
    }

    it('counts what a source does not list of what is active in the MES', async () => {
      await deliver(
        record('1'),
        record('2'),
        record('3', { lifecycle: 'closed' }),
        record('4', { lifecycle: 'cancelled' }),
      );
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('5'))] }));
      await state.store.beginSweep(source, sets);
      await state.store.see(source, [ref('1'), ref('9')]);
      expect(await state.store.countUnseen(source, sets)).toEqual({ live: 2, absent: 1 });
    });

    it('marks the parents of what a source does not list, but closed ones', async () => {
      const part = (id: string, rest = {}) => record(id, { entity: 'part', ...rest });
      const child = (id: string, of: string) => record(id, { entity: 'operation', parents: { part: of } });
      await deliver(part('1'), part('2', { lifecycle: 'closed' }), part('3', { lifecycle: 'cancelled' }));
      await deliver(child('1-1', '1'), child('1-2', '1'), child('2-1', '2'), child('3-1', '3'), child('4-1', '4'));
      const set = { entity: 'operation' } as const;
      await state.store.beginSweep(source, [set]);
      await state.store.see(source, [{ entity: 'operation', externalId: '1-2' }]);
      await state.store.markUnseen({ stream, source, sets: [set], parent: 'part' });
      expect((await state.store.dueChildren(stream, 9)).sort()).toEqual(['1', '3', '4']);
    });

    it('gives what the MES holds and is not cancelled of what it is asked for, as it was last delivered', async () => {
      const part = record('1', { entity: 'part', parents: { job: '7' }, fields: { part_number: 'P1', quantity: 3 } });
      await deliver(part, record('2', { entity: 'part', lifecycle: 'cancelled' }), record('3', { entity: 'part' }));
      await deliver(record('9', { entity: 'part', lifecycle: 'closed' }));
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1')), refused(record('5'))] }));
      const refs = ['1', '2', '5', '9'].flatMap((externalId) => [
        { entity: 'part' as const, externalId },
        { entity: 'job' as const, externalId },
      ]);
      const held = await state.store.heldOf(source, refs);
      expect(held.map(({ entity, externalId }) => `${entity}/${externalId}`)).toEqual(['part/1', 'part/9', 'job/1']);
      expect(held[0]).toEqual(part);
      expect(await state.store.heldOf(source, [])).toEqual([]);
    });

    it('lets go what waits for a parent and two sweeps have not listed, but not what is to be told of a record that is gone', async () => {
      await deliver(record('3'));
      const waiting = [record('1'), record('2'), record('3', { lifecycle: 'cancelled', onlyIfKnown: true })];
      await state.store.commit(
        page(state.epoch, { outcomes: waiting.map((each) => parked(each, { entity: 'part', externalId: 'P' })) }),
      );
      const drop = () => state.store.dropWaitingUnseen({ source, sets, noted: 'believed' });
      for (const dropped of [0, 1]) {
        await state.store.beginSweep(source, sets);
        await state.store.see(source, [ref('2')]);
        expect(await state.store.countWaitingUnseen(source, sets)).toBe(1);
        expect(await drop()).toBe(dropped);
        await state.store.endSweep({ stream, source, sets, waiting: sets, at: monday, pending: 1, withheld: 0 });
      }
      expect((await state.store.status()).map((each) => each.parked)).toEqual([2]);
    });

    it('believes an absence that an earlier sweep noted, over a restart too', async () => {
      await deliver(record('1'), record('2'), record('3'));
      expect(await sweep(['1'])).toEqual([]);
      await state.reopen();
      expect(await sweep(['1', '3'])).toEqual(['2']);
    });

    it('gives what is absent as it was last delivered', async () => {
      const part = record('7', { entity: 'part', fields: { part_number: 'P7', quantity: 3 } });
      await deliver(part);
      const set = { entity: 'part' } as const;
      for (const at of [monday, tuesday]) {
        await state.store.beginSweep(source, [set]);
        await state.store.endSweep({ stream, source, sets: [set], waiting: [], at, pending: 1, withheld: 0 });
      }
      const query = { source, set, after: '', limit: 100, noted: 'believed' } as const;
      expect(await state.store.absent(query)).toEqual([part]);
      expect(await state.store.absent({ ...query, after: '7' })).toEqual([]);
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
      await state.store.beginSweep(source, sets);
      await state.store.see(source, [ref('2')]);
      await state.store.abandonSweep(source, sets);
      expect(await sweep(['1'])).toEqual([]);
    });

    it('keeps absences through a sweep that breaks off without having seen the record', async () => {
      await deliver(record('1'), record('2'));
      await sweep(['1']);
      await state.store.beginSweep(source, sets);
      await state.store.abandonSweep(source, sets);
      expect(await sweep(['1'])).toEqual(['2']);
    });

    it('believes what was withheld only when it is asked for', async () => {
      await deliver(record('1'), record('2'));
      await sweep([], 2);
      await state.store.beginSweep(source, sets);
      await state.store.see(source, [ref('1')]);
      expect(await absences('believed')).toEqual([]);
      expect(await absences('withheld')).toEqual(['2']);
    });

    it('tells the records of one entity apart by how their ids begin', async () => {
      await deliver(record('1'), record('STOCK-1'));
      const stock = { entity: 'job', startsWith: 'STOCK-' } as const;
      const others = { entity: 'job', startsNotWith: 'STOCK-' } as const;
      await state.store.beginSweep(source, [stock]);
      expect(await state.store.countUnseen(source, [stock])).toEqual({ live: 1, absent: 1 });
      await state.store.endSweep({ stream, source, sets: [stock], waiting: [], at: monday, pending: 1, withheld: 0 });
      expect(await absences('believed', stock)).toEqual(['STOCK-1']);
      expect(await absences('believed', others)).toEqual([]);
    });

    it('tells how the last sweep of each stream ended', async () => {
      await state.store.endSweep({ stream, source, sets, waiting: [], at: monday, pending: 3, withheld: 0 });
      await state.store.endSweep({ stream, source, sets, waiting: [], at: tuesday, pending: 0, withheld: 12 });
      await state.reopen();
      expect(await state.store.sweeps()).toEqual([{ stream, at: tuesday, pending: 0, withheld: 12 }]);
    });

    it('forgets what was deleted in the MES, with all that was set aside of it', async () => {
      await deliver(record('1'));
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('2'))] }));
      await state.store.commit(page(state.epoch, { removed: [ref('1'), ref('2')] }));
      expect(await state.entry('1')).toBeUndefined();
      expect(await state.store.deadLetters({})).toEqual([]);
    });

    it('finds what the MES has lost, and forgets that it was delivered', async () => {
      const held = ['1', '2', '3'].map((id) => delivered(record(id), `id-${id}`));
      await state.store.commit(page(state.epoch, { outcomes: [...held, delivered(record('4'))], keepRecords: true }));
      await state.store.beginSweep(source, sets);
      await state.store.seeInMes(source, 'job', ['id-1', 'id-3']);
      expect(await state.store.countLost(source, 'job')).toEqual({ held: 3, lost: 1 });
      expect(await state.store.lost(source, 'job', 100)).toEqual(['2']);
      await state.store.forgetLost(source, [ref('2')]);
      expect(await state.entry('2')).toMatchObject({ hash: null, mesId: 'id-2' });
    });

    it('adds up what was late, and keeps the latest', async () => {
      await state.store.commit(page(state.epoch, { late: { rows: 3, seconds: 900 } }));
      await state.store.commit(page(state.epoch, { late: { rows: 1, seconds: 60 } }));
      await state.reopen();
      expect((await state.store.begin(stream)).lateness).toEqual({ rows: 4, seconds: 900 });
    });
  });
});
