import { describe, expect, it } from 'vitest';
import { type MesRecord, toSendAgain, unknownContent } from '../../src/core/types.ts';
import type { SendNote } from '../../src/state/store.ts';
import {
  change,
  delivered,
  page,
  parked,
  passEnd,
  record,
  refused,
  resumeAt,
  source,
  stream,
} from '../support/state-builders.ts';
import { stores, useStore } from './store-kinds.ts';

describe.each(stores)('what the MES may hold though no answer says so: $name', (kind) => {
  const state = useStore(kind);
  const part = (externalId: string, rest: Partial<MesRecord> = {}) =>
    record(externalId, {
      entity: 'part',
      parents: { job: 'j' },
      fields: { part_number: `P-${externalId}`, material: 'Steel', quantity: 3 },
      ...rest,
    });
  const entryOf = async (entity: MesRecord['entity'], id: string) =>
    (await state.store.lookup(source, entity, [id])).get(id);

  async function doubt(records: readonly MesRecord[], keepRecords = true): Promise<void> {
    await state.store.commit(page(state.epoch, { doubtful: records.map((each) => change(each)), keepRecords }));
  }

  async function note(records: readonly MesRecord[], rest: Partial<SendNote> = {}): Promise<void> {
    const changes = records.map((each) => change(each));
    await state.store.noteSending({ stream, source, changes, keepRecords: true, before: null, ...rest });
  }

  /** What a source that lists nothing any more has lost, once two sweeps agree. */
  async function absent(entity: MesRecord['entity']): Promise<MesRecord[]> {
    const sets = [{ entity }];
    for (let sweep = 0; sweep < 2; sweep += 1) {
      await state.store.beginSweep(source, sets);
      if (sweep === 1) break;
      await state.store.endSweep({ stream, source, sets, waiting: [], at: '2026-03-02', pending: 0, withheld: 0 });
    }
    return state.store.absent({ source, set: { entity }, after: '', limit: 10, noted: 'believed' });
  }

  describe('when a commit says so', () => {
    it('is known with unknown content, over a restart', async () => {
      await doubt([record('1')]);
      await state.reopen();
      expect(await state.entry('1')).toEqual({
        hash: unknownContent,
        mesId: null,
        businessKey: '1',
        lifecycle: 'active',
        refusedHash: null,
        stamp: null,
      });
    });

    it('counts as held where it has gone from its source, and is told whole', async () => {
      await doubt([part('1'), part('2', { lifecycle: 'closed' })]);
      const ref = (externalId: string) => ({ entity: 'part' as const, externalId });
      expect(await state.store.heldOf(source, [ref('1'), ref('2'), ref('9')])).toEqual([
        part('1'),
        part('2', { lifecycle: 'closed' }),
      ]);
      expect(await state.store.childrenOf({ source, entity: 'part', parent: 'job', parentIds: ['j'] })).toHaveLength(2);
      expect(await absent('part')).toEqual([part('1')]);
    });

    it('lets no child go that waits for it, and none count as lost', async () => {
      await doubt([record('j')], false);
      const wait = page(state.epoch, { outcomes: [parked(part('1'), { entity: 'job', externalId: 'j' })] });
      await state.store.commit({ ...wait, parentStreams: new Map([['job', [stream]]]) });
      expect((await state.store.begin(stream)).readDue).toBe(false);
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('j'), 'uuid')] }));
      expect((await state.store.leftOver(stream, 10)).records).toEqual([part('1')]);
    });

    it('is given the id of no row of the MES, and lacks none', async () => {
      await doubt([record('1')], false);
      const listed = [{ mesId: 'uuid', businessKey: '1', externalId: null }];
      expect(await state.store.adoptMesIds(source, 'job', listed)).toBe(0);
      expect(await state.store.countWithoutMesId(source, 'job')).toBe(0);
    });

    it('keeps its id and all that was delivered of it, and its children go', async () => {
      const child = record('x', { entity: 'operation', parents: { part: '1' } });
      const waiting = parked(child, { entity: 'part', externalId: '1' });
      await state.store.commit(page(state.epoch, { outcomes: [waiting] }));
      await state.store.commit(page(state.epoch, { outcomes: [delivered(part('1'), 'uuid')], keepRecords: true }));
      await doubt([part('1', { fields: { part_number: 'other' }, lifecycle: 'cancelled' })]);
      expect(await entryOf('part', '1')).toMatchObject({
        hash: unknownContent,
        mesId: 'uuid',
        businessKey: 'P-1',
        lifecycle: 'cancelled',
      });
      expect(await state.store.heldOf(source, [{ entity: 'part', externalId: '1' }])).toEqual([part('1')]);
      expect(await absent('part')).toEqual([part('1')]);
      expect((await state.store.leftOver(stream, 10)).records).toEqual([child]);
    });

    it('may be refused by a later try, and is still doubtful', async () => {
      const of = part('1');
      await state.store.commit(
        page(state.epoch, { outcomes: [refused(of)], doubtful: [change(of)], keepRecords: true }),
      );
      expect(await entryOf('part', '1')).toMatchObject({ hash: unknownContent, refusedHash: change(of).hash });
      // Its dead letter names it; told again by each sweep it would hold the guard shut.
      expect(await absent('part')).toEqual([]);
      expect(await state.store.countUnseen(source, [{ entity: 'part' }])).toEqual({ live: 0, absent: 0 });
    });

    it('is active again where it may be so, but for what the MES has to be told was on hold', async () => {
      const cell = (lifecycle: MesRecord['lifecycle']) =>
        record('c', { entity: 'cell', fields: { name: 'C' }, lifecycle });
      const before = [
        cell('cancelled'),
        part('closed', { lifecycle: 'closed' }),
        part('held', { lifecycle: 'cancelled' }),
      ];
      await state.store.commit(
        page(state.epoch, { outcomes: before.map((each) => delivered(each, 'uuid')), keepRecords: true }),
      );
      await doubt(before.map((each) => ({ ...each, lifecycle: 'active' as const })));
      expect((await entryOf('cell', 'c'))?.lifecycle).toBe('active');
      expect((await entryOf('part', 'closed'))?.lifecycle).toBe('active');
      expect((await entryOf('part', 'held'))?.lifecycle).toBe('cancelled');
    });

    it('stays in doubt where only the form from before it was gone waits no longer', async () => {
      await doubt([part('1'), record('j')]);
      const waiting = parked(part('1'), { entity: 'job', externalId: 'j' });
      await state.store.commit(page(state.epoch, { outcomes: [waiting], keepRecords: true }));
      const sets = [{ entity: 'part' as const }];
      for (let sweep = 0; sweep < 2; sweep += 1) {
        await state.store.beginSweep(source, sets);
        expect(await state.store.dropWaitingUnseen({ source, sets, noted: 'believed' })).toBe(sweep);
        await state.store.endSweep({ stream, source, sets, waiting: sets, at: '2026-03-02', pending: 1, withheld: 0 });
      }
      expect((await entryOf('part', '1'))?.hash).toBe(unknownContent);
    });

    it('goes on waiting for a parent that may be there itself', async () => {
      const gone = part('1', { lifecycle: 'cancelled', onlyIfKnown: true });
      await doubt([part('1'), record('j')]);
      const waiting = parked(gone, { entity: 'job', externalId: 'j' });
      await state.store.commit(page(state.epoch, { outcomes: [waiting], keepRecords: true }));
      const sets = [{ entity: 'part' as const }];
      await state.store.beginSweep(source, sets);
      expect(await state.store.countWaitingUnseen(source, sets)).toBe(0);
    });

    it('waits no longer for a parent that the MES has not, once two sweeps have missed it', async () => {
      const gone = part('1', { lifecycle: 'cancelled', onlyIfKnown: true });
      await doubt([part('1')]);
      const waiting = parked(gone, { entity: 'job', externalId: 'j' });
      await state.store.commit(page(state.epoch, { outcomes: [waiting], keepRecords: true }));
      const sets = [{ entity: 'part' as const }];
      for (let sweep = 0; sweep < 2; sweep += 1) {
        await state.store.beginSweep(source, sets);
        expect(await state.store.countWaitingUnseen(source, sets)).toBe(1);
        expect(await state.store.dropWaitingUnseen({ source, sets, noted: 'believed' })).toBe(sweep);
        if (sweep === 1) break;
        await state.store.endSweep({ stream, source, sets, waiting: sets, at: '2026-03-02', pending: 1, withheld: 0 });
      }
      expect(await entryOf('part', '1')).toBeUndefined();
    });

    it('is settled by its delivery', async () => {
      await doubt([part('1')]);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(part('1'), 'uuid')], keepRecords: true }));
      expect(await entryOf('part', '1')).toMatchObject({ hash: change(part('1')).hash, mesId: 'uuid' });
    });
  });

  it('stays doubtful where everything is to be sent again and no id is known', async () => {
    await state.store.commit(
      page(state.epoch, { outcomes: [delivered(record('1')), delivered(record('2'), 'uuid'), refused(record('3'))] }),
    );
    await doubt([record('4')], false);
    await state.store.commit(page(state.epoch, { outcomes: [delivered(record('5'), 'uuid-5')] }));
    await doubt([record('5', { lifecycle: 'cancelled' })], false);
    await state.store.setWatermark({ stream, watermark: null, forget: { source, entities: ['job'] } });
    const hashes = await Promise.all(['1', '2', '3', '4', '5'].map(async (id) => (await state.entry(id))?.hash));
    expect(hashes).toEqual([unknownContent, toSendAgain, null, unknownContent, unknownContent]);
  });

  describe('when the program ends before a commit tells', () => {
    it('is what was noted, as far as it was noted', async () => {
      const operation = record('o', {
        entity: 'operation',
        parents: { part: 'p', cell: 'c' },
        fields: { operation_name: 'Cut', sequence: 10 },
        lifecycle: 'closed',
      });
      await note([part('1'), record('1')]);
      await note([operation]);
      await state.reopen();
      expect((await entryOf('part', '1'))?.hash).toBe(unknownContent);
      expect((await state.entry('1'))?.hash).toBe(unknownContent);
      const held = await state.store.heldOf(source, [
        { entity: 'part', externalId: '1' },
        { entity: 'operation', externalId: 'o' },
      ]);
      expect(held).toEqual([
        part('1', { fields: { part_number: 'P-1' } }),
        { ...operation, fields: { operation_name: 'Cut' } },
      ]);
    });

    it('is nothing that a commit has told of', async () => {
      await note([record('1'), record('2')]);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'), 'uuid')] }));
      await state.reopen();
      expect([await state.entry('1'), await state.entry('2')]).toMatchObject([{ mesId: 'uuid' }, undefined]);
      expect(await state.entry('2')).toBeUndefined();
    });

    it('is all that was noted since the last commit, however much was noted before', async () => {
      const many = (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => record(String(from + index)));
      for (const [from, count] of [
        [1000, 900],
        [2000, 1],
      ] as const) {
        await note(many(from, count));
        await state.store.commit(page(state.epoch));
      }
      await note(many(3000, 2));
      await note(many(4000, 900));
      await note([record('5000', { lifecycle: 'closed' }), record('5001')]);
      await state.reopen();
      const doubtful = (
        await Promise.all([1000, 2000, 3000, 3001, 4000, 4899, 5000, 5001].map((id) => state.entry(String(id))))
      ).map((entry) => entry?.lifecycle);
      expect(doubtful).toEqual([undefined, undefined, 'active', 'active', 'active', 'active', 'closed', 'active']);
    });

    it('is nothing that a commit of another stream has told of', async () => {
      await note([record('1')]);
      await state.store.commit(page(state.epoch, { stream: 'plant/others', outcomes: [delivered(record('2'))] }));
      await state.reopen();
      expect((await state.entry('1'))?.hash).toBe(unknownContent);
    });

    it('leaves what was delivered before, but for its content', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [delivered(part('1'), 'uuid')], keepRecords: true }));
      await note([part('1', { fields: { part_number: 'other' } })]);
      await state.reopen();
      expect(await entryOf('part', '1')).toMatchObject({ hash: unknownContent, mesId: 'uuid' });
      expect(await absent('part')).toEqual([part('1')]);
    });
  });

  it('is what was noted, too, when the next pass of its stream begins and no commit has told of it', async () => {
    await note([record('1')]);
    await state.store.begin('plant/others');
    expect(await state.entry('1')).toBeUndefined();
    await state.store.begin(stream);
    expect((await state.entry('1'))?.hash).toBe(unknownContent);
    await note([record('2')]);
    await state.store.commit(page(state.epoch, { outcomes: [delivered(record('2'), 'uuid')] }));
    await state.store.begin(stream);
    expect([await state.entry('1'), await state.entry('2')]).toMatchObject([
      { hash: unknownContent },
      { mesId: 'uuid' },
    ]);
  });

  it('lets the pass go on where it was begun, with the marks from before, until a commit says where', async () => {
    const due = (parent: string) => page(state.epoch, { childrenDue: { stream, parents: [parent] } });
    await note([record('1')], { before: resumeAt('its beginning') });
    await state.store.commit(due('marked later'));
    await state.reopen();
    expect((await state.store.begin(stream)).resume).toEqual(resumeAt('its beginning'));
    await note([record('2')]);
    await state.store.finish(passEnd(state.epoch, '2026-03-02T00:00:00.000Z', { childrenSettled: true }));
    expect(await state.store.dueChildren(stream, 10)).toEqual(['marked later']);
    expect((await state.store.begin(stream)).resume).toBeNull();
  });

  it('takes any id and any name', async () => {
    const ids = ["o'hare", 'tab\tnul\u0000', 'Größe-😀', '', '__proto__'];
    await note(ids.map((id) => part(id, { fields: { part_number: id } })));
    await state.reopen();
    for (const id of ids) expect(await entryOf('part', id)).toMatchObject({ hash: unknownContent, businessKey: id });
  });
});
