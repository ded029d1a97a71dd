import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convertField } from '../../src/connectors/fields.ts';
import { RecordError } from '../../src/core/errors.ts';

describe('a value of a field', () => {
  const at = { name: 'field', timeZone: 'UTC' };

  it.each([
    ['text', null, null],
    ['text', undefined, null],
    ['integer', '', null],
    ['text', 0, '0'],
    ['integer', '2.5', 3],
    ['instant', '2026-10-01T08:00:00+02:00', '2026-10-01T06:00:00.000Z'],
    ['day', '/Date(1790812800000)/', '2026-10-01T00:00:00.000Z'],
  ] as const)('of kind %s from %j is %j', (kind, value, converted) => {
    expect(convertField(kind, value, at)).toBe(converted);
  });

  it('is a value that JSON keeps, or refused', () => {
    const kinds = fc.constantFrom('text', 'integer', 'day', 'instant');
    fc.assert(
      fc.property(kinds, fc.oneof(fc.jsonValue(), fc.constant(undefined), fc.date()), (kind, value) => {
        try {
          const converted = convertField(kind, value, at);
          expect(String(JSON.parse(JSON.stringify(converted)))).toBe(String(converted));
        } catch (error) {
          expect(error).toBeInstanceOf(RecordError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
