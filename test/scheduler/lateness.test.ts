import { beforeEach, describe, expect, it } from 'vitest';
import type { Window } from '../../src/core/types.ts';
import { overlapFor } from '../../src/scheduler/lateness.ts';
import { type FakeRow, fakeStream, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function job(id: string, minutes: number, text = ''): FakeRow {
  const fields = { job_number: id, customer: text };
  return {
    key: id,
    stamp: at(minutes),
    records: [{ entity: 'job', source, externalId: id, parents: {}, fields, lifecycle: 'active' }],
  };
}

let rows: FakeRow[];
let rig: Rig;
let windows: Window[];

/** A cycle at a minute of the source's clock. */
async function cycle(minute: number): ReturnType<Rig['run']> {
  rig.sourceNow.at = new Date(at(minute));
  return rig.run();
}

beforeEach(async () => {
  rows = [job('1', -60)];
  windows = [];
  const stream = fakeStream(rows);
  rig = await openRig([
    {
      ...stream,
      read(window, cursor, signal) {
        windows.push(window);
        return stream.read(window, cursor, signal);
      },
    },
  ]);
  await cycle(0);
});

describe('a row that shows up behind the watermark', () => {
  it('is counted with how late it was, and makes the next polls read further back', async () => {
    const late = collect(rig.events, 'rows:late');
    const grown = collect(rig.events, 'overlap:grown');
    put(rows, job('2', -9));
    await cycle(5);
    expect(late).toEqual([{ stream: 'plant/orders', rows: 1, seconds: 540 }]);
    expect(grown).toEqual([{ stream: 'plant/orders', overlapSeconds: 810, lateSeconds: 540 }]);
    await cycle(10);
    expect(windows.at(-1)?.from).toBe(at(5 - 13.5));
    expect(grown).toHaveLength(1);
  });

  it('lets the overlap follow lateness that grows, within three runs', async () => {
    for (const [minute, stamp] of [
      [10, -9],
      [20, 10 - 13],
      [30, 20 - 19],
    ] as const) {
      put(rows, job(`late at ${minute}`, stamp));
      await cycle(minute);
    }
    await cycle(40);
    expect(windows.at(-1)?.from).toBe(at(30 - 19 * 1.5));
  });

  it('is not late when its stamp is that of what was delivered, or when it is read again', async () => {
    const late = collect(rig.events, 'rows:late');
    put(rows, job('2', 4));
    await cycle(5);
    await cycle(6);
    put(rows, job('2', 4, 'changed without a stamp'));
    await cycle(7);
    expect(rig.sink.held.get('job/2')?.record.fields['customer']).toBe('changed without a stamp');
    expect(late).toEqual([]);
  });
});

describe('the overlap', () => {
  it('is the configured one, or half as much again as the latest row was late, up to a day', () => {
    expect(overlapFor(600, { seconds: 300 })).toBe(600);
    expect(overlapFor(600, { seconds: 401 })).toBe(602);
    expect(overlapFor(600, { seconds: 80_000 })).toBe(86_400);
    expect(overlapFor(172_800, { seconds: 80_000 })).toBe(172_800);
  });
});
