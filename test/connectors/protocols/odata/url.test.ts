import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextPath, queryPath, withOptions } from '../../../../src/connectors/protocols/odata/url.ts';
import { PermanentError } from '../../../../src/core/errors.ts';

const always = { 'sap-client': '100', 'sap-language': 'EN' };

describe('a query', () => {
  it('names only the options it has, in one order, with a plain $', () => {
    expect(queryPath({ path: '/S/Set', top: 5 }, {})).toBe('/S/Set?$top=5');
    expect(queryPath({ path: '/S/Set', top: 5, filter: "A eq 'x'", orderBy: 'A,B', select: ['A', 'B'] }, always)).toBe(
      "/S/Set?$filter=A%20eq%20'x'&$orderby=A%2CB&$top=5&$select=A%2CB&sap-client=100&sap-language=EN",
    );
  });

  it('brings any value to the server as it was meant', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const { search, pathname, hash } = new URL(`http://h${withOptions('/S/Set', { $filter: value, b: '1' })}`);
        expect([pathname, hash]).toEqual(['/S/Set', '']);
        expect([...new URLSearchParams(search)]).toEqual([
          ['$filter', value],
          ['b', '1'],
        ]);
      }),
    );
  });

  it('keeps what a configured path already asks for', () => {
    expect(withOptions('/S/Set?x=1', { a: '2' })).toBe('/S/Set?x=1&a=2');
    expect(withOptions('/S/Set', {})).toBe('/S/Set');
  });
});

describe('the path of a next link', () => {
  const current = '/sap/S/Set?$top=2&sap-client=100';

  it.each([
    ['https://other:8443/sap/S/Set?$skiptoken=1', '/sap/S/Set?$skiptoken=1&sap-client=100&sap-language=EN'],
    ['Set?$skiptoken=1', '/sap/S/Set?$skiptoken=1&sap-client=100&sap-language=EN'],
    ['?$skiptoken=1', '/sap/S/Set?$skiptoken=1&sap-client=100&sap-language=EN'],
    ['../T/Set?x=1', '/sap/T/Set?x=1&sap-client=100&sap-language=EN'],
    ['../../../../etc?x=1', '/etc?x=1&sap-client=100&sap-language=EN'],
    ['Set?sap-client=200&sap-language=DE', '/sap/S/Set?sap-client=200&sap-language=DE'],
    [
      "Set?$filter=A%20eq%20'a%2Bb'&$skiptoken='x%26y'",
      '/sap/S/Set?$filter=A%20eq%20%27a%2Bb%27&$skiptoken=%27x%26y%27&sap-client=100&sap-language=EN',
    ],
    ['Set?$skiptoken=1#fragment', '/sap/S/Set?$skiptoken=1&sap-client=100&sap-language=EN'],
    ['http://u:p@evil.example/Set', '/Set?sap-client=100&sap-language=EN'],
    ['\\\\evil.example\\Set', '/Set?sap-client=100&sap-language=EN'],
  ])('%s is %s', (link, path) => {
    expect(nextPath(link, current, always)).toBe(path);
  });

  it('always is a path on the configured origin, or refused, whatever the link', () => {
    const pieces = fc.constantFrom(
      'http:',
      'https:',
      'foo:',
      'file:',
      '/',
      '//',
      '\\',
      '@',
      '..',
      '?',
      '#',
      'evil.example',
      'Set',
      ':',
      '%2f',
      '\t',
      ' ',
    );
    const links = fc.oneof(
      fc.webUrl(),
      fc.string(),
      fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(links, (link) => {
        let path: string;
        try {
          path = nextPath(link, current, always);
        } catch (error) {
          expect(error).toBeInstanceOf(PermanentError);
          return;
        }
        expect(path).toMatch(/^\/(?!\/)/);
        expect(new URL(path, 'https://erp.example').origin).toBe('https://erp.example');
      }),
      { numRuns: 1000 },
    );
  });
});
