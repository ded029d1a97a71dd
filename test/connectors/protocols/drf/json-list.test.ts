import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createJsonListReader } from '../../../../src/connectors/protocols/drf/json-list.ts';
import { TransientError } from '../../../../src/core/errors.ts';

/** As it comes from a socket: cut wherever the cuts fall. */
function readJsonList(text: string, cuts: readonly number[] = []) {
  const bytes = Buffer.from(text);
  const reader = createJsonListReader('plant');
  const ends = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  for (const [index, end] of [...ends, bytes.length].entries()) reader.add(bytes.subarray(ends[index - 1] ?? 0, end));
  return reader.end();
}

const all = (text: string, size = 3, cuts: readonly number[] = []) => [...readJsonList(text, cuts).pages(size)];

describe('a list in JSON', () => {
  it('is read as JSON.parse reads it, in pages of any size, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 9 }),
        fc.record({ indent: fc.constantFrom(0, 2), cuts: fc.array(fc.nat()) }),
        (list, size, { indent, cuts }) => {
          const text = JSON.stringify(list, undefined, indent);
          const { length } = readJsonList(text, cuts);
          const pages = all(text, size, cuts);
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

  it('is held in a tenth of its bytes, and comes back as it was', async () => {
    const row = (index: number) => ({ name: `SO-${index}`, item: 'Größe "42", 数控', plan: [{}] });
    const list = Array.from({ length: 40_000 }, (_, index) => row(index));
    const bytes = Buffer.from(JSON.stringify(list));
    const reader = createJsonListReader('plant');
    const before = await buffersHeld();
    for (let at = 0; at < bytes.length; at += 65_537) reader.add(Buffer.from(bytes.subarray(at, at + 65_537)));
    const whole = reader.end();
    expect((await buffersHeld()) - before).toBeLessThan(bytes.length / 10 + 262_144);
    expect(whole.length).toBe(list.length);
    expect([...whole.pages(999)].flat()).toEqual(list);
  });

  it('is none where a comma is too many at the end of many rows', () => {
    const text = JSON.stringify(Array.from({ length: 5000 }, () => ({ name: 'x'.repeat(100) }))).replace(/]$/, ',]');
    expect(() => all(text)).toThrow(/no JSON/);
  });
});

/** Bytes of buffers that are still in use. */
async function buffersHeld(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  for (let turn = 0; turn < 3; turn += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().arrayBuffers;
}
