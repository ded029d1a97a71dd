import { describe, expect, it } from 'vitest';
import { createEventBus, type StreamResult, zeroCounts } from '../../src/core/events.ts';
import { followActivity } from '../../src/server/activity.ts';
import { createReadiness, type ExpectedStream } from '../../src/server/readiness.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const everyMs = 300_000;

interface Setting {
  stalled?: string | undefined;
  pause?: { reason: string; until: string } | undefined;
  stateFailure?: Error | undefined;
}

/** Readiness of one stream that is to run every five minutes; `setting` is what the test changes on the way. */
function begin() {
  const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
  const events = createEventBus((error) => {
    throw error;
  });
  const setting: Setting = {};
  const stream: ExpectedStream = {
    id: 'plant/orders',
    overdue: (since, now) => now.getTime() - since.getTime() > 3 * everyMs,
    pause: () => setting.pause,
    stalled: () => setting.stalled,
  };
  const readiness = createReadiness({
    streams: [stream],
    activity: followActivity(events, clock.now),
    store: {
      async probe() {
        if (setting.stateFailure !== undefined) throw setting.stateFailure;
      },
    },
    now: clock.now,
  });
  const finish = (outcome: StreamResult['outcome'], error?: string) =>
    events.emit('stream:finished', { result: resultOf(outcome, error) });
  return { clock, events, setting, readiness, finish };
}

function resultOf(outcome: StreamResult['outcome'], error?: string): StreamResult {
  return {
    ...zeroCounts(),
    connector: 'plant',
    stream: 'orders',
    outcome,
    requests: { erp: 1, mes: 0 },
    watermark: { before: null, after: null },
    durationMs: 10,
    ...(error === undefined ? {} : { error }),
  };
}

const green = { ready: true, reasons: [] };

describe('readiness', () => {
  it('is green from the start, for the first pass has its time', async () => {
    const { clock, readiness } = begin();
    expect(await readiness()).toEqual(green);
    await clock.advance(3 * everyMs);
    expect(await readiness()).toEqual(green);
  });

  it('is red when no pass has completed within three intervals of the start, and green after one', async () => {
    const { clock, readiness, finish } = begin();
    await clock.advance(3 * everyMs + 1);
    expect(await readiness()).toEqual({
      ready: false,
      reasons: ['plant/orders: no pass has completed since the start'],
    });
    finish('ok');
    expect(await readiness()).toEqual(green);
  });

  it('is red when passes fail for three intervals, names the last error, and is green after one that completes', async () => {
    const { clock, readiness, finish } = begin();
    finish('ok');
    await clock.advance(everyMs);
    finish('failed', 'HTTP 503 from the ERP');
    expect(await readiness()).toEqual(green);
    await clock.advance(2 * everyMs + 1);
    finish('failed', 'HTTP 502 from the ERP');
    expect((await readiness()).reasons).toEqual([
      'plant/orders: no pass has completed since 2026-03-01T08:00:00.000Z: HTTP 502 from the ERP',
    ]);
    finish('ok');
    expect(await readiness()).toEqual(green);
  });

  it('counts a pass that set records aside as completed', async () => {
    const { clock, readiness, finish } = begin();
    await clock.advance(3 * everyMs + 1);
    finish('refused');
    expect(await readiness()).toEqual(green);
  });

  it('goes red by time alone, when nothing runs at all', async () => {
    const { clock, readiness, finish } = begin();
    finish('ok');
    clock.suspend(3 * everyMs + 1);
    expect((await readiness()).ready).toBe(false);
  });

  it('is red while a stream waits for a human, and says what for and how long', async () => {
    const { readiness, setting, finish } = begin();
    finish('ok');
    setting.pause = { reason: 'credentials refused', until: '2026-03-01T09:00:00.000Z' };
    expect(await readiness()).toEqual({
      ready: false,
      reasons: ['plant/orders: waits for a human until 2026-03-01T09:00:00.000Z: credentials refused'],
    });
    setting.pause = undefined;
    expect(await readiness()).toEqual(green);
  });

  it('is red while the last run hung, and says why', async () => {
    const { setting, readiness, finish } = begin();
    finish('ok');
    setting.stalled = 'the run was given up';
    expect(await readiness()).toEqual({ ready: false, reasons: ['plant/orders: the run was given up'] });
    setting.stalled = undefined;
    expect(await readiness()).toEqual(green);
  });

  it('is red while vanished records are withheld, and says how to release them', async () => {
    const { readiness, events } = begin();
    events.emit('absence:withheld', { stream: 'plant/orders', vanished: 27 });
    const { ready, reasons } = await readiness();
    expect(ready).toBe(false);
    expect(reasons).toEqual([
      'plant/orders: 27 records vanished at once and are withheld. If that is right: erp-puller sync plant/orders --release.',
    ]);
    events.emit('absence:settled', { stream: 'plant/orders' });
    expect(await readiness()).toEqual(green);
  });

  it('is red while the state cannot be written, and says why', async () => {
    const { clock, readiness, setting } = begin();
    setting.stateFailure = new Error('ENOSPC: no space left on device');
    expect(await readiness()).toEqual({
      ready: false,
      reasons: ['The state cannot be written: ENOSPC: no space left on device'],
    });
    setting.stateFailure = undefined;
    await clock.advance(10_000);
    expect(await readiness()).toEqual(green);
  });

  it('names every reason at once', async () => {
    const { clock, readiness, setting, events } = begin();
    await clock.advance(3 * everyMs + 1);
    setting.stateFailure = new Error('EROFS');
    events.emit('absence:withheld', { stream: 'plant/cells', vanished: 11 });
    expect((await readiness()).reasons).toHaveLength(3);
  });
});
