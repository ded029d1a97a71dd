import { describe, expect, it } from 'vitest';
import { ConfigError, PermanentError, TransientError } from '../../src/core/errors.ts';
import { createPauses } from '../../src/scheduler/pauses.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const minuteMs = 60_000;

function setUp() {
  const clock = createFakeClock(new Date('2026-03-02T08:00:00.000Z'));
  return { clock, pauses: createPauses(clock) };
}

describe('a stream with an error that only a human mends', () => {
  it('waits a quarter of an hour, and says until when and why', async () => {
    const { clock, pauses } = setUp();
    pauses.add('orders', new PermanentError('no service'));
    expect(pauses.current('orders')).toMatchObject({
      reason: 'no service',
      until: '2026-03-02T08:15:00.000Z',
    });
    await clock.advance(15 * minuteMs - 1);
    expect(pauses.current('orders')).toBeDefined();
    await clock.advance(1);
    expect(pauses.current('orders')).toBeUndefined();
    expect(pauses.of(['orders']).has('orders')).toBe(true);
  });

  it('waits twice as long each time, up to four hours', async () => {
    const { clock, pauses } = setUp();
    const waits: number[] = [];
    for (let times = 0; times < 7; times += 1) {
      pauses.add('orders', new ConfigError('a property is missing'));
      const startMs = clock.monotonicMs();
      while (pauses.current('orders') !== undefined) await clock.advance(minuteMs);
      waits.push((clock.monotonicMs() - startMs) / minuteMs);
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 240, 240]);
  });

  it('starts from the beginning after a pass that went well', () => {
    const { pauses } = setUp();
    for (let times = 0; times < 4; times += 1) pauses.add('orders', new PermanentError('no'));
    pauses.clear('orders');
    expect(pauses.of(['orders']).size).toBe(0);
    pauses.add('orders', new PermanentError('no'));
    expect(pauses.current('orders')?.until).toBe('2026-03-02T08:15:00.000Z');
  });

  it('does not wait longer because somebody changed the clock of the machine', async () => {
    const { clock, pauses } = setUp();
    pauses.add('orders', new PermanentError('no'));
    clock.jump(-86_400_000);
    await clock.advance(15 * minuteMs);
    expect(pauses.current('orders')).toBeUndefined();
  });
});

describe('refused credentials', () => {
  it('hold back every stream, because a few wrong logons lock an account, until one goes well again', async () => {
    const { clock, pauses } = setUp();
    pauses.add('orders', new PermanentError('wrong password', { credentials: true }));
    expect(pauses.current('equipment')?.reason).toBe('wrong password');
    expect([...pauses.of(['orders', 'equipment']).keys()]).toEqual(['orders', 'equipment']);
    await clock.advance(15 * minuteMs);
    expect(pauses.current('equipment')).toBeUndefined();
    pauses.add('equipment', new PermanentError('wrong password', { credentials: true }));
    expect(pauses.current('orders')?.until).toBe('2026-03-02T08:45:00.000Z');
    pauses.clear('orders');
    expect(pauses.of(['orders', 'equipment']).size).toBe(0);
  });
});

describe('a stream with any other error', () => {
  it('does not wait at all', () => {
    const { pauses } = setUp();
    pauses.add('orders', new TransientError('busy'));
    pauses.add('orders', new Error('a bug'));
    expect(pauses.of(['orders']).size).toBe(0);
  });
});
