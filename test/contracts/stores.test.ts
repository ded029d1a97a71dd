import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { LeaseLostError, type Store } from '../../src/state/store.ts';
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
} from '../state/builders.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

interface StoreKind {
  name: string;
  /** Opens the state at a place of its own; a second time, the same one. */
  open(place: string, clock: Clock): Promise<Store>;
}

const stores: readonly StoreKind[] = [
  { name: 'embedded', open: (directory, clock) => openEmbeddedStore({ directory, clock }) },
];

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

  describe('passes', () => {
    it('starts a stream that it has never seen without watermark, resume point or fingerprint', async () => {
      const fresh = { watermark: null, resume: null, epoch, fingerprint: null, lastFullRead: null, lastSweep: null };
      expect(await store.begin('plant/new')).toEqual(fresh);
    });

    it('keeps what a finished pass says, and lets later passes add to it', async () => {
      await store.finish(passEnd(epoch, monday, { fullReadAt: monday, sweptAt: monday }));
      await store.finish(passEnd(epoch, null, { fingerprint: 'mapping-2' }));
      await reopen();
      expect(await store.begin(stream)).toMatchObject({
        watermark: { kind: 'timestamp', value: monday },
        fingerprint: 'mapping-2',
        lastFullRead: monday,
        lastSweep: monday,
      });
    });

    it('refuses a watermark that steps back', async () => {
      await store.finish(passEnd(epoch, tuesday));
      await store.begin(stream);
      await expect(store.finish(passEnd(epoch, monday))).rejects.toThrow(/must not move back/);
      expect((await store.begin(stream)).watermark?.value).toBe(tuesday);
    });

    it('resumes an interrupted pass at its last committed page', async () => {
      await store.commit(page(epoch, { resume: resumeAt('page 1') }));
      await store.commit(page(epoch, { resume: resumeAt('page 2') }));
      await store.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
      await reopen();
      expect((await store.begin(stream)).resume).toEqual(resumeAt('page 2'));
    });

    it('resumes nothing after a finished pass', async () => {
      await store.commit(page(epoch, { resume: resumeAt('page 1') }));
      await store.finish(passEnd(epoch, monday));
      expect((await store.begin(stream)).resume).toBeNull();
    });

    it('resumes nothing after the watermark was set by hand', async () => {
      await store.commit(page(epoch, { resume: resumeAt('page 1') }));
      await store.setWatermark({ stream, watermark: null, forget: null });
      expect((await store.begin(stream)).resume).toBeNull();
    });

    it('keeps a watermark set by hand while a pass was under way', async () => {
      await store.finish(passEnd(epoch, monday));
      await store.begin(stream);
      await store.setWatermark({ stream, watermark: null, forget: null });
      await store.commit(page(epoch, { resume: resumeAt('page 9') }));
      await store.finish(passEnd(epoch, tuesday));
      expect(await store.begin(stream)).toMatchObject({ watermark: null, resume: null });
    });

    it('lets a watermark set by hand go back', async () => {
      await store.finish(passEnd(epoch, tuesday));
      await store.setWatermark({ stream, watermark: { kind: 'timestamp', value: monday }, forget: null });
      expect((await store.begin(stream)).watermark?.value).toBe(monday);
    });

    it('takes nothing from a writer whose lease is lost', async () => {
      const lost = epoch;
      await reopen();
      const late = page(lost, { outcomes: [delivered(record('1'))], resume: resumeAt('late') });
      await expect(store.commit(late)).rejects.toThrow(LeaseLostError);
      await expect(store.finish(passEnd(lost, tuesday))).rejects.toThrow(LeaseLostError);
      expect(await entry('1')).toBeUndefined();
      expect(await store.begin(stream)).toMatchObject({ watermark: null, resume: null });
    });
  });

  describe('records', () => {
    it('finds of a thousand ids exactly those that it knows', async () => {
      const ids = Array.from({ length: 1000 }, (_, index) => `${index}`);
      const known = ids.filter((_, index) => index % 3 === 0);
      await store.commit(page(epoch, { outcomes: known.map((id) => delivered(record(id))) }));
      expect([...(await store.lookup(source, 'job', ids)).keys()].sort()).toEqual(known.sort());
      expect((await store.lookup(source, 'part', ids)).size).toBe(0);
      expect((await store.lookup('other', 'job', ids)).size).toBe(0);
    });

    it('sees what a commit has begun to write before it is durable', async () => {
      const committed = store.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
      expect(await entry('1')).toBeDefined();
      await committed;
    });

    it.each(["o'hare", 'tab\tnul\0', 'Größe-😀', '', '__proto__', '%_"\\'])('finds the id %j again', async (id) => {
      await store.commit(page(epoch, { outcomes: [delivered(record(id))] }));
      expect(await entry(id)).toBeDefined();
    });

    it('keeps the MES id when a later answer names none', async () => {
      await store.commit(page(epoch, { outcomes: [delivered(record('1'), 'uuid-1')] }));
      const closed = record('1', { lifecycle: 'closed' });
      await store.commit(page(epoch, { outcomes: [delivered(closed)] }));
      await reopen();
      expect(await entry('1')).toEqual({
        hash: change(closed).hash,
        mesId: 'uuid-1',
        businessKey: '1',
        lifecycle: 'closed',
        refusedHash: null,
        stamp: null,
      });
    });

    it('knows cells, jobs and parts by the name that children are tied by, others by none', async () => {
      const fields = { name: 'Saw', job_number: 'J-1', part_number: 'P-1' };
      const all = (['cell', 'job', 'part', 'operation'] as const).map((entity) => record('1', { entity, fields }));
      await store.commit(page(epoch, { outcomes: all.map((one) => delivered(one)) }));
      const keys = await Promise.all(
        all.map(async ({ entity }) => (await store.lookup(source, entity, ['1'])).get('1')?.businessKey),
      );
      expect(keys).toEqual(['Saw', 'J-1', 'P-1', null]);
    });

    it('counts the records of an entity that are not cancelled', async () => {
      const three = [record('1'), record('2', { lifecycle: 'closed' }), record('3', { lifecycle: 'cancelled' })];
      await store.commit(page(epoch, { outcomes: three.map((one) => delivered(one)) }));
      expect(await store.countRecords(source, 'job')).toBe(2);
      expect(await store.countRecords(source, 'cell')).toBe(0);
    });

    it('forgets what was delivered but not under which id', async () => {
      await store.commit(page(epoch, { outcomes: [delivered(record('1'), 'uuid-1'), refused(record('2'))] }));
      await store.setWatermark({ stream, watermark: null, forget: { source, entities: ['job'] } });
      expect(await entry('1')).toMatchObject({ hash: null, mesId: 'uuid-1' });
      expect(await entry('2')).toMatchObject({ hash: null, refusedHash: null });
    });

    it('replaces the stamp of an unchanged record', async () => {
      await store.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
      await store.commit(page(epoch, { restamped: [{ entity: 'job', externalId: '1', stamp: monday }] }));
      expect((await entry('1'))?.stamp).toBe(monday);
    });
  });

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

    it('asks ever less often, at last every six hours, when the MES misses a parent that it was given', async () => {
      await store.commit(page(epoch, { outcomes: [delivered(record('p'))] }));
      for (const minutes of [2, 4, 8, 16, 32, 64, 128, 256, 360, 360]) {
        await store.commit(page(epoch, { outcomes: [parked(child, parent)] }));
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

  describe('children', () => {
    const children = 'plant/operations';
    const due = (...parents: string[]) => page(epoch, { childrenDue: { stream: children, parents } });

    it('names the parents whose children are due until they are read, oldest first', async () => {
      await store.commit(due('b', 'a'));
      await store.commit(due('c', 'a'));
      expect(await store.dueChildren(children, 2)).toEqual(['b', 'c']);
      await store.commit(page(epoch, { stream: children, childrenRead: ['b'] }));
      expect(await store.dueChildren(children, 9)).toEqual(['c', 'a']);
    });

    it('settles with a read of all children what was due when it began, and nothing later', async () => {
      await store.commit(due('before'));
      await store.begin(children);
      await store.commit(due('meanwhile'));
      await store.finish(passEnd(epoch, null, { stream: children, childrenSettled: true }));
      expect(await store.dueChildren(children, 9)).toEqual(['meanwhile']);
    });

    it('keeps the mark of a parent that was marked again after a read of all children had begun', async () => {
      const { epoch } = await store.begin(stream);
      await store.commit(page(epoch, { childrenDue: { stream, parents: ['a', 'b'] } }));
      const again = await store.begin(stream);
      await store.commit(page(again.epoch, { childrenDue: { stream, parents: ['a'] } }));
      await store.finish(passEnd(again.epoch, null, { childrenSettled: true }));
      expect(await store.dueChildren(stream, 10)).toEqual(['a']);
    });

    it('settles with a read of all children that was interrupted only what was due when it first began', async () => {
      await store.commit(due('before'));
      await store.begin(children);
      await store.commit(page(epoch, { stream: children, resume: resumeAt('page 1') }));
      await store.commit(due('meanwhile'));
      await reopen();
      await store.begin(children);
      await store.finish(passEnd(epoch, null, { stream: children, childrenSettled: true }));
      expect(await store.dueChildren(children, 9)).toEqual(['meanwhile']);
    });

    it('leaves the marks alone at the end of any other pass', async () => {
      await store.commit(due('before'));
      await store.begin(children);
      await store.finish(passEnd(epoch, monday, { stream: children, fullReadAt: monday }));
      expect(await store.dueChildren(children, 9)).toEqual(['before']);
    });

    it('marks the children of every active record, each once', async () => {
      const three = [record('1'), record('2'), record('3', { lifecycle: 'closed' })];
      await store.commit(page(epoch, { outcomes: three.map((one) => delivered(one)) }));
      await store.commit(due('2'));
      expect(await store.markOpen({ stream: children, source, entity: 'job' })).toBe(1);
      expect(await store.dueChildren(children, 9)).toEqual(['2', '1']);
    });

    it('gives the children of parents as they were last delivered, without the cancelled ones', async () => {
      const operation = (id: string, rest = {}) =>
        record(id, { entity: 'operation', parents: { job: 'j', part: 'p' }, ...rest });
      const kept = [
        operation('1'),
        operation('2', { lifecycle: 'closed' }),
        operation('4', { parents: { part: 'q' } }),
      ];
      const outcomes = [...kept, operation('3')].map((one) => delivered(one));
      await store.commit(page(epoch, { keepRecords: true, outcomes }));
      const gone = operation('3', { lifecycle: 'cancelled' });
      await store.commit(page(epoch, { keepRecords: true, outcomes: [delivered(gone)] }));
      const query = { source, entity: 'operation', parent: 'part' } as const;
      expect(await store.childrenOf({ ...query, parentIds: ['p', 'none'] })).toEqual(kept.slice(0, 2));
      expect(await store.childrenOf({ ...query, parent: 'job', parentIds: ['j'] })).toEqual(kept.slice(0, 2));
      expect(await store.childrenOf({ ...query, parentIds: ['p', 'q'] })).toHaveLength(3);
    });
  });

  describe('operating', () => {
    it('lists every stream that has passed or holds something', async () => {
      await store.finish(passEnd(epoch, monday));
      await store.commit(page(epoch, { stream: 'plant/parts', outcomes: [refused(record('1'))] }));
      const nothing = { deadLetters: 0, parked: 0, parkedSince: null };
      expect(await store.status()).toEqual([
        {
          ...nothing,
          stream,
          watermark: { kind: 'timestamp', value: monday },
          lastSuccess: '2026-03-01T08:00:00.000Z',
        },
        { ...nothing, stream: 'plant/parts', watermark: null, lastSuccess: null, deadLetters: 1 },
      ]);
    });

    it('keeps the day quota over a restart', async () => {
      expect(await store.readQuota()).toEqual({ windowStart: null, used: 0, byOperator: 0, blockedUntil: null });
      const quota = { windowStart: monday, used: 17, byOperator: 2, blockedUntil: tuesday };
      expect(await store.updateQuota((before) => ({ quota, answer: before.used }))).toBe(0);
      await reopen();
      expect(await store.readQuota()).toEqual(quota);
    });

    it('books many at once one after the other', async () => {
      const take = () =>
        store.updateQuota((quota) => ({ quota: { ...quota, used: quota.used + 1 }, answer: quota.used }));
      const seen = await Promise.all(Array.from({ length: 20 }, take));
      expect(new Set(seen).size).toBe(20);
      expect((await store.readQuota()).used).toBe(20);
    });

    it('books nothing when the booking throws', async () => {
      const refuse = () => {
        throw new Error('no');
      };
      await expect(store.updateQuota(refuse)).rejects.toThrow('no');
      expect((await store.readQuota()).used).toBe(0);
    });

    it('keeps notes under their names, over a restart', async () => {
      expect(await store.readNote('ways')).toBeUndefined();
      await store.writeNote('ways', { cell: ['put'] });
      await store.writeNote('other', 1);
      await store.writeNote('ways', { cell: ['bulk'] });
      await reopen();
      expect(await store.readNote('ways')).toEqual({ cell: ['bulk'] });
    });

    it('proves that it can write', async () => {
      await expect(store.probe()).resolves.toBeUndefined();
    });
  });
});
