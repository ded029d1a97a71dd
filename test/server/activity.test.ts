import { describe, expect, it } from 'vitest';
import { createEventBus, type StreamResult, zeroCounts } from '../../src/core/events.ts';
import { followActivity } from '../../src/server/activity.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function begin() {
  const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
  const events = createEventBus((error) => {
    throw error;
  });
  return { clock, events, activity: followActivity(events, clock.now) };
}

function result(outcome: StreamResult['outcome'], error?: string): { result: StreamResult } {
  const rest = error === undefined ? {} : { error };
  const requests = { erp: 0, mes: 0 };
  const watermark = { before: null, after: null };
  const ended = { ...zeroCounts(), connector: 'plant', stream: 'orders', outcome, requests, watermark, durationMs: 1 };
  return { result: { ...ended, ...rest } };
}

describe('activity', () => {
  it('knows nothing of a stream that has done nothing', () => {
    expect(begin().activity.streams().size).toBe(0);
  });

  it('adds up the pages of each stream by itself', () => {
    const { events, activity } = begin();
    const counts = { ...zeroCounts(), read: 10, created: 4, parked: 1 };
    events.emit('page:committed', { stream: 'plant/orders', counts });
    events.emit('page:committed', { stream: 'plant/orders', counts: { ...counts, refused: 2 } });
    events.emit('page:committed', { stream: 'plant/cells', counts });
    expect(activity.streams().get('plant/orders')?.counts).toEqual({
      ...zeroCounts(),
      read: 20,
      created: 8,
      parked: 2,
      refused: 2,
    });
    expect(activity.streams().get('plant/cells')?.counts).toEqual(counts);
  });

  it('remembers when a pass last completed, also one that set records aside', async () => {
    const { clock, events, activity } = begin();
    events.emit('stream:finished', result('ok'));
    await clock.advance(60_000);
    events.emit('stream:finished', result('refused'));
    expect(activity.streams().get('plant/orders')?.lastSuccess).toBe('2026-03-01T08:01:00.000Z');
  });

  it('keeps the last success over a failure, and forgets the error with the next success', async () => {
    const { clock, events, activity } = begin();
    events.emit('stream:finished', result('ok'));
    await clock.advance(60_000);
    events.emit('stream:finished', result('failed', 'HTTP 503'));
    expect(activity.streams().get('plant/orders')).toMatchObject({
      lastSuccess: '2026-03-01T08:00:00.000Z',
      lastError: 'HTTP 503',
    });
    events.emit('stream:finished', result('ok'));
    expect(activity.streams().get('plant/orders')?.lastError).toBeNull();
  });

  it('knows what is withheld until it is settled, the latest count of each stream', () => {
    const { events, activity } = begin();
    events.emit('absence:withheld', { stream: 'plant/orders', vanished: 27 });
    events.emit('absence:withheld', { stream: 'plant/orders', vanished: 30 });
    expect([...activity.withheld()]).toEqual([['plant/orders', 30]]);
    events.emit('absence:settled', { stream: 'plant/orders' });
    expect(activity.withheld().size).toBe(0);
  });
});
