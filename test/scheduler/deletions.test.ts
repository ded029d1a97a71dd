import { beforeEach, describe, expect, it } from 'vitest';
import type { MesRecord, RecordRef, Window } from '../../src/core/types.ts';
import { type FakeRow, fakeStream, openRig, type Rig, source, start } from '../support/pass-rig.ts';
import { resultOf } from '../support/plant.ts';

const minute = 60_000;
let rows: FakeRow[];
let rig: Rig;
/** What the ERP lists as deleted. */
let deleted: RecordRef[];
let windows: Window[];

function row(id: number, lifecycle: MesRecord['lifecycle'] = 'active'): FakeRow {
  const fields = { part_number: `P${id}`, quantity: id };
  const record: MesRecord = { entity: 'part', source, externalId: `${id}`, parents: {}, fields, lifecycle };
  return { key: `${id}`, stamp: new Date(start.getTime() - 1000 * minute).toISOString(), records: [record] };
}

const ref = (id: number): RecordRef => ({ entity: 'part', externalId: `${id}` });
const lifecycleOf = (id: number) => rig.sink.held.get(`part/${id}`)?.record.lifecycle;

beforeEach(async () => {
  rows = Array.from({ length: 40 }, (_, index) => row(index + 1));
  deleted = [];
  windows = [];
  rig = await openRig([
    fakeStream(rows, {
      entity: 'part',
      async *gone(window) {
        windows.push(window);
        yield deleted;
      },
    }),
  ]);
  await rig.run();
  rig.sourceNow.at = new Date(start.getTime() + minute);
});

describe('what the ERP lists as deleted', () => {
  it('is cancelled with all that was delivered of it, in the next pass and once', async () => {
    deleted = [ref(7), ref(99)];
    expect(resultOf(await rig.run(), 'orders')).toMatchObject({ deleted: 1, outcome: 'ok' });
    expect(rig.sink.held.get('part/7')?.record).toMatchObject({
      lifecycle: 'cancelled',
      fields: { part_number: 'P7', quantity: 7 },
    });
    expect(resultOf(await rig.run(), 'orders')).toMatchObject({ deleted: 0 });
    expect(rig.sink.held.has('part/99')).toBe(false);
  });

  it('is asked for in the window of the pass, and not by whole reads, which see for themselves', async () => {
    expect(windows).toEqual([]);
    await rig.run();
    await rig.run({ full: true });
    expect(windows).toEqual([
      expect.objectContaining({ mode: 'delta', from: expect.any(String), to: expect.any(String) }),
    ]);
  });

  it('goes out no more where it waits for its parent, or is set aside', async () => {
    const waiting = row(50);
    const stamp = new Date(start.getTime() - minute).toISOString();
    for (const record of waiting.records) record.parents = { job: 'j' };
    rows.push({ ...waiting, stamp }, { ...row(51), stamp });
    rig.sink.verdict = ({ record }) =>
      record.externalId === '51' ? { kind: 'refused', reason: 'it is locked' } : undefined;
    expect(resultOf(await rig.run(), 'orders')).toMatchObject({ parked: 1, refused: 1 });
    rows.splice(-2, 2);
    deleted = [ref(50), ref(51)];
    await rig.run();
    expect(await rig.store.status()).toMatchObject([{ parked: 0, deadLetters: 0 }]);
  });

  it('is believed however much it is', async () => {
    deleted = rows.map((_, index) => ref(index + 1));
    expect(resultOf(await rig.run(), 'orders')).toMatchObject({ deleted: 40, outcome: 'ok' });
  });

  it('keeps the watermark where it was when the MES cannot be told', async () => {
    deleted = [ref(7)];
    rig.sink.before = () => {
      throw new Error('down');
    };
    const [failed] = await rig.run();
    expect(failed).toMatchObject({ outcome: 'failed' });
    expect(failed?.watermark.after).toBe(failed?.watermark.before);
    rig.sink.before = () => undefined;
    await rig.run();
    expect(lifecycleOf(7)).toBe('cancelled');
  });
});
