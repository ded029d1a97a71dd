import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { changeMeta } from '../../src/state/ledger.ts';
import { LeaseLostError, type PassFinish, type Store } from '../../src/state/store.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { delivered, page, passEnd, record, resumeAt, scratchDirectory, stream } from '../support/state-builders.ts';

const times = ['00', '01', '02', '03'].map((hour) => `2026-03-02T${hour}:00:00.000Z`) as [
  string,
  string,
  string,
  string,
];

let clock: FakeClock;
let directory: string;
let store: Store;

beforeEach(async () => {
  clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
  directory = join(scratchDirectory(), 'state');
  store = await openEmbeddedStore({ directory, clock });
  await endPass(times[0]);
});

afterEach(() => store.close());

/** A pass that found nothing. */
async function endPass(watermark: string, rest: Partial<PassFinish> = {}): Promise<void> {
  const { epoch } = await store.begin(stream);
  await store.finish(passEnd(epoch, watermark, rest));
}

function onDisk(of = stream): string {
  const { streams } = JSON.parse(readFileSync(join(directory, 'watermarks.json'), 'utf8'));
  return streams[of].watermark.value;
}

/** Another process over what is on the disk now. */
async function afterCrash(look: (store: Store) => Promise<void>): Promise<void> {
  const copy = join(scratchDirectory(), 'state');
  cpSync(directory, copy, { recursive: true });
  const reopened = await openEmbeddedStore({ directory: copy, clock });
  try {
    await look(reopened);
  } finally {
    await reopened.close();
  }
}

describe('the end of a pass that found nothing', () => {
  it('holds at once and is on the disk after a quarter of an hour', async () => {
    await endPass(times[1]);
    expect(await store.begin(stream)).toMatchObject({ watermark: { value: times[1] } });
    expect(onDisk()).toBe(times[0]);
    await clock.advance(899_000);
    await endPass(times[2]);
    expect(onDisk()).toBe(times[0]);
    await clock.advance(1000);
    await endPass(times[3]);
    expect(onDisk()).toBe(times[3]);
  });

  it('is on the disk with the first of a process, and when that ends', async () => {
    expect(onDisk()).toBe(times[0]);
    await endPass(times[1]);
    await store.close();
    expect(onDisk()).toBe(times[1]);
    store = await openEmbeddedStore({ directory, clock });
    await endPass(times[2]);
    expect(onDisk()).toBe(times[2]);
  });

  it('is on the disk at once where the last of its stream there is older, whatever others have written', async () => {
    const others = ['plant/parts', 'plant/operations'];
    for (const hour of times.slice(1)) {
      await clock.advance(3_600_000);
      for (const each of [stream, ...others]) {
        const { epoch } = await store.begin(each);
        await store.finish(passEnd(epoch, hour, { stream: each }));
      }
      expect([onDisk(), onDisk(others[0]), onDisk(others[1])]).toEqual([hour, hour, hour]);
    }
  });

  it('is on the disk when the program ends, though it waits behind another change', async () => {
    const { epoch } = await store.begin(stream);
    const change = store.setWatermark({ stream: 'plant/parts', watermark: null, forget: null });
    const ended = store.finish(passEnd(epoch, times[1]));
    await store.close();
    await Promise.all([change, ended]);
    expect(onDisk()).toBe(times[1]);
    store = await openEmbeddedStore({ directory, clock });
  });

  it('goes along with the next change of any stream', async () => {
    await endPass(times[1]);
    const other = { stream: 'plant/parts', watermark: null, forget: null };
    await store.setWatermark(other);
    expect(onDisk()).toBe(times[1]);
  });

  it('may not move the watermark back', async () => {
    await endPass(times[2]);
    await expect(endPass(times[1])).rejects.toThrow('must not move back');
  });

  it('leaves a watermark that was set by hand meanwhile', async () => {
    const { epoch } = await store.begin(stream);
    await store.setWatermark({ stream, watermark: { kind: 'timestamp', value: times[3] }, forget: null });
    await store.finish(passEnd(epoch, times[1]));
    expect(await store.begin(stream)).toMatchObject({ watermark: { value: times[3] } });
    expect(onDisk()).toBe(times[3]);
  });

  it('is read again after a crash', async () => {
    await endPass(times[1]);
    await afterCrash(async (reopened) => {
      expect(await reopened.begin(stream)).toMatchObject({ watermark: { value: times[0] }, resume: null });
    });
  });

  it('leaves a later pass that was interrupted where it was', async () => {
    await endPass(times[1]);
    const { epoch } = await store.begin(stream);
    await store.commit(page(epoch, { outcomes: [delivered(record('1'))], resume: resumeAt('page 1') }));
    await afterCrash(async (reopened) => {
      expect(await reopened.begin(stream)).toMatchObject({
        watermark: { value: times[0] },
        resume: resumeAt('page 1'),
      });
    });
  });

  it('is refused, and not written at the close either, once another process has taken over', async () => {
    await endPass(times[1]);
    const { epoch } = await store.begin(stream);
    changeMeta(directory, (meta) => meta.nextEpoch());
    await expect(store.finish(passEnd(epoch, times[2]))).rejects.toThrow(LeaseLostError);
    await store.close();
    expect(onDisk()).toBe(times[0]);
    store = await openEmbeddedStore({ directory, clock });
  });
});

describe('the end of a pass is on the disk at once', () => {
  const ends: Record<string, Partial<PassFinish>> = {
    'when it read everything': { fullReadAt: times[1] },
    'when it marked all open parents': { parentsMarkedAt: times[1] },
    'when it read the children of new parents': { childrenSettled: true },
    'when the mapping is another': { fingerprint: 'mapping-2' },
  };
  for (const [when, rest] of Object.entries(ends)) {
    it(when, async () => {
      await endPass(times[1], rest);
      expect(onDisk()).toBe(times[1]);
    });
  }

  it('when it steps back', async () => {
    await endPass('2026-03-01T00:00:00.000Z', { stepsBack: true });
    expect(onDisk()).toBe('2026-03-01T00:00:00.000Z');
  });

  it('when it delivered something', async () => {
    const { epoch } = await store.begin(stream);
    await store.commit(page(epoch, { outcomes: [delivered(record('1'))] }));
    await store.finish(passEnd(epoch, times[1]));
    expect(onDisk()).toBe(times[1]);
  });

  it('when it goes on with an interrupted one, whose resume point is void with it', async () => {
    const { epoch } = await store.begin(stream);
    await store.commit(page(epoch, { resume: resumeAt('page 1') }));
    expect(await store.begin(stream)).toMatchObject({ resume: resumeAt('page 1') });
    await store.finish(passEnd(epoch, times[1]));
    expect(onDisk()).toBe(times[1]);
    expect(await store.begin(stream)).toMatchObject({ resume: null });
  });
});
