import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allOf,
  columnName,
  compareSecond,
  idLiteral,
  isId,
  readSecond,
  selectText,
  utcSecond,
} from '../../../../src/connectors/protocols/suiteql/text.ts';

describe('an id', () => {
  it.each(['1', 4821, '-5', '999999999999999999'])('%j is written as a number', (id) => {
    expect(idLiteral(id)).toBe(String(id));
  });

  it('that is anything else never reaches a query', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.anything()), (value) => {
        if (isId(value)) return /^-?\d{1,18}$/.test(idLiteral(value));
        expect(() => idLiteral(value)).toThrow('is no internal id');
        return true;
      }),
    );
  });

  it.each(["1' OR '1'='1", '1)', '1; DROP', '1\n', ' 1', '1.5', '', null, undefined, {}, '9'.repeat(19)])(
    '%j is refused',
    (id) => {
      expect(() => idLiteral(id)).toThrow('is no internal id');
    },
  );
});

describe('a time', () => {
  it('is compared in UTC, to the second', () => {
    expect(compareSecond('t.lastmodifieddate', '>=', '2026-11-20T21:55:00.999Z')).toBe(
      "SYS_EXTRACT_UTC(t.lastmodifieddate) >= TO_TIMESTAMP('2026-11-20 21:55:00', 'YYYY-MM-DD HH24:MI:SS')",
    );
  });

  it.each(["2026-11-20' OR '1'='1", '', 'today', '2026-13-01T00:00:00Z'])('that is none is refused: %j', (time) => {
    expect(() => compareSecond('t.x', '<', time)).toThrow('is no time');
  });

  it('is read as it was asked for, whatever the date format of the user', () => {
    expect(utcSecond('t.x')).toBe("TO_CHAR(SYS_EXTRACT_UTC(t.x), 'YYYY-MM-DD HH24:MI:SS')");
    expect(readSecond('2026-11-20 21:55:00')).toBe('2026-11-20T21:55:00.000Z');
  });

  it.each([null, undefined, '', '20/11/2026', 7])('that is not there or not in that form (%j) is none', (raw) => {
    expect(readSecond(raw)).toBeNull();
  });
});

describe('a query', () => {
  it('names every column, and keeps alternatives together', () => {
    const where = allOf("t.type = 'WorkOrd'", 'a = 1 OR b = 2', undefined, '', 't.id > 7');
    expect(selectText({ columns: { id: 't.id', status: 'BUILTIN.CF(t.status)' }, from: 'transaction t', where })).toBe(
      "SELECT t.id AS id, BUILTIN.CF(t.status) AS status FROM transaction t WHERE t.type = 'WorkOrd' AND (a = 1 OR b = 2) AND t.id > 7",
    );
  });

  it.each(['a b', "a'", 'a,b', '1a', '', 'a;', 'ä', 'a'.repeat(64)])('takes no %j for the name of a column', (name) => {
    expect(() => columnName(name)).toThrow('is no name of a column');
  });
});
