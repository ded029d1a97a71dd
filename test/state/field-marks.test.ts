import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedFields, fieldMarks } from '../../src/state/field-marks.ts';

const record = (fields: Record<string, string | number | boolean | null>, parents = {}) => ({ fields, parents });

describe('field marks', () => {
  it('name the fields that differ, and no others', () => {
    const before = record({ name: 'Saw', active: true, quantity: 3, due: null }, { job: '1' });
    expect(changedFields(before, fieldMarks(before))).toEqual([]);
    const after = record({ name: 'Saw', active: false, quantity: 4, due: null }, { job: '2' });
    expect(changedFields(after, fieldMarks(before))).toEqual(['active', 'quantity', 'job']);
  });

  it('tell null from its name, a number from its text, and one field from another of the same value', () => {
    const marks = fieldMarks(record({ a: null, b: 3, c: 'x' }));
    expect(changedFields(record({ a: 'null', b: '3', c: 'x', d: 'x' }), marks)).toEqual(['a', 'b', 'd']);
  });

  it('do not depend on the order of the fields', () => {
    expect(changedFields(record({ b: 2, a: 1 }), fieldMarks(record({ a: 1, b: 2 })))).toEqual([]);
  });

  it('cost three characters a field', () => {
    expect(fieldMarks(record({ a: 'x'.repeat(1000), b: 1 }, { cell: 'c' }))).toHaveLength(9);
  });

  it('have room for any number of fields', () => {
    const fields = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field_${index}`, index]));
    const marks = fieldMarks(record(fields));
    expect(marks).toHaveLength(3000);
    expect(changedFields(record({ ...fields, field_7: 8, field_999: 0 }), marks)).toEqual(['field_7', 'field_999']);
  });

  it('are those of every version, so that a ledger of before can be compared', () => {
    expect(fieldMarks(record({ name: 'Saw', active: true, quantity: 3, due: null }, { job: '1' }))).toBe(
      'FQqBmaisuUyt8T8',
    );
  });

  it('never name a field that is the same', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (fields) => {
        expect(changedFields(record(fields), fieldMarks(record(fields)))).toEqual([]);
      }),
    );
  });
});
