import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError, WaitError } from '../../src/core/errors.ts';
import type { Entity } from '../../src/core/types.ts';
import { createOutage } from '../../src/push/outage.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp() {
  const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
  const outage = createOutage(clock, () => 0.5);
  const waitMs = (...wanted: Entity[]) => {
    try {
      outage.require(wanted);
      return 0;
    } catch (error) {
      return (error as WaitError).retryAfterMs ?? 0;
    }
  };
  return { clock, outage, waitMs };
}

const down = new TransientError('ECONNREFUSED', { unsent: true });
const failing = new TransientError('HTTP 500', { status: 500 });
const gateway = new TransientError('HTTP 503', { status: 503 });

describe('an outage', () => {
  it('holds passes back for a minute, then for longer up to five minutes, until the MES answers', async () => {
    const { clock, outage, waitMs } = setUp();
    const waits: number[] = [];
    for (let each = 0; each < 5; each += 1) {
      outage.note(down);
      waits.push(waitMs());
      await clock.advance(waitMs());
      expect(waitMs()).toBe(0);
    }
    expect(waits).toEqual([63_000, 126_000, 252_000, 315_000, 315_000]);
    outage.answered();
    expect(outage.isOpen()).toBe(false);
    outage.note(down);
    expect(waitMs()).toBe(63_000);
  });

  it('counts once what failed together', () => {
    const { outage, waitMs } = setUp();
    for (let each = 0; each < 4; each += 1) outage.note(down);
    expect(waitMs()).toBe(63_000);
  });

  it('is not what a refused key, a used up budget or an asked for silence is', () => {
    const { outage } = setUp();
    outage.note(new PermanentError('key'));
    outage.note(new WaitError('budget', { until: '2026-03-02T08:00:00.000Z', retryAfterMs: 1 }));
    expect(outage.isOpen()).toBe(false);
  });

  it('says what failed and when it is tried again', () => {
    const { outage } = setUp();
    outage.note(down);
    expect(() => outage.require([])).toThrow(
      'The MES cannot be delivered to, it is tried again at 2026-03-01T08:01:03.000Z: ECONNREFUSED',
    );
  });
});

describe('one kind of record that cannot be delivered', () => {
  it('is held back alone, for longer each time, until it is delivered', async () => {
    const { clock, outage, waitMs } = setUp();
    const waits: number[] = [];
    for (let each = 0; each < 5; each += 1) {
      outage.failed('part', failing);
      expect(waitMs('job')).toBe(0);
      waits.push(waitMs('job', 'part'));
      // Others go on meanwhile.
      outage.answered();
      outage.delivered('job');
      await clock.advance(waitMs('part'));
    }
    expect(waits).toEqual([63_000, 126_000, 252_000, 315_000, 315_000]);
    expect([outage.isOpen(), outage.isOpen('job'), outage.isOpen('part')]).toEqual([false, false, true]);
    outage.delivered('part');
    expect([outage.isOpen('part'), waitMs('part')]).toEqual([false, 0]);
  });

  it('is tried no more often, together with others, than one would be, and at once when one of them is mended', async () => {
    const { clock, outage, waitMs } = setUp();
    const failingKinds: Entity[] = ['job', 'part', 'operation'];
    let probes = 0;
    for (let minute = 0; minute < 600; minute += 1) {
      for (const kind of failingKinds) {
        if (waitMs(kind) > 0) continue;
        probes += 1;
        outage.failed(kind, failing);
      }
      await clock.advance(60_000);
    }
    expect(probes).toBeLessThan(10 * 12 + 15);
    expect(waitMs('job')).toBeGreaterThan(300_000);
    outage.delivered('part');
    expect([waitMs('job'), waitMs('operation')]).toEqual([0, 0]);
  });

  it('says which, what failed and when it is tried again', () => {
    const { outage } = setUp();
    outage.failed('part', failing);
    expect(() => outage.require(['job', 'part'])).toThrow(
      'The MES cannot be given any part, it is tried again at 2026-03-01T08:01:03.000Z: HTTP 500',
    );
  });

  it('never stands for the MES as a whole where its functions answer, however many fail', () => {
    const { outage, waitMs } = setUp();
    outage.failed('part', failing);
    outage.failed('operation', failing);
    expect([waitMs('part'), waitMs('operation'), waitMs('job')]).toEqual([63_000, 63_000, 0]);
  });

  it('stands for all once a second kind fails without a word from the MES', () => {
    const { outage, waitMs } = setUp();
    outage.failed('part', gateway);
    expect([waitMs('job'), outage.isOpen(), outage.isOpen('job')]).toEqual([0, false, true]);
    outage.failed('operation', new TransientError('did not finish within 30 s', { expired: true }));
    expect([outage.isOpen(), waitMs('job')]).toEqual([true, 63_000]);
  });

  it('stays alone where the MES has answered between the two', () => {
    const { outage, waitMs } = setUp();
    outage.failed('part', gateway);
    outage.answered();
    outage.failed('operation', gateway);
    expect([outage.isOpen(), waitMs('job')]).toEqual([false, 0]);
  });

  it.each([
    ['a connection that is refused', down],
    ['a limit on requests', new TransientError('HTTP 429', { status: 429 })],
    ['a look-up of the key that failed', new TransientError('HTTP 401', { status: 401 })],
  ])('is not what %s means: everything waits at once', (_what, error) => {
    const { outage, waitMs } = setUp();
    outage.failed('part', error);
    expect(waitMs('job')).toBe(63_000);
  });
});
