import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { minutesOf } from '../../../src/connectors/frepple/durations.ts';
import type { Operation } from '../../../src/connectors/frepple/look-ups.ts';

const operation = (rest: Partial<Operation>): Operation => ({ name: 'Saw', ...rest });

describe('how long a step takes', () => {
  it.each([
    [{ type: 'time_per', duration: '00:00:00', duration_per: '00:20:00' }, '40.00000000', 800],
    [{ type: 'time_per', duration: '1 02:30:00', duration_per: '00:00:07.500000' }, '0.50000000', 1590],
    [{ type: 'fixed_time', duration: '06:00:00', duration_per: '01:00:00' }, '99.00000000', 360],
    [{ type: 'time_per', duration: null, duration_per: null }, '3', 0],
    [{ type: 'time_per', duration_per: '01:00:00' }, 0.025, 2],
    [{ duration: '00:00:30' }, 1, 1],
    [{ duration: '00:00:29.999999' }, 1, 0],
  ])('with %o for %s pieces is %i minutes', (rest, quantity, minutes) => {
    expect(minutesOf(operation(rest), quantity)).toBe(minutes);
  });

  it('is rounded half up and never off by what binary fractions cannot hold', () => {
    const hundredths = fc.integer({ min: 0, max: 10_000_000 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_399 }), hundredths, (seconds, quantity) => {
        const duration_per = new Date(seconds * 1000).toISOString().slice(11, 19);
        const exact = BigInt(seconds) * BigInt(quantity);
        const minutes = Number((exact + 3000n) / 6000n);
        expect(minutesOf(operation({ type: 'time_per', duration_per }), (quantity / 100).toFixed(8))).toBe(minutes);
      }),
    );
  });

  it.each(['-1 00:00:00', 'PT1H', '1:2', 'soon'])('cannot be told from %j', (duration) => {
    expect(() => minutesOf(operation({ duration }), 1)).toThrow(`Its operation lasts no known time: "${duration}".`);
  });

  it.each(['-1', 'many', '', '1e9'])('cannot be told for %j pieces', (quantity) => {
    expect(() => minutesOf(operation({}), quantity)).toThrow(`quantity is not a number: "${quantity}".`);
  });
});
