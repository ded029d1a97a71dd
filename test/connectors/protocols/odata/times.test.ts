import { describe, expect, it } from 'vitest';
import { createODataTimes } from '../../../../src/connectors/protocols/odata/times.ts';

const { dayAt, timeAt } = createODataTimes();
const ticks = (day: string) => `/Date(${Date.parse(`${day}T00:00:00Z`)})/`;

describe('a day in a zone', () => {
  it.each([
    [ticks('2026-12-31'), 'Europe/Amsterdam', '2026-12-30T23:00:00.000Z'],
    ['2026-12-31', 'Europe/Amsterdam', '2026-12-30T23:00:00.000Z'],
    ['2026-07-01', 'Europe/Amsterdam', '2026-06-30T22:00:00.000Z'],
    ['2026-07-01', 'America/Chicago', '2026-07-01T05:00:00.000Z'],
    ['2026-07-01', 'UTC', '2026-07-01T00:00:00.000Z'],
    ['2026-07-01', 'Asia/Kathmandu', '2026-06-30T18:15:00.000Z'],
    ['9999-12-31', 'America/Chicago', '9999-12-31T06:00:00.000Z'],
    ['9999-12-31', 'Asia/Tokyo', '9999-12-30T15:00:00.000Z'],
  ])('%s in %s begins at %s', (day, zone, instant) => {
    expect(dayAt(day, zone)).toBe(instant);
  });

  it.each([null, undefined, '', '0000-00-00', '0000-00-00T00:00:00', '/Date(-62135769600000)/', 'soon'])(
    'is null for %j',
    (day) => {
      expect(dayAt(day, 'Europe/Amsterdam')).toBeNull();
      expect(dayAt(day, 'Europe/Amsterdam')).toBeNull();
    },
  );

  it('is not mistaken for the same day in another zone or at another time', () => {
    expect(dayAt('2026-07-02', 'UTC')).toBe('2026-07-02T00:00:00.000Z');
    expect(dayAt('2026-07-02', 'Asia/Tokyo')).toBe('2026-07-01T15:00:00.000Z');
    expect(timeAt('2026-07-02', 'PT01H00M00S', 'UTC')).toBe('2026-07-02T01:00:00.000Z');
    expect(timeAt('2026-07-02', '01:00:00', 'UTC')).toBe('2026-07-02T01:00:00.000Z');
  });
});

describe('a time in a zone', () => {
  it.each([
    ['skipped in spring', '2026-03-29', '02:30:00', 'Europe/Amsterdam', '2026-03-29T01:30:00.000Z'],
    ['before the gap', '2026-03-29', '01:59:59', 'Europe/Amsterdam', '2026-03-29T00:59:59.000Z'],
    ['behind the gap', '2026-03-29', '03:00:00', 'Europe/Amsterdam', '2026-03-29T01:00:00.000Z'],
    ['twice in autumn', '2026-10-25', '02:30:00', 'Europe/Amsterdam', '2026-10-25T00:30:00.000Z'],
    ['behind the repeated hour', '2026-10-25', '03:00:00', 'Europe/Amsterdam', '2026-10-25T02:00:00.000Z'],
    ['skipped in spring', '2026-03-08', '02:30:00', 'America/Chicago', '2026-03-08T08:30:00.000Z'],
    ['twice in autumn', '2026-11-01', '01:30:00', 'America/Chicago', '2026-11-01T06:30:00.000Z'],
    ['half an hour skipped', '2026-10-04', '02:15:00', 'Australia/Lord_Howe', '2026-10-03T15:45:00.000Z'],
    ['at 24:00', '2026-10-24', '24:00:00', 'Europe/Amsterdam', '2026-10-24T22:00:00.000Z'],
  ])('%s: %s %s in %s is %s', (...[, day, time, zone, instant]) => {
    expect(timeAt(ticks(day), time, zone)).toBe(instant);
  });
});

describe('the memory of times', () => {
  it('is bounded and stays right when it is full', () => {
    const times = createODataTimes();
    for (let round = 0; round < 2; round += 1) {
      for (let minute = 0; minute < 21_000; minute += 1) {
        const time = new Date(minute * 1000).toISOString().slice(11, 19);
        expect(times.timeAt('2026-07-01', time, 'UTC')).toBe(`2026-07-01T${time}.000Z`);
      }
    }
  });
});
