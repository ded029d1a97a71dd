import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convertField } from '../../src/connectors/fields.ts';
import { createServerTimes } from '../../src/connectors/frepple/times.ts';
import { createODataTimes } from '../../src/connectors/protocols/odata/times.ts';
import { ceilInteger, dayToInstant, normalizeId, parseTime } from '../../src/connectors/values.ts';
import { RecordError } from '../../src/core/errors.ts';

describe('an id', () => {
  it.each([
    ['0000001710', '1710'],
    ['1710', '1710'],
    ['0', '0'],
    ['0000', '0'],
    ['00A1', '00A1'],
    [' 0017 ', '17'],
    ['', ''],
    ['-001', '-001'],
    [17, '17'],
    ['000000000000000000000000000000000000001', '1'],
  ])('%j is normally %s', (raw, id) => {
    expect(normalizeId(raw)).toBe(id);
  });

  it('has one normal form only', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^0*\d{1,12}$/)), (raw) => {
        expect(normalizeId(normalizeId(raw))).toBe(normalizeId(raw));
      }),
    );
  });
});

describe('a whole number', () => {
  it('is never below the number it comes from, and less than one above', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), (thousandths) => {
        const raw = thousandths / 1000;
        for (const shown of [raw, raw.toFixed(3)]) {
          const whole = ceilInteger(shown, 'Quantity');
          expect(Number.isInteger(whole)).toBe(true);
          expect(whole - raw).toBeGreaterThanOrEqual(0);
          expect(whole - raw).toBeLessThan(1);
        }
      }),
    );
  });

  it.each(['', ' ', 'x', '1,5', 'NaN', 'Infinity', Number.NaN, Number.POSITIVE_INFINITY, 1e305])(
    'is none of %j',
    (raw) => {
      expect(() => ceilInteger(raw, 'Quantity')).toThrow(RecordError);
      expect(() => ceilInteger(raw, 'Quantity')).toThrow(/^Quantity is not a number: /);
    },
  );
});

describe('a time', () => {
  it.each([
    ['2026-10-01', '2026-10-01T00:00:00.000Z'],
    ['2026-10-01 08:00:00', '2026-10-01T08:00:00.000Z'],
    ['2026-10-01T08:00', '2026-10-01T08:00:00.000Z'],
    ['2026-10-01T08:00:00.1234567+02:00', '2026-10-01T06:00:00.123Z'],
    ['/Date(-62135596800000)/', '0001-01-01T00:00:00.000Z'],
    ['/Date(253402300799999)/', '9999-12-31T23:59:59.999Z'],
  ])('is read from %s', (text, iso) => {
    expect(parseTime(text)?.toISOString()).toBe(iso);
  });

  it.each([
    '',
    'today',
    '20261001',
    '2026-13-01',
    '2026-02-30',
    '2027-02-29T08:00:00Z',
    '2026-04-31 08:00',
    '2026-10-01T25:00',
    '2026-10-01 or 1',
    '1/2/2026',
    '/Date()/',
    '0000-00-00',
  ])('is not %j', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });

  it('is never another day than the text says: days that no calendar has are none', () => {
    const number = (max: number, length: number) =>
      fc.integer({ min: 1, max }).map((value) => String(value).padStart(length, '0'));
    const text = fc.tuple(number(9999, 4), number(13, 2), number(32, 2)).map((parts) => parts.join('-'));
    fc.assert(
      fc.property(text, fc.constantFrom('', ' 08:00', 'T08:00:00Z', 'T08:00:00.5'), (day, rest) => {
        const read = parseTime(day + rest)?.toISOString();
        expect(read?.slice(0, 10)).toBe(read === undefined ? undefined : day);
        if (read === undefined) {
          expect(() => dayToInstant(day, 'UTC')).toThrow(`${day} is not a day of the calendar.`);
          expect(() => createODataTimes().dayAt(day + rest, 'UTC')).toThrow('is not a day of the calendar.');
          expect(createServerTimes('UTC').stampOf(`${day}T08:00:00`)).toBeNull();
          expect(() => convertField('instant', day + rest, { name: 'planned_start', timeZone: 'UTC' })).toThrow(
            'planned_start',
          );
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('of day begins where its zone does', () => {
    expect(dayToInstant('2026-07-01T12:34:56Z', 'Europe/Amsterdam')).toBe('2026-06-30T22:00:00.000Z');
  });
});
