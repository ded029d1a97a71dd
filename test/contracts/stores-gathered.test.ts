import { describe, expect, it } from 'vitest';
import type { MesRecord, Outcome } from '../../src/core/types.ts';
import { change, delivered, page, record, source, stream } from '../support/state-builders.ts';
import { stores, useStore } from './store-kinds.ts';

const since = '2026-03-01T08:00:00.000Z';
const all = { after: '', limit: 10 };

function heldBack(job: MesRecord): Outcome {
  const waitsFor = { entity: 'operation' as const, externalId: job.externalId };
  return { kind: 'parked', change: change(job), waitsFor };
}

function waiting(of: MesRecord, entity: 'job' | 'part'): Outcome {
  return { kind: 'parked', change: change(of), waitsFor: { entity, externalId: of.parents[entity] ?? '' } };
}

const part = (id: string, job: string) => record(id, { entity: 'part', parents: { job } });
const operation = (id: string, ofPart: string) => record(id, { entity: 'operation', parents: { part: ofPart } });

describe.each(stores)('jobs that are held back: $name', (kind) => {
  const state = useStore(kind);

  it('are due in no pass, and are listed by id with what waits for them', async () => {
    const jobs = [record('2'), record('1')];
    const own = [waiting(part('p1', '1'), 'job'), waiting(operation('o1', 'p1'), 'part')];
    await state.store.commit(page(state.epoch, { outcomes: [...jobs.map(heldBack), ...own] }));
    await state.reopen();
    expect((await state.store.leftOver(stream, 10)).records).toEqual([]);
    expect(await state.store.gathered(source, all)).toEqual([
      {
        job: { stream, since, record: record('1') },
        children: [part('p1', '1'), operation('o1', 'p1')].map((each) => ({ stream, since, record: each })),
      },
      { job: { stream, since, record: record('2') }, children: [] },
    ]);
    expect(await state.store.gathered(source, { after: '1', limit: 10 })).toMatchObject([
      { job: { record: record('2') } },
    ]);
    expect(await state.store.gathered(source, { after: '', limit: 1 })).toHaveLength(1);
    expect(await state.store.gathered('another', all)).toEqual([]);
  });

  it('are so in their newest form, as long as they have waited', async () => {
    await state.store.commit(page(state.epoch, { outcomes: [heldBack(record('1'))] }));
    await state.clock.advance(1000);
    const newer = record('1', { lifecycle: 'closed' });
    await state.store.commit(page(state.epoch, { outcomes: [heldBack(newer)] }));
    expect(await state.store.gathered(source, all)).toEqual([{ job: { stream, since, record: newer }, children: [] }]);
  });

  it('are held back no longer once they are delivered, and what waited for them is due, with its age', async () => {
    const outcomes = [heldBack(record('1')), waiting(part('p1', '1'), 'job')];
    await state.store.commit(page(state.epoch, { outcomes }));
    await state.clock.advance(1000);
    await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1'))] }));
    expect(await state.store.gathered(source, all)).toEqual([]);
    expect(await state.store.leftOver(stream, 10)).toMatchObject({ records: [part('p1', '1')], since });
  });

  it('are told from those of an earlier pass by when the latest of these was parked', async () => {
    expect(await state.store.begin(stream)).toMatchObject({ latestParkedAt: null });
    await state.store.commit(page(state.epoch, { outcomes: [heldBack(record('1'))] }));
    await state.clock.advance(1000);
    await state.store.commit(page(state.epoch, { outcomes: [heldBack(record('2'))] }));
    const later = new Date(Date.parse(since) + 1000).toISOString();
    expect(await state.store.begin(stream)).toMatchObject({ latestParkedAt: later });
    expect(await state.store.begin('plant/other')).toMatchObject({ latestParkedAt: null });
    await state.store.commit(page(state.epoch, { outcomes: [delivered(record('1')), delivered(record('2'))] }));
    expect(await state.store.begin(stream)).toMatchObject({ latestParkedAt: null });
  });

  it('are no job that waits for the MES to take jobs at all', async () => {
    const self: Outcome = { kind: 'parked', change: change(record('1')), waitsFor: { entity: 'job', externalId: '1' } };
    await state.store.commit(page(state.epoch, { outcomes: [self] }));
    expect(await state.store.gathered(source, all)).toEqual([]);
  });
});
