import { describe, expect, it } from 'vitest';
import type { Stream } from '../../src/connectors/define.ts';
import { TransientError, WaitError } from '../../src/core/errors.ts';
import type { MesRecord } from '../../src/core/types.ts';
import { collect } from '../support/harness.ts';
import {
  type Bench,
  type FakeRow,
  fakeStream,
  mapRow,
  openBench,
  put,
  source,
  start,
} from '../support/harness-pass.ts';

const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();
const ids = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`);

function part(id: string, minutes = -60, rest: Partial<MesRecord> = {}): FakeRow {
  const base = { entity: 'part', source, externalId: id, parents: {}, lifecycle: 'active' } as const;
  return {
    key: id,
    stamp: at(minutes),
    records: [{ ...base, fields: { part_number: id, quantity: minutes }, ...rest }],
  };
}

function vanish(rows: FakeRow[], ...gone: string[]): void {
  for (const id of gone)
    rows.splice(
      rows.findIndex(({ key }) => key === id),
      1,
    );
}

function cancelled(bench: Bench): string[] {
  const held = [...bench.sink.held.values()].map(({ record }) => record);
  return held.filter(({ lifecycle }) => lifecycle === 'cancelled').map(({ externalId }) => externalId);
}

/** A session in which `edition` answers what a test says, or throws it. */
async function openEdition(streams: readonly Stream[]): Promise<{ bench: Bench; says: { edition: string | Error } }> {
  const says: { edition: string | Error } = { edition: 'run 1' };
  const bench = await openBench(streams);
  bench.session.edition = async () => {
    if (says.edition instanceof Error) throw says.edition;
    return says.edition;
  };
  return { bench, says };
}

const busy = () => new WaitError('The ERP is planning.', { until: at(1), retryAfterMs: 60_000 });

async function openSweeping(rest: Partial<Stream> = {}): Promise<{ rows: FakeRow[]; bench: Bench }> {
  const rows = ids(20).map((id) => part(id));
  const bench = await openBench([fakeStream(rows, { entity: 'part', sweeping: true, ...rest })]);
  await bench.run();
  return { rows, bench };
}

describe('a whole read of a sweeping stream', () => {
  it('delivers what changed, and notes what it does not list; the next one marks that', async () => {
    const { rows, bench } = await openSweeping();
    vanish(rows, '3');
    put(rows, part('4', -50));
    expect(await bench.run({ full: true })).toMatchObject([{ outcome: 'ok', read: 19, updated: 1, deleted: 0 }]);
    expect(cancelled(bench)).toEqual([]);
    expect(await bench.run({ full: true })).toMatchObject([{ outcome: 'ok', updated: 0, deleted: 1 }]);
    expect(cancelled(bench)).toEqual(['3']);
  });

  it('moves the watermark and counts as the last whole read, as any other', async () => {
    const { bench } = await openSweeping();
    bench.sourceNow.at = new Date(at(30));
    const [result] = await bench.run({ full: true });
    expect(result?.watermark.after).toBe(at(30));
    expect((await bench.store.begin('plant/orders')).lastFullRead).toBe(at(30));
  });

  it('withholds what vanishes at once, until it is released', async () => {
    const { rows, bench } = await openSweeping();
    const withheld = collect(bench.events, 'absence:withheld');
    vanish(rows, ...ids(15));
    for (let turn = 0; turn < 3; turn += 1) await bench.run({ full: true });
    expect(cancelled(bench)).toEqual([]);
    expect(withheld).toHaveLength(3);
    await bench.run({ full: true, release: true });
    expect(cancelled(bench)).toHaveLength(15);
  });

  it('concludes nothing where it breaks off', async () => {
    let breaks = false;
    const rows = ids(20).map((id) => part(id));
    const whole = fakeStream(rows, { pageSize: 5 });
    const stream = fakeStream(rows, {
      entity: 'part',
      sweeping: true,
      async *read(...asked) {
        let pages = 0;
        for await (const page of whole.read(...asked)) {
          pages += 1;
          if (breaks && pages === 3) throw new Error('reset');
          yield page;
        }
      },
    });
    const bench = await openBench([stream]);
    await bench.run();
    breaks = true;
    for (let turn = 0; turn < 3; turn += 1)
      expect(await bench.run({ full: true })).toMatchObject([{ outcome: 'failed' }]);
    expect(cancelled(bench)).toEqual([]);
  });

  it('is not made of a delta, nor of a first load', async () => {
    const { rows, bench } = await openSweeping();
    expect(await bench.store.sweeps()).toEqual([]);
    vanish(rows, '3');
    for (let turn = 0; turn < 3; turn += 1) await bench.run();
    expect(cancelled(bench)).toEqual([]);
  });

  it('can judge although a row cannot be mapped, where its key tells what it would be', async () => {
    const rows = ids(20).map((id) => part(id));
    let bad = false;
    const map: Stream['map'] = async (page) =>
      (page as FakeRow[]).map((row) =>
        bad && row.key === '5'
          ? {
              ...mapRow({ ...row, bad }),
              kind: 'refused',
              stage: 'map',
              reason: 'no',
              row,
              refs: [{ entity: 'part', externalId: '5' }],
            }
          : mapRow(row),
      );
    const bench = await openBench([fakeStream(rows, { entity: 'part', sweeping: true, map })]);
    await bench.run();
    bad = true;
    vanish(rows, '3');
    for (let turn = 0; turn < 3; turn += 1) await bench.run({ full: true });
    expect(cancelled(bench)).toEqual(['3']);
  });
});

describe('a cancellation of what is only known as active', () => {
  const taken = (lifecycle: MesRecord['lifecycle']) =>
    part('1', -50, { lifecycle, onlyIfKnown: true, onlyIfActive: true });

  it.each([
    ['active', ['1']],
    ['closed', []],
  ] as const)('of an %s record comes to %j', async (lifecycle, gone) => {
    const rows = [part('1', -60, { lifecycle })];
    const bench = await openBench([fakeStream(rows, { entity: 'part' })]);
    await bench.run();
    put(rows, taken('cancelled'));
    await bench.run({ full: true });
    expect(cancelled(bench)).toEqual(gone);
  });
});

describe('the pages of a sweep', () => {
  it('are fetched while the one before is delivered', async () => {
    const seen: string[] = [];
    let minutes = -60;
    const { bench } = await openSweeping({
      async *read() {
        for (const id of ['1', '2', '3']) {
          seen.push(`fetched ${id}`);
          yield { rows: [part(id, minutes)], cursor: id };
        }
      },
      count: async () => 3,
    });
    bench.sink.before = () => seen.push('pushed');
    seen.length = 0;
    minutes = -50;
    await bench.run({ full: true });
    expect(seen).toEqual(['fetched 1', 'fetched 2', 'pushed', 'fetched 3', 'pushed', 'pushed']);
  });

  it('are not waited for where one before cannot be delivered', async () => {
    let minutes = -60;
    const { bench } = await openSweeping({
      async *read(_window, _cursor, signal) {
        yield { rows: [part('1', minutes)], cursor: '1' };
        if (minutes === -50) await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
      },
      count: async () => 1,
    });
    minutes = -50;
    bench.sink.before = () => {
      throw new TransientError('The MES is away.');
    };
    expect(await bench.run({ full: true })).toMatchObject([{ outcome: 'failed' }]);
  });
});

describe('an ERP that rewrites its data', () => {
  it('is read whole once in each edition, also after a restart', async () => {
    const { bench, says } = await openEdition([fakeStream([part('1')], { entity: 'part' })]);
    const reads = collect(bench.events, 'stream:full-read');
    await bench.run();
    await bench.run();
    expect(reads.map(({ reason }) => reason)).toEqual(['first load']);
    says.edition = 'run 2';
    await bench.run();
    await bench.run();
    expect(reads.map(({ reason }) => reason)).toEqual(['first load', 'the ERP has rewritten its data']);
    expect((await bench.store.begin('plant/orders')).fingerprint).toBe('mapping-1 run 2');
  });

  it('is not read meanwhile: its streams wait, and nothing has failed', async () => {
    const rows = [part('1')];
    const { bench, says } = await openEdition([fakeStream(rows, { entity: 'part', sweeping: true })]);
    await bench.run();
    says.edition = busy();
    vanish(rows, '1');
    const failed = collect(bench.events, 'cycle:failed');
    expect(await bench.run({ manual: false })).toMatchObject([{ outcome: 'waiting', read: 0 }]);
    expect(bench.cycle.waiting().get('orders')).toMatchObject({ reason: 'The ERP is planning.', planned: false });
    expect(bench.cycle.paused().size).toBe(0);
    await bench.reconciler.runDue(new Map(), new AbortController().signal);
    await bench.clock.advance(200_000_000);
    expect(await bench.reconciler.runDue(new Map(), new AbortController().signal)).toEqual([]);
    expect(failed).toEqual([]);
    expect(cancelled(bench)).toEqual([]);
  });

  it('is read from the beginning where a whole read was interrupted in another edition', async () => {
    const rows = ids(10).map((id) => part(id));
    const { bench, says } = await openEdition([fakeStream(rows, { entity: 'part', pageSize: 2 })]);
    let pages = 0;
    bench.sink.before = () => {
      pages += 1;
      if (pages === 3) throw new Error('down');
    };
    await bench.run();
    says.edition = 'run 2';
    expect(await bench.run()).toMatchObject([{ outcome: 'ok', read: 10 }]);
  });
});
