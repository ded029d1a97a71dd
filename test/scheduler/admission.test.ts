import { describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../../sandbox/eryxon/gate.ts';
import { WaitError } from '../../src/core/errors.ts';
import { createDayQuota } from '../../src/push/day-quota.ts';
import { type Admission, createAdmission } from '../../src/scheduler/admission.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import type { Store } from '../../src/state/store.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scratchDirectory } from '../support/state-builders.ts';

const start = new Date('2026-03-01T08:00:00.000Z');
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const limit = 1000;
const streams = ['north/jobs', 'north/parts', 'north/operations', 'south/jobs', 'south/parts'];

/** What lives as long as a process: a restart opens it anew on the same directory. */
async function openProcess(directory: string, clock: FakeClock) {
  const store: Store = await openEmbeddedStore({ directory, clock });
  const quota = createDayQuota(limit, store, clock);
  const admission = createAdmission({ room: quota.room, requireReachable: () => undefined, clock });
  return { store, quota, admission };
}

/** Every stream has something to send at seven of ten polls a minute apart: 5 040 requests a day. */
function hasChanges(minute: number, stream: number): boolean {
  return (minute * 7 + stream * 3) % 10 < 7;
}

interface Day {
  /** Requests by hour. */
  hours: number[];
  sent: number;
  /** By stream: longest and mean time from a change to its delivery after the first three hours, minutes. */
  waits: Map<string, number[]>;
  /** Reasons of refused polls. */
  refused: number;
  exhaustedAt: (string | null)[];
}

/** A day of polls each minute against a MES that throws at the first request over its limit. */
async function playDay(restartsAt: readonly number[]): Promise<Day & { operator: number }> {
  const clock = createFakeClock(start);
  const directory = scratchDirectory();
  let process = await openProcess(directory, clock);
  onTestFinished(() => process.store.close());
  const mes = new Gate({ apiKey: 'ery_test_key', now: clock.now, dailyLimit: limit });
  const send = async (caller: 'scheduled' | 'operator') => {
    await process.quota.take(caller);
    mes.pass('Bearer ery_test_key');
  };
  const day: Day = { hours: Array(24).fill(0), sent: 0, waits: new Map(), refused: 0, exhaustedAt: [] };
  const waitsSince = new Map<string, number>();
  for (let minute = 0; minute < 24 * 60; minute += 1) {
    if (restartsAt.includes(minute)) {
      await process.store.close();
      process = await openProcess(directory, clock);
    }
    for (const [index, stream] of streams.entries()) {
      if (hasChanges(minute, index) && !waitsSince.has(stream)) waitsSince.set(stream, minute);
      const letIn = await letsIn(process.admission, stream);
      if (!letIn) day.refused += 1;
      const since = waitsSince.get(stream);
      if (!letIn || since === undefined) continue;
      await send('scheduled');
      waitsSince.delete(stream);
      const hour = Math.floor(minute / 60);
      day.hours[hour] = (day.hours[hour] ?? 0) + 1;
      day.sent += 1;
      if (hour >= 3) day.waits.set(stream, [...(day.waits.get(stream) ?? []), minute - since]);
    }
    if (minute % 60 === 59) day.exhaustedAt.push((await process.quota.report()).exhaustedAt);
    clock.jump(minuteMs - 1);
    await clock.advance(1);
  }
  clock.jump(-hourMs);
  let operator = 0;
  for (; operator < limit; operator += 1) if (await refuses(() => send('operator'))) break;
  return { ...day, operator };
}

async function letsIn(admission: Admission, stream: string): Promise<boolean> {
  return !(await refuses(() => admission.begin({ stream, firstLoad: false, entities: [] })));
}

async function refuses(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(WaitError);
    return true;
  }
}

describe('a day of 5 000 demanded requests on a budget of 1 000, with three restarts', () => {
  let playing: ReturnType<typeof playDay> | undefined;
  /** Once, in whichever test is the first. */
  const played = () => {
    playing ??= playDay([200, 700, 1100]);
    return playing;
  };

  it('sends no more than the MES takes, leaves the reserve to a person, and wastes little of the rest', async () => {
    const day = await played();
    expect(day.sent + day.operator).toBeLessThanOrEqual(limit);
    expect(day.operator).toBeGreaterThanOrEqual(50);
    expect(day.sent).toBeLessThanOrEqual(950);
    expect(day.sent).toBeGreaterThan(900);
    expect(day.refused).toBeGreaterThan(4000);
  });

  it('spreads them evenly over the hours, behind a burst at the start', async () => {
    const { hours } = await played();
    expect(hours[0]).toBeGreaterThan(100);
    const later = hours.slice(1);
    expect(Math.min(...later)).toBeGreaterThanOrEqual(30);
    expect(Math.max(...later)).toBeLessThanOrEqual(37);
  });

  it('lets all streams become equally less fresh', async () => {
    const { waits } = await played();
    const means = streams.map((stream) => mean(waits.get(stream) ?? []));
    expect(Math.max(...means) / Math.min(...means)).toBeLessThan(1.25);
    // Five streams share 33 requests an hour: each is due every nine minutes.
    for (const stream of streams) expect(Math.max(...(waits.get(stream) ?? []))).toBeLessThanOrEqual(15);
  });

  it('predicts in the first hours that the budget would not last, and later that it does', async () => {
    const { exhaustedAt } = await played();
    expect(exhaustedAt[0]).not.toBeNull();
    expect(exhaustedAt.at(-1)).toBeNull();
  });
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('admission', () => {
  function setUp(free: number) {
    const clock = createFakeClock(start);
    const room = { requests: free };
    const admission = createAdmission({
      room: async () => ({ ...room, waitMs: (requests) => (requests - room.requests) * minuteMs }),
      requireReachable: () => undefined,
      clock,
    });
    return { clock, room, admission };
  }

  it('says when it is a stream’s turn: the one that was served longest ago comes first', async () => {
    const { room, admission } = setUp(10);
    await admission.begin({ stream: 'a', firstLoad: false, entities: [] });
    await admission.begin({ stream: 'b', firstLoad: false, entities: [] });
    room.requests = 0;
    const told = async (stream: string) => {
      const error = await admission
        .begin({ stream, firstLoad: false, entities: [] })
        .catch((thrown: unknown) => thrown);
      return error instanceof WaitError ? error.until.slice(11, 16) : 'let in';
    };
    expect([await told('b'), await told('a'), await told('b')]).toEqual(['08:01', '08:01', '08:02']);
    room.requests = 1;
    expect([await told('b'), await told('a')]).toEqual(['08:01', 'let in']);
    expect(await told('b')).toBe('let in');
  });

  it('does not wait for a stream that has stopped asking', async () => {
    const { clock, room, admission } = setUp(10);
    for (const stream of ['a', 'b']) await admission.begin({ stream, firstLoad: false, entities: [] });
    room.requests = 0;
    await expect(admission.begin({ stream: 'a', firstLoad: false, entities: [] })).rejects.toThrow(WaitError);
    room.requests = 1;
    await expect(admission.begin({ stream: 'b', firstLoad: false, entities: [] })).rejects.toThrow(WaitError);
    await clock.advance(32 * minuteMs);
    await admission.begin({ stream: 'b', firstLoad: false, entities: [] });
  });

  it('ends a long pass between two pages when others have waited longer', async () => {
    const { room, admission } = setUp(10);
    for (const stream of ['a', 'b']) await admission.begin({ stream, firstLoad: false, entities: [] });
    await admission.goOn({ stream: 'b', firstLoad: false, entities: [] });
    room.requests = 0;
    await expect(admission.begin({ stream: 'a', firstLoad: false, entities: [] })).rejects.toThrow(
      'changes are gathered until',
    );
    room.requests = 1;
    await expect(admission.goOn({ stream: 'b', firstLoad: false, entities: [] })).rejects.toThrow(WaitError);
    room.requests = 2;
    await admission.goOn({ stream: 'b', firstLoad: false, entities: [] });
  });
});
