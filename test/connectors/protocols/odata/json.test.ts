import { describe, expect, it } from 'vitest';
import { readCollection, readError, requireMetadata } from '../../../../src/connectors/protocols/odata/json.ts';
import { TransientError } from '../../../../src/core/errors.ts';

const row = { Id: '1' };
const json = { 'content-type': 'application/json;charset=utf-8' };
const read = (body: unknown, headers: Record<string, string> = json) =>
  readCollection(
    { status: 200, headers, text: typeof body === 'string' ? body : JSON.stringify(body) },
    'plant-1: /Set',
  );

describe('a collection', () => {
  it.each([
    ['V2', { d: { results: [row] } }, [row], undefined],
    [
      'V2 with a next link and a count',
      { d: { results: [row], __count: '120', __next: 'https://h/n' } },
      [row],
      'https://h/n',
    ],
    ['V2, empty', { d: { results: [] } }, [], undefined],
    ['bare, of V1-style services', { d: [row, row] }, [row, row], undefined],
    ['a single row in results', { d: { results: row } }, [row], undefined],
    [
      'a single entity',
      { d: { __metadata: { uri: 'u' }, Id: '1' } },
      [{ __metadata: { uri: 'u' }, Id: '1' }],
      undefined,
    ],
    ['V4', { '@odata.context': '$metadata#Set', value: [row] }, [row], undefined],
    ['V4 with a next link', { value: [row], '@odata.nextLink': 'Set?$skiptoken=x' }, [row], 'Set?$skiptoken=x'],
    ['V4, empty', { value: [] }, [], undefined],
    ['V4 metadata=full with its own d property', { value: [{ d: [1] }] }, [{ d: [1] }], undefined],
  ])('in the form %s is read', (...[, body, rows, next]) => {
    expect(read(body)).toEqual({ rows, next });
  });

  it.each(['application/json', 'application/json;odata.metadata=minimal', 'application/hal+json', 'Application/JSON'])(
    'may come as %s',
    (type) => {
      expect(read({ value: [] }, { 'content-type': type }).rows).toEqual([]);
    },
  );

  it.each([
    ['an error', { error: { code: 'X', message: 'Y' } }],
    ['an empty object', {}],
    ['an empty d', { d: {} }],
    ['d of null', { d: null }],
    ['the service document', { d: { EntitySets: ['A', 'B'] } }],
    ['results of null', { d: { results: null } }],
    ['value of text', { value: 'none' }],
    ['a text', '"x"'],
    ['a number', '0'],
    ['null', 'null'],
  ])('is never taken from %s', (_what, body) => {
    expect(() => read(body)).toThrow(TransientError);
    expect(() => read(body)).toThrow('plant-1: /Set answered with JSON that is no OData collection.');
  });

  it('is never taken from JSON that breaks off, whatever the place', () => {
    const text = JSON.stringify({ d: { results: [row, row], __next: 'x' } });
    for (let length = 0; length < text.length; length += 1) {
      expect(() => read(text.slice(0, length))).toThrow('plant-1: /Set answered with JSON that breaks off.');
    }
  });

  it.each([
    ['text/html; charset=utf-8', /with text\/html; charset=utf-8 instead of JSON/],
    ['application/atom+xml', /with application\/atom\+xml instead of JSON/],
    ['', /with no content type instead of JSON.*Check sapClient and auth\./],
  ])('is never taken from %j', (type, text) => {
    expect(() => read({ value: [] }, type === '' ? {} : { 'content-type': type })).toThrow(text);
  });

  it('of a thousand nested lists in one property does no harm', () => {
    const text = `{"value":[{"Id":"1","Deep":${'['.repeat(1000)}${']'.repeat(1000)}}]}`;
    expect(read(text).rows).toHaveLength(1);
  });

  it('with hostile names of properties does not reach any prototype', () => {
    const { rows } = read('{"value":[{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}]}');
    expect(rows).toHaveLength(1);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('the reason in an error body', () => {
  it.each([
    ['V2', '{"error":{"code":"SY/530","message":{"lang":"en","value":"No luck"}}}', ' (SY/530 No luck)'],
    ['V4', '{"error":{"code":"X","message":"No luck","details":[]}}', ' (X No luck)'],
    ['V4 without code', '{"error":{"message":"No luck"}}', ' (No luck)'],
    ['XML', '<?xml version="1.0"?><error><code>C</code><message xml:lang="en">No luck</message></error>', ' (No luck)'],
    ['XML with entities', '<message>&apos;A&amp;lt;&quot; &lt;&gt; &x;</message>', ` ('A&lt;" <> &x;)`],
    ['XML with a prefix', '<m:error><m:message>No luck</m:message></m:error>', ' (No luck)'],
    ['another JSON', '{"fault":"x"}', ''],
    ['JSON null', 'null', ''],
    ['HTML', '<html><body>Sorry</body></html>', ''],
    ['nothing', '', ''],
  ])('of %s is found', (_form, text, reason) => {
    expect(readError(text)).toBe(reason);
  });

  it('is cut, so that no page of text ends up in a log line', () => {
    expect(readError(JSON.stringify({ error: { message: 'x'.repeat(10_000) } }))).toHaveLength(303);
  });
});

describe('a metadata document', () => {
  it.each([
    '<edmx:Edmx Version="1.0"></edmx:Edmx>',
    '\uFEFF<?xml version="1.0"?>\n<edmx:Edmx Version="4.0"></edmx:Edmx>\n',
    '<Edmx></Edmx>',
  ])('is whole as %j', (text) => {
    expect(requireMetadata({ status: 200, headers: {}, text }, 'x')).toBe(text);
  });

  it.each(['', '<html></html>', '<edmx:Edmx Version="1.0"><edmx:DataServices>', '</edmx:Edmx>', '{"d":{}}'])(
    'is not %j',
    (text) => {
      expect(() => requireMetadata({ status: 200, headers: {}, text }, 'plant-1: /S/$metadata')).toThrow(
        TransientError,
      );
    },
  );
});
