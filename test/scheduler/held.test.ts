import { describe, expect, it } from 'vitest';
import type { GoodRow, MappedRow } from '../../src/connectors/define.ts';
import type { MesRecord } from '../../src/core/types.ts';
import type { SinkResult } from '../../src/push/sink.ts';
import { collect } from '../support/harness.ts';
import { type Bench, type FakeRow, fakeStream, openBench, put, source, start } from '../support/harness-pass.ts';

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
const refuses = (bench: Bench, id: string) => {
  bench.sink.verdict = ({ record }) => (record.externalId === id ? refusal : undefined);
};
const heals = (bench: Bench) => {
  bench.sink.verdict = () => undefined;
};

/** The source's clock and ours go on. */
async function wait(bench: Bench, minutes: number): Promise<void> {
  await bench.clock.advance(minutes * minuteMs);
  bench.sourceNow.at = new Date(bench.sourceNow.at.getTime() + minutes * minuteMs);
}

describe('a record that the MES refuses', () => {
  it('is named at once, and the rest of the stream is delivered in the same run', async () => {
    const bench = await openBench([fakeStream([job('1'), job('2'), job('3')], { pageSize: 1 })]);
    const named = collect(bench.events, 'record:refused');
    refuses(bench, '1');
    expect(await bench.run()).toMatchObject([{ outcome: 'refused', created: 2, refused: 1 }]);
    expect(named).toEqual([{ stream: 'plant/orders', key: 'job/1', reason: 'customer is locked' }]);
  });

  it('is tried again by itself on later passes, with growing pauses, five times and no more', async () => {
    const bench = await openBench([fakeStream([job('1')])]);
    refuses(bench, '1');
    await bench.run();
    const tries = () => bench.sink.batches.length - 1;
    for (const [index, minutes] of [5, 30, 120, 480, 1440].entries()) {
      await wait(bench, minutes - 1);
      await bench.run();
      expect(tries()).toBe(index);
      await wait(bench, 1);
      await bench.run();
      expect(tries()).toBe(index + 1);
    }
    await wait(bench, 100_000);
    await bench.run();
    expect(tries()).toBe(5);
    heals(bench);
    await bench.store.retryDeadLetters({});
    await bench.run();
    expect(bench.sink.held.has('job/1')).toBe(true);
    expect(await bench.store.deadLetters({})).toEqual([]);
  });

  it('is replaced by a newer version, which is delivered and not overtaken by the old one', async () => {
    const rows = [job('1')];
    const bench = await openBench([fakeStream(rows)]);
    refuses(bench, '1');
    await bench.run();
    heals(bench);
    await wait(bench, 4);
    put(rows, job('1', 3));
    await bench.run();
    await wait(bench, 10_000);
    await bench.run();
    expect(bench.sink.batches).toHaveLength(2);
    expect(bench.sink.held.get('job/1')?.record.fields).toEqual({ job_number: '1 at 3' });
  });

  it('gives its place to a newer version that is refused too: only that one is tried again', async () => {
    const rows = [job('1')];
    const bench = await openBench([fakeStream(rows)]);
    refuses(bench, '1');
    await bench.run();
    await wait(bench, 4);
    put(rows, job('1', 3));
    await bench.run();
    heals(bench);
    await wait(bench, 5);
    await bench.run();
    expect(bench.sink.held.get('job/1')?.record.fields).toEqual({ job_number: '1 at 3' });
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
    const bench = await openBench([fakeStream(rows, { map })]);
    await bench.run();
    expect(await bench.store.deadLetters({})).toMatchObject([{ stage: 'map', key: 'row job 1' }]);
    rows.length = 0;
    mapping = ({ key, stamp, records }): GoodRow => ({ kind: 'good', key, stamp, records });
    await wait(bench, 5);
    await bench.run();
    expect(bench.sink.held.has('job/1')).toBe(true);
    expect(await bench.store.deadLetters({})).toEqual([]);
  });
});

describe('a record that waits for its parent', () => {
  const streamsOf = (jobs: FakeRow[], parts: FakeRow[]) => [
    fakeStream(jobs, { name: 'jobs' }),
    fakeStream(parts, { name: 'parts', entity: 'part' }),
  ];

  it('is released in the pass that delivers the parent, also when the parent comes on a later page', async () => {
    const rows = [part('p', '1', -120), job('1', -60)];
    const bench = await openBench([fakeStream(rows, { pageSize: 1 })]);
    expect(await bench.run()).toMatchObject([{ created: 2, parked: 1 }]);
    expect(bench.sink.batches).toEqual([['job/1'], ['part/p']]);
  });

  it('is held without a request while the parent is refused, and released in the cycle in which a replay delivers that', async () => {
    const bench = await openBench(streamsOf([job('1')], [part('p', '1')]));
    refuses(bench, '1');
    const [, parts] = await bench.run();
    expect(parts).toMatchObject({ outcome: 'ok', parked: 1 });
    expect(bench.sink.batches).toEqual([['job/1']]);
    heals(bench);
    await wait(bench, 5);
    await bench.run();
    expect(bench.sink.batches).toEqual([['job/1'], ['job/1'], ['part/p']]);
  });

  it('is released in the pass in which a replay delivers the parent from the same stream', async () => {
    const bench = await openBench([fakeStream([job('1'), part('p', '1')])]);
    refuses(bench, '1');
    await bench.run();
    heals(bench);
    await wait(bench, 5);
    await bench.run();
    expect(bench.sink.batches).toEqual([['job/1'], ['job/1'], ['part/p']]);
  });

  it('asks for the parent again that the MES has lost, and is delivered in the cycle in which it comes', async () => {
    const parts = [part('p', '1')];
    const bench = await openBench(streamsOf([job('1')], parts));
    await bench.run();
    bench.sink.held.delete('job/1');
    bench.sink.verdict = ({ record: { parents } }) =>
      parents.job !== undefined && !bench.sink.held.has(`job/${parents.job}`)
        ? { kind: 'waiting', waitsFor: { entity: 'job', externalId: parents.job } }
        : undefined;
    await wait(bench, 5000);
    put(parts, part('p', '1', 4990));
    const [, second] = await bench.run();
    expect(second).toMatchObject({ outcome: 'ok', parked: 1 });
    await bench.run();
    expect([...bench.sink.held.keys()]).toEqual(['part/p', 'job/1']);
    expect(bench.sink.held.get('part/p')?.record.fields).toEqual({ part_number: 'p at 4990' });
    const before = bench.sink.batches.length;
    const reads = collect(bench.events, 'stream:full-read');
    await bench.run();
    expect(bench.sink.batches).toHaveLength(before);
    expect(reads).toEqual([]);
  });
});
