import { describe, expect, it } from 'vitest';
import { sap } from '../../../src/connectors/sap/index.ts';
import { type Asked, mapRow, recordsOf, sapRows, sapStream } from '../../support/sap-rows.ts';

const { workCenter, equipment, salesOrder, productionOrder, operation } = sapRows;
const days = (day: string) => `/Date(${Date.parse(`${day}T00:00:00Z`)})/`;

describe('a work center', () => {
  it('becomes a cell, named by plant and work center', async () => {
    expect(await recordsOf('work-centers', workCenter)).toEqual([
      {
        entity: 'cell',
        source: 'SAP',
        externalId: '1710-CNC1',
        parents: {},
        fields: { name: '1710-CNC1 Milling', active: true },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([
    ['', '1710-CNC1'],
    [null, '1710-CNC1'],
    [undefined, '1710-CNC1'],
  ])('with the description %j is named %s', async (WorkCenterDesc, name) => {
    const [record] = await recordsOf('work-centers', { ...workCenter, WorkCenterDesc });
    expect(record?.fields['name']).toBe(name);
  });

  it.each([true, 'X'])('to be deleted (%j) is inactive and cancelled', async (WorkCenterIsToBeDeleted) => {
    const [record] = await recordsOf('work-centers', { ...workCenter, WorkCenterIsToBeDeleted });
    expect(record).toMatchObject({ fields: { active: false }, lifecycle: 'cancelled' });
  });
});

describe('a piece of equipment', () => {
  it('becomes a resource under its own number, whatever its segment of time', async () => {
    expect(await recordsOf('equipment', equipment)).toEqual([
      {
        entity: 'resource',
        source: 'SAP',
        externalId: '10000045',
        parents: {},
        fields: { name: '10000045 Drill', type: 'tooling', identifier: 'SN-1', location: 'HALL-A', active: true },
        lifecycle: 'active',
      },
    ]);
  });

  it('has no identifier and no location where SAP has empty texts, and is equipment unless it is a tool', async () => {
    const empty = { EquipmentCategory: 'M', ManufacturerSerialNumber: '', AssetLocation: null, EquipmentName: '' };
    const [record] = await recordsOf('equipment', { ...equipment, ...empty });
    expect(record?.fields).toEqual({
      name: '10000045',
      type: 'equipment',
      identifier: null,
      location: null,
      active: true,
    });
  });

  it('marked for deletion is inactive and cancelled', async () => {
    const [record] = await recordsOf('equipment', { ...equipment, EquipmentIsMarkedForDeletion: true });
    expect(record).toMatchObject({ fields: { active: false }, lifecycle: 'cancelled' });
  });
});

describe('a sales order', () => {
  it('becomes a job without leading zeros, due at midnight of the connector zone', async () => {
    expect(await recordsOf('sales-orders', salesOrder, { own: { numberPrefix: 'SO-' } })).toEqual([
      {
        entity: 'job',
        source: 'SAP',
        externalId: '1000055',
        parents: {},
        fields: { job_number: 'SO-1000055', customer: '17100001', due_date: '2026-12-30T23:00:00.000Z' },
        lifecycle: 'active',
      },
    ]);
  });

  it('is the same job in V2 and V4, padded or not', async () => {
    const shown = {
      ...salesOrder,
      SalesOrder: '1000055',
      RequestedDeliveryDate: '2026-12-31',
      SoldToParty: '17100001',
    };
    expect(await recordsOf('sales-orders', shown, { own: { odata: 'v4' } })).toEqual(
      await recordsOf('sales-orders', salesOrder),
    );
  });

  it.each([null, undefined, '', '0000-00-00', '0000-00-00T00:00:00', '/Date(-62135769600000)/'])(
    'with the requested date %j has no due date',
    async (RequestedDeliveryDate) => {
      const [record] = await recordsOf('sales-orders', { ...salesOrder, RequestedDeliveryDate });
      expect(record?.fields['due_date']).toBeNull();
    },
  );

  it.each([
    [{ OverallSDDocumentRejectionSts: 'C' }, 'cancelled'],
    [{ OverallSDDocumentRejectionSts: 'C', OverallSDProcessStatus: 'C' }, 'cancelled'],
    [{ OverallSDProcessStatus: 'C' }, 'closed'],
    [{ OverallSDDocumentRejectionSts: 'B', OverallSDProcessStatus: 'B' }, 'active'],
    [{ OverallSDDocumentRejectionSts: null, OverallSDProcessStatus: null }, 'active'],
  ])('with %j is %s', async (status, lifecycle) => {
    expect(await recordsOf('sales-orders', { ...salesOrder, ...status })).toMatchObject([{ lifecycle }]);
  });

  it('without a customer has none', async () => {
    expect(await recordsOf('sales-orders', { ...salesOrder, SoldToParty: '' })).toMatchObject([
      { fields: { customer: null } },
    ]);
  });
});

describe('a production order', () => {
  it('for a sales order becomes a part of its job, and cancels the stock job it may have had', async () => {
    expect(await recordsOf('production-orders', productionOrder)).toEqual([
      {
        entity: 'job',
        source: 'SAP',
        externalId: 'STOCK-1003055',
        parents: {},
        fields: { job_number: 'STOCK-1003055', customer: null, due_date: '2026-12-30T23:00:00.000Z' },
        lifecycle: 'cancelled',
        onlyIfKnown: true,
      },
      {
        entity: 'part',
        source: 'SAP',
        externalId: '1003055',
        parents: { job: '1000055' },
        fields: { part_number: 'FG155|1003055', material: 'FG155', quantity: 25 },
        lifecycle: 'active',
      },
    ]);
  });

  it.each(['', '0', '0000000000', null, undefined])(
    'whose sales order is %j makes to stock: a stock job of its own, due in the zone of its plant',
    async (SalesOrder) => {
      const own = { plantTimeZones: { 1710: 'America/Chicago' }, numberPrefix: 'P-' };
      const [job, part] = await recordsOf('production-orders', { ...productionOrder, SalesOrder }, { own });
      expect(job).toEqual({
        entity: 'job',
        source: 'SAP',
        externalId: 'STOCK-1003055',
        parents: {},
        fields: { job_number: 'P-STOCK-1003055', customer: null, due_date: '2026-12-31T06:00:00.000Z' },
        lifecycle: 'active',
      });
      expect(part?.parents).toEqual({ job: 'STOCK-1003055' });
    },
  );

  it('has the same ids in V4, where numbers are padded and flags are Boolean', async () => {
    const shown = {
      ...productionOrder,
      ManufacturingOrder: '000001003055',
      SalesOrder: '0001000055',
      TotalQuantity: 25,
      LastChangeDateTime: '2026-10-01T08:55:00.0000000Z',
      MfgOrderScheduledEndDate: '2026-12-31',
      OrderIsMarkedForDeletion: false,
      OrderIsDeleted: false,
      OrderIsTechnicallyCompleted: false,
      OrderIsClosed: false,
    };
    expect(await recordsOf('production-orders', shown, { own: { odata: 'v4' } })).toEqual(
      await recordsOf('production-orders', productionOrder),
    );
  });

  it.each([
    ['25.000', 25],
    ['25.001', 26],
    ['0.000', 1],
    ['-3', 1],
    [0.2, 1],
    ['3.0000000000000004', 3],
    [2.0000000000000004, 2],
    [null, 1],
  ])('of the quantity %j is a part of %i pieces', async (TotalQuantity, quantity) => {
    const [, part] = await recordsOf('production-orders', { ...productionOrder, TotalQuantity });
    expect(part?.fields['quantity']).toBe(quantity);
  });

  it('without material is of unknown material', async () => {
    const [, part] = await recordsOf('production-orders', { ...productionOrder, Material: '' });
    expect(part?.fields).toEqual({ part_number: '|1003055', material: 'Unknown', quantity: 25 });
  });

  it.each([
    ['OrderIsMarkedForDeletion', 'cancelled'],
    ['OrderIsDeleted', 'cancelled'],
    ['OrderIsTechnicallyCompleted', 'closed'],
    ['OrderIsClosed', 'closed'],
  ])('with %s is %s, and its stock job with it', async (flag, lifecycle) => {
    for (const set of ['X', true]) {
      const row = { ...productionOrder, SalesOrder: '', [flag]: set };
      expect(await recordsOf('production-orders', row)).toMatchObject([{ lifecycle }, { lifecycle }]);
    }
  });

  it('that is both completed and deleted is cancelled', async () => {
    const row = { ...productionOrder, OrderIsClosed: 'X', OrderIsDeleted: 'X' };
    expect((await recordsOf('production-orders', row))[1]?.lifecycle).toBe('cancelled');
  });
});

describe('an operation', () => {
  const minutes = async (own: object, asked: Asked = {}) =>
    (await recordsOf('operations', { ...operation, ...own }, asked))[0]?.fields['estimated_time_minutes'];

  it('names its part and its cell by their ids', async () => {
    expect(await recordsOf('operations', operation)).toEqual([
      {
        entity: 'operation',
        source: 'SAP',
        externalId: '1003055-0-0010',
        parents: { part: '1003055', cell: '1710-CNC1' },
        fields: {
          operation_name: 'Saw to length',
          sequence: 10,
          estimated_time_minutes: 80,
          planned_start: '2026-10-01T04:00:00.000Z',
          planned_end: '2026-10-01T12:30:00.000Z',
        },
        lifecycle: 'active',
      },
    ]);
  });

  it.each([
    [{ ManufacturingOrderSequence: '000000' }, '1003055-0-0010', 10],
    [{ ManufacturingOrderSequence: '' }, '1003055-0-0010', 10],
    [{ ManufacturingOrderSequence: null }, '1003055-0-0010', 10],
    [{ ManufacturingOrderSequence: '2' }, '1003055-2-0010', 20_010],
    [{ ManufacturingOrderSequence: '000002', ManufacturingOrderOperation: '9990' }, '1003055-2-9990', 29_990],
    [{ ManufacturingOrderSubOperation: '0011' }, '1003055-0-0010-0011', 10],
    [{ ManufacturingOrder: '000001003055' }, '1003055-0-0010', 10],
  ])('of %j is %s, in place %i', async (own, externalId, sequence) => {
    expect(await recordsOf('operations', { ...operation, ...own })).toMatchObject([
      { externalId, fields: { sequence } },
    ]);
  });

  it('without a text is named by its number', async () => {
    expect(await recordsOf('operations', { ...operation, MfgOrderOperationText: '' })).toMatchObject([
      { fields: { operation_name: '0010' } },
    ]);
  });

  it.each([
    [{ WorkCenterStandardWorkQtyUnit1: 'H' }, 1850],
    [{ WorkCenterStandardWorkQtyUnit1: 'STD', WorkCenterStandardWorkQty2: 0 }, 1800],
    [{ WorkCenterStandardWorkQtyUnit1: 'S' }, 51],
    [{ WorkCenterStandardWorkQty1: '29.000', WorkCenterStandardWorkQtyUnit1: 'S' }, 50],
    [{ WorkCenterStandardWorkQtyUnit1: 'TAG' }, 43_250],
    [{ WorkCenterStandardWorkQty1: '0.500', WorkCenterStandardWorkQty2: '0' }, 1],
    [{ WorkCenterStandardWorkQty1: '0.499', WorkCenterStandardWorkQty2: '0' }, 0],
    [{ OpPlannedTotalQuantity: null }, 30],
    [{ WorkCenterStandardWorkQty1: '', WorkCenterStandardWorkQtyUnit1: '' }, 50],
    [{ WorkCenterStandardWorkQty1: 0, WorkCenterStandardWorkQtyUnit1: 'PC' }, 50],
    [{ WorkCenterStandardWorkQty1: undefined, WorkCenterStandardWorkQty2: undefined }, 0],
  ])('of %j is planned for %i minutes', async (own, planned) => {
    expect(await minutes(own)).toBe(planned);
  });

  it('takes set-up and pieces from the slots and for the base quantity that are configured', async () => {
    const own = { WorkCenterStandardWorkQty3: '3.000', WorkCenterStandardWorkQtyUnit3: 'MIN' };
    const slots = (standardValues: object) => minutes(own, { own: { standardValues } });
    expect(await slots({ setup: null })).toBe(50);
    expect(await slots({ setup: 3, perPiece: [] })).toBe(3);
    expect(await slots({ perPiece: [2, 3] })).toBe(155);
    expect(await slots({ baseQuantity: 10 })).toBe(35);
  });

  it.each([
    ['2026-03-29', 'PT02H30M00S', '1710', '2026-03-29T01:30:00.000Z'],
    ['2026-10-25', 'PT02H30M00S', '1710', '2026-10-25T00:30:00.000Z'],
    ['2026-03-08', 'PT02H30M00S', '1720', '2026-03-08T08:30:00.000Z'],
    ['2026-11-01', 'PT01H30M00S', '1720', '2026-11-01T06:30:00.000Z'],
    ['2026-11-01', '01:30:00', '1720', '2026-11-01T06:30:00.000Z'],
  ])('on %s at %s in plant %s starts at %s', async (...[day, time, ProductionPlant, start]) => {
    const row = {
      ...operation,
      OpErlstSchedldExecStrtDte: days(day),
      OpErlstSchedldExecStrtTme: time,
      ProductionPlant,
    };
    const own = { plantTimeZones: { 1720: 'America/Chicago' } };
    expect(await recordsOf('operations', row, { own })).toMatchObject([{ fields: { planned_start: start } }]);
  });

  it('without dates is not planned, whatever its times', async () => {
    const none = { OpErlstSchedldExecStrtDte: null, OpErlstSchedldExecEndDte: '0000-00-00' };
    expect(await recordsOf('operations', { ...operation, ...none })).toMatchObject([
      { fields: { planned_start: null, planned_end: null } },
    ]);
  });

  it.each([
    ['OperationIsDeleted', 'cancelled'],
    ['OperationIsTechlyCompleted', 'closed'],
    ['OperationIsClosed', 'closed'],
  ])('with %s is %s', async (flag, lifecycle) => {
    for (const set of ['X', true]) {
      expect(await recordsOf('operations', { ...operation, [flag]: set })).toMatchObject([{ lifecycle }]);
    }
  });
});

describe('a row that cannot become a record', () => {
  it.each([
    ['operations', { ...operation, WorkCenterStandardWorkQtyUnit1: 'PC' }, /Unit1 is not a unit of time.*"PC"/],
    ['operations', { ...operation, WorkCenterStandardWorkQty1: 'much' }, /Qty1 is not a number: "much"/],
    ['operations', { ...operation, ManufacturingOrderSequence: 'A' }, /Sequence is not a number: "A"/],
    ['operations', { ...operation, ManufacturingOrderOperation: '' }, /Operation is not a number: ""/],
    ['production-orders', { ...productionOrder, TotalQuantity: 'all' }, /TotalQuantity is not a number: "all"/],
    ['production-orders', { ...productionOrder, TotalQuantity: '1e400' }, /TotalQuantity is not a number/],
    ['production-orders', { ...productionOrder, TotalQuantity: 1e305 }, /TotalQuantity is not a number/],
  ])('of %s is refused by the mapping with key, stamp and reason', async (name, row, reason) => {
    expect(await mapRow(name, row)).toEqual({
      kind: 'refused',
      stage: 'map',
      key: name === 'operations' ? '1,7' : '1003055',
      stamp: '20261001085500',
      reason: expect.stringMatching(reason),
      row,
    });
  });

  it.each([
    ['its key is missing', { ...salesOrder, SalesOrder: undefined }],
    ['its key is missing', { ...salesOrder, SalesOrder: null }],
    ['its key is missing', null],
    ['its key is missing', 'text'],
    ['its key is missing', []],
    ['SoldToParty', { ...salesOrder, SoldToParty: { __deferred: {} } }],
    ['SalesOrder: Invalid input: expected string', { ...salesOrder, SalesOrder: 5 }],
  ])('because %s is refused at parsing', async (reason, row) => {
    const mapped = await mapRow('sales-orders', row);
    expect(mapped).toMatchObject({ kind: 'refused', stage: 'parse', reason: expect.stringContaining(reason), row });
    expect(mapped.key).not.toBe('');
  });

  it('leaves the others alone', async () => {
    const stream = await sapStream('sales-orders');
    const rows = [
      salesOrder,
      null,
      { ...salesOrder, SalesOrder: '2' },
      { SalesOrder: {} },
      { ...salesOrder, SalesOrder: '3' },
    ];
    expect((await stream.map(rows)).map(({ kind }) => kind)).toEqual(['good', 'refused', 'good', 'refused', 'good']);
  });

  it('may hold hostile names and texts', async () => {
    const row = JSON.parse('{"__proto__":{"SalesOrder":"9"},"constructor":1,"SalesOrder":"a\\r\\nb","toString":"x"}');
    const [record] = await recordsOf('sales-orders', row);
    expect(record?.externalId).toBe('a\r\nb');
    const large = { ...salesOrder, SalesOrder: 'x'.repeat(1_000_000) };
    expect((await recordsOf('sales-orders', large))[0]?.externalId).toHaveLength(1_000_000);
  });
});

describe('the connector', () => {
  it('runs every stream in dependency order, but those that are switched off', async () => {
    const names = ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations'];
    expect(names.map((name) => Object.keys(sap.needs).includes(name))).toEqual([false, false, false, true, true]);
    for (const [child, parents] of Object.entries(sap.needs)) {
      for (const parent of parents) expect(names.indexOf(parent)).toBeLessThan(names.indexOf(child));
    }
    await expect(sapStream('equipment', { streams: { equipment: { enabled: false } } })).rejects.toThrow();
  });

  it('says which fields an operator may set, of streams that exist', () => {
    expect(sap.fieldsOf('work-centers')).toEqual(['name', 'color', 'sequence', 'description']);
    expect(sap.fieldsOf('nothing')).toBeUndefined();
  });

  it.each([
    ['work-centers', 'none', 0, 3600],
    ['equipment', 'second', 600, 3600],
    ['sales-orders', 'timestamp', 600, 86_400],
    ['production-orders', 'char14', 7200, 86_400],
    ['operations', 'char14', 7200, 86_400],
  ])('reads %s by %s stamps, overlapping %i s', async (...[name, stampKind, overlapSeconds, fullReadEverySeconds]) => {
    const stream = await sapStream(name);
    expect(stream).toMatchObject({ stampKind, overlapSeconds, fullReadEverySeconds, settleSeconds: 120 });
    const set = { overlapSeconds: 5, settleSeconds: 7, fullReadEverySeconds: 9 };
    expect(await sapStream(name, { streams: { [name]: set } })).toMatchObject(set);
    expect(await sapStream(name, { overlapSeconds: 5, settleSeconds: 7 })).toMatchObject({
      overlapSeconds: 5,
      settleSeconds: 7,
    });
  });

  it('reads fourteen-digit stamps as instants where the V4 service has them', async () => {
    expect(await sapStream('production-orders', { odata: 'v4' })).toMatchObject({ stampKind: 'timestamp' });
    expect(await sapStream('equipment', { odata: 'v4' })).toMatchObject({ stampKind: 'second' });
  });
});
