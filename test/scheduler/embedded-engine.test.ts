import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEventBus, type Events } from '../../src/core/events.ts';
import { createEmbeddedEngine } from '../../src/scheduler/embedded-engine.ts';
import type { Job, Schedule } from '../../src/scheduler/engine.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp(concurrency?: number) {
  const clock = createFakeClock(new Date('2027-06-01T10:00:30Z'));
  const events = createEventBus((error) => {
    throw error;
  });
  const failures: Events['cycle:failed'][] = [];
  const caughtUp: Events['schedule:caught-up'][] = [];
  events.on('cycle:failed', (event) => failures.push(event));
  events.on('schedule:caught-up', (event) => caughtUp.push(event));
  const engine = createEmbeddedEngine({ clock, events, ...(concurrency === undefined ? {} : { concurrency }) });
  /** Starts by name, in seconds since the test began. */
  const starts: Record<string, number[]> = {};
  const running = { now: 0, most: 0 };
  const job = (name: string, schedule: Schedule, lengthMs = 0): Job => ({
    name,
    schedule,
    async run(signal) {
      starts[name] = [...(starts[name] ?? []), clock.monotonicMs() / 1000];
      running.now += 1;
      running.most = Math.max(running.most, running.now);
      try {
        if (lengthMs > 0) await clock.sleep(lengthMs, signal);
      } finally {
        running.now -= 1;
      }
    },
  });
  return { clock, engine, job, starts, running, failures, caughtUp };
}

// node-cron has timers of its own, which stand still here: cron slots come from the watch on the fake clock alone.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const every10 = { everySeconds: 10 };

describe('the embedded engine', () => {
  it('starts a run every so many seconds, the first at once', async () => {
    const { clock, engine, job, starts } = setUp();
    engine.start([job('plant-1', every10, 3000)]);
    await clock.advance(35_000);
    expect(starts['plant-1']).toEqual([0, 10, 20, 30]);
  });

  it('starts connectors a second apart, but never later than half their interval', async () => {
    const { clock, engine, job, starts } = setUp();
    engine.start([job('a', every10), job('b', every10), job('c', { everySeconds: 60 }), job('d', { everySeconds: 2 })]);
    await clock.advance(12_500);
    expect(starts).toMatchObject({ a: [0, 10], b: [1, 11], c: [2], d: [1, 3, 5, 7, 9, 11] });
  });

  it('runs no more connectors at once than allowed, and all of them in the end', async () => {
    const { clock, engine, job, starts, running } = setUp(2);
    engine.start(Array.from({ length: 6 }, (_, index) => job(`plant-${index}`, { everySeconds: 1000 }, 60_000)));
    await clock.advance(200_000);
    expect(running.most).toBe(2);
    expect(Object.keys(starts)).toHaveLength(6);
  });

  it('lets four connectors run at once unless told otherwise', async () => {
    const { clock, engine, job, running } = setUp();
    engine.start(Array.from({ length: 6 }, (_, index) => job(`plant-${index}`, { everySeconds: 1000 }, 60_000)));
    await clock.advance(30_000);
    expect(running.most).toBe(4);
  });

  it('follows a run 100 times longer than its interval by one that catches up, never beside it', async () => {
    const { clock, engine, job, starts, running } = setUp();
    engine.start([job('plant-1', every10, 1_000_000)]);
    await clock.advance(2_500_000);
    expect(running.most).toBe(1);
    expect(starts['plant-1']).toEqual([0, 1000, 2000]);
  });

  it('returns to its interval after a single long run', async () => {
    const { clock, engine, starts } = setUp();
    let lengthMs = 35_000;
    const run = async () => {
      starts['plant-1'] = [...(starts['plant-1'] ?? []), clock.monotonicMs() / 1000];
      await clock.sleep(lengthMs);
      lengthMs = 1000;
    };
    engine.start([{ name: 'plant-1', schedule: every10, run }]);
    await clock.advance(60_000);
    expect(starts['plant-1']).toEqual([0, 35, 45, 55]);
  });

  it('goes on at its interval after 8 h of suspension or any jump of the wall clock', async () => {
    const { clock, engine, job, starts } = setUp();
    engine.start([job('plant-1', every10)]);
    await clock.advance(15_000);
    clock.suspend(8 * 3_600_000);
    await clock.advance(10_000);
    clock.jump(-24 * 3_600_000);
    await clock.advance(10_000);
    expect(starts['plant-1']).toEqual([0, 10, 20, 30]);
  });

  it('makes up once for the cron slots of 8 h of suspension, and says so', async () => {
    const { clock, engine, job, starts, caughtUp } = setUp();
    engine.start([job('plant-1', { cron: '*/20 * * * *', timeZone: 'UTC' })]);
    await clock.advance(10_000);
    clock.suspend(8 * 3_600_000);
    await clock.advance(60_000);
    expect(starts['plant-1']).toEqual([11]);
    expect(caughtUp).toEqual([{ connector: 'plant-1', missedAt: '2027-06-01T10:20:00.000Z' }]);
  });

  it('staggers cron slots too', async () => {
    const { clock, engine, job, starts } = setUp();
    const schedule = { cron: '* * * * *', timeZone: 'UTC' };
    engine.start([job('a', schedule), job('b', schedule), job('c', schedule)]);
    await clock.advance(60_000);
    const [first = 0] = starts['a'] ?? [];
    expect(starts).toEqual({ a: [first], b: [first + 1], c: [first + 2] });
  });

  it('reports a job that throws and runs it again', async () => {
    const { clock, engine, failures } = setUp();
    const error = new Error('broken');
    const run = () => {
      throw error;
    };
    engine.start([{ name: 'plant-1', schedule: every10, run }]);
    await clock.advance(15_000);
    expect(failures).toEqual([
      { connector: 'plant-1', error },
      { connector: 'plant-1', error },
    ]);
  });
});

describe('exclusive', () => {
  it('waits for the run under way, holds the scheduled ones meanwhile and goes before them', async () => {
    const { clock, engine, job, starts, running } = setUp();
    engine.start([job('plant-1', every10, 15_000)]);
    await clock.advance(12_000);
    const task = engine.exclusive('plant-1', async () => {
      expect(running.now).toBe(0);
      await clock.sleep(5000);
      return clock.monotonicMs() / 1000;
    });
    await clock.advance(20_000);
    await expect(task).resolves.toBe(20);
    expect(starts['plant-1']).toEqual([0, 20]);
  });

  it('runs tasks of one name one after the other', async () => {
    const { clock, engine } = setUp();
    const task = async () => {
      await clock.sleep(1000);
      return clock.monotonicMs();
    };
    const both = Promise.all([engine.exclusive('plant-1', task), engine.exclusive('plant-1', task)]);
    await clock.advance(5000);
    await expect(both).resolves.toEqual([1000, 2000]);
  });

  it('hands an error of the task to its caller and goes on', async () => {
    const { engine, failures } = setUp();
    const failing = () => {
      throw new Error('broken');
    };
    await expect(engine.exclusive('plant-1', failing)).rejects.toThrow('broken');
    await expect(engine.exclusive('plant-1', async () => 'fine')).resolves.toBe('fine');
    expect(failures).toEqual([]);
  });
});

describe('stop', () => {
  it('takes no more ticks and lets a run under way finish', async () => {
    const { clock, engine, job, starts, failures } = setUp();
    engine.start([job('plant-1', every10, 15_000), job('plant-2', { cron: '* * * * *', timeZone: 'UTC' })]);
    await clock.advance(12_000);
    const stopped = engine.stop(30_000);
    await clock.advance(15_000);
    await stopped;
    expect(clock.pending()).toBe(0);
    expect(starts).toEqual({ 'plant-1': [0] });
    expect(failures).toEqual([]);
  });

  it('does not start a cron slot that was still staggered', async () => {
    const { clock, engine, job, starts, caughtUp } = setUp();
    const schedule = { cron: '*/20 * * * *', timeZone: 'UTC' };
    engine.start([job('plant-1', schedule), job('plant-2', schedule)]);
    clock.suspend(8 * 3_600_000);
    await clock.advance(1500);
    await engine.stop(0);
    await clock.advance(60_000);
    expect(caughtUp).toHaveLength(2);
    expect(starts).toEqual({ 'plant-1': [1] });
  });

  it('aborts what outlasts the grace', async () => {
    const { clock, engine, job, failures } = setUp();
    engine.start([job('plant-1', every10, 3_600_000)]);
    await clock.advance(1000);
    const stopped = engine.stop(5000);
    await clock.advance(4999);
    expect(failures).toEqual([]);
    await clock.advance(1);
    await stopped;
    expect(failures).toMatchObject([{ connector: 'plant-1', error: { message: 'The program is stopping.' } }]);
  });

  it('starts nothing that waits for room', async () => {
    const { clock, engine, job, starts } = setUp(1);
    engine.start([job('plant-1', every10, 5000), job('plant-2', every10, 5000)]);
    await clock.advance(2000);
    const stopped = engine.stop(10_000);
    await clock.advance(10_000);
    await stopped;
    expect(starts).toEqual({ 'plant-1': [0] });
  });

  it('refuses tasks out of turn that wait or come later', async () => {
    const { clock, engine, job } = setUp();
    engine.start([job('plant-1', every10, 5000)]);
    await clock.advance(1000);
    const waiting = expect(engine.exclusive('plant-1', async () => 1)).rejects.toThrow(
      'plant-1: the task was not started',
    );
    const stopped = engine.stop(10_000);
    const late = expect(engine.exclusive('plant-2', async () => 1)).rejects.toThrow(
      'plant-2: the task was not started',
    );
    await clock.advance(10_000);
    await Promise.all([waiting, late, stopped]);
  });
});

describe('a job that asks to run again before its schedule says so', () => {
  it('runs again at its time, but no sooner than a minute later, and not beside its schedule', async () => {
    const { clock, engine, job, starts } = setUp();
    const asked: (number | undefined)[] = [90, 1, undefined];
    const againAt = () => {
      const seconds = asked.shift();
      return seconds === undefined ? undefined : new Date(clock.now().getTime() + seconds * 1000);
    };
    engine.start([{ ...job('plant-1', { everySeconds: 3600 }), againAt }]);
    await clock.advance(3_700_000);
    expect(starts['plant-1']).toEqual([0, 90, 150, 3600]);
  });

  it('forgets the time when a run came in between, and when it is stopped', async () => {
    const { clock, engine, job, starts } = setUp();
    const asked: (number | undefined)[] = [90, undefined, undefined, 90];
    const againAt = () => {
      const seconds = asked.shift();
      return seconds === undefined ? undefined : new Date(clock.now().getTime() + seconds * 1000);
    };
    engine.start([{ ...job('plant-1', { everySeconds: 60 }), againAt }]);
    await clock.advance(185_000);
    expect(starts['plant-1']).toEqual([0, 60, 120, 180]);
    const stopped = engine.stop(0);
    await clock.advance(0);
    await stopped;
    await clock.advance(600_000);
    expect(starts['plant-1']).toHaveLength(4);
    expect(clock.pending()).toBe(0);
  });
});
