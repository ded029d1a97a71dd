import { describe, expect, it } from 'vitest';
import { toMinutes } from '../../../src/connectors/sap/durations.ts';
import { RecordError } from '../../../src/core/errors.ts';

describe('a duration', () => {
  it.each([
    [90, 'S', 1.5],
    [90, 'SEC', 1.5],
    [2, 'MIN', 2],
    [2, 'H', 120],
    [2, 'HR', 120],
    [2, 'STD', 120],
    [2, 'HUR', 120],
    [2, 'D', 2880],
    [2, 'DAY', 2880],
    [2, 'TAG', 2880],
    [0, 'PC', 0],
    [0, '', 0],
  ])('of %i %s is %d minutes', (quantity, unit, minutes) => {
    expect(toMinutes(quantity, unit, 'Unit')).toBeCloseTo(minutes, 9);
  });

  it.each(['', 'PC', 'min', 'toString', '__proto__', 'constructor'])(
    'of the unit %j is an error of the row',
    (unit) => {
      expect(() => toMinutes(1, unit, 'Unit1')).toThrow(RecordError);
      expect(() => toMinutes(1, unit, 'Unit1')).toThrow(
        `Unit1 is not a unit of time that is known: ${JSON.stringify(unit)}.`,
      );
    },
  );
});
