import { beforeEach, describe, expect, it } from 'vitest';
import type { MappedRow, Stream } from '../../src/connectors/connector.ts';
import { TransientError } from '../../src/core/errors.ts';
import type { MesRecord } from '../../src/core/types.ts';
import {
  childPages,
  type FakeRow,
  fakeStream,
  mapRow,
  openRig,
  put,
  type Rig,
  source,
  start,
} from '../support/pass-rig.ts';
import { collect, resultOf } from '../support/plant.ts';

let orders: FakeRow[];
let operations: FakeRow[];
let rig: Rig;
/** Reads of the children so far: the parents asked for. */
let asked: string[][];
/** What the next reads by parent bring, in place of what is there. */
let misreads: ((rows: FakeRow[]) => FakeRow[])[];
/** Rows that could not be mapped now can. */
let mended: boolean;

const stamp = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function order(id: number, minutes = -1000, lifecycle: MesRecord['lifecycle'] = 'active'): FakeRow {
  const fields = { part_number: `P${id}` };
  return {
    key: `order-${id}`,
    stamp: stamp(minutes),
    records: [{ entity: 'part', source, externalId: `${id}`, parents: {}, fields, lifecycle }],
  };
}

function operation(id: number, step: number, rest: Partial<FakeRow> = {}): FakeRow {
  const externalId = `${id}-${step}`;
  const parents = { part: `${id}` };
  const fields = { operation_name: `step ${step}` };
  return {
    key: `operation-${externalId}`,
    stamp: stamp(-1000),
    records: [{ entity: 'operation', source, externalId, parents, fields, lifecycle: 'active' }],
    ...rest,
  };
}

function remove(...keys: string[]): void {
  for (const key of keys) {
    operations.splice(
      operations.findIndex((row) => row.key === key),
      1,
    );
  }
}

function touch(...ids: number[]): void {
  minutes += 1;
  for (const id of ids) put(orders, order(id, minutes));
}

let minutes = 0;

/** Time passes at the source, and a cycle runs. */
async function cycle(request: Parameters<Rig['run']>[0] = {}): ReturnType<Rig['run']> {
  minutes += 1;
  rig.sourceNow.at = new Date(stamp(minutes));
  return rig.run(request);
}

function lifecycleOf(id: string): string | undefined {
  return rig.sink.held.get(`operation/${id}`)?.record.lifecycle;
}

async function map(page: readonly unknown[]): Promise<MappedRow[]> {
  return (page as FakeRow[]).map((row) => mapRow({ ...row, bad: row.bad === true && !mended }));
}

function children(): NonNullable<Stream['children']> {
  return {
    parent: 'part',
    markEverySeconds: 3600,
    parentOf: (row) => (row as FakeRow).records[0]?.parents.part,
    async *read(parents) {
      asked.push([...parents]);
      const misread = misreads.shift() ?? ((rows: FakeRow[]) => rows);
      yield* childPages(misread(operations), parents);
    },
  };
}

beforeEach(async () => {
  minutes = 0;
  asked = [];
  misreads = [];
  mended = false;
  const ids = Array.from({ length: 40 }, (_, index) => index + 1);
  orders = ids.map((id) => order(id));
  operations = ids.flatMap((id) => [10, 20, 30].map((step) => operation(id, step)));
  rig = await openRig([
    fakeStream(orders, { entity: 'part', childStream: 'operations' }),
    fakeStream(operations, { name: 'operations', entity: 'operation', children: children(), map }),
  ]);
  await cycle();
  expect(rig.sink.held.size).toBe(160);
});

describe('a child that is missing from the list of its parent', () => {
  it('is cancelled when a second read agrees', async () => {
    remove('operation-7-20');
    touch(7);
    const results = await cycle();
    expect(resultOf(results, 'operations').deleted).toBe(1);
    expect(lifecycleOf('7-20')).toBe('cancelled');
    expect(lifecycleOf('7-10')).toBe('active');
    expect(asked).toEqual([['7'], ['7']]);
    await cycle();
    expect(asked).toHaveLength(2);
  });

  it('stays when the second read shows it again', async () => {
    touch(7);
    misreads = [(rows) => rows.filter(({ key }) => key !== 'operation-7-20')];
    await cycle();
    expect(lifecycleOf('7-20')).toBe('active');
    await cycle();
    expect(asked).toEqual([['7'], ['7']]);
  });

  it('stays when only the second read lacks it: that is one sighting, and the next pass looks again', async () => {
    remove('operation-7-20');
    touch(7);
    misreads = [(rows) => rows, () => []];
    await cycle();
    expect(lifecycleOf('7-20')).toBe('cancelled');
    expect(lifecycleOf('7-10')).toBe('active');
    expect(lifecycleOf('7-30')).toBe('active');
    await cycle();
    expect(lifecycleOf('7-10')).toBe('active');
    expect(asked).toEqual([['7'], ['7'], ['7']]);
  });

  it('stays, and stays due, when a row of the second read cannot be read', async () => {
    remove('operation-7-20');
    touch(7);
    misreads = [
      (rows) => rows,
      (rows) => rows.map((row) => (row.key === 'operation-7-30' ? { ...row, bad: true } : row)),
    ];
    await cycle();
    expect(lifecycleOf('7-20')).toBe('active');
    await cycle();
    expect(lifecycleOf('7-20')).toBe('cancelled');
  });

  it('is not looked for where the parent has not changed, until the sweep', async () => {
    remove('operation-7-20');
    await cycle();
    expect(asked).toEqual([]);
    minutes += 60;
    await cycle();
    expect(lifecycleOf('7-20')).toBe('cancelled');
  });

  it('is not looked for by the sweep where the parent is closed', async () => {
    minutes += 1;
    put(orders, order(7, minutes, 'closed'));
    await cycle();
    asked.length = 0;
    minutes += 60;
    await cycle();
    expect(asked.flat()).toHaveLength(39);
    expect(asked.flat()).not.toContain('7');
  });

  it('is not looked for by the sweep where the parent is cancelled; reconciling finds it, and leaves a closed one alone', async () => {
    minutes += 1;
    put(orders, order(7, minutes, 'cancelled'));
    put(orders, order(8, minutes, 'closed'));
    await cycle();
    remove('operation-7-20', 'operation-8-20');
    minutes += 60;
    await cycle();
    expect(lifecycleOf('7-20')).toBe('active');
    await rig.reconcile();
    expect(lifecycleOf('7-20')).toBe('active');
    await cycle();
    expect([lifecycleOf('7-20'), lifecycleOf('8-20')]).toEqual(['cancelled', 'active']);
  });

  it('of a page in which a row could not be read is not believed to be missing', async () => {
    remove('operation-7-20');
    put(operations, operation(7, 30, { bad: true }));
    touch(7);
    const results = await cycle();
    expect(resultOf(results, 'operations')).toMatchObject({ refused: 1, deleted: 0 });
    expect(lifecycleOf('7-20')).toBe('active');
    expect(lifecycleOf('7-30')).toBe('active');
  });

  it('is believed once the row that could not be read is mended, and at once for the orders beside it', async () => {
    remove('operation-7-20', 'operation-8-20');
    put(operations, operation(7, 30, { bad: true }));
    touch(7, 8);
    await cycle();
    expect([lifecycleOf('7-20'), lifecycleOf('8-20')]).toEqual(['active', 'cancelled']);
    put(operations, operation(7, 30));
    await cycle();
    expect(lifecycleOf('7-20')).toBe('cancelled');
    asked.length = 0;
    await cycle();
    expect(asked).toEqual([]);
  });

  it('comes back to life with its row', async () => {
    remove('operation-7-20');
    touch(7);
    await cycle();
    put(operations, operation(7, 20));
    touch(7);
    await cycle();
    expect(lifecycleOf('7-20')).toBe('active');
  });
});

describe('children that change', () => {
  it('without a stamp of their own are read with their parent', async () => {
    put(operations, operation(7, 20, { records: [{ ...firstRecord(7, 20), fields: { operation_name: 'other' } }] }));
    touch(7);
    await cycle();
    expect(rig.sink.held.get('operation/7-20')?.fieldsJson).toBe('{"operation_name":"other"}');
  });

  it('are read again for a parent whose push was cut off before they could be', async () => {
    put(operations, operation(7, 20, { records: [{ ...firstRecord(7, 20), fields: { operation_name: 'other' } }] }));
    touch(7);
    rig.sink.before = ({ entity }) => {
      if (entity === 'operation') throw new Error('crash');
    };
    await cycle();
    rig.sink.before = () => undefined;
    await cycle();
    expect(rig.sink.held.get('operation/7-20')?.fieldsJson).toBe('{"operation_name":"other"}');
  });
});

describe('more children than ten and a tenth that vanish at once', () => {
  // 120 operations: the guard lets 12 through.
  const many = Array.from({ length: 13 }, (_, index) => `operation-${index + 1}-20`);
  const parents = many.map((_, index) => index + 1);

  it('are withheld and named, pass after pass', async () => {
    const withheld = collect(rig.events, 'absence:withheld');
    const settled = collect(rig.events, 'absence:settled');
    remove(...many);
    touch(...parents);
    await cycle();
    await cycle();
    expect([...rig.sink.held.values()].filter(({ record }) => record.lifecycle === 'cancelled')).toEqual([]);
    expect(withheld).toEqual(Array(2).fill({ stream: 'plant/operations', vanished: 13 }));
    expect(settled).toEqual([]);
    expect(
      asked
        .at(-1)
        ?.map(Number)
        .sort((a, b) => a - b),
    ).toEqual(parents);
  });

  it('are no surprise when their parents are cancelled themselves', async () => {
    remove(...many);
    minutes += 1;
    for (const id of parents) put(orders, order(id, minutes, 'cancelled'));
    await cycle();
    await cycle();
    expect(lifecycleOf('1-20')).toBe('cancelled');
  });

  it('are cancelled when they are released, and the guard is back afterwards', async () => {
    const settled = collect(rig.events, 'absence:settled');
    remove(...many);
    touch(...parents);
    await cycle();
    const results = await cycle({ release: true });
    expect(resultOf(results, 'operations').deleted).toBe(13);
    expect(settled).toHaveLength(1);
    const more = Array.from({ length: 11 }, (_, index) => `operation-${index + 1}-30`);
    remove(...more);
    touch(...parents);
    await cycle();
    expect(lifecycleOf('1-30')).toBe('active');
  });

  it('are let through when most of them are there again', async () => {
    remove(...many);
    touch(...parents);
    await cycle();
    put(operations, ...parents.slice(5).map((id) => operation(id, 20)));
    const results = await cycle();
    expect(resultOf(results, 'operations').deleted).toBe(5);
    expect(lifecycleOf('13-20')).toBe('active');
  });

  it("are nobody's concern where the policy leaves them alone", async () => {
    rig.deletes.policies = { operation: 'ignore' };
    remove(...operations.slice(0, 60).map(({ key }) => key));
    minutes += 120;
    const [, result] = await cycle();
    expect(result).toMatchObject({ outcome: 'ok', deleted: 0 });
    expect(lifecycleOf('1-10')).toBe('active');
    // Each parent once: there is no second sighting to be had.
    expect(asked.flat()).toHaveLength(new Set(asked.flat()).size);
  });

  it('are not the ten of a small stream', async () => {
    remove(...many.slice(0, 12));
    touch(...parents.slice(0, 12));
    const results = await cycle();
    expect(resultOf(results, 'operations').deleted).toBe(12);
  });

  it('by an empty answer for every parent cancel nothing', async () => {
    touch(...orders.map((_, index) => index + 1));
    misreads = [() => []];
    await cycle();
    expect([...rig.sink.held.values()].filter(({ record }) => record.lifecycle === 'cancelled')).toEqual([]);
    await cycle();
    expect([...rig.sink.held.values()].filter(({ record }) => record.lifecycle === 'cancelled')).toEqual([]);
  });
});

function firstRecord(id: number, step: number): MesRecord {
  const [record] = operation(id, step).records;
  if (record === undefined) throw new Error('no record');
  return record;
}

describe('a first load of children that is interrupted', () => {
  it('does not lose sight of one that vanishes before the load is complete', async () => {
    rig = await openRig([
      fakeStream(orders, { entity: 'part', childStream: 'operations' }),
      fakeStream(operations, { name: 'operations', entity: 'operation', children: children(), pageSize: 40 }),
    ]);
    let pushes = 0;
    rig.sink.before = () => {
      pushes += 1;
      if (pushes === 3) throw new TransientError('HTTP 503');
    };
    await cycle();
    expect(lifecycleOf('1-10')).toBe('active');
    rig.sink.before = () => undefined;
    remove('operation-1-10');
    minutes += 1;
    put(orders, order(1, minutes, 'closed'));
    await cycle();
    expect(rig.sink.held.size).toBe(160);
    expect(lifecycleOf('1-10')).toBe('cancelled');
  });
});

describe('a child that was set aside and has vanished when it is delivered at last', () => {
  const replay = async () => {
    remove('operation-7-40');
    minutes += 1;
    put(orders, order(7, minutes, 'closed'));
    await cycle();
    await cycle();
    rig.sink.verdict = () => undefined;
    expect(await rig.store.retryDeadLetters({})).toBe(1);
    asked.length = 0;
    await cycle();
  };

  it('is cancelled in the same pass, when the MES had refused it', async () => {
    rig.sink.verdict = ({ record }) =>
      record.externalId === '7-40' ? { kind: 'refused', reason: 'it is locked' } : undefined;
    put(operations, operation(7, 40, { stamp: stamp(1) }));
    await cycle();
    await replay();
    expect(lifecycleOf('7-40')).toBe('cancelled');
    expect(lifecycleOf('7-10')).toBe('active');
    expect(asked).toEqual([['7'], ['7']]);
    await cycle();
    expect(asked).toHaveLength(2);
  });

  it('is cancelled with the content that the MES had refused last, not with what it took before', async () => {
    const fields = { operation_name: 'step 20 anew' };
    const [record] = operation(7, 20).records;
    rig.sink.verdict = ({ record: { externalId } }) =>
      externalId === '7-20' ? { kind: 'refused', reason: 'it is locked' } : undefined;
    put(operations, operation(7, 20, { stamp: stamp(1), records: [{ ...record, fields } as MesRecord] }));
    await cycle();
    remove('operation-7-20');
    touch(7);
    await cycle();
    rig.sink.verdict = () => undefined;
    await rig.store.retryDeadLetters({});
    await cycle();
    expect(rig.sink.held.get('operation/7-20')?.record).toMatchObject({ lifecycle: 'cancelled', fields });
  });

  it('is cancelled in the same pass, when its row could not be read', async () => {
    const row = operation(7, 40, { stamp: stamp(1), bad: true });
    put(operations, row);
    await cycle();
    const [letter] = await rig.store.deadLetters({});
    expect(letter?.key).toBe('row operation-7-40');
    mended = true;
    await replay();
    expect(lifecycleOf('7-40')).toBe('cancelled');
  });

  it('stays when the list of its parent has it, and that is read once', async () => {
    rig.sink.verdict = ({ record }) =>
      record.externalId === '7-40' ? { kind: 'refused', reason: 'it is locked' } : undefined;
    put(operations, operation(7, 40, { stamp: stamp(1) }));
    await cycle();
    rig.sink.verdict = () => undefined;
    await rig.store.retryDeadLetters({});
    await cycle();
    await cycle();
    expect(lifecycleOf('7-40')).toBe('active');
    expect(asked).toEqual([['7']]);
  });
});

describe('children without stamps', () => {
  const scheduled = { manual: false };
  let bare: FakeRow[];

  beforeEach(async () => {
    bare = operations.map((row) => ({ ...row, stamp: null }));
    operations.splice(0, operations.length, ...bare);
    const stampless = { stampKind: 'none', fullReadEverySeconds: 86_400 } as const;
    rig = await openRig([
      fakeStream(orders, { entity: 'part', childStream: 'operations' }),
      fakeStream(operations, { name: 'operations', entity: 'operation', children: children(), map, ...stampless }),
    ]);
    await cycle(scheduled);
    expect(rig.sink.held.size).toBe(160);
    asked = [];
  });

  it('are read again with a parent that changed, long before the next whole read', async () => {
    remove('operation-7-20');
    operations.push(operation(7, 40, { stamp: null }));
    touch(7);
    const results = await cycle(scheduled);
    expect(resultOf(results, 'operations')).toMatchObject({ created: 1, deleted: 1, outcome: 'ok' });
    expect(asked).toEqual([['7'], ['7']]);
    expect([lifecycleOf('7-20'), lifecycleOf('7-40')]).toEqual(['cancelled', 'active']);
    await cycle(scheduled);
    expect(asked).toHaveLength(2);
  });

  it('of all open parents are swept from time to time, and whenever a person asks', async () => {
    remove('operation-7-20');
    await cycle(scheduled);
    expect(asked).toEqual([]);
    await cycle();
    expect(lifecycleOf('7-20')).toBe('cancelled');
    expect(new Set(asked.flat()).size).toBe(40);
    asked = [];
    minutes += 60;
    await cycle(scheduled);
    expect(new Set(asked.flat()).size).toBe(40);
    asked = [];
    await cycle(scheduled);
    expect(asked).toEqual([]);
  });

  it('that vanish by the dozen are withheld and stay due', async () => {
    remove(...bare.slice(0, 60).map(({ key }) => key));
    const [, withheld] = await cycle();
    expect(withheld).toMatchObject({ outcome: 'failed', error: expect.stringContaining('vanished at once') });
    expect(lifecycleOf('1-10')).toBe('active');
    const [, released] = await cycle({ release: true });
    expect(released).toMatchObject({ outcome: 'ok', deleted: 60 });
  });
});
