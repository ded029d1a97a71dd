import { schedule } from 'node-cron';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { assertCron, scheduleCron } from '../../src/scheduler/cron.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Runs of one schedule: when, on the monotonic clock and on the wall; and the slots reported as missed. */
interface Record {
  runsMs: number[];
  walls: string[];
  missed: string[];
  stop(): void;
}

function record(cron: string, timeZone: string): Record {
  const runs: Record = { runsMs: [], walls: [], missed: [], stop: () => task.stop() };
  const task = scheduleCron(
    { cron, timeZone, clock: systemClock },
    {
      onSlot: () => {
        runs.runsMs.push(systemClock.monotonicMs());
        runs.walls.push(systemClock.now().toISOString().slice(11, 19));
      },
      onMissed: (slot) => runs.missed.push(slot.toISOString().slice(11, 19)),
    },
  );
  return runs;
}

/** The longest time between two runs, milliseconds. */
function longestHoleMs(runsMs: readonly number[]): number {
  return Math.max(...runsMs.slice(1).map((ms, index) => ms - (runsMs[index] ?? 0)));
}

/** The wall clock moves, timers do not: a suspended machine, or an administrator. */
function jumpWall(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('scheduleCron', () => {
  it('runs at every slot, on time, without a missed one', async () => {
    vi.setSystemTime('2027-06-01T10:00:30.500Z');
    const runs = record('*/5 * * * *', 'Europe/Amsterdam');
    await vi.advanceTimersByTimeAsync(20 * minuteMs);
    expect(runs.walls).toEqual(['10:05:00', '10:10:00', '10:15:00', '10:20:00']);
    expect(runs.missed).toEqual([]);
    runs.stop();
  });

  it('runs nothing and leaves no timer after stop', async () => {
    vi.setSystemTime('2027-06-01T10:00:30Z');
    const runs = record('0 6 1 * mon', 'UTC');
    runs.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('runs once when both day fields are restricted and both match, and when either does', async () => {
    vi.setSystemTime('2027-02-28T12:00:00Z');
    const runs = record('0 6 1 * mon,tue', 'UTC');
    await vi.advanceTimersByTimeAsync(72 * hourMs);
    expect(runs.walls).toEqual(['06:00:00', '06:00:00']);
    expect(runs.missed).toEqual([]);
    runs.stop();
  });

  it('closes the hour that node-cron leaves open in the night of autumn', async () => {
    vi.setSystemTime('2027-10-30T23:30:10Z');
    const aloneMs: number[] = [];
    const alone = schedule('* * * * *', () => void aloneMs.push(Date.now()), { timezone: 'Europe/Amsterdam' });
    const runs = record('* * * * *', 'Europe/Amsterdam');
    await vi.advanceTimersByTimeAsync(3 * hourMs);
    expect(longestHoleMs(aloneMs)).toBeGreaterThan(59 * minuteMs);
    expect(longestHoleMs(runs.runsMs)).toBeLessThanOrEqual(minuteMs + 5000);
    expect(runs.runsMs).toHaveLength(180);
    await alone.destroy();
    runs.stop();
  });

  it.each([
    ['Europe/Amsterdam', '2027-03-28T01:00:00Z'],
    ['Europe/Amsterdam', '2027-10-31T01:00:00Z'],
    ['America/Chicago', '2027-03-14T08:00:00Z'],
    ['America/Chicago', '2027-11-07T07:00:00Z'],
    ['Australia/Lord_Howe', '2027-04-03T15:00:00Z'],
    ['Australia/Lord_Howe', '2027-10-02T15:30:00Z'],
    ['America/Sao_Paulo', '2018-11-04T03:00:00Z'],
    ['America/Sao_Paulo', '2019-02-17T02:00:00Z'],
    ['Asia/Kathmandu', '2027-03-27T20:15:00Z'],
  ])('in %s around %s runs every slot once, at most 5 s late', async (timeZone, change) => {
    vi.setSystemTime(Date.parse(change) - 2 * hourMs - 10_000);
    const runs = record('*/5 * * * *', timeZone);
    await vi.advanceTimersByTimeAsync(4 * hourMs);
    expect(runs.runsMs).toHaveLength(48);
    expect(longestHoleMs(runs.runsMs)).toBeLessThanOrEqual(5 * minuteMs + 5000);
    runs.stop();
  });

  it('runs a time of day that spring skips at the end of the gap, and that autumn repeats once', async () => {
    vi.setSystemTime('2027-03-27T23:00:00Z');
    const spring = record('30 2 * * *', 'Europe/Amsterdam');
    await vi.advanceTimersByTimeAsync(20 * hourMs);
    expect(spring.missed).toEqual(['01:00:00']);
    expect(spring.runsMs).toHaveLength(1);
    spring.stop();
    vi.setSystemTime('2027-10-30T23:00:00Z');
    const autumn = record('30 2 * * *', 'Europe/Amsterdam');
    await vi.advanceTimersByTimeAsync(20 * hourMs);
    expect(autumn.missed).toEqual(['00:30:00']);
    expect(autumn.runsMs).toHaveLength(1);
    autumn.stop();
  });

  it('makes up once for all slots of a suspended night, and then keeps time', async () => {
    vi.setSystemTime('2027-06-01T20:00:30Z');
    const runs = record('*/10 * * * *', 'UTC');
    await vi.advanceTimersByTimeAsync(minuteMs);
    jumpWall(8 * hourMs + 5 * minuteMs);
    await vi.advanceTimersByTimeAsync(20 * minuteMs);
    expect(runs.missed).toEqual(['20:10:00']);
    expect(runs.walls).toEqual(['04:06:31', '04:10:00', '04:20:00']);
    runs.stop();
  });

  it('counts a slot of the last seconds among those that one run makes up for', async () => {
    vi.setSystemTime('2027-06-01T20:00:00Z');
    const runs = record('*/10 * * * *', 'UTC');
    jumpWall(8 * hourMs + 1000);
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(runs.walls).toEqual(['04:00:02']);
    runs.stop();
  });

  it('does not call a slot missed when the loop was blocked for 2 s', async () => {
    vi.setSystemTime('2027-06-01T10:00:59.500Z');
    const runs = record('* * * * *', 'UTC');
    jumpWall(2000);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(runs.walls).toEqual(['10:01:02']);
    expect(runs.missed).toEqual([]);
    runs.stop();
  });

  it('makes up for a slot during which the loop was blocked for 4 s', async () => {
    vi.setSystemTime('2027-06-01T10:00:59.500Z');
    const runs = record('* * * * *', 'UTC');
    jumpWall(4000);
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(runs.runsMs).toHaveLength(2);
    expect(runs.missed).toEqual(['10:01:00']);
    expect(longestHoleMs(runs.runsMs)).toBeLessThanOrEqual(minuteMs + 5000);
    runs.stop();
  });

  it('goes on by the new time when the wall clock is set back by hours', async () => {
    vi.setSystemTime('2027-06-01T10:00:30Z');
    const runs = record('* * * * *', 'UTC');
    await vi.advanceTimersByTimeAsync(5 * minuteMs);
    jumpWall(-2 * hourMs);
    await vi.advanceTimersByTimeAsync(5 * minuteMs);
    expect(runs.walls.slice(5)).toEqual(['08:06:00', '08:07:00', '08:08:00', '08:09:00', '08:10:00']);
    expect(runs.missed).toEqual([]);
    runs.stop();
  });

  it('runs no slot twice when the wall clock is set back by seconds', async () => {
    vi.setSystemTime('2027-06-01T10:00:30Z');
    const runs = record('* * * * *', 'UTC');
    await vi.advanceTimersByTimeAsync(35_000);
    jumpWall(-20_000);
    await vi.advanceTimersByTimeAsync(2 * minuteMs);
    expect(runs.walls).toEqual(['10:01:00', '10:02:00']);
    runs.stop();
  });

  it('runs no time of day twice when the wall clock is set back by an hour', async () => {
    vi.setSystemTime('2027-06-01T10:00:00Z');
    const runs = record('30 10 * * *', 'UTC');
    await vi.advanceTimersByTimeAsync(45 * minuteMs);
    jumpWall(-hourMs);
    await vi.advanceTimersByTimeAsync(24 * hourMs + 50 * minuteMs);
    expect(runs.walls).toEqual(['10:30:00', '10:30:00']);
    expect(runs.missed).toEqual([]);
    runs.stop();
  });

  it('believes a wall clock set back by days', async () => {
    vi.setSystemTime('2027-06-09T12:00:00Z');
    const runs = record('0 6 * * *', 'UTC');
    jumpWall(-7 * 24 * hourMs);
    await vi.advanceTimersByTimeAsync(24 * hourMs);
    expect(runs.walls).toEqual(['06:00:00']);
    expect(runs.missed).toEqual([]);
    runs.stop();
  });
});

describe('assertCron', () => {
  it.each(['*/15 * * * *', '0 6 1 * mon', '*/10 * * * * *', '0 22 * jan-mar 1-5', ' 0  6 * * 7 '])(
    'takes %j',
    (expression) => {
      expect(() => assertCron(expression)).not.toThrow();
    },
  );

  it.each([
    ['* * *', '5 or 6 fields'],
    ['61 * * * *', 'minute "61"'],
    ['0 0 L * *', 'day of month "L"'],
    ['0 0 31 2 *', 'cron "0 0 31 2 *" is not valid: 31 2 is an impossible day of month'],
  ])('refuses %j and says why', (expression, text) => {
    expect(() => assertCron(expression)).toThrow(text);
  });
});
