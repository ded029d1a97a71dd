import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createServerTimes } from '../../../src/connectors/frepple/times.ts';
import { zoneOffsetMs } from '../../../src/core/stamp.ts';

const zones = ['Europe/Brussels', 'America/Chicago', 'Asia/Kolkata', 'Australia/Lord_Howe', 'UTC'];
const zone = fc.constantFrom(...zones);
const instant = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-12-31'), noInvalidDate: true });

/** What the server's wall clock shows. */
function wallAt(at: Date, timeZone: string): string {
  return new Date(at.getTime() + zoneOffsetMs(at, timeZone)).toISOString().slice(0, 23);
}

describe('a time of the server', () => {
  it('is the instant that its wall clock showed it at, or an hour before where it showed it twice', () => {
    fc.assert(
      fc.property(instant, zone, (at, timeZone) => {
        const read = createServerTimes(timeZone).stampOf(wallAt(at, timeZone)) ?? '';
        expect(wallAt(new Date(read), timeZone)).toBe(wallAt(at, timeZone));
        expect(at.getTime() - Date.parse(read)).toBeGreaterThanOrEqual(0);
        expect(at.getTime() - Date.parse(read)).toBeLessThanOrEqual(3_600_000);
      }),
    );
  });

  it.each([
    ['2026-11-20T23:14:34.075158', '2026-11-20T22:14:34.075Z'],
    ['2026-11-24T08:00:00', '2026-11-24T07:00:00.000Z'],
    ['2026-07-01T00:00:00.5', '2026-06-30T22:00:00.500Z'],
    ['2026-03-29T02:30:00', '2026-03-29T01:30:00.000Z'],
    ['2026-10-25T02:30:00', '2026-10-25T00:30:00.000Z'],
  ])('%s in Brussels is %s', (local, expected) => {
    expect(createServerTimes('Europe/Brussels').instantOf(local, 'due')).toBe(expected);
  });

  it.each(['2026-11-20', '2026-13-01T00:00:00', '2026-11-20 23:14:34', '20:00', '2026-11-20T23:14:34Z', ''])(
    'is not made of %j',
    (local) => {
      const times = createServerTimes('Europe/Brussels');
      expect(times.stampOf(local)).toBeNull();
      expect(() => times.instantOf(local, 'due')).toThrow(`due is not a time: ${JSON.stringify(local)}.`);
    },
  );

  it.each([null, undefined])('%s is none', (local) => {
    expect(createServerTimes('UTC').instantOf(local, 'due')).toBeNull();
  });

  it.each([17, {}, [], null])('%j is no stamp', (local) => {
    expect(createServerTimes('UTC').stampOf(local)).toBeNull();
  });
});

describe('the beginning of a window', () => {
  it('is not behind any stamp that the server has written since, whatever its clock did meanwhile', () => {
    const span = fc.record({
      from: instant,
      lengthMs: fc.integer({ min: 0, max: 7 * 86_400_000 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      timeZone: zone,
    });
    fc.assert(
      fc.property(span, ({ from, lengthMs, share, timeZone }) => {
        const now = new Date(from.getTime() + lengthMs);
        const written = wallAt(new Date(from.getTime() + Math.floor(share * lengthMs)), timeZone);
        const start = createServerTimes(timeZone).earliestSince(from, now);
        expect(written >= start).toBe(true);
        expect(Date.parse(`${written}Z`) - Date.parse(`${start}Z`)).toBeLessThanOrEqual(lengthMs + 3_601_000);
      }),
    );
  });
});
