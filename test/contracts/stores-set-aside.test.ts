import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/state/store.ts';
import { change, delivered, page, parked, passEnd, record, refused, source, stream } from '../state/builders.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { stores } from './store-kinds.ts';

const monday = '2026-03-02T00:00:00.000Z';
const tuesday = '2026-03-03T00:00:00.000Z';

describe.each(stores)('what is set aside: $name', ({ open }) => {
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

  describe('refused records', () => {
    it('keeps a refused record whole, with the reason, and remembers its content as refused', async () => {
      await store.commit(page(epoch, { outcomes: [refused(record('1'), 'no such customer')] }));
      expect(await entry('1')).toMatchObject({ hash: null, refusedHash: change(record('1')).hash });
      const [letter] = await store.deadLetters({ stream });
      expect(letter).toMatchObject({ stage: 'push', key: 'job/1', reason: 'no such customer', count: 1, due: false });
      expect(JSON.parse(letter?.payload ?? '')).toEqual(record('1'));
    });

    it('keeps what was delivered before a refusal', async () => {
      await store.commit(page(epoch, { outcomes: [delivered(record('1'), 'uuid-1')] }));
      await store.commit(page(epoch, { outcomes: [refused(record('1', { lifecycle: 'closed' }))] }));
      expect(await entry('1')).toMatchObject({ hash: change(record('1')).hash, mesId: 'uuid-1', lifecycle: 'active' });
    });

    it('counts a record that is refused again, in one letter', async () => {
      await store.commit(page(epoch, { outcomes: [refused(record('1'), 'first')] }));
      await clock.advance(1000);
      await store.commit(page(epoch, { outcomes: [refused(record('1'), 'second')] }));
      const again = {
        reason: 'second',
        count: 2,
        firstAt: '2026-03-01T08:00:00.000Z',
        lastAt: '2026-03-01T08:00:01.000Z',
      };
      expect(await store.deadLetters({})).toMatchObject([again]);
    });

    it('settles the letter of a record that is delivered', async () => {
      await store.commit(page(epoch, { outcomes: [refused(record('1')), refused(record('2'))] }));
      await store.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
      expect(await store.deadLetters({})).toMatchObject([{ key: 'job/2' }]);
      expect((await entry('1'))?.refusedHash).toBeNull();
    });

    it('settles the letter of a record that is back at what the MES holds, and would send the refused content anew', async () => {
      await store.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
      await store.commit(page(epoch, { outcomes: [refused(record('1', { lifecycle: 'closed' }))] }));
      await store.commit(page(epoch, { unchanged: [{ entity: 'job', externalId: '1' }] }));
      expect(await store.deadLetters({})).toEqual([]);
      expect((await entry('1'))?.refusedHash).toBeNull();
    });

    it('hands out letters marked for another try until the record is delivered or refused once more', async () => {
      await store.commit(page(epoch, { outcomes: [refused(record('1')), refused(record('2'))] }));
      expect((await store.held(stream, 10)).records).toEqual([]);
      expect(await store.retryDeadLetters({ stream })).toBe(2);
      expect((await entry('1'))?.refusedHash).toBeNull();
      expect((await store.held(stream, 10)).records).toEqual([record('1'), record('2')]);
      await store.commit(page(epoch, { outcomes: [delivered(record('1')), refused(record('2'))] }));
      expect(await store.held(stream, 10)).toEqual({ records: [], rows: [], letters: [] });
      expect(await store.deadLetters({})).toMatchObject([{ key: 'job/2', count: 2, due: false }]);
    });

    it('marks and drops letters by id', async () => {
      await store.commit(page(epoch, { outcomes: [refused(record('1')), refused(record('2'))] }));
      const [first] = await store.deadLetters({});
      const chosen = first === undefined ? {} : { id: first.id };
      expect(await store.retryDeadLetters(chosen)).toBe(1);
      expect((await entry('2'))?.refusedHash).not.toBeNull();
      expect(await store.dropDeadLetters(chosen)).toBe(1);
      expect(await store.deadLetters({})).toMatchObject([{ key: 'job/2' }]);
      expect(await store.dropDeadLetters({ stream: 'plant/other' })).toBe(0);
    });

    const atMinute = (minutes: number) => new Date(Date.parse('2026-03-01T08:00:00Z') + minutes * 60_000).toISOString();

    it('are tried again by themselves after growing pauses, five times at most, then only by hand', async () => {
      let minutes = 0;
      await store.commit(page(epoch, { outcomes: [refused(record('1'))] }));
      for (const pause of [5, 30, 120, 480, 1440]) {
        minutes += pause;
        expect(await store.deadLetters({})).toMatchObject([{ nextRetry: atMinute(minutes), due: false }]);
        await clock.advance(pause * 60_000 - 1);
        expect(await store.held(stream, 10)).toEqual({ records: [], rows: [], letters: [] });
        await clock.advance(1);
        await reopen();
        const { records, letters } = await store.held(stream, 10);
        expect(records).toEqual([record('1')]);
        await store.commit(page(epoch, { outcomes: [refused(record('1'))], retriedLetters: letters }));
      }
      expect(await store.deadLetters({})).toMatchObject([{ count: 6, nextRetry: null }]);
      await clock.advance(30 * 86_400_000);
      expect((await store.held(stream, 10)).records).toEqual([]);
      await store.retryDeadLetters({});
      expect((await store.held(stream, 10)).records).toEqual([record('1')]);
    });

    it('begin anew with other content, and lose no try to one that was asked for by hand', async () => {
      await store.commit(page(epoch, { outcomes: [refused(record('1'))] }));
      await clock.advance(5 * 60_000);
      await store.commit(page(epoch, { outcomes: [refused(record('1'))] }));
      await store.retryDeadLetters({});
      await store.commit(page(epoch, { outcomes: [refused(record('1'))] }));
      expect(await store.deadLetters({})).toMatchObject([{ count: 3, nextRetry: atMinute(35) }]);
      await store.commit(page(epoch, { outcomes: [refused(record('1', { lifecycle: 'closed' }))] }));
      const [letter] = await store.deadLetters({});
      expect(letter).toMatchObject({ count: 4, nextRetry: atMinute(10) });
      expect(JSON.parse(letter?.payload ?? '')).toMatchObject({ lifecycle: 'closed' });
    });

    it('leaves dropped content unsent until it changes', async () => {
      await store.commit(page(epoch, { outcomes: [refused(record('1'))] }));
      await store.dropDeadLetters({ stream });
      expect((await entry('1'))?.refusedHash).toBe(change(record('1')).hash);
    });
  });

  describe('bad rows', () => {
    const bad = { stage: 'parse', key: '7', reason: 'qty is no number', payload: '{"id":7,"qty":"x"}' } as const;

    it('keeps a row that the overlap merely reads again as it was', async () => {
      await store.commit(page(epoch, { badRows: [bad] }));
      await clock.advance(60_000);
      await store.commit(page(epoch, { badRows: [bad] }));
      const once = { key: 'row 7', stage: 'parse', count: 1, lastAt: '2026-03-01T08:00:00.000Z' };
      expect(await store.deadLetters({})).toMatchObject([once]);
    });

    it('counts a row that was tried again or failed differently', async () => {
      await store.commit(page(epoch, { badRows: [bad] }));
      await store.retryDeadLetters({ stream });
      expect((await store.held(stream, 10)).rows).toEqual([{ id: 7, qty: 'x' }]);
      await store.commit(page(epoch, { badRows: [bad] }));
      await store.commit(page(epoch, { badRows: [{ ...bad, stage: 'map', reason: 'no parent' }] }));
      expect(await store.deadLetters({})).toMatchObject([{ stage: 'map', count: 3, due: false }]);
    });

    it('tries a row again by itself, and settles it when it has become another row', async () => {
      await store.commit(page(epoch, { badRows: [bad] }));
      await clock.advance(5 * 60_000);
      const first = await store.held(stream, 10);
      expect(first.rows).toEqual([{ id: 7, qty: 'x' }]);
      await store.commit(page(epoch, { badRows: [bad], retriedLetters: first.letters }));
      expect(await store.held(stream, 10)).toEqual({ records: [], rows: [], letters: [] });
      expect(await store.deadLetters({})).toMatchObject([{ count: 2, nextRetry: '2026-03-01T08:35:00.000Z' }]);
      await clock.advance(30 * 60_000);
      const second = await store.held(stream, 10);
      await store.commit(page(epoch, { goodRowKeys: ['8'], retriedLetters: second.letters }));
      expect(await store.deadLetters({})).toEqual([]);
    });

    it('settles a row that could be read in the end', async () => {
      await store.commit(page(epoch, { badRows: [bad, { ...bad, key: '8' }] }));
      await store.commit(page(epoch, { goodRowKeys: ['7', '9'] }));
      expect(await store.deadLetters({})).toMatchObject([{ key: 'row 8' }]);
    });
  });

  describe('parked records', () => {
    const child = record('c', { entity: 'part', parents: { job: 'p' } });
    const parent = { entity: 'job', externalId: 'p' } as const;

    it('holds a record until every parent that it names is delivered', async () => {
      const two = { ...child, parents: { job: 'p', cell: 'q' } };
      await store.commit(page(epoch, { outcomes: [parked(two, parent)] }));
      await store.commit(page(epoch, { outcomes: [delivered(record('p'))] }));
      expect((await store.held(stream, 10)).records).toEqual([]);
      await store.commit(page(epoch, { outcomes: [delivered(record('q', { entity: 'cell' }))] }));
      await reopen();
      expect((await store.held(stream, 10)).records).toEqual([two]);
    });

    it('goes on holding it while the parent is refused', async () => {
      await store.commit(page(epoch, { outcomes: [parked(child, parent), refused(record('p'))] }));
      expect((await store.held(stream, 10)).records).toEqual([]);
    });

    it('hands out the longest waiting first, no more than asked for, and of this stream only', async () => {
      for (const id of ['z', 'm', 'a']) {
        await store.commit(page(epoch, { outcomes: [parked({ ...child, externalId: id }, parent)] }));
        await clock.advance(1000);
      }
      await store.commit(page(epoch, { outcomes: [delivered(record('p'))] }));
      expect((await store.held(stream, 2)).records.map((one) => one.externalId)).toEqual(['z', 'm']);
      expect((await store.held('plant/other', 2)).records).toEqual([]);
    });

    it('releases what is delivered, refused, or back at what the MES holds', async () => {
      const three = ['1', '2', '3'].map((externalId) => ({ ...child, externalId }));
      await store.commit(page(epoch, { outcomes: three.map((one) => parked(one, parent)) }));
      const [first, second] = [record('1', { entity: 'part' }), record('2', { entity: 'part' })];
      const unchanged = [{ entity: 'part', externalId: '3' }] as const;
      await store.commit(page(epoch, { outcomes: [delivered(first), refused(second)], unchanged }));
      expect(await store.status()).toMatchObject([{ parked: 0, parkedSince: null, deadLetters: 1 }]);
    });

    it('is either parked or a dead letter, never both', async () => {
      await store.commit(page(epoch, { outcomes: [refused(child)] }));
      await store.commit(page(epoch, { outcomes: [parked(child, parent)] }));
      expect(await store.status()).toMatchObject([{ parked: 1, deadLetters: 0 }]);
      expect((await store.lookup(source, 'part', ['c'])).get('c')?.refusedHash).toBeNull();
    });

    it('asks for a parent again that the MES has lost: it counts as not delivered, its streams are to be read whole', async () => {
      const parentStreams = new Map([['job', [stream]]] as const);
      await store.commit(page(epoch, { outcomes: [delivered(record('p'), 'uuid-p')] }));
      await store.commit(page(epoch, { outcomes: [parked(child, parent)], parentStreams }));
      expect(await entry('p')).toMatchObject({ hash: null, mesId: 'uuid-p' });
      expect((await store.held(stream, 10)).records).toEqual([]);
      await reopen();
      expect((await store.begin(stream)).readDue).toBe(true);
      expect((await store.begin('plant/other')).readDue).toBe(false);
      await store.commit(page(epoch, { outcomes: [delivered(record('p'))] }));
      expect((await store.held(stream, 10)).records).toEqual([child]);
      await store.finish(passEnd(epoch, monday));
      expect((await store.begin(stream)).readDue).toBe(true);
      await store.finish(passEnd(epoch, tuesday, { fullReadAt: tuesday }));
      expect((await store.begin(stream)).readDue).toBe(false);
    });

    it('asks for no parent again that has not been delivered', async () => {
      const parentStreams = new Map([['job', [stream]]] as const);
      await store.commit(page(epoch, { outcomes: [parked(child, parent)], parentStreams }));
      expect((await store.begin(stream)).readDue).toBe(false);
    });

    it('reads once more where a parent was lost during the whole read', async () => {
      const parentStreams = new Map([['job', [stream]]] as const);
      const lose = async () => {
        await store.commit(page(epoch, { outcomes: [delivered(record('p'))] }));
        await store.commit(page(epoch, { outcomes: [parked(child, parent)], parentStreams }));
      };
      await lose();
      await store.begin(stream);
      await lose();
      await store.finish(passEnd(epoch, monday, { fullReadAt: monday }));
      expect((await store.begin(stream)).readDue).toBe(true);
    });

    it('asks ever less often, at last every six hours, when the MES goes on missing a parent that it was given', async () => {
      const give = () => store.commit(page(epoch, { outcomes: [delivered(record('p'))] }));
      await give();
      await store.commit(page(epoch, { outcomes: [parked(child, parent)] }));
      for (const minutes of [4, 8, 16, 32, 64, 128, 256, 360, 360]) {
        await give();
        await store.commit(page(epoch, { outcomes: [parked(child, parent)] }));
        await give();
        await clock.advance(minutes * 60_000 - 1);
        expect((await store.held(stream, 10)).records).toEqual([]);
        await clock.advance(1);
        expect((await store.held(stream, 10)).records).toEqual([child]);
      }
    });

    it('never hands a record out again at once, whatever the MES says that it misses', async () => {
      const orphan = record('c', { entity: 'part' });
      await store.commit(page(epoch, { outcomes: [parked(orphan, parent)] }));
      expect((await store.held(stream, 10)).records).toEqual([]);
    });

    it('reports since when the oldest has been waiting, however often it was tried', async () => {
      await store.commit(page(epoch, { outcomes: [parked(child, parent)] }));
      await clock.advance(60_000);
      await store.commit(page(epoch, { outcomes: [parked(child, parent)] }));
      expect(await store.status()).toMatchObject([{ parked: 1, parkedSince: '2026-03-01T08:00:00.000Z' }]);
    });
  });
});
