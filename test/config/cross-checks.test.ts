import { describe, expect, it } from 'vitest';
import { crossCheck } from '../../src/config/cross-checks.ts';

const check = (connectors: unknown) => crossCheck({ connectors }, () => undefined);

describe('rules between settings', () => {
  it('let two connectors pass that are told apart by source and prefix', () => {
    expect(
      check({
        a: { type: 'sap', externalSource: 'A' },
        b: { type: 'sap', externalSource: 'B', numberPrefix: 'B-' },
      }),
    ).toEqual([]);
  });

  it('ask for no prefix of a connector that feeds no jobs', () => {
    const streams = Object.fromEntries(
      ['sales-orders', 'production-orders', 'operations'].map((name) => [name, { enabled: false }]),
    );
    expect(
      check({ a: { type: 'sap', externalSource: 'A' }, b: { type: 'sap', externalSource: 'B', streams } }),
    ).toEqual([]);
  });

  it('know by what stream FrePPLe brings jobs', () => {
    const streams = Object.fromEntries(
      ['demands', 'manufacturing-orders', 'work-orders'].map((name) => [name, { enabled: false }]),
    );
    expect(
      check({ a: { type: 'sap', externalSource: 'A' }, b: { type: 'frepple', externalSource: 'B', streams } }),
    ).toEqual([]);
  });

  it('place two equal prefixes at the second of them', () => {
    const twice = { type: 'sap', numberPrefix: 'P-' };
    expect(check({ a: { ...twice, externalSource: 'A' }, b: { ...twice, externalSource: 'B' } })).toEqual([
      {
        path: ['connectors', 'b', 'numberPrefix'],
        text: 'is the same as that of connector a. Two connectors feed jobs: their job and part numbers would collide.',
      },
    ]);
  });

  it('name every parent that is switched off under each stream that needs it', () => {
    const streams = { 'production-orders': { enabled: false }, 'work-centers': { enabled: false } };
    expect(check({ a: { type: 'sap', streams } }).map(({ path }) => path.join('.'))).toEqual([
      'connectors.a.streams.production-orders.enabled',
      'connectors.a.streams.work-centers.enabled',
    ]);
  });

  it.each([
    [
      'operations',
      { properties: { NotAProperty: 'X' } },
      'properties.NotAProperty',
      /not a name that the stream reads by/,
    ],
    ['work-centers', { stamp: 'ChangedAt' }, 'stamp', /has no effect on work-centers.*set stampKind too/],
    ['work-centers', { stampKind: 'timestamp' }, 'stampKind', /needs stamp beside it/],
    ['sales-orders', { stamp: 'Aedat', stampKind: 'none' }, 'stamp', /has no effect beside stampKind none/],
  ])('refuse of %s what would have no effect: %j', (...[stream, settings, place, text]) => {
    expect(check({ a: { type: 'sap', streams: { [stream]: settings } } })).toEqual([
      { path: ['connectors', 'a', 'streams', stream, ...place.split('.')], text: expect.stringMatching(text) },
    ]);
  });

  it.each([
    ['equipment', { properties: { ValidityEndDate: 'Datbi', EquipmentName: null } }],
    ['operations', { properties: { ManufacturingOrder: 'Aufnr', ManufacturingOrderSubOperation: null } }],
    ['work-centers', { stamp: 'ChangedAt', stampKind: 'timestamp' }],
    ['work-centers', { stampKind: 'none' }],
    ['sales-orders', { stamp: 'Aedat', stampKind: 'date' }],
    ['sales-orders', { stamp: 'ChangedAt' }],
  ])('let pass of %s: %j', (stream, settings) => {
    expect(check({ a: { type: 'sap', streams: { [stream]: settings } } })).toEqual([]);
  });

  it.each([
    ['sap', ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations']],
    ['netsuite', ['work-centers', 'sales-orders', 'work-orders', 'operation-tasks']],
    ['odoo', ['work-centers', 'equipment', 'sales-orders', 'manufacturing-orders', 'work-orders']],
    ['frepple', ['resources', 'demands', 'manufacturing-orders', 'work-orders']],
  ])('leave %s something to read', (type, names) => {
    const off = (some: string[]) => Object.fromEntries(some.map((name) => [name, { enabled: false }]));
    expect(check({ a: { type, streams: off(names) } })).toEqual([
      {
        path: ['connectors', 'a', 'streams'],
        text: 'switches every stream off, so that nothing is read: enable one, or remove the connector',
      },
    ]);
    expect(check({ a: { type, streams: off(names.slice(1).reverse()) } })).toEqual([]);
  });

  it('let a parent be switched off together with what needs it', () => {
    const streams = { operations: { enabled: false }, 'work-centers': { enabled: false } };
    expect(check({ a: { type: 'sap', streams } })).toEqual([]);
  });

  it('pass on what is wrong with a schedule', () => {
    const connectors = { a: { type: 'sap', schedule: 'x' } };
    expect(crossCheck({ connectors }, (expression) => `is ${expression}`)).toEqual([
      { path: ['connectors', 'a', 'schedule'], text: 'is x' },
    ]);
  });

  it.each([
    undefined,
    null,
    'text',
    [],
    {},
    { connectors: [] },
    { connectors: { a: null, b: 'x', c: { streams: 1 } } },
  ])('survive a config of another form: %j', (config) => {
    expect(crossCheck(config, () => undefined)).toBeInstanceOf(Array);
  });
});
