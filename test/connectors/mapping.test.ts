import { describe, expect, it } from 'vitest';
import { assertExpression, compileExpression, isPropertyPath } from '../../src/connectors/expression.ts';
import { fingerprintOf } from '../../src/connectors/mapping.ts';
import { mapRow, recordsOf, sapRows, sapStream } from '../support/sap-rows.ts';

const { salesOrder, productionOrder, operation, workCenter } = sapRows;

describe("the operator's own fields", () => {
  it('are read by property path and by JSONata, laid over the mapping in the order of the table', async () => {
    const fields = {
      notes: '"Bought as " & BSTKD.Number',
      customer: 'Sold.Name',
      due_date: 'RequestedDeliveryDate',
    };
    const row = { ...salesOrder, Sold: { Name: 'ACME' }, BSTKD: { Number: 17 }, RequestedDeliveryDate: '2026-07-01' };
    const [record] = await recordsOf('sales-orders', row, { stream: { fields } });
    expect(Object.entries(record?.fields ?? {})).toEqual([
      ['job_number', '1000055'],
      ['customer', 'ACME'],
      ['due_date', '2026-06-30T22:00:00.000Z'],
      ['notes', 'Bought as 17'],
    ]);
  });

  it('go to the main record only, not to the stock job beside it', async () => {
    const row = { ...productionOrder, SalesOrder: '' };
    const [job, part] = await recordsOf('production-orders', row, { stream: { fields: { notes: 'Material' } } });
    expect([job?.fields['notes'], part?.fields['notes']]).toEqual([undefined, 'FG155']);
  });

  it.each([
    ['customer', 'Nothing.There', null],
    ['customer', 'Empty', null],
    ['customer', 'Flag', 'true'],
    ['customer', 'Amount', '12.5'],
    ['customer', '"a" & "b"', 'ab'],
    ['customer', '__proto__.polluted', null],
    ['customer', 'constructor.name', null],
    ['due_date', 'Day', '2026-09-30T22:00:00.000Z'],
    ['due_date', 'Local', '2026-09-30T22:00:00.000Z'],
  ])('%s from %s is %j', async (...[field, source, value]) => {
    const own = { Empty: '', Flag: true, Amount: 12.5, Day: '/Date(1790812800000)/', Local: '2026-10-01T00:00:00' };
    const asked = { stream: { fields: { [field]: source } } };
    expect((await recordsOf('sales-orders', { ...salesOrder, ...own }, asked))[0]?.fields[field]).toBe(value);
  });

  it.each([
    [
      'estimated_time_minutes',
      'Text',
      /The value for estimated_time_minutes|estimated_time_minutes is not a number: "x"/,
    ],
    ['estimated_time_minutes', 'Flag', /The value for estimated_time_minutes is no integer: true/],
    ['planned_start', 'Text', /The value for planned_start is no instant: "x"/],
    ['planned_start', 'Number', /The value for planned_start is no instant: 5/],
    ['operation_name', '{ "a": 1 }', /The value for operation_name is no text: \{"a":1\}/],
    ['operation_name', '$sum', /The value for operation_name is no text/],
    ['operation_name', '1 + "x"', /The configured mapping failed/],
    ['operation_name', '$error("Not this one")', /The configured mapping failed: Not this one/],
  ])('%s from %s costs one row only, which names them', async (...[field, source, reason]) => {
    const stream = await sapStream('operations', { streams: { operations: { fields: { [field]: source } } } });
    const bad = { ...operation, Text: 'x', Flag: true, Number: 5 };
    const [mapped] = await stream.map([bad]);
    expect(mapped).toMatchObject({ kind: 'refused', stage: 'map', key: '1,7', stamp: '20261001085500', row: bad });
    expect(mapped?.kind === 'refused' && mapped.reason).toMatch(reason);
  });

  it('that exist nowhere in the row are still asked of the ERP, JSONata names and all', async () => {
    const fields = { notes: '$join([YY1_Note, Nested.Deep], YY1_Separator)', customer: 'Party.Name' };
    const settings = { streams: { 'sales-orders': { fields, when: 'YY1_Plant = "1"' } } };
    expect((await sapStream('sales-orders', settings)).fingerprint).toMatch(/^[0-9a-f]{16}$/);
    const names = (await compileExpression(fields.notes)).names;
    expect(names.all).toEqual(expect.arrayContaining(['YY1_Note', 'Nested', 'Deep', 'YY1_Separator']));
  });
});

describe('an expression that does not end', () => {
  it.each([
    ['calls itself in the end for ever', '($f := function($n) { $f($n + 1) }; $f(1))'],
    ['calls itself deeper and deeper', '($f := function($n) { 1 + $f($n + 1) }; $f(1))'],
    ['counts too far', '$count([1..9999999]) & ""'],
    ['makes too long a text', '$pad("x", 400000000)'],
  ])('because it %s costs one row only', async (_what, body) => {
    const when = `SalesOrder = "7" ? ${body} : true`;
    const stream = await sapStream('sales-orders', { streams: { 'sales-orders': { when } } });
    const rows = [salesOrder, { ...salesOrder, SalesOrder: '7' }, { ...salesOrder, SalesOrder: '8' }];
    const before = performance.now();
    const mapped = await stream.map(rows);
    expect(mapped.map(({ kind }) => kind)).toEqual(['good', 'refused', 'good']);
    expect(mapped[1]).toMatchObject({
      stage: 'map',
      reason: expect.stringMatching(/^The configured mapping failed: /),
    });
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe('a regular expression', () => {
  const evaluated = async (text: string, row: unknown) => (await compileExpression(text)).evaluate(row);

  it.each([
    ['$contains(Text, /^(a+)+$/)', false],
    ['$replace(Text, /(a*)*b/, "x")', `${'a'.repeat(40)}!`],
    ['$count($split(Text, /(a+)+c/))', 1],
  ])('that tries without end in most engines ends at once: %s', async (text, result) => {
    const before = performance.now();
    expect(await evaluated(text, { Text: `${'a'.repeat(40)}!` })).toEqual(result);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it.each([
    '$contains(Text, /^(A+)+$/i)',
    '$contains(Text, /^(a{1,20})+$/)',
    '$contains(Text, /^(a+)+\\1$/)',
    '$match(Text, /^(a+)+$(?=b)/)',
    '$replace(Text, /(a{1,20})+c/, "x")',
    '$eval("$contains(Text, /^(a+)+\\\\1$/)", $)',
  ])('that no engine bounds is cut off: %s', async (text) => {
    const before = performance.now();
    await expect(evaluated(text, { Text: `${'a'.repeat(40)}!` })).rejects.toMatchObject({
      message: expect.stringMatching(/takes more than 200 ms/),
    });
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it.each([
    ['and that no engine bounds', '$replace(Text, /(?=a|;)(?:(a+)+x|;)/, "-")', `${'a'.repeat(23)};`.repeat(60)],
    ['and that an engine bounds', '$replace(Text, /(a*)*b|a/, "-")', 'a'.repeat(2000)],
  ])('that takes long for each of many matches, %s, is cut off as one', async (_which, text, Text) => {
    const before = performance.now();
    const replaced = evaluated(text, { Text });
    await expect(replaced).rejects.toMatchObject({ message: expect.stringMatching(/takes more than 200 ms/) });
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it('has its time for each row, however many there are', async () => {
    const expression = await compileExpression('$replace(Text, /(a*)*b|a/, "-")');
    const Text = 'a'.repeat(30);
    for (let row = 0; row < 60; row += 1) expect(await expression.evaluate({ Text })).toBe('-'.repeat(30));
  });

  it.each([
    ['$contains(Text, /B/i)', true],
    ['$match(Text, /(a)\\1/).match', 'aa'],
    ['$replace(Text, /a(?=b)/i, "x")', 'axb-7'],
    ['$split(Text, /[-B]{1,20}/i)', ['aa', '7']],
    ['$match(Text, /(?<name>a+)(b)/).groups', ['aa', 'b']],
  ])('means what it means elsewhere: %s', async (text, result) => {
    expect(await evaluated(text, { Text: 'aab-7' })).toEqual(result);
  });
});

describe('$pad of an expression', () => {
  it.each([
    ['$pad("x", 5, "#a")', 'x#a#a'],
    ['$pad("é😀", -5)', '   é😀'],
    ['$pad("x", 3, "")', 'x  '],
    ['$length($pad("x", 90000, $join([1..500].("é"))))', 90_000],
    ['$pad("long", 2)', 'long'],
    ['$pad(Nothing, 5)', undefined],
  ])('%s is as JSONata has it', async (text, result) => {
    expect(await (await compileExpression(text)).evaluate({})).toBe(result);
  });
});

describe('when', () => {
  it.each([
    ['ProductionPlant = "1710"', true],
    ['ProductionPlant = "1720"', false],
    ['ProductionPlant', true],
    ['Nothing', false],
    ['Material = "FG155" and TotalQuantity > "1"', true],
  ])('%s lets the row pass: %s', async (when, passes) => {
    const records = await recordsOf('production-orders', productionOrder, { stream: { when } });
    expect(records.map(({ lifecycle, onlyIfKnown }) => [lifecycle, onlyIfKnown])).toEqual([
      ['cancelled', true],
      passes ? ['active', undefined] : ['cancelled', true],
    ]);
  });

  it('withdraws what the MES holds with its ids, and sends nothing of it otherwise', async () => {
    const [record] = await recordsOf('sales-orders', salesOrder, { stream: { when: 'false' } });
    expect(record).toMatchObject({ externalId: '1000055', lifecycle: 'cancelled', onlyIfKnown: true });
  });
});

describe('properties', () => {
  it('read a service that names them otherwise', async () => {
    const stream = {
      path: '/sap/opu/odata/sap/ZMES_SRV/SalesOrders',
      key: ['Vbeln'],
      stamp: 'Aedat',
      stampKind: 'date',
      properties: {
        SalesOrder: 'Vbeln',
        SoldToParty: 'Kunnr',
        RequestedDeliveryDate: 'Vdatu',
        OverallSDProcessStatus: 'Gbstk',
        OverallSDDocumentRejectionSts: null,
      },
    };
    const row = {
      Vbeln: '0001000001',
      Kunnr: '0000001000',
      Vdatu: '/Date(1798675200000)/',
      Gbstk: 'C',
      Aedat: '/Date(1790812800000)/',
    };
    expect(await mapRow('sales-orders', row, { stream })).toMatchObject({
      kind: 'good',
      key: '0001000001',
      stamp: '2026-10-01',
      records: [
        {
          externalId: '1000001',
          fields: { job_number: '1000001', customer: '1000', due_date: '2026-12-30T23:00:00.000Z' },
          lifecycle: 'closed',
        },
      ],
    });
  });

  it('that are null are empty, even where the row has them', async () => {
    const stream = { properties: { WorkCenterDesc: null } };
    expect(await recordsOf('work-centers', workCenter, { stream })).toMatchObject([{ fields: { name: '1710-CNC1' } }]);
  });
});

describe('the fingerprint', () => {
  const of = async (own: object = {}, stream: object = {}, name = 'operations') =>
    (await sapStream(name, { ...own, streams: { [name]: stream } })).fingerprint;

  it.each([
    ['timeZone', { timeZone: 'UTC' }, {}],
    ['plantTimeZones', { plantTimeZones: { 1720: 'America/Chicago' } }, {}],
    ['numberPrefix', { numberPrefix: 'X' }, {}],
    ['standardValues', { standardValues: { setup: 2 } }, {}],
    ['externalSource', { externalSource: 'SAP-2' }, {}],
    ['language', { language: 'DE' }, {}],
    ['sapClient', { sapClient: '200' }, {}],
    ['odata', { odata: 'v4' }, {}],
    ['path', {}, { path: '/sap/opu/odata/sap/Z/Operations' }],
    ['stamp', {}, { stamp: 'ChangedAt' }],
    ['stampKind', {}, { stampKind: 'none' }],
    ['key', {}, { key: ['ManufacturingOrder'] }],
    ['filter', {}, { filter: "ProductionPlant eq '1'" }],
    ['when', {}, { when: 'ProductionPlant' }],
    ['fields', {}, { fields: { notes: 'A' } }],
    ['properties', {}, { properties: { WorkCenter: 'B' } }],
  ])('changes with %s', async (_name, own, stream) => {
    expect(await of(own, stream)).not.toBe(await of());
  });

  it.each([
    ['pageSize', {}, { pageSize: 7 }],
    ['overlapSeconds', {}, { overlapSeconds: 7 }],
    ['settleSeconds', {}, { settleSeconds: 7 }],
    ['fullReadEverySeconds', {}, { fullReadEverySeconds: 7 }],
    ['sweepEverySeconds', {}, { sweepEverySeconds: 70 }],
    ['everySeconds', { everySeconds: 7 }, {}],
    ['rate', { rate: { requestsPerSecond: 7 } }, {}],
    ['maxConcurrency', { maxConcurrency: 7 }, {}],
    ['timeoutSeconds', { timeoutSeconds: 7 }, {}],
    ['auth', { auth: { kind: 'basic', username: 'X', password: 'another-secret' } }, {}],
    [
      'a default that is written out',
      { numberPrefix: '', language: 'EN' },
      { stampKind: 'char14', stamp: 'LastChangeDateTime' },
    ],
  ])('does not change with %s', async (_name, own, stream) => {
    expect(await of(own, stream)).toBe(await of());
  });

  it('does not change with the order in which the settings are written', async () => {
    const one = { fields: { notes: 'A', sequence: 'B' }, properties: { WorkCenter: 'B', ProductionPlant: 'A' } };
    const other = { properties: { ProductionPlant: 'A', WorkCenter: 'B' }, fields: { sequence: 'B', notes: 'A' } };
    const zones = (...plants: string[]) => ({
      plantTimeZones: Object.fromEntries(plants.map((plant) => [plant, 'UTC'])),
    });
    expect(await of(zones('A', 'B'), one)).toBe(await of(zones('B', 'A'), other));
  });

  it('tells apart what differs in nesting or in order of lists', () => {
    const texts = [[1, [2]], [[1], 2], [2, 1], { a: 1 }, { a: '1' }, { b: 1 }, null, 'null'];
    expect(new Set(texts.map(fingerprintOf)).size).toBe(texts.length);
  });
});

describe('the text of an expression', () => {
  it.each(['Name', 'Name.First', '_Item.Id', 'A1.B_2'])('%s is a property path', async (text) => {
    expect(isPropertyPath(text)).toBe(true);
    expect(await assertExpression(text)).toBeUndefined();
  });

  it.each(['Name & "x"', '$sum(Items.Quantity)', 'Items[0]', '"text"'])('%s is JSONata', async (text) => {
    expect(isPropertyPath(text)).toBe(false);
    expect(await assertExpression(text)).toBeUndefined();
  });

  it.each([
    ['1 +', /^is neither a property path nor a JSONata expression: .* at character \d+$/],
    ['(a', /^is neither a property path nor a JSONata expression: .*before end.* at character 2$/],
    ['a..b', /^is neither .* at character \d+$/],
    ['"open', /^is neither .* at character \d+$/],
  ])('%s is neither, and says where it breaks', async (text, problem) => {
    expect(await assertExpression(text)).toMatch(problem);
  });

  it('is checked when the settings are read', async () => {
    await expect(sapStream('operations', { streams: { operations: { when: '1 +' } } })).rejects.toThrow(
      /is neither a property path/,
    );
  });
});
