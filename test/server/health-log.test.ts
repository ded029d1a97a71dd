import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEventBus } from '../../src/core/events.ts';
import type { LogFields, Logger } from '../../src/core/logger.ts';
import { followActivity } from '../../src/server/activity.ts';
import { startHealthLog } from '../../src/server/health-log.ts';
import type { MesGauges, StreamGauges } from '../../src/server/metrics.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const gauge: StreamGauges = {
  stream: 'plant/orders',
  lagSeconds: 12,
  lastSuccess: '2026-03-01T08:00:00.000Z',
  deadLetters: 2,
  deadLettersSince: '2026-03-01T06:00:00.000Z',
  parked: 1,
  parkedSince: '2026-03-01T07:00:00.000Z',
};

const mes: MesGauges = {
  budgetLeft: 950,
  reserveLeft: 50,
  exhaustedAt: '2026-03-01T20:00:00.000Z',
  blockedUntil: null,
  batchSize: 100,
  concurrency: 2,
};

interface Line {
  level: string;
  message: string;
  fields: LogFields;
}

function begin(gauges: () => Promise<readonly StreamGauges[]> = async () => [gauge]) {
  const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
  const events = createEventBus(() => undefined);
  const lines: Line[] = [];
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields });
  const logger: Logger = {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    close: async () => undefined,
  };
  const activity = followActivity(events, clock.now);
  const stop = startHealthLog({ everySeconds: 60, activity, gauges, mes: async () => mes, logger, clock });
  onTestFinished(stop);
  return { clock, events, lines, stop };
}

describe('records that have waited for a day', () => {
  it('are warned of once an hour', async () => {
    const { clock, lines } = begin();
    const warnings = () => lines.filter(({ level }) => level === 'warn').length;
    await clock.advance(22 * 3_600_000);
    expect(warnings()).toBe(0);
    await clock.advance(3_600_000 + 60_000);
    expect(warnings()).toBe(1);
    expect(lines.find(({ level }) => level === 'warn')).toMatchObject({
      message: 'Records have waited for their parents for more than a day.',
      fields: { stream: 'plant/orders', parked: 1, since: '2026-03-01T07:00:00.000Z' },
    });
    await clock.advance(3_600_000);
    expect(warnings()).toBe(2);
  });
});

describe('the health line', () => {
  it('tells each stream with its work since the start, the budget, memory and the delay of the event loop', async () => {
    const { clock, events, lines } = begin();
    const counts = { read: 100, unchanged: 50, created: 20, updated: 10, deleted: 5, refused: 3, parked: 2 };
    events.emit('page:committed', { stream: 'plant/orders', counts });
    await clock.advance(60_000);
    await clock.advance(0);
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'Health.',
        fields: {
          streams: {
            'plant/orders': {
              read: 100,
              delivered: 35,
              refused: 3,
              lateRows: 0,
              parked: 1,
              deadLetters: 2,
              lagSeconds: 12,
              lastSuccess: '2026-03-01T08:00:00.000Z',
            },
          },
          mes,
          rssMegabytes: expect.any(Number),
          eventLoopDelayMs: { p99: expect.any(Number), max: expect.any(Number) },
        },
      },
    ]);
    expect(lines[0]?.fields['rssMegabytes']).toBeGreaterThan(10);
  });

  it('tells a stream that has not run yet with zeros', async () => {
    const { clock, lines } = begin(async () => [{ ...gauge, lagSeconds: null, lastSuccess: null }]);
    await clock.advance(60_000);
    await clock.advance(0);
    expect(lines[0]?.fields['streams']).toEqual({
      'plant/orders': {
        read: 0,
        delivered: 0,
        refused: 0,
        lateRows: 0,
        parked: 1,
        deadLetters: 2,
        lagSeconds: null,
        lastSuccess: null,
      },
    });
  });

  it('comes once an interval, until it is stopped', async () => {
    const { clock, lines, stop } = begin();
    await clock.advance(59_999);
    expect(lines).toHaveLength(0);
    await clock.advance(1);
    await clock.advance(240_000);
    await clock.advance(0);
    expect(lines).toHaveLength(5);
    stop();
    await clock.advance(600_000);
    expect(lines).toHaveLength(5);
    expect(clock.pending()).toBe(0);
  });

  it('says that it cannot be told when the state fails, and comes again after that', async () => {
    let broken = true;
    const { clock, lines } = begin(async () => {
      if (broken) throw new Error('database is locked');
      return [gauge];
    });
    await clock.advance(60_000);
    broken = false;
    await clock.advance(60_000);
    await clock.advance(0);
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'error Health could not be read.',
      'info Health.',
    ]);
    expect(lines[0]?.fields['error']).toContain('database is locked');
  });

  it('shows how long the event loop was blocked, in the interval in which it was', async () => {
    const { clock, lines } = begin();
    await delay(40);
    const until = performance.now() + 600;
    while (performance.now() < until) Math.random();
    await delay(40);
    await clock.advance(60_000);
    await clock.advance(60_000);
    await clock.advance(0);
    const longest = lines.map(({ fields }) => (fields['eventLoopDelayMs'] as { max: number }).max);
    expect(longest[0]).toBeGreaterThan(500);
    expect(longest[1]).toBeLessThan(500);
  });
});
