import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { literalAt } from '../../../../sandbox/sap/literal.ts';
import { queryPath } from '../../../../src/connectors/protocols/odata/url.ts';
import {
  literal,
  type ODataVersion,
  readDay,
  readFlag,
  readTimeOfDay,
} from '../../../../src/connectors/protocols/odata/values.ts';
import { PermanentError } from '../../../../src/core/errors.ts';

const versions = ['v2', 'v4'] as const;
const types = [
  'Edm.String',
  'Edm.DateTime',
  'Edm.DateTimeOffset',
  'Edm.Date',
  'Edm.Guid',
  'Edm.Boolean',
  'Edm.Int32',
  'Edm.Int64',
  'Edm.Decimal',
  'Edm.Unknown',
];
const nasty = [
  "'",
  "''",
  '%',
  '%27',
  '&',
  '#',
  '\r\n',
  '\n',
  '\u0000',
  ' or ',
  ' eq ',
  ')',
  '+',
  '/',
  '\\',
  '\u{1F529}',
  'ü',
];
const hostile = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.oneof(fc.constantFrom(...nasty), fc.string({ maxLength: 3 })), { maxLength: 12 })
    .map((parts) => parts.join('')),
  fc.constantFrom(
    "x' or '1' eq '1",
    "2026-10-01T08:00:00Z' or 1 eq 1",
    '1 or 1 eq 1',
    'true or true',
    '2026-10-01 or 1 eq 1',
  ),
);

/** The literal, or undefined when the value was refused. */
function tryLiteral(version: ODataVersion, type: string, value: unknown): string | undefined {
  try {
    return literal(version, type, value);
  } catch (error) {
    expect(error).toBeInstanceOf(PermanentError);
    return undefined;
  }
}

/** What a server finds behind `Name eq `, after the query option went over the wire. */
function received(version: ODataVersion, text: string): { text: string; whole: boolean } {
  const path = queryPath({ path: '/S/Set', filter: `Name eq ${text}`, top: 1 }, { 'sap-client': '100' });
  expect(path).toMatch(/^\/S\/Set\?\$filter=[\w%'!~*().-]*&\$top=1&sap-client=100$/);
  const filter = new URLSearchParams(path.slice(path.indexOf('?'))).get('$filter') ?? '';
  expect(filter.startsWith('Name eq ')).toBe(true);
  const found = literalAt(filter, 'Name eq '.length, version);
  return { text: found?.literal.text ?? '', whole: found?.end === filter.length };
}

describe('a literal of $filter', () => {
  it.each(versions)(
    'holds any text whole in %s: nothing leaves its quotes, and the server reads what was meant',
    (version) => {
      fc.assert(
        fc.property(hostile, (value) => {
          const text = tryLiteral(version, 'Edm.String', value);
          expect(text === undefined).toBe(!value.isWellFormed());
          if (text !== undefined) expect(received(version, text)).toEqual({ text: value, whole: true });
        }),
        { numRuns: 500 },
      );
    },
  );

  it.each(versions)('is one literal or refused, whatever the value and type, in %s', (version) => {
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.oneof(hostile, fc.anything()), (type, value) => {
        const text = tryLiteral(version, type, value);
        if (text !== undefined) expect(received(version, text).whole, text).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([null, undefined, {}, true])('never makes a text of %j, which no row may be compared with', (value) => {
    expect(tryLiteral('v2', 'Edm.String', value)).toBeUndefined();
  });

  it('refuses half a surrogate pair, which no URL can carry', () => {
    expect(tryLiteral('v2', 'Edm.String', 'a\ud800')).toBeUndefined();
  });

  it.each([
    ['v2', 'Edm.String', "A'B", "'A''B'"],
    ['v2', 'Edm.String', 5, "'5'"],
    ['v2', 'Edm.DateTime', '/Date(1790812800000)/', "datetime'2026-10-01T00:00:00'"],
    ['v2', 'Edm.DateTime', '2026-10-01T08:00:00.123Z', "datetime'2026-10-01T08:00:00.123'"],
    ['v2', 'Edm.DateTime', '/Date(253402214400000)/', "datetime'9999-12-31T00:00:00'"],
    ['v2', 'Edm.DateTime', '/Date(-62135596800000)/', "datetime'0001-01-01T00:00:00'"],
    ['v2', 'Edm.DateTime', '/Date(-1)/', "datetime'1969-12-31T23:59:59.999'"],
    ['v2', 'Edm.DateTimeOffset', '2026-10-01T08:05:00.000Z', "datetimeoffset'2026-10-01T08:05:00Z'"],
    ['v2', 'Edm.DateTimeOffset', '/Date(1790841900123+0000)/', "datetimeoffset'2026-10-01T08:05:00.123Z'"],
    ['v2', 'Edm.DateTimeOffset', '/Date(1790841900000+0120)/', "datetimeoffset'2026-10-01T08:05:00Z'"],
    ['v2', 'Edm.Guid', '005056A5-09B1-1EE1-BB8A-F4A65EC3CA20', "guid'005056A5-09B1-1EE1-BB8A-F4A65EC3CA20'"],
    ['v4', 'Edm.DateTimeOffset', '2026-10-01T08:05:00.9999999Z', '2026-10-01T08:05:00.999Z'],
    ['v4', 'Edm.DateTimeOffset', '2026-10-01T10:05:00+02:00', '2026-10-01T08:05:00Z'],
    ['v4', 'Edm.Date', '2026-10-01', '2026-10-01'],
    ['v4', 'Edm.Guid', '005056a5-09b1-1ee1-bb8a-f4a65ec3ca20', '005056a5-09b1-1ee1-bb8a-f4a65ec3ca20'],
    ['v4', 'Edm.Int64', '9007199254740993', '9007199254740993'],
    ['v4', 'Edm.Boolean', false, 'false'],
  ] as const)('of %s and %s for %j is %s', (...[version, type, value, text]) => {
    expect(literal(version, type, value)).toBe(text);
  });

  it.each([
    '0000-00-00',
    '0000-00-00T00:00:00',
    'today',
    '',
    null,
    5,
    '/Date(1e99)/',
    '/Date(9999999999999999)/',
    '/Date(253402300800000)/',
  ])('of a time refuses %j, which is none that OData can write', (value) => {
    expect(tryLiteral('v2', 'Edm.DateTime', value)).toBeUndefined();
    expect(tryLiteral('v4', 'Edm.DateTimeOffset', value)).toBeUndefined();
  });
});

describe('a day', () => {
  it.each([
    ['/Date(1790812800000)/', '2026-10-01'],
    ['/Date(1790812800000+0120)/', '2026-10-01'],
    ['/Date(-1)/', '1969-12-31'],
    ['/Date(253402214400000)/', '9999-12-31'],
    ['/Date(-62135596800000)/', '0001-01-01'],
    ['2026-10-01', '2026-10-01'],
    ['2026-10-01T00:00:00', '2026-10-01'],
    ['2026-10-01T23:59:59.9999999Z', '2026-10-01'],
    ['/Date(-62135769600000)/', null],
    ['/Date(253402300800000)/', null],
    ['0000-00-00', null],
    ['0000-00-00T00:00:00', null],
    ['', null],
    [null, null],
    [undefined, null],
  ])('written as %j is %j', (raw, day) => {
    expect(readDay(raw)).toBe(day);
  });

  it('without a zone is that day wherever this machine stands', () => {
    const zone = process.env['TZ'];
    try {
      for (const TZ of ['Pacific/Kiritimati', 'America/Chicago', 'UTC']) {
        process.env['TZ'] = TZ;
        expect(readDay('2026-10-01T00:00:00')).toBe('2026-10-01');
        expect(literal('v4', 'Edm.DateTimeOffset', '2026-10-01T08:00:00')).toBe('2026-10-01T08:00:00Z');
      }
    } finally {
      process.env['TZ'] = zone ?? 'UTC';
    }
  });
});

describe('a time of day', () => {
  it.each([
    ['PT06H30M15S', 23_415_000],
    ['PT6H', 21_600_000],
    ['PT00H00M00S', 0],
    ['PT23H59M59.9999999S', 86_399_000],
    ['06:30:15', 23_415_000],
    ['06:30:15.123', 23_415_000],
    ['24:00:00', 86_400_000],
    ['', 0],
    [null, 0],
    [undefined, 0],
  ])('written as %j is %i ms after midnight', (raw, ms) => {
    expect(readTimeOfDay(raw)).toBe(ms);
  });
});

describe('a flag', () => {
  it.each([true, 'X', 'true'])('is set as %j', (raw) => expect(readFlag(raw)).toBe(true));
  it.each([false, '', ' ', 'false', null, undefined])('is not set as %j', (raw) => expect(readFlag(raw)).toBe(false));
});
