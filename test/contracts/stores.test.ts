import { describe, expect, it } from 'vitest';
import { zeroCounts } from '../../src/core/events.ts';
import { toSendAgain } from '../../src/core/types.ts';
import { LeaseLostError, type Run } from '../../src/state/store.ts';
import {
  change,
  delivered,
  page,
  passEnd,
  record,
  refused,
  resumeAt,
  source,
  stream,
} from '../support/state-builders.ts';
import { stores, useStore } from './store-kinds.ts';

const monday = '2026-03-02T00:00:00.000Z';
const tuesday = '2026-03-03T00:00:00.000Z';

describe.each(stores)('store: $name', (kind) => {
  const state = useStore(kind);

  describe('passes', () => {
    it('starts a stream that it has never seen without watermark, resume point or fingerprint', async () => {
      const fresh = {
        watermark: null,
        resume: null,
        epoch: state.epoch,
        fingerprint: null,
        lastFullRead: null,
        parentsMarkedAt: null,
        readDue: false,
        lateness: { rows: 0, seconds: 0 },
        latestParkedAt: null,
        leftOver: false,
        removalsBegun: false,
      };
      expect(await state.store.begin('plant/new')).toEqual(fresh);
    });

    it('keeps what a finished pass says, and lets later passes add to it', async () => {
      await state.store.finish(passEnd(state.epoch, monday, { fullReadAt: monday, parentsMarkedAt: monday }));
      await state.store.finish(passEnd(state.epoch, null, { fingerprint: 'mapping-2' }));
      await state.reopen();
      expect(await state.store.begin(stream)).toMatchObject({
        watermark: { kind: 'timestamp', value: monday },
        fingerprint: 'mapping-2',
        lastFullRead: monday,
        parentsMarkedAt: monday,
      });
    });

    it('refuses a watermark that steps back', async () => {
      await state.store.finish(passEnd(state.epoch, tuesday));
      await state.store.begin(stream);
      await expect(state.store.finish(passEnd(state.epoch, monday))).rejects.toThrow(/must not move back/);
      expect((await state.store.begin(stream)).watermark?.value).toBe(tuesday);
    });

    it('takes one that steps back where the one before was ahead of the source', async () => {
      await state.store.finish(passEnd(state.epoch, tuesday));
      await state.store.begin(stream);
      await state.store.finish(passEnd(state.epoch, monday, { stepsBack: true }));
      expect((await state.store.begin(stream)).watermark?.value).toBe(monday);
    });

    it('resumes an interrupted pass at its last committed page', async () => {
      await state.store.commit(page(state.epoch, { resume: resumeAt('page 1') }));
      await state.store.commit(page(state.epoch, { resume: resumeAt('page 2') }));
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'))] }));
      await state.reopen();
      expect((await state.store.begin(stream)).resume).toEqual(resumeAt('page 2'));
    });

    it('resumes nothing after a finished pass', async () => {
      await state.store.commit(page(state.epoch, { resume: resumeAt('page 1') }));
      await state.store.finish(passEnd(state.epoch, monday));
      expect((await state.store.begin(stream)).resume).toBeNull();
    });

    it('resumes nothing after the watermark was set by hand', async () => {
      await state.store.commit(page(state.epoch, { resume: resumeAt('page 1') }));
      await state.store.setWatermark({ stream, watermark: null, forget: null });
      expect((await state.store.begin(stream)).resume).toBeNull();
    });

    it('keeps a watermark set by hand while a pass was under way', async () => {
      await state.store.finish(passEnd(state.epoch, monday));
      await state.store.begin(stream);
      await state.store.setWatermark({ stream, watermark: null, forget: null });
      await state.store.commit(page(state.epoch, { resume: resumeAt('page 9') }));
      await state.store.finish(passEnd(state.epoch, tuesday));
      expect(await state.store.begin(stream)).toMatchObject({ watermark: null, resume: null });
    });

    it('lets a watermark set by hand go back', async () => {
      await state.store.finish(passEnd(state.epoch, tuesday));
      await state.store.setWatermark({ stream, watermark: { kind: 'timestamp', value: monday }, forget: null });
      expect((await state.store.begin(stream)).watermark?.value).toBe(monday);
    });

    it('takes nothing from a writer whose lease is lost', async () => {
      const lost = state.epoch;
      await state.reopen();
      const late = page(lost, { outcomes: [delivered(record('1'))], resume: resumeAt('late') });
      await expect(state.store.commit(late)).rejects.toThrow(LeaseLostError);
      await expect(state.store.finish(passEnd(lost, tuesday))).rejects.toThrow(LeaseLostError);
      expect(await state.entry('1')).toBeUndefined();
      expect(await state.store.begin(stream)).toMatchObject({ watermark: null, resume: null });
    });
  });

  describe('records', () => {
    it('finds of a thousand ids exactly those that it knows', async () => {
      const ids = Array.from({ length: 1000 }, (_, index) => `${index}`);
      const known = ids.filter((_, index) => index % 3 === 0);
      await state.store.commit(page(state.epoch, { outcomes: known.map((id) => delivered(record(id))) }));
      expect([...(await state.store.lookup(source, 'job', ids)).keys()].sort()).toEqual(known.sort());
      expect((await state.store.lookup(source, 'part', ids)).size).toBe(0);
      expect((await state.store.lookup('other', 'job', ids)).size).toBe(0);
    });

    it('takes records that it has, told as new to it or as known, as they were delivered last', async () => {
      const ids = Array.from({ length: 120 }, (_, index) => `${index}`);
      const outcomesOf = (text: string) =>
        ids.map((id) => delivered(record(id, { fields: { job_number: text + id } })));
      const hashesOf = async () => {
        const entries = await state.store.lookup(source, 'job', ids);
        return ids.map((id) => entries.get(id)?.hash);
      };
      await state.store.commit(page(state.epoch, { outcomes: outcomesOf('a').slice(40, 41) }));
      for (const text of ['b', 'c']) {
        const outcomes = outcomesOf(text);
        await state.store.commit(page(state.epoch, { outcomes: [...outcomesOf('old').slice(0, 3), ...outcomes] }));
        expect(await hashesOf()).toEqual(outcomes.map((outcome) => outcome.change.hash));
      }
      const entries = await state.store.lookup(source, 'job', ids);
      const told = outcomesOf('d').map((outcome) => {
        const known = entries.get(outcome.change.record.externalId);
        return { ...outcome, change: { ...outcome.change, known } };
      });
      await state.store.commit(page(state.epoch, { outcomes: told }));
      expect(await hashesOf()).toEqual(told.map((outcome) => outcome.change.hash));
    });

    it('sees what a commit has begun to write before it is durable', async () => {
      const committed = state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'))] }));
      expect(await state.entry('1')).toBeDefined();
      await committed;
    });

    it.each(["o'hare", 'tab\tnul\0', 'Größe-😀', '', '__proto__', '%_"\\'])('finds the id %j again', async (id) => {
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record(id))] }));
      expect(await state.entry(id)).toBeDefined();
    });

    it('keeps the MES id when a later answer names none', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'), 'uuid-1')] }));
      const closed = record('1', { lifecycle: 'closed' });
      await state.store.commit(page(state.epoch, { outcomes: [delivered(closed)] }));
      await state.reopen();
      expect(await state.entry('1')).toEqual({
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
      await state.store.commit(page(state.epoch, { outcomes: all.map((one) => delivered(one)) }));
      const keys = await Promise.all(
        all.map(async ({ entity }) => (await state.store.lookup(source, entity, ['1'])).get('1')?.businessKey),
      );
      expect(keys).toEqual(['Saw', 'J-1', 'P-1', null]);
    });

    it('counts the records of an entity that are not cancelled', async () => {
      const three = [record('1'), record('2', { lifecycle: 'closed' }), record('3', { lifecycle: 'cancelled' })];
      await state.store.commit(page(state.epoch, { outcomes: three.map((one) => delivered(one)) }));
      expect(await state.store.countRecords(source, 'job')).toBe(2);
      expect(await state.store.countRecords(source, 'cell')).toBe(0);
    });

    it('forgets what was delivered but not under which id', async () => {
      await state.store.commit(
        page(state.epoch, { outcomes: [delivered(record('1'), 'uuid-1'), refused(record('2'))] }),
      );
      await state.store.setWatermark({ stream, watermark: null, forget: { source, entities: ['job'] } });
      expect(await state.entry('1')).toMatchObject({ hash: toSendAgain, mesId: 'uuid-1' });
      expect(await state.entry('2')).toMatchObject({ hash: null, refusedHash: null });
    });

    it('replaces the stamp of an unchanged record', async () => {
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'))] }));
      await state.store.commit(
        page(state.epoch, {
          restamped: [{ entity: 'job', externalId: '1', lifecycle: 'active', stamp: monday, hadStamp: true }],
        }),
      );
      expect((await state.entry('1'))?.stamp).toBe(monday);
    });
  });

  describe('children', () => {
    const children = 'plant/operations';
    const due = (...parents: string[]) => page(state.epoch, { childrenDue: { stream: children, parents } });

    it('names the parents whose children are due until they are read, oldest first', async () => {
      await state.store.commit(due('b', 'a'));
      await state.store.commit(due('c', 'a'));
      expect(await state.store.dueChildren(children, 2)).toEqual(['b', 'c']);
      await state.store.commit(page(state.epoch, { stream: children, childrenRead: ['b'] }));
      expect(await state.store.dueChildren(children, 9)).toEqual(['c', 'a']);
    });

    it('settles with a read of all children what was due when it began, and nothing later', async () => {
      await state.store.commit(due('before'));
      await state.store.begin(children);
      await state.store.commit(due('meanwhile'));
      await state.store.finish(passEnd(state.epoch, null, { stream: children, childrenSettled: true }));
      expect(await state.store.dueChildren(children, 9)).toEqual(['meanwhile']);
    });

    it('keeps the mark of a parent that was marked again after a read of all children had begun', async () => {
      const { epoch } = await state.store.begin(stream);
      await state.store.commit(page(epoch, { childrenDue: { stream, parents: ['a', 'b'] } }));
      const again = await state.store.begin(stream);
      await state.store.commit(page(again.epoch, { childrenDue: { stream, parents: ['a'] } }));
      await state.store.finish(passEnd(again.epoch, null, { childrenSettled: true }));
      expect(await state.store.dueChildren(stream, 10)).toEqual(['a']);
    });

    it('settles with a read of all children that was interrupted only what was due when it first began', async () => {
      await state.store.commit(due('before'));
      await state.store.begin(children);
      await state.store.commit(page(state.epoch, { stream: children, resume: resumeAt('page 1') }));
      await state.store.commit(due('meanwhile'));
      await state.reopen();
      await state.store.begin(children);
      await state.store.finish(passEnd(state.epoch, null, { stream: children, childrenSettled: true }));
      expect(await state.store.dueChildren(children, 9)).toEqual(['meanwhile']);
    });

    it('leaves the marks alone at the end of any other pass', async () => {
      await state.store.commit(due('before'));
      await state.store.begin(children);
      await state.store.finish(passEnd(state.epoch, monday, { stream: children, fullReadAt: monday }));
      expect(await state.store.dueChildren(children, 9)).toEqual(['before']);
    });

    it('marks the children of every active record, each once', async () => {
      const three = [record('1'), record('2'), record('3', { lifecycle: 'closed' })];
      await state.store.commit(page(state.epoch, { outcomes: three.map((one) => delivered(one)) }));
      await state.store.commit(due('2'));
      expect(await state.store.markOpen({ stream: children, source, entity: 'job' })).toBe(1);
      expect(await state.store.dueChildren(children, 9)).toEqual(['2', '1']);
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
      await state.store.commit(page(state.epoch, { keepRecords: true, outcomes }));
      const gone = operation('3', { lifecycle: 'cancelled' });
      await state.store.commit(page(state.epoch, { keepRecords: true, outcomes: [delivered(gone)] }));
      const query = { source, entity: 'operation', parent: 'part' } as const;
      expect(await state.store.childrenOf({ ...query, parentIds: ['p', 'none'] })).toEqual(kept.slice(0, 2));
      expect(await state.store.childrenOf({ ...query, parent: 'job', parentIds: ['j'] })).toEqual(kept.slice(0, 2));
      expect(await state.store.childrenOf({ ...query, parentIds: ['p', 'q'] })).toHaveLength(3);
    });
  });

  describe('operating', () => {
    it('lists every stream that has passed or holds something', async () => {
      await state.store.finish(passEnd(state.epoch, monday));
      await state.store.commit(page(state.epoch, { stream: 'plant/parts', outcomes: [refused(record('1'))] }));
      const nothing = { lastRun: null, deadLetters: 0, deadLettersSince: null, parked: 0, parkedSince: null };
      expect(await state.store.status()).toEqual([
        {
          ...nothing,
          stream,
          watermark: { kind: 'timestamp', value: monday },
          lastSuccess: '2026-03-01T08:00:00.000Z',
        },
        {
          ...nothing,
          stream: 'plant/parts',
          watermark: null,
          lastSuccess: null,
          deadLetters: 1,
          deadLettersSince: '2026-03-01T08:00:00.000Z',
        },
      ]);
    });

    it('keeps the last hundred passes of each stream, over a restart', async () => {
      for (let count = 1; count <= 130; count += 1) await state.store.recordRun(stream, runOf(count));
      await state.store.recordRun('plant/parts', { ...runOf(7), outcome: 'failed', error: 'HTTP 503' });
      await state.reopen();
      const kept = (await state.store.runs(stream)).map(({ read }) => read);
      expect([kept.length, kept[0], kept.at(-1)]).toEqual([100, 130, 31]);
      expect(await state.store.runs('plant/parts')).toHaveLength(1);
      expect((await state.store.status()).map((each) => [each.stream, each.lastRun])).toEqual([
        [stream, runOf(130)],
        ['plant/parts', { ...runOf(7), outcome: 'failed', error: 'HTTP 503' }],
      ]);
    });

    it('keeps the day quota over a restart', async () => {
      expect(await state.store.readQuota()).toEqual({ windowStart: null, used: 0, byOperator: 0, blockedUntil: null });
      const quota = { windowStart: monday, used: 17, byOperator: 2, blockedUntil: tuesday };
      expect(await state.store.updateQuota((before) => ({ quota, answer: before.used }))).toBe(0);
      await state.reopen();
      expect(await state.store.readQuota()).toEqual(quota);
    });

    it('books many at once one after the other', async () => {
      const take = () =>
        state.store.updateQuota((quota) => ({ quota: { ...quota, used: quota.used + 1 }, answer: quota.used }));
      const seen = await Promise.all(Array.from({ length: 20 }, take));
      expect(new Set(seen).size).toBe(20);
      expect((await state.store.readQuota()).used).toBe(20);
    });

    it('books nothing when the booking throws', async () => {
      const refuse = () => {
        throw new Error('no');
      };
      await expect(state.store.updateQuota(refuse)).rejects.toThrow('no');
      expect((await state.store.readQuota()).used).toBe(0);
    });

    it('keeps notes under their names, over a restart', async () => {
      expect(await state.store.readNote('ways')).toBeUndefined();
      await state.store.writeNote('ways', { cell: ['put'] });
      await state.store.writeNote('other', 1);
      await state.store.writeNote('ways', { cell: ['bulk'] });
      await state.reopen();
      expect(await state.store.readNote('ways')).toEqual({ cell: ['bulk'] });
    });

    it('proves that it can write', async () => {
      await expect(state.store.probe()).resolves.toBeUndefined();
    });
  });

  describe('creates that were sent', () => {
    const ref = { source, entity: 'job' as const, externalId: '1' };
    const sent = { ...ref, hash: 'h1', mesId: null, businessKey: 'J1' };
    const other = { ...sent, externalId: '2', hash: 'h2', mesId: 'uuid-2', businessKey: null };

    it('are kept over a restart, each with what is known of it last', async () => {
      expect(await state.store.sentCreate(ref)).toBeUndefined();
      await state.store.noteCreates([sent, other]);
      await state.store.noteCreates([{ ...sent, hash: 'h3', mesId: 'uuid-1' }]);
      await state.reopen();
      expect(await state.store.sentCreate(ref)).toEqual({ ...sent, hash: 'h3', mesId: 'uuid-1' });
      expect(await state.store.sentCreate({ ...ref, externalId: '2' })).toEqual(other);
    });

    it('are those of one source and one kind of record', async () => {
      await state.store.noteCreates([sent]);
      expect(await state.store.sentCreate({ ...ref, source: 'OTHER' })).toBeUndefined();
      expect(await state.store.sentCreate({ ...ref, entity: 'part' })).toBeUndefined();
    });

    it('are settled by the commit that brings the id, and by no other', async () => {
      await state.store.noteCreates([sent, other]);
      await state.store.commit(
        page(state.epoch, { outcomes: [refused(record('1')), delivered(record('2'), 'uuid-2')] }),
      );
      expect(await state.store.sentCreate(ref)).toEqual(sent);
      expect(await state.store.sentCreate({ ...ref, externalId: '2' })).toBeUndefined();
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'), null)] }));
      expect(await state.store.sentCreate(ref)).toEqual(sent);
      await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'), 'uuid-1')] }));
      expect(await state.store.sentCreate(ref)).toBeUndefined();
    });

    it('are forgotten when they are known not to be there', async () => {
      await state.store.noteCreates([sent, other]);
      await state.store.forgetCreates([ref, { ...ref, externalId: '9' }]);
      expect(await state.store.sentCreate(ref)).toBeUndefined();
      expect(await state.store.sentCreate({ ...ref, externalId: '2' })).toEqual(other);
    });

    it('are as many as there are', async () => {
      const many = Array.from({ length: 5000 }, (_, index) => ({ ...sent, externalId: `x${index}` }));
      await state.store.noteCreates(many);
      for (const create of [many[0], many[4999]])
        if (create) expect(await state.store.sentCreate(create)).toEqual(create);
    });
  });
});

function runOf(read: number): Run {
  const counts = { ...zeroCounts(), read };
  return { finishedAt: monday, outcome: 'ok', ...counts, requests: { erp: 1, mes: 0 }, durationMs: 12, error: null };
}
