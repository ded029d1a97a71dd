import { describe, expect, it } from 'vitest';
import { TransientError } from '../../src/core/errors.ts';
import { recordKey } from '../../src/core/records.ts';
import type { MesRecord } from '../../src/core/types.ts';
import type { Removal } from '../../src/push/remover.ts';
import { type FakeRow, fakeStream, keysOf, openRig, put, source, start } from '../support/pass-rig.ts';

const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function row(entity: 'job' | 'part', externalId: string, rest: Partial<MesRecord> = {}): FakeRow {
  const fields = entity === 'job' ? { job_number: externalId } : { part_number: externalId };
  const base = { entity, source, externalId, parents: {}, fields, lifecycle: 'active' } as const;
  return { key: `${entity} ${externalId}`, stamp: at(-120), records: [{ ...base, ...rest }] };
}

/** A MES that is to remove what the ERP has lost; `cut` is what the answer of a removal is lost behind. */
async function openStory(...rows: FakeRow[]) {
  const streamOf = (name: string, entity: 'job' | 'part') => {
    const own = rows.filter(({ records }) => records[0]?.entity === entity);
    return { own, stream: fakeStream(own, { name, entity, keys: keysOf(own) }) };
  };
  const jobs = streamOf('jobs', 'job');
  const parts = streamOf('parts', 'part');
  const rig = await openRig([jobs.stream, parts.stream]);
  const mes: { cut: 'keys' | 'delete' | undefined; halves: Set<string>; restored: string[] } = {
    cut: undefined,
    halves: new Set(),
    restored: [],
  };
  const keyOf = ({ record }: Removal) => recordKey(record);
  rig.deletes.policies = { job: 'delete', part: 'delete' };
  rig.deletes.remover = {
    async remove(removal) {
      await removal.begins?.();
      mes.halves.add(keyOf(removal));
      if (mes.cut === 'keys') throw new TransientError('reset');
      rig.sink.held.delete(keyOf(removal));
      if (mes.cut === 'delete') throw new TransientError('reset');
      mes.halves.delete(keyOf(removal));
      return { kind: 'removed', requests: 3 };
    },
    async restore(removal) {
      if (mes.cut !== undefined) throw new TransientError('reset');
      mes.halves.delete(keyOf(removal));
      mes.restored.push(keyOf(removal));
      return { kind: rig.sink.held.has(keyOf(removal)) ? 'there' : 'gone', requests: 1 };
    },
  };
  await rig.run();
  /** The ERP has lost these for so long that they are removed, and the first removal is cut off. */
  const cutOff = async (own: FakeRow[], behind: 'keys' | 'delete') => {
    const gone = own.splice(0);
    await rig.reconcile({ release: true });
    mes.cut = behind;
    const results = await rig.reconcile({ release: true });
    expect(results.map(({ outcome }) => outcome)).toContain('failed');
    mes.cut = undefined;
    return gone;
  };
  return { rig, mes, jobs: jobs.own, parts: parts.own, cutOff };
}

describe.each(['keys', 'delete'] as const)('a removal that was cut off behind its %s', (behind) => {
  const there = behind === 'keys';

  it('is taken up again by the next sweep', async () => {
    const { rig, mes, jobs, cutOff } = await openStory(row('job', '1'));
    await cutOff(jobs, behind);
    await rig.reconcile({ release: true });
    expect(mes).toMatchObject({ halves: new Set(), restored: [] });
    expect(rig.sink.held.size).toBe(0);
  });

  it('is taken back when the MES does not let the record go any more', async () => {
    const { rig, mes, jobs, cutOff } = await openStory(row('job', '1'));
    await cutOff(jobs, behind);
    rig.deletes.remover.remove = async ({ begins }) => {
      if (behind === 'keys') await begins?.();
      return { kind: 'kept', reason: 'no', requests: 1 };
    };
    await rig.reconcile({ release: true });
    expect(mes.restored).toEqual(['job/1']);
    expect(rig.sink.held.get('job/1')?.record.lifecycle).toBe(there ? 'cancelled' : undefined);
    await rig.reconcile({ release: true });
    expect(mes.restored).toHaveLength(1);
  });

  it('is taken back when the record is there again just as it was, and that is sent', async () => {
    const { rig, mes, jobs, cutOff } = await openStory(row('job', '1'));
    put(jobs, ...(await cutOff(jobs, behind)));
    expect(await rig.reconcile()).toMatchObject([{ stream: 'jobs', missing: there ? 0 : 1, stale: there ? 1 : 0 }, {}]);
    expect(mes).toMatchObject({ restored: ['job/1'], halves: new Set() });
    expect(rig.sink.held.get('job/1')?.known?.mesId).toBe(there ? 'id-1' : undefined);
    await rig.reconcile();
    expect(mes.restored).toHaveLength(1);
  });

  it('is taken back when the record is there again with other content, before that is sent', async () => {
    const { rig, mes, jobs, cutOff } = await openStory(row('job', '1'));
    await cutOff(jobs, behind);
    put(jobs, { ...row('job', '1', { fields: { job_number: '1', customer: 'Acme' } }), stamp: at(-1) });
    expect(await rig.run()).toMatchObject([{ stream: 'jobs', created: there ? 0 : 1, updated: there ? 1 : 0 }, {}]);
    expect(mes.restored).toEqual(['job/1']);
  });

  it('is taken back when the record is there again as cancelled', async () => {
    const { rig, mes, jobs, cutOff } = await openStory(row('job', '1'));
    await cutOff(jobs, behind);
    put(jobs, { ...row('job', '1', { lifecycle: 'cancelled', onlyIfKnown: true }), stamp: at(-1) });
    await rig.run();
    expect(mes.restored).toEqual(['job/1']);
    expect(rig.sink.held.get('job/1')?.record.lifecycle).toBe(there ? 'cancelled' : undefined);
  });

  it('that cannot be taken back fails the pass, and the record is not sent meanwhile', async () => {
    const { rig, mes, jobs, cutOff } = await openStory(row('job', '1'));
    await cutOff(jobs, behind);
    put(jobs, { ...row('job', '1', { fields: { job_number: '1', customer: 'Acme' } }), stamp: at(-1) });
    const { length } = rig.sink.batches;
    mes.cut = behind;
    expect(await rig.run()).toMatchObject([{ stream: 'jobs', outcome: 'failed' }, {}]);
    expect(rig.sink.batches).toHaveLength(length);
    mes.cut = undefined;
    expect(await rig.run()).toMatchObject([{ stream: 'jobs', outcome: 'ok' }, {}]);
    expect(rig.sink.held.get('job/1')?.record.fields['customer']).toBe('Acme');
  });

  it('holds back what hangs on the record until that is there again', async () => {
    const { rig, mes, jobs, parts, cutOff } = await openStory(row('job', '1'));
    const gone = await cutOff(jobs, behind);
    put(parts, { ...row('part', 'p', { parents: { job: '1' } }), stamp: at(-1) });
    expect(await rig.run()).toMatchObject([{}, { stream: 'parts', parked: 1, created: 0 }]);
    put(jobs, ...gone);
    await rig.reconcile();
    await rig.run();
    expect(mes.restored).toEqual(['job/1']);
    expect([...rig.sink.held.keys()]).toEqual(['job/1', 'part/p']);
  });

  it('that the MES does not take back holds this record back alone, by name, until it does', async () => {
    const { rig, mes, jobs, cutOff } = await openStory(row('job', '1'));
    put(jobs, ...(await cutOff(jobs, behind)), row('job', '2'));
    const { restore } = rig.deletes.remover;
    rig.deletes.remover.restore = async () => ({ kind: 'refused', reason: 'no keys', requests: 1 });
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', missing: 1, refused: 1 }, {}]);
    expect(await rig.store.deadLetters({})).toMatchObject([{ key: 'job/1', reason: 'no keys' }]);
    expect(rig.sink.held.has('job/2')).toBe(true);
    await rig.run({ full: true });
    expect(mes.restored).toEqual([]);
    rig.deletes.remover.restore = restore;
    await rig.reconcile();
    expect(mes.restored).toEqual(['job/1']);
    expect(rig.sink.held.has('job/1')).toBe(true);
    expect(await rig.store.deadLetters({})).toEqual([]);
  });
});

describe('what was cancelled long ago and hangs on a job that is removed', () => {
  const cancelled = (id: string) =>
    row('part', id, { parents: { job: '1' }, lifecycle: 'cancelled', onlyIfKnown: true });

  it('waits for nothing while the ERP lists it', async () => {
    const { rig, jobs, parts } = await openStory(row('job', '1'), row('part', 'p', { parents: { job: '1' } }));
    put(parts, { ...cancelled('p'), stamp: at(-1) });
    await rig.run();
    jobs.splice(0);
    await rig.reconcile({ release: true });
    await rig.reconcile({ release: true });
    const { length } = rig.sink.batches;
    expect(await rig.reconcile()).toMatchObject([{}, { stream: 'parts', missing: 0, vanished: 0 }]);
    expect(await rig.run({ full: true })).toMatchObject([{}, { stream: 'parts', parked: 0 }]);
    expect(rig.sink.batches).toHaveLength(length);
  });
});
