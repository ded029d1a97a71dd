import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJsonList } from '../../../src/connectors/protocols/json-list.ts';
import { TransientError } from '../../../src/core/errors.ts';

const all = (text: string, size = 3) => [...readJsonList(text, 'plant').pages(size)];

describe('a list in JSON', () => {
  it('is read as JSON.parse reads it, in pages of any size, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(0, 2),
        (list, size, indent) => {
          const text = JSON.stringify(list, undefined, indent);
          const { length } = readJsonList(text, 'plant');
          const pages = all(text, size);
          expect(pages.flat()).toEqual(JSON.parse(text));
          expect(length).toBe(list.length);
          expect(pages.every((page, index) => page.length === size || index === pages.length - 1)).toBe(true);
        },
      ),
    );
  });

  it('that breaks off anywhere is none, and never a shorter list', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (list, share) => {
          const text = JSON.stringify(list);
          const cut = text.slice(0, Math.floor(share * (text.length - 1)));
          expect(() => all(cut)).toThrow(TransientError);
        },
      ),
    );
  });

  it.each([
    ['nothing', ''],
    ['an object', '{"detail":"Not found."}'],
    ['a page', '<html></html>'],
    ['null', 'null'],
    ['a list and more', '[1] [2]'],
    ['a comma too many', '[1,]'],
    ['a comma too few', '[{"a":1}{"b":2}]'],
    ['brackets that do not match', '[{"a":[1}]]'],
    ['a text without an end', '["a\\"]'],
    ['words', '[NaN]'],
  ])('is not made of %s', (_what, text) => {
    expect(() => all(text)).toThrow(/^plant answered with .*(no list|no JSON)/);
  });

  it('has no pages when it is empty', () => {
    expect(all(' [ ] ')).toEqual([]);
  });

  it('may hold quotes, brackets, commas and backslashes in its texts', () => {
    const list = [{ reference: 'A"],{[' }, { reference: '\\' }, { reference: '\\"' }, { reference: ',' }];
    expect(all(JSON.stringify(list), 1).flat()).toEqual(list);
  });
});
