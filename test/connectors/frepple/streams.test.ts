import { describe, expect, it } from 'vitest';
import type { LookUps, Operation, Resource } from '../../../src/connectors/frepple/look-ups.ts';
import type { MappingContext } from '../../../src/connectors/frepple/stream.ts';
import { freppleStreams } from '../../../src/connectors/frepple/streams.ts';
import { createServerTimes } from '../../../src/connectors/frepple/times.ts';
import type { MesRecord } from '../../../src/core/types.ts';

const operation = (name: string, rest: Partial<Operation> = {}): [string, Operation] => [name, { name, ...rest }];

const lookUps: LookUps = {
  operations: new Map([
    operation('Saw chair leg', {
      type: 'time_per',
      item: 'leg',
      priority: 3,
      duration: '00:10:00',
      duration_per: '00:01:00',
    }),
    operation('Varnish chair', { type: 'routing', item: 'varnished chair' }),
    operation('Apply varnish', { type: 'time_per', owner: 'Varnish chair', priority: 0, duration_per: '00:30:00' }),
    operation('Saw by hand', { type: 'time_per', owner: 'Saw chair leg' }),
  ]),
  cells: new Map([['Saw chair leg', 'saw']]),
  demands: new Set(['SO-1', 'SO-2', 'SO-3']),
  over: new Map(),
};

const context: MappingContext = {
  source: 'FREPPLE',
  numberPrefix: 'FP-',
  times: createServerTimes('Europe/Brussels'),
  isCell: ({ owner, subcategory }: Resource) => !owner && subcategory !== 'tool',
  otherwise: undefined,
  lookUps,
};

function recordsOf(stream: string, row: object, rest: Partial<MappingContext> = {}): MesRecord[] {
  const definition = freppleStreams.find(({ name }) => name === stream);
  if (definition === undefined) throw new Error(`There is no stream ${stream}.`);
  return definition.toRecords(definition.schema.parse(row) as never, { ...context, ...rest });
}

/** As the real server lists it. */
const order = {
  reference: 'MO-1001',
  status: 'confirmed',
  operation: 'Saw chair leg',
  quantity: '40.00000000',
  quantity_completed: '4.00000000',
  startdate: '2026-11-20T22:05:00',
  enddate: '2026-11-23T21:20:00.047126',
  batch: null,
  plan: { pegging: { 'SO-1': 15, 'SO-2': 25 }, upstream_opplans: [] },
  owner: null,
  source: 'ERP',
  lastmodified: '2026-11-20T23:14:35.638812',
  resources: [{ resource: 'saw', quantity: '1.00000000', setup: null }],
  materials: [],
  demand: null,
};

describe('a resource', () => {
  const resource = { name: 'saw', owner: null, category: 'production', subcategory: 'machine', location: 'factory' };

  it('at the top of its hierarchy is a cell', () => {
    expect(recordsOf('resources', resource)).toEqual([
      {
        entity: 'cell',
        source: 'FREPPLE',
        externalId: 'saw',
        parents: {},
        lifecycle: 'active',
        fields: { name: 'saw', active: true },
      },
    ]);
  });

  it.each([
    [{ name: 'Antonio', owner: 'operators' }, 'equipment'],
    [{ subcategory: 'tool' }, 'tooling'],
    [{ subcategory: 'tool', owner: 'tools' }, 'tooling'],
  ])('that is %o is a resource of the type %s', (rest, type) => {
    const [record] = recordsOf('resources', { ...resource, ...rest });
    expect(record).toMatchObject({ entity: 'resource', fields: { type, location: 'factory', active: true } });
  });

  it('without a name makes no record', () => {
    expect(() => recordsOf('resources', { ...resource, name: '' })).toThrow(/It has no name/);
  });
});

describe('a demand', () => {
  const demand = { name: 'SO-1', customer: 'Acme, Inc.', due: '2026-11-22T00:00:00', status: 'open' };

  it('is a job', () => {
    expect(recordsOf('demands', demand)).toEqual([
      {
        entity: 'job',
        source: 'FREPPLE',
        externalId: 'SO-1',
        parents: {},
        fields: { job_number: 'FP-SO-1', customer: 'Acme, Inc.', due_date: '2026-11-21T23:00:00.000Z' },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([
    ['quote', { lifecycle: 'active' }],
    ['closed', { lifecycle: 'closed', onlyIfKnown: true }],
    ['canceled', { lifecycle: 'cancelled', onlyIfKnown: true }],
    ['inquiry', { lifecycle: 'cancelled', onlyIfKnown: true }],
  ])('that is %s is %o', (status, state) => {
    expect(recordsOf('demands', { ...demand, status })[0]).toMatchObject(state);
  });

  it('may lack customer and due date', () => {
    const [record] = recordsOf('demands', { ...demand, customer: null, due: null });
    expect(record?.fields).toMatchObject({ customer: null, due_date: null });
  });
});

describe('a manufacturing order', () => {
  it('is a part of the job that most of it is for, and no longer made to stock', () => {
    expect(recordsOf('manufacturing-orders', order)).toEqual([
      {
        entity: 'job',
        source: 'FREPPLE',
        externalId: 'STOCK-MO-1001',
        parents: {},
        fields: { job_number: 'FP-STOCK-MO-1001', customer: null, due_date: '2026-11-23T20:20:00.047Z' },
        lifecycle: 'cancelled',
        onlyIfKnown: true,
        onlyIfActive: true,
      },
      {
        entity: 'part',
        source: 'FREPPLE',
        externalId: 'MO-1001',
        parents: { job: 'SO-2' },
        fields: { part_number: 'leg|FP-MO-1001', material: 'leg', quantity: 40 },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([
    [{ 'SO-2': 10, 'SO-1': 10 }, 'SO-1'],
    [{ 'FG101 @ shop 1': 500, 'SO-3': 1 }, 'SO-3'],
    [{ 'FG101 @ shop 1': 500 }, 'STOCK-MO-1001'],
    [{}, 'STOCK-MO-1001'],
    [null, 'STOCK-MO-1001'],
  ])('that is pegged to %o belongs to %s', (pegging, job) => {
    const [stock, part] = recordsOf('manufacturing-orders', { ...order, plan: { pegging } });
    expect(part?.parents).toEqual({ job });
    expect(stock?.lifecycle).toBe(job.startsWith('STOCK-') ? 'active' : 'cancelled');
  });

  it.each([
    ['approved', { lifecycle: 'active' }],
    ['completed', { lifecycle: 'closed', onlyIfKnown: true }],
    ['closed', { lifecycle: 'closed', onlyIfKnown: true }],
    ['proposed', { lifecycle: 'cancelled', onlyIfKnown: true, onlyIfActive: true }],
    [null, { lifecycle: 'cancelled', onlyIfKnown: true, onlyIfActive: true }],
  ])('that is %s is %o', (status, state) => {
    expect(recordsOf('manufacturing-orders', { ...order, status })[1]).toMatchObject(state);
  });

  it.each([
    ['completed', {}],
    ['closed', null],
  ])('that is %s keeps its job when its plan is %j', (status, plan) => {
    expect(recordsOf('manufacturing-orders', { ...order, status, plan })[1]?.parents).toEqual({});
    expect(recordsOf('manufacturing-orders', { ...order, status: 'closed' })[1]?.parents).toEqual({ job: 'SO-2' });
  });

  it.each([
    ['Saw by hand', 'leg'],
    ['Apply varnish', 'varnished chair'],
    [null, 'Unknown'],
  ])('by the operation %s makes %s', (name, material) => {
    expect(recordsOf('manufacturing-orders', { ...order, operation: name })[1]?.fields).toMatchObject({ material });
  });

  it.each([
    ['0.00000000', 1],
    ['2.00100000', 3],
    ['40.00000001', 40],
    [7, 7],
    [null, 1],
  ])('of %s pieces is %i', (quantity, pieces) => {
    expect(recordsOf('manufacturing-orders', { ...order, quantity })[1]?.fields['quantity']).toBe(pieces);
  });

  it('that is a step of another makes no part', () => {
    expect(recordsOf('manufacturing-orders', { ...order, owner: 'MO-2000' })).toEqual([]);
  });

  it.each([
    [{ reference: '' }, /It has no name/],
    [{ operation: 'gone' }, /Its operation is not in the list of operations: "gone"/],
    [{ quantity: 'many' }, /quantity is not a number/],
    [{ enddate: 'soon' }, /enddate is not a time/],
  ])('with %o is set aside', (rest, text) => {
    expect(() => recordsOf('manufacturing-orders', { ...order, ...rest })).toThrow(text);
  });
});

describe('a work order', () => {
  const step = {
    ...order,
    reference: 'WO-2000-10',
    owner: 'MO-2000',
    operation: 'Apply varnish',
    quantity: '10.00000000',
  };

  it('is an operation of the order that owns it', () => {
    expect(recordsOf('work-orders', { ...step, operation: 'Saw chair leg' })).toEqual([
      {
        entity: 'operation',
        source: 'FREPPLE',
        externalId: 'WO-2000-10',
        parents: { part: 'MO-2000', cell: 'saw' },
        fields: {
          operation_name: 'Saw chair leg',
          sequence: 3,
          estimated_time_minutes: 20,
          planned_start: '2026-11-20T21:05:00.000Z',
          planned_end: '2026-11-23T20:20:00.047Z',
        },
        lifecycle: 'active',
      },
    ]);
  });

  it('that needs no cell goes to the one for all others, if there is one', () => {
    expect(recordsOf('work-orders', step, { otherwise: 'yard' })[0]?.parents).toEqual({
      part: 'MO-2000',
      cell: 'yard',
    });
  });

  it('that needs no cell is set aside while it is to be done, and ends as any other', () => {
    expect(() => recordsOf('work-orders', step)).toThrow(
      'The operation "Apply varnish" needs no resource that is a cell, and the MES takes none without. Give it one',
    );
    for (const status of ['closed', 'proposed']) {
      expect(recordsOf('work-orders', { ...step, status })[0]?.parents).toEqual({ part: 'MO-2000' });
    }
  });

  it('comes first, never before it', () => {
    expect(recordsOf('work-orders', step, { otherwise: 'yard' })[0]?.fields['sequence']).toBe(1);
  });

  it('is also an order whose operation has no steps, but no routing, and none without an operation', () => {
    expect(recordsOf('work-orders', order)[0]).toMatchObject({ externalId: 'MO-1001', parents: { part: 'MO-1001' } });
    expect(recordsOf('work-orders', { ...order, operation: 'Varnish chair' })).toEqual([]);
    expect(recordsOf('work-orders', { ...order, operation: null })).toEqual([]);
    expect(recordsOf('work-orders', { ...order, reference: '' })).toEqual([]);
  });
});
