import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError, WaitError } from '../../src/core/errors.ts';
import { createOutage } from '../../src/push/outage.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp() {
  const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
  const outage = createOutage(clock, () => 0.5);
  const waitMs = () => {
    try {
      outage.require();
      return 0;
    } catch (error) {
      return (error as WaitError).retryAfterMs;
    }
  };
  return { clock, outage, waitMs };
}

const down = new TransientError('ECONNREFUSED');

describe('an outage', () => {
  it('holds passes back for a minute, then for longer up to five minutes, until the MES answers', async () => {
    const { clock, outage, waitMs } = setUp();
    const waits: (number | undefined)[] = [];
    for (let each = 0; each < 5; each += 1) {
      outage.note(down);
      waits.push(waitMs());
      await clock.advance(waitMs() ?? 0);
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
    expect(() => outage.require()).toThrow(
      'The MES cannot be delivered to, it is tried again at 2026-03-01T08:01:03.000Z: ECONNREFUSED',
    );
  });
});
