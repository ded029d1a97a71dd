import { describe, expect, it } from 'vitest';
import type { Stream } from '../../src/connectors/connector.ts';
import { TransientError, WaitError } from '../../src/core/errors.ts';
import type { MesRecord } from '../../src/core/types.ts';
import { type FakeRow, fakeStream, mapRow, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

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

function cancelled(rig: Rig): string[] {
  const held = [...rig.sink.held.values()].map(({ record }) => record);
  return held.filter(({ lifecycle }) => lifecycle === 'cancelled').map(({ externalId }) => externalId);
}

/** A session in which `edition` answers what a test says, or throws it. */
async function openEdition(streams: readonly Stream[]): Promise<{ rig: Rig; says: { edition: string | Error } }> {
  const says: { edition: string | Error } = { edition: 'run 1' };
  const rig = await openRig(streams);
  rig.session.edition = async () => {
    if (says.edition instanceof Error) throw says.edition;
    return says.edition;
  };
  return { rig, says };
}

const busy = () => new WaitError('The ERP is planning.', { until: at(1), retryAfterMs: 60_000 });

async function openSweeping(rest: Partial<Stream> = {}): Promise<{ rows: FakeRow[]; rig: Rig }> {
  const rows = ids(20).map((id) => part(id));
  const rig = await openRig([fakeStream(rows, { entity: 'part', judgesAbsence: true, ...rest })]);
  await rig.run();
  return { rows, rig };
}

describe('a whole read of a sweeping stream', () => {
  it('delivers what changed, and notes what it does not list; the next one marks that', async () => {
    const { rows, rig } = await openSweeping();
    vanish(rows, '3');
    put(rows, part('4', -50));
    expect(await rig.run({ full: true })).toMatchObject([{ outcome: 'ok', read: 19, updated: 1, deleted: 0 }]);
    expect(cancelled(rig)).toEqual([]);
    expect(await rig.run({ full: true })).toMatchObject([{ outcome: 'ok', updated: 0, deleted: 1 }]);
    expect(cancelled(rig)).toEqual(['3']);
  });

  it('moves the watermark and counts as the last whole read, as any other', async () => {
    const { rig } = await openSweeping();
    rig.sourceNow.at = new Date(at(30));
    const [result] = await rig.run({ full: true });
    expect(result?.watermark.after).toBe(at(30));
    expect((await rig.store.begin('plant/orders')).lastFullRead).toBe(at(30));
  });

  it('withholds what vanishes at once, until it is released', async () => {
    const { rows, rig } = await openSweeping();
    const withheld = collect(rig.events, 'absence:withheld');
    vanish(rows, ...ids(15));
    for (let turn = 0; turn < 3; turn += 1) await rig.run({ full: true });
    expect(cancelled(rig)).toEqual([]);
    expect(withheld).toHaveLength(3);
    await rig.run({ full: true, release: true });
    expect(cancelled(rig)).toHaveLength(15);
  });

  it('concludes nothing where it breaks off', async () => {
    let breaks = false;
    const rows = ids(20).map((id) => part(id));
    const whole = fakeStream(rows, { pageSize: 5 });
    const stream = fakeStream(rows, {
      entity: 'part',
      judgesAbsence: true,
      async *read(...asked) {
        let pages = 0;
        for await (const page of whole.read(...asked)) {
          pages += 1;
          if (breaks && pages === 3) throw new Error('reset');
          yield page;
        }
      },
    });
    const rig = await openRig([stream]);
    await rig.run();
    breaks = true;
    for (let turn = 0; turn < 3; turn += 1)
      expect(await rig.run({ full: true })).toMatchObject([{ outcome: 'failed' }]);
    expect(cancelled(rig)).toEqual([]);
  });

  it('is not made of a delta, nor of a first load', async () => {
    const { rows, rig } = await openSweeping();
    expect(await rig.store.sweeps()).toEqual([]);
    vanish(rows, '3');
    for (let turn = 0; turn < 3; turn += 1) await rig.run();
    expect(cancelled(rig)).toEqual([]);
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
    const rig = await openRig([fakeStream(rows, { entity: 'part', judgesAbsence: true, map })]);
    await rig.run();
    bad = true;
    vanish(rows, '3');
    for (let turn = 0; turn < 3; turn += 1) await rig.run({ full: true });
    expect(cancelled(rig)).toEqual(['3']);
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
    const rig = await openRig([fakeStream(rows, { entity: 'part' })]);
    await rig.run();
    put(rows, taken('cancelled'));
    await rig.run({ full: true });
    expect(cancelled(rig)).toEqual(gone);
  });
});

describe('the pages of a sweep', () => {
  it('are fetched while the one before is delivered', async () => {
    const seen: string[] = [];
    let minutes = -60;
    const { rig } = await openSweeping({
      async *read() {
        for (const id of ['1', '2', '3']) {
          seen.push(`fetched ${id}`);
          yield { rows: [part(id, minutes)], cursor: id };
        }
      },
      count: async () => 3,
    });
    rig.sink.before = () => seen.push('pushed');
    seen.length = 0;
    minutes = -50;
    await rig.run({ full: true });
    expect(seen).toEqual(['fetched 1', 'fetched 2', 'pushed', 'fetched 3', 'pushed', 'pushed']);
  });

  it('are not waited for where one before cannot be delivered', async () => {
    let minutes = -60;
    const { rig } = await openSweeping({
      async *read(_window, _cursor, signal) {
        yield { rows: [part('1', minutes)], cursor: '1' };
        if (minutes === -50) await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
      },
      count: async () => 1,
    });
    minutes = -50;
    rig.sink.before = () => {
      throw new TransientError('The MES is away.');
    };
    expect(await rig.run({ full: true })).toMatchObject([{ outcome: 'failed' }]);
  });
});

describe('an ERP that rewrites its data', () => {
  it('is read whole once in each edition, also after a restart', async () => {
    const { rig, says } = await openEdition([fakeStream([part('1')], { entity: 'part' })]);
    const reads = collect(rig.events, 'stream:full-read');
    await rig.run();
    await rig.run();
    expect(reads.map(({ reason }) => reason)).toEqual(['first load']);
    says.edition = 'run 2';
    await rig.run();
    await rig.run();
    expect(reads.map(({ reason }) => reason)).toEqual(['first load', 'the ERP has rewritten its data']);
    expect((await rig.store.begin('plant/orders')).fingerprint).toBe('mapping-1 run 2');
  });

  it('is not read meanwhile: its streams wait, and nothing has failed', async () => {
    const rows = [part('1')];
    const { rig, says } = await openEdition([fakeStream(rows, { entity: 'part', judgesAbsence: true })]);
    await rig.run();
    says.edition = busy();
    vanish(rows, '1');
    const failed = collect(rig.events, 'cycle:failed');
    expect(await rig.run({ manual: false })).toMatchObject([{ outcome: 'waiting', read: 0 }]);
    expect(rig.cycle.waiting().get('orders')).toMatchObject({ reason: 'The ERP is planning.', planned: false });
    expect(rig.cycle.paused().size).toBe(0);
    await rig.reconciler.runDue(new Map(), new AbortController().signal);
    await rig.clock.advance(200_000_000);
    expect(await rig.reconciler.runDue(new Map(), new AbortController().signal)).toEqual([]);
    expect(failed).toEqual([]);
    expect(cancelled(rig)).toEqual([]);
  });

  it('is read from the beginning where a whole read was interrupted in another edition', async () => {
    const rows = ids(10).map((id) => part(id));
    const { rig, says } = await openEdition([fakeStream(rows, { entity: 'part', pageSize: 2 })]);
    let pages = 0;
    rig.sink.before = () => {
      pages += 1;
      if (pages === 3) throw new Error('down');
    };
    await rig.run();
    says.edition = 'run 2';
    expect(await rig.run()).toMatchObject([{ outcome: 'ok', read: 10 }]);
  });
});
