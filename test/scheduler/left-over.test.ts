import { describe, expect, it } from 'vitest';
import type { GoodRow, MappedRow } from '../../src/connectors/connector.ts';
import type { MesRecord } from '../../src/core/types.ts';
import type { SinkResult } from '../../src/push/sink.ts';
import { type FakeRow, fakeStream, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

const minuteMs = 60_000;
const at = (minutes: number) => new Date(start.getTime() + minutes * minuteMs);

function job(id: string, minutes = -120, rest: Partial<MesRecord> = {}): FakeRow {
  const base = { entity: 'job', source, externalId: id, parents: {}, lifecycle: 'active' } as const;
  return {
    key: `${rest.entity ?? 'job'} ${id}`,
    stamp: at(minutes).toISOString(),
    records: [{ ...base, fields: { job_number: `${id} at ${minutes}` }, ...rest }],
  };
}

const part = (id: string, parent: string, minutes = -120): FakeRow =>
  job(id, minutes, { entity: 'part', parents: { job: parent }, fields: { part_number: `${id} at ${minutes}` } });

const refusal: SinkResult = { kind: 'refused', reason: 'customer is locked' };
const refuses = (rig: Rig, id: string) => {
  rig.sink.verdict = ({ record }) => (record.externalId === id ? refusal : undefined);
};
const heals = (rig: Rig) => {
  rig.sink.verdict = () => undefined;
};

/** The source's clock and ours go on. */
async function wait(rig: Rig, minutes: number): Promise<void> {
  await rig.clock.advance(minutes * minuteMs);
  rig.sourceNow.at = new Date(rig.sourceNow.at.getTime() + minutes * minuteMs);
}

describe('a row that cannot be read', () => {
  it('counts in every pass that reads it, and is named when it is news', async () => {
    const rows = [{ ...job('1'), bad: true }];
    const rig = await openRig([fakeStream(rows, { stampKind: 'none' })]);
    const named = collect(rig.events, 'record:refused');
    const passes = async (minutes: readonly number[]) => {
      for (const each of minutes) {
        await wait(rig, each);
        const [result] = await rig.run();
        expect(result).toMatchObject({ outcome: 'refused', refused: expect.toSatisfy((count) => count >= 1) });
      }
    };
    await passes([0, 1, 1]);
    expect(named).toEqual([{ stream: 'plant/orders', key: 'row job 1', reason: 'not a row' }]);
    put(rows, { ...job('1', -60), bad: true });
    await passes([0, 1]);
    expect(named).toHaveLength(2);
    // Its pause is over: it was tried once more.
    await passes([5, 1]);
    expect(named).toHaveLength(3);
  });
});

describe('a record that the MES refuses', () => {
  it('is named at once, and the rest of the stream is delivered in the same run', async () => {
    const rig = await openRig([fakeStream([job('1'), job('2'), job('3')], { pageSize: 1 })]);
    const named = collect(rig.events, 'record:refused');
    refuses(rig, '1');
    expect(await rig.run()).toMatchObject([{ outcome: 'refused', created: 2, refused: 1 }]);
    expect(named).toEqual([{ stream: 'plant/orders', key: 'job/1', reason: 'customer is locked' }]);
  });

  it('is tried again by itself on later passes, with growing pauses, five times and no more', async () => {
    const rig = await openRig([fakeStream([job('1')])]);
    refuses(rig, '1');
    await rig.run();
    const tries = () => rig.sink.batches.length - 1;
    for (const [index, minutes] of [5, 30, 120, 480, 1440].entries()) {
      await wait(rig, minutes - 1);
      await rig.run();
      expect(tries()).toBe(index);
      await wait(rig, 1);
      await rig.run();
      expect(tries()).toBe(index + 1);
    }
    await wait(rig, 100_000);
    await rig.run();
    expect(tries()).toBe(5);
    heals(rig);
    await rig.store.retryDeadLetters({});
    await rig.run();
    expect(rig.sink.held.has('job/1')).toBe(true);
    expect(await rig.store.deadLetters({})).toEqual([]);
  });

  it('is replaced by a newer version, which is delivered and not overtaken by the old one', async () => {
    const rows = [job('1')];
    const rig = await openRig([fakeStream(rows)]);
    refuses(rig, '1');
    await rig.run();
    heals(rig);
    await wait(rig, 4);
    put(rows, job('1', 3));
    await rig.run();
    await wait(rig, 10_000);
    await rig.run();
    expect(rig.sink.batches).toHaveLength(2);
    expect(rig.sink.held.get('job/1')?.record.fields).toEqual({ job_number: '1 at 3' });
  });

  it('gives its place to a newer version that is refused too: only that one is tried again', async () => {
    const rows = [job('1')];
    const rig = await openRig([fakeStream(rows)]);
    refuses(rig, '1');
    await rig.run();
    await wait(rig, 4);
    put(rows, job('1', 3));
    await rig.run();
    heals(rig);
    await wait(rig, 5);
    await rig.run();
    expect(rig.sink.held.get('job/1')?.record.fields).toEqual({ job_number: '1 at 3' });
  });
});

describe('a row that cannot be mapped', () => {
  it('is tried again from the row, with the mapping of the day', async () => {
    let mapping = (row: FakeRow): MappedRow => ({
      kind: 'refused',
      key: row.key,
      stamp: row.stamp,
      stage: 'map',
      reason: 'quantity is no number',
      row,
    });
    const rows = [job('1')];
    const map = async (page: readonly unknown[]) => (page as FakeRow[]).map((row) => mapping(row));
    const rig = await openRig([fakeStream(rows, { map })]);
    await rig.run();
    expect(await rig.store.deadLetters({})).toMatchObject([{ stage: 'map', key: 'row job 1' }]);
    rows.length = 0;
    mapping = ({ key, stamp, records }): GoodRow => ({ kind: 'good', key, stamp, records });
    await wait(rig, 5);
    await rig.run();
    expect(rig.sink.held.has('job/1')).toBe(true);
    expect(await rig.store.deadLetters({})).toEqual([]);
  });
});

describe('a record that waits for its parent', () => {
  const streamsOf = (jobs: FakeRow[], parts: FakeRow[]) => [
    fakeStream(jobs, { name: 'jobs' }),
    fakeStream(parts, { name: 'parts', entity: 'part' }),
  ];

  it('is released in the pass that delivers the parent, also when the parent comes on a later page', async () => {
    const rows = [part('p', '1', -120), job('1', -60)];
    const rig = await openRig([fakeStream(rows, { pageSize: 1 })]);
    expect(await rig.run()).toMatchObject([{ created: 2, parked: 1 }]);
    expect(rig.sink.batches).toEqual([['job/1'], ['part/p']]);
  });

  it('is held without a request while the parent is refused, and released in the cycle in which a replay delivers that', async () => {
    const rig = await openRig(streamsOf([job('1')], [part('p', '1')]));
    refuses(rig, '1');
    const [, parts] = await rig.run();
    expect(parts).toMatchObject({ outcome: 'ok', parked: 1 });
    expect(rig.sink.batches).toEqual([['job/1']]);
    heals(rig);
    await wait(rig, 5);
    await rig.run();
    expect(rig.sink.batches).toEqual([['job/1'], ['job/1'], ['part/p']]);
  });

  it('is released in the pass in which a replay delivers the parent from the same stream', async () => {
    const rig = await openRig([fakeStream([job('1'), part('p', '1')])]);
    refuses(rig, '1');
    await rig.run();
    heals(rig);
    await wait(rig, 5);
    await rig.run();
    expect(rig.sink.batches).toEqual([['job/1'], ['job/1'], ['part/p']]);
  });

  it('asks for the parent again that the MES has lost, and is delivered in the cycle in which it comes', async () => {
    const parts = [part('p', '1')];
    const rig = await openRig(streamsOf([job('1')], parts));
    await rig.run();
    rig.sink.held.delete('job/1');
    rig.sink.verdict = ({ record: { parents } }) =>
      parents.job !== undefined && !rig.sink.held.has(`job/${parents.job}`)
        ? { kind: 'waiting', waitsFor: { entity: 'job', externalId: parents.job } }
        : undefined;
    await wait(rig, 5000);
    put(parts, part('p', '1', 4990));
    const [, second] = await rig.run();
    expect(second).toMatchObject({ outcome: 'ok', parked: 1 });
    await rig.run();
    expect([...rig.sink.held.keys()]).toEqual(['part/p', 'job/1']);
    expect(rig.sink.held.get('part/p')?.record.fields).toEqual({ part_number: 'p at 4990' });
    const before = rig.sink.batches.length;
    const reads = collect(rig.events, 'stream:full-read');
    await rig.run();
    expect(rig.sink.batches).toHaveLength(before);
    expect(reads).toEqual([]);
  });
});
