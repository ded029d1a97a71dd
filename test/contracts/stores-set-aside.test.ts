import { describe, expect, it } from 'vitest';
import type { PageCommit } from '../../src/state/store.ts';
import {
  change,
  delivered,
  page,
  parked,
  passEnd,
  record,
  refused,
  source,
  stream,
} from '../support/state-builders.ts';
import { stores, useStore } from './store-kinds.ts';

const monday = '2026-03-02T00:00:00.000Z';
const tuesday = '2026-03-03T00:00:00.000Z';

describe.each(stores)('what is set aside: $name', (kind) => {
  const state = useStore(kind);

  it('tells at the beginning of a pass whether anything of its stream waits or is set aside', async () => {
    const child = record('c', { entity: 'part', parents: { job: 'p' } });
    const badRow = { stage: 'map', key: 'r', reason: 'no quantity', payload: '{}' } as const;
    const steps: [Partial<PageCommit>, boolean][] = [
      [{ outcomes: [parked(child, { entity: 'job', externalId: 'p' })] }, true],
      [{ outcomes: [delivered(record('p'))] }, true],
      [{ outcomes: [delivered(child)] }, false],
      [{ outcomes: [refused(record('q'))] }, true],
      [{ outcomes: [delivered(record('q'))] }, false],
      [{ badRows: [badRow] }, true],
      [{ goodRowKeys: ['r'] }, false],
    ];
    expect((await state.store.begin(stream)).leftOver).toBe(false);
    for (const [rest, expected] of steps) {
      await state.store.commit(page(state.epoch, rest));
      expect((await state.store.begin(stream)).leftOver).toBe(expected);
      expect((await state.store.begin('plant/other')).leftOver).toBe(false);
    }
  });

  describe('refused records', () => {
    it('keeps a refused record whole, with the reason, and remembers its content as refused', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'), 'no such customer')] }));
      expect(await state.entry('1')).toMatchObject({ hash: null, refusedHash: change(record('1')).hash });
      const [letter] = await state.store.deadLetters({ stream });
      expect(letter).toMatchObject({ stage: 'push', key: 'job/1', reason: 'no such customer', count: 1, due: false });
      expect(JSON.parse(letter?.payload ?? '')).toEqual(record('1'));
    });

    it('keeps what was delivered before a refusal', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'), 'uuid-1')] }));
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1', { lifecycle: 'closed' }))] }));
      expect(await state.entry('1')).toMatchObject({
        hash: change(record('1')).hash,
        mesId: 'uuid-1',
        lifecycle: 'active',
      });
    });

    it('gives those asked for as they were sent last, of the source and entity asked for', async () => {
      const newer = record('1', { lifecycle: 'closed' });
      for (const each of [record('1'), newer, record('2'), record('3', { source: 'another' })]) {
        await state.store.commit(page(state.epoch, { outcomes: [refused(each)] }));
      }
      expect(await state.store.refused(source, 'job', ['1', '3', '4'])).toEqual(new Map([['1', newer]]));
      expect(await state.store.refused(source, 'part', ['1'])).toEqual(new Map());
    });

    it('counts a record that is refused again, in one letter', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'), 'first')] }));
      await state.clock.advance(1000);
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'), 'second')] }));
      const again = {
        reason: 'second',
        count: 2,
        firstAt: '2026-03-01T08:00:00.000Z',
        lastAt: '2026-03-01T08:00:01.000Z',
      };
      expect(await state.store.deadLetters({})).toMatchObject([again]);
    });

    it('settles the letter of a record that is delivered', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1')), refused(record('2'))] }));
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'))] }));
      expect(await state.store.deadLetters({})).toMatchObject([{ key: 'job/2' }]);
      expect((await state.entry('1'))?.refusedHash).toBeNull();
    });

    it('settles the letter of a record that is back at what the MES holds, and would send the refused content anew', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'))] }));
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1', { lifecycle: 'closed' }))] }));
      await state.store.commit(page(state.epoch, { unchanged: [{ entity: 'job', externalId: '1' }] }));
      expect(await state.store.deadLetters({})).toEqual([]);
      expect((await state.entry('1'))?.refusedHash).toBeNull();
    });

    it('hands out letters marked for another try until the record is delivered or refused once more', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1')), refused(record('2'))] }));
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
      expect(await state.store.retryDeadLetters({ stream })).toBe(2);
      expect((await state.entry('1'))?.refusedHash).toBeNull();
      expect((await state.store.leftOver(stream, 10)).records).toEqual([record('1'), record('2')]);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1')), refused(record('2'))] }));
      expect(await state.store.leftOver(stream, 10)).toEqual({ records: [], rows: [], letters: [] });
      expect(await state.store.deadLetters({})).toMatchObject([{ key: 'job/2', count: 2, due: false }]);
    });

    it('marks and drops letters by id', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1')), refused(record('2'))] }));
      const [first] = await state.store.deadLetters({});
      const chosen = first === undefined ? {} : { id: first.id };
      expect(await state.store.retryDeadLetters(chosen)).toBe(1);
      expect((await state.entry('2'))?.refusedHash).not.toBeNull();
      expect(await state.store.dropDeadLetters(chosen)).toBe(1);
      expect(await state.store.deadLetters({})).toMatchObject([{ key: 'job/2' }]);
      expect(await state.store.dropDeadLetters({ stream: 'plant/other' })).toBe(0);
    });

    const atMinute = (minutes: number) => new Date(Date.parse('2026-03-01T08:00:00Z') + minutes * 60_000).toISOString();

    it('are tried again by themselves after growing pauses, five times at most, then only by hand', async () => {
      let minutes = 0;
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'))] }));
      for (const pause of [5, 30, 120, 480, 1440]) {
        minutes += pause;
        expect(await state.store.deadLetters({})).toMatchObject([{ nextRetry: atMinute(minutes), due: false }]);
        await state.clock.advance(pause * 60_000 - 1);
        expect(await state.store.leftOver(stream, 10)).toEqual({ records: [], rows: [], letters: [] });
        await state.clock.advance(1);
        await state.reopen();
        const { records, letters } = await state.store.leftOver(stream, 10);
        expect(records).toEqual([record('1')]);
        await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'))], retriedLetters: letters }));
      }
      expect(await state.store.deadLetters({})).toMatchObject([{ count: 6, nextRetry: null }]);
      await state.clock.advance(30 * 86_400_000);
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
      await state.store.retryDeadLetters({});
      expect((await state.store.leftOver(stream, 10)).records).toEqual([record('1')]);
    });

    it('begin anew with other content, and lose no try to one that was asked for by hand', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'))] }));
      await state.clock.advance(5 * 60_000);
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'))] }));
      await state.store.retryDeadLetters({});
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'))] }));
      expect(await state.store.deadLetters({})).toMatchObject([{ count: 3, nextRetry: atMinute(35) }]);
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1', { lifecycle: 'closed' }))] }));
      const [letter] = await state.store.deadLetters({});
      expect(letter).toMatchObject({ count: 4, nextRetry: atMinute(10) });
      expect(JSON.parse(letter?.payload ?? '')).toMatchObject({ lifecycle: 'closed' });
    });

    it('leaves dropped content unsent until it changes', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(record('1'))] }));
      await state.store.dropDeadLetters({ stream });
      expect((await state.entry('1'))?.refusedHash).toBe(change(record('1')).hash);
    });
  });

  describe('bad rows', () => {
    const bad = { stage: 'parse', key: '7', reason: 'qty is no number', payload: '{"id":7,"qty":"x"}' } as const;

    it('keeps a row that the overlap merely reads again as it was', async () => {
      expect(await state.store.commit(page(state.epoch, { badRows: [bad] }))).toEqual([bad]);
      await state.clock.advance(60_000);
      expect(await state.store.commit(page(state.epoch, { badRows: [bad] }))).toEqual([]);
      const once = { key: 'row 7', stage: 'parse', count: 1, lastAt: '2026-03-01T08:00:00.000Z' };
      expect(await state.store.deadLetters({})).toMatchObject([once]);
    });

    it('counts a row that was tried again or failed differently', async () => {
      await state.store.commit(page(state.epoch, { badRows: [bad] }));
      await state.store.retryDeadLetters({ stream });
      expect((await state.store.leftOver(stream, 10)).rows).toEqual([{ id: 7, qty: 'x' }]);
      expect(await state.store.commit(page(state.epoch, { badRows: [bad] }))).toEqual([bad]);
      const other = { ...bad, stage: 'map', reason: 'no parent' } as const;
      expect(await state.store.commit(page(state.epoch, { badRows: [other] }))).toEqual([other]);
      expect(await state.store.deadLetters({})).toMatchObject([{ stage: 'map', count: 3, due: false }]);
    });

    it('tries a row again by itself, and settles it when it has become another row', async () => {
      await state.store.commit(page(state.epoch, { badRows: [bad] }));
      await state.clock.advance(5 * 60_000);
      const first = await state.store.leftOver(stream, 10);
      expect(first.rows).toEqual([{ id: 7, qty: 'x' }]);
      await state.store.commit(page(state.epoch, { badRows: [bad], retriedLetters: first.letters }));
      expect(await state.store.leftOver(stream, 10)).toEqual({ records: [], rows: [], letters: [] });
      expect(await state.store.deadLetters({})).toMatchObject([{ count: 2, nextRetry: '2026-03-01T08:35:00.000Z' }]);
      await state.clock.advance(30 * 60_000);
      const second = await state.store.leftOver(stream, 10);
      await state.store.commit(page(state.epoch, { goodRowKeys: ['8'], retriedLetters: second.letters }));
      expect(await state.store.deadLetters({})).toEqual([]);
    });

    it('settles a row that could be read in the end', async () => {
      await state.store.commit(page(state.epoch, { badRows: [bad, { ...bad, key: '8' }] }));
      await state.store.commit(page(state.epoch, { goodRowKeys: ['7', '9'] }));
      expect(await state.store.deadLetters({})).toMatchObject([{ key: 'row 8' }]);
      expect(await state.store.commit(page(state.epoch, { badRows: [bad] }))).toEqual([bad]);
    });
  });

  describe('parked records', () => {
    const child = record('c', { entity: 'part', parents: { job: 'p' } });
    const parent = { entity: 'job', externalId: 'p' } as const;

    it('holds a record until every parent that it names is delivered', async () => {
      const two = { ...child, parents: { job: 'p', cell: 'q' } };
      await state.store.commit(page(state.epoch, { outcomes: [parked(two, parent)] }));
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('p'))] }));
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('q', { entity: 'cell' }))] }));
      await state.reopen();
      expect((await state.store.leftOver(stream, 10)).records).toEqual([two]);
    });

    it('goes on holding it while the parent is refused', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent), refused(record('p'))] }));
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
    });

    it('hands out the longest waiting first, no more than asked for, and of this stream only', async () => {
      for (const id of ['z', 'm', 'a']) {
        await state.store.commit(page(state.epoch, { outcomes: [parked({ ...child, externalId: id }, parent)] }));
        await state.clock.advance(1000);
      }
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('p'))] }));
      expect((await state.store.leftOver(stream, 2)).records.map((one) => one.externalId)).toEqual(['z', 'm']);
      expect((await state.store.leftOver('plant/other', 2)).records).toEqual([]);
    });

    it('releases what is delivered, refused, or back at what the MES holds', async () => {
      const three = ['1', '2', '3'].map((externalId) => ({ ...child, externalId }));
      await state.store.commit(page(state.epoch, { outcomes: three.map((one) => parked(one, parent)) }));
      const [first, second] = [record('1', { entity: 'part' }), record('2', { entity: 'part' })];
      const unchanged = [{ entity: 'part', externalId: '3' }] as const;
      await state.store.commit(page(state.epoch, { outcomes: [delivered(first), refused(second)], unchanged }));
      expect(await state.store.status()).toMatchObject([{ parked: 0, parkedSince: null, deadLetters: 1 }]);
    });

    it('is either parked or a dead letter, never both', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [refused(child)] }));
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)] }));
      expect(await state.store.status()).toMatchObject([{ parked: 1, deadLetters: 0 }]);
      expect((await state.store.lookup(source, 'part', ['c'])).get('c')?.refusedHash).toBeNull();
    });

    it('asks for a parent again that the MES has lost: it counts as not delivered, its streams are to be read whole', async () => {
      const parentStreams = new Map([['job', [stream]]] as const);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('p'), 'uuid-p')] }));
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)], parentStreams }));
      expect(await state.entry('p')).toMatchObject({ hash: null, mesId: 'uuid-p' });
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
      await state.reopen();
      expect((await state.store.begin(stream)).readDue).toBe(true);
      expect((await state.store.begin('plant/other')).readDue).toBe(false);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('p'))] }));
      expect((await state.store.leftOver(stream, 10)).records).toEqual([child]);
      await state.store.finish(passEnd(state.epoch, monday));
      expect((await state.store.begin(stream)).readDue).toBe(true);
      await state.store.finish(passEnd(state.epoch, tuesday, { fullReadAt: tuesday }));
      expect((await state.store.begin(stream)).readDue).toBe(false);
    });

    it('asks for no parent again that has not been delivered', async () => {
      const parentStreams = new Map([['job', [stream]]] as const);
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)], parentStreams }));
      expect((await state.store.begin(stream)).readDue).toBe(false);
    });

    it('reads once more where a parent was lost during the whole read', async () => {
      const parentStreams = new Map([['job', [stream]]] as const);
      const lose = async () => {
        await state.store.commit(page(state.epoch, { outcomes: [delivered(record('p'))] }));
        await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)], parentStreams }));
      };
      await lose();
      await state.store.begin(stream);
      await lose();
      await state.store.finish(passEnd(state.epoch, monday, { fullReadAt: monday }));
      expect((await state.store.begin(stream)).readDue).toBe(true);
    });

    it('asks ever less often, at last every six hours, when the MES goes on missing a parent that it was given', async () => {
      const give = () => state.store.commit(page(state.epoch, { outcomes: [delivered(record('p'))] }));
      await give();
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)] }));
      for (const minutes of [4, 8, 16, 32, 64, 128, 256, 360, 360]) {
        await give();
        await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)] }));
        await give();
        await state.clock.advance(minutes * 60_000 - 1);
        expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
        await state.clock.advance(1);
        expect((await state.store.leftOver(stream, 10)).records).toEqual([child]);
      }
    });

    it('hands out what waits for the MES itself as soon as the MES takes its kind again, and nothing else', async () => {
      const self = { entity: 'job', externalId: 'p' } as const;
      const other = { entity: 'part', externalId: 'c' } as const;
      const outcomes = [parked(record('p'), self), parked(record('c', { entity: 'part' }), other)];
      for (let tries = 0; tries < 9; tries += 1) await state.store.commit(page(state.epoch, { outcomes }));
      await state.store.retryWaitingForMes(['cell']);
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
      await state.store.retryWaitingForMes(['job', 'cell']);
      await state.reopen();
      expect((await state.store.leftOver(stream, 10)).records).toEqual([record('p')]);
      await state.store.commit(page(state.epoch, { outcomes: [parked(record('p'), self)] }));
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
      await state.clock.advance(120_000);
      expect((await state.store.leftOver(stream, 10)).records).toEqual([record('p')]);
    });

    it('leaves a child waiting for its parent when the MES takes its kind again', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)] }));
      await state.store.retryWaitingForMes(['job', 'part']);
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
    });

    it('never hands a record out again at once, whatever the MES says that it misses', async () => {
      const orphan = record('c', { entity: 'part' });
      await state.store.commit(page(state.epoch, { outcomes: [parked(orphan, parent)] }));
      expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
    });

    it('reports since when the oldest has been waiting, however often it was tried', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)] }));
      await state.clock.advance(60_000);
      await state.store.commit(page(state.epoch, { outcomes: [parked(child, parent)] }));
      expect(await state.store.status()).toMatchObject([{ parked: 1, parkedSince: '2026-03-01T08:00:00.000Z' }]);
    });
  });
});
