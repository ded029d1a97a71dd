import { describe, expect, it } from 'vitest';
import { type Entity, type MesRecord, type RecordRef, unknownContent } from '../../src/core/types.ts';
import { change, delivered, page, parked, record, source, stream } from '../support/state-builders.ts';
import { stores, useStore } from './store-kinds.ts';

const ref = (entity: Entity, externalId: string): RecordRef => ({ entity, externalId });
const part = (externalId: string, rest: Partial<MesRecord> = {}) =>
  record(externalId, { entity: 'part', parents: { job: 'j' }, fields: { part_number: externalId }, ...rest });
const operation = (externalId: string, of: string) =>
  record(externalId, { entity: 'operation', parents: { part: of }, fields: { operation_name: externalId } });

describe.each(stores)('removals from the MES: $name', (kind) => {
  const state = useStore(kind);
  const entryOf = async ({ entity, externalId }: RecordRef) =>
    (await state.store.lookup(source, entity, [externalId])).get(externalId);

  async function deliver(...records: MesRecord[]): Promise<void> {
    const outcomes = records.map((each) => delivered(each, `id-${each.externalId}`));
    await state.store.commit(page(state.epoch, { outcomes, keepRecords: true }));
  }

  it('count as not there from their beginning, over a restart', async () => {
    await deliver(record('1'), record('2'));
    expect((await state.store.begin(stream)).removalsBegun).toBe(false);
    await state.store.beginRemoval(source, ref('job', '1'));
    await state.reopen();
    expect((await state.store.begin(stream)).removalsBegun).toBe(true);
    expect(await state.entry('1')).toMatchObject({ hash: null, mesId: 'id-1', lifecycle: 'active' });
    expect(await state.store.begunRemovals(source, [ref('job', '1'), ref('job', '2'), ref('part', '1')])).toEqual([
      { entity: 'job', externalId: '1', mesId: 'id-1' },
    ]);
    expect(await state.store.begunRemovals('other', [ref('job', '1')])).toEqual([]);
  });

  it('are to be told again as long as their end is not known', async () => {
    await deliver(part('1'));
    await state.store.beginRemoval(source, ref('part', '1'));
    expect(await state.store.heldOf(source, [ref('part', '1')])).toEqual([part('1')]);
    const children = { source, entity: 'part', parent: 'job', parentIds: ['j'] } as const;
    expect(await state.store.childrenOf(children)).toEqual([part('1')]);
    await state.store.beginSweep(source, [{ entity: 'part' }]);
    expect(await state.store.countUnseen(source, [{ entity: 'part' }])).toEqual({ live: 1, absent: 1 });
  });

  it('are missed until their end, though the record was cancelled without an answer', async () => {
    await deliver(part('1'));
    const doubtful = [change(part('1', { lifecycle: 'cancelled' }))];
    await state.store.commit(page(state.epoch, { doubtful, keepRecords: true }));
    await state.store.beginRemoval(source, ref('part', '1'));
    await state.store.beginSweep(source, [{ entity: 'part' }]);
    expect(await state.store.countUnseen(source, [{ entity: 'part' }])).toEqual({ live: 1, absent: 1 });
    expect(await state.store.heldOf(source, [ref('part', '1')])).toHaveLength(1);
  });

  it('take nothing below which something lives, below what is cancelled too', async () => {
    await deliver(record('j'), part('1', { lifecycle: 'cancelled' }), operation('1-1', '1'));
    await deliver(record('k'), part('2', { parents: { job: 'k' } }), operation('2-1', '2'));
    await deliver(record('l'), part('3', { parents: { job: 'l' }, lifecycle: 'cancelled' }), record('m'));
    expect((await state.store.withLiveBelow(source, 'job', ['j', 'k', 'l', 'm', 'n'])).sort()).toEqual(['j', 'k']);
    expect((await state.store.withLiveBelow(source, 'part', ['1', '2', '3'])).sort()).toEqual(['1', '2']);
    expect(await state.store.withLiveBelow('other', 'job', ['j'])).toEqual([]);
    expect(await state.store.withLiveBelow(source, 'cell', ['j'])).toEqual([]);
    await deliver(operation('1-1', '1'), { ...operation('2-1', '2'), lifecycle: 'cancelled' });
    expect(await state.store.withLiveBelow(source, 'part', ['1', '2'])).toEqual(['1']);
  });

  it('that are committed are forgotten, with what waits of the record', async () => {
    await deliver(record('1'));
    await state.store.beginRemoval(source, ref('job', '1'));
    await state.store.commit(page(state.epoch, { removed: [ref('job', '1')] }));
    expect(await state.entry('1')).toBeUndefined();
    expect((await state.store.begin(stream)).removalsBegun).toBe(false);
  });

  it('that end after the record has come back leave what waits and is set aside of it', async () => {
    await deliver(record('j'), part('1'));
    await state.store.beginRemoval(source, ref('part', '1'));
    const waiting = part('1', { parents: { job: 'new' } });
    await state.store.commit(page(state.epoch, { outcomes: [parked(waiting, ref('job', 'new'))] }));
    await state.store.endRemoval(source, ref('part', '1'), 'gone');
    expect(await entryOf(ref('part', '1'))).toBeUndefined();
    await deliver(record('new'));
    expect((await state.store.leftOver(stream, 10)).records).toEqual([waiting]);
  });

  it('that the MES does not carry out leave a record of unknown content, which is there', async () => {
    await deliver(record('1'));
    await state.store.beginRemoval(source, ref('job', '1'));
    await state.store.endRemoval(source, ref('job', '1'), 'there');
    expect(await state.entry('1')).toMatchObject({ hash: unknownContent, mesId: 'id-1' });
    expect(await state.store.begunRemovals(source, [ref('job', '1')])).toEqual([]);
  });

  it('may take along what hangs on the record, below what is cancelled too: it counts as lost', async () => {
    await deliver(record('j'), part('1'), part('2', { lifecycle: 'cancelled' }), operation('1-1', '1'));
    await deliver(operation('2-1', '2'), record('k'), part('3', { parents: { job: 'k' } }), operation('3-1', '3'));
    await state.store.commit(page(state.epoch, { removed: [ref('job', 'j')] }));
    for (const lost of [ref('part', '1'), ref('operation', '1-1'), ref('operation', '2-1')]) {
      expect(await entryOf(lost)).toMatchObject({ hash: null, mesId: `id-${lost.externalId}` });
    }
    for (const kept of [ref('part', '2'), ref('part', '3'), ref('operation', '3-1')]) {
      expect((await entryOf(kept))?.hash).toEqual(expect.any(String));
    }
    const children = { source, entity: 'part', parent: 'job', parentIds: ['j'] } as const;
    expect(await state.store.childrenOf(children)).toEqual([part('1')]);
  });

  it('what hangs on a row that is not its parent any more counts as lost, and is read whole', async () => {
    await deliver(record('j'), part('1'), operation('1-1', '1'), record('k'), part('2', { parents: { job: 'k' } }));
    const known = await entryOf(ref('part', '1'));
    const again = { ...delivered(part('1')), mesId: 'another' };
    const parentStreams = new Map([['operation' as const, ['sap/operations']]]);
    const outcomes = [{ ...again, change: { ...again.change, known } }];
    await state.store.commit(page(state.epoch, { outcomes, keepRecords: true, parentStreams }));
    expect(await entryOf(ref('part', '1'))).toMatchObject({ hash: expect.any(String), mesId: 'another' });
    expect(await entryOf(ref('operation', '1-1'))).toMatchObject({ hash: null });
    for (const kept of [ref('job', 'j'), ref('part', '2')]) {
      expect((await entryOf(kept))?.hash).toEqual(expect.any(String));
    }
    expect((await state.store.begin('sap/operations')).readDue).toBe(true);
  });

  it('leave what was cancelled as it is', async () => {
    await deliver(record('j'), part('1', { lifecycle: 'cancelled' }), operation('1-1', '1'));
    const cancelled = { lifecycle: 'cancelled' } as const;
    const outcomes = [delivered(part('2', cancelled))];
    const doubtful = [change({ ...operation('1-1', '1'), ...cancelled })];
    await state.store.commit(page(state.epoch, { outcomes, doubtful, keepRecords: true }));
    await state.store.commit(page(state.epoch, { removed: [ref('job', 'j')] }));
    expect((await entryOf(ref('part', '2')))?.hash).toEqual(expect.stringMatching(/./));
    expect(await entryOf(ref('operation', '1-1'))).toMatchObject({ hash: unknownContent, mesId: 'id-1-1' });
    await state.store.beginSweep(source, [{ entity: 'part' }]);
    expect(await state.store.countUnseen(source, [{ entity: 'part' }])).toEqual({ live: 0, absent: 0 });
  });

  it('leave in doubt what hangs on the record and has no id that it could be found by', async () => {
    await deliver(record('j'), part('1'));
    const outcomes = [delivered(operation('1-1', '1'))];
    await state.store.commit(page(state.epoch, { outcomes, keepRecords: true }));
    await state.store.commit(page(state.epoch, { removed: [ref('part', '1')] }));
    expect(await entryOf(ref('operation', '1-1'))).toMatchObject({ hash: unknownContent, mesId: null });
  });
});
