import { expect, it } from 'vitest';
import type { Stream } from '../../src/connectors/connector.ts';
import { TransientError } from '../../src/core/errors.ts';
import { recordKey } from '../../src/core/records.ts';
import type { MesRecord } from '../../src/core/types.ts';
import type { Remover } from '../../src/push/pusher.ts';
import {
  childPages,
  type FakeRow,
  fakeStream,
  keysOf,
  mapRow,
  openRig,
  put,
  source,
  start,
} from '../support/pass-rig.ts';

type Lifecycle = MesRecord['lifecycle'];
const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function order(id: number, lifecycle: Lifecycle, minutes: number): FakeRow {
  const fields = { part_number: `P${id}` };
  const record: MesRecord = { entity: 'part', source, externalId: `${id}`, parents: {}, fields, lifecycle };
  return { key: `order-${id}`, stamp: at(minutes), records: [record] };
}

function operation([id, number]: [number, number], lifecycle: Lifecycle, minutes: number): FakeRow {
  const [externalId, fields] = [`${id}-${number}`, { operation_name: `${number}` }];
  const record: MesRecord = { entity: 'operation', source, externalId, parents: { part: `${id}` }, fields, lifecycle };
  return { key: `operation-${externalId}`, stamp: at(minutes), records: [record] };
}

/** Three orders of two operations each; these can be read while the ERP lets them. */
async function openOrders(policy: 'delete' | 'mark') {
  const orders = [1, 2, 3].map((id) => order(id, 'active', -1000));
  const operations = [1, 2, 3].flatMap((id) => [10, 20].map((number) => operation([id, number], 'active', -1000)));
  const erp = { fails: false, hides: (_order: string) => false };
  const children: NonNullable<Stream['children']> = {
    parent: 'part',
    markEverySeconds: 3600,
    parentOf: (row) => (row as FakeRow).records[0]?.parents.part,
    async *read(parents) {
      if (erp.fails) throw new TransientError('HTTP 503');
      const shown = operations.filter(({ records }) => !erp.hides(records[0]?.parents.part ?? ''));
      yield* childPages(shown, parents);
    },
  };
  const rig = await openRig([
    fakeStream(orders, { name: 'orders', entity: 'part', childStream: 'operations', keys: keysOf(orders) }),
    fakeStream(operations, {
      name: 'operations',
      entity: 'operation',
      owns: [{ entity: 'operation' }],
      children,
      keys: keysOf(operations),
      map: async (rows) => (rows as FakeRow[]).map(mapRow),
    }),
  ]);
  const remove: Remover['remove'] = async ({ record, begins }) => {
    await begins?.();
    rig.sink.held.delete(recordKey(record));
    return { kind: 'removed', requests: 3 };
  };
  rig.deletes.policies = { part: policy, operation: policy };
  rig.deletes.remover = { remove, restore: async () => ({ kind: 'there', requests: 1 }) };
  let minutes = 0;
  const cycle = async () => {
    minutes += 5;
    rig.sourceNow.at = new Date(at(minutes));
    await rig.run();
  };
  const held = (key: string) => rig.sink.held.get(key)?.record.lifecycle;
  return { rig, orders, operations, erp, cycle, held, now: () => minutes };
}

/** Takes orders out of the ERP with all that belongs to them. */
function archive(ids: readonly number[], orders: FakeRow[], operations: FakeRow[]): void {
  for (const id of ids) {
    orders.splice(0, orders.length, ...orders.filter(({ key }) => key !== `order-${id}`));
    operations.splice(0, operations.length, ...operations.filter(({ key }) => !key.startsWith(`operation-${id}-`)));
  }
}

it.each(['delete', 'mark'] as const)(
  'an order that is done and archived before its operations were read again is left as it is (%s)',
  async (policy) => {
    const { rig, orders, operations, erp, cycle, held, now } = await openOrders(policy);
    await cycle();
    put(operations, operation([1, 10], 'closed', now() + 1), operation([1, 20], 'closed', now() + 1));
    put(orders, order(1, 'closed', now() + 1));
    erp.fails = true;
    await cycle();
    expect([held('part/1'), held('operation/1-10')]).toEqual(['closed', 'closed']);
    archive([1], orders, operations);
    erp.fails = false;
    for (let round = 0; round < 3; round += 1) {
      await cycle();
      await rig.reconcile();
    }
    expect(['part/1', 'operation/1-10', 'operation/1-20'].map(held)).toEqual(['closed', 'closed', 'closed']);
  },
);

it('an operation that is gone from an order that is done, and others of it not, is told', async () => {
  const { orders, operations, cycle, held, now } = await openOrders('mark');
  await cycle();
  put(orders, order(1, 'closed', now() + 1));
  operations.splice(0, operations.length, ...operations.filter(({ key }) => key !== 'operation-1-20'));
  for (let round = 0; round < 3; round += 1) await cycle();
  expect([held('operation/1-10'), held('operation/1-20')]).toEqual(['active', 'cancelled']);
});

it.each([
  ['is done', 0],
  ['was done, and is saved without a change', 1],
])('all operations gone from an order that %s are told', async (_what, before) => {
  const { orders, operations, cycle, held, now } = await openOrders('mark');
  await cycle();
  for (let done = 0; done < before; done += 1) {
    put(orders, order(1, 'closed', now() + 1));
    await cycle();
  }
  put(orders, order(1, 'closed', now() + 1));
  operations.splice(0, operations.length, ...operations.filter(({ key }) => !key.startsWith('operation-1-')));
  for (let round = 0; round < 3; round += 1) await cycle();
  expect([held('part/1'), held('operation/1-10'), held('operation/1-20')]).toEqual([
    'closed',
    'cancelled',
    'cancelled',
  ]);
});

it.each([
  ['with its stamp as it was', 'timestamp'],
  ['without a stamp', 'none'],
] as const)(
  'all operations gone from an order that was done, and is changed %s, are told',
  async (_what, stampKind) => {
    const { rig, orders, operations, cycle, held, now } = await openOrders('mark');
    for (const stream of rig.session.streams) Object.assign(stream, { stampKind });
    await cycle();
    put(orders, order(1, 'closed', now() + 1));
    await cycle();
    const [row] = orders.filter(({ key }) => key === 'order-1');
    const [record] = row?.records ?? [];
    if (row === undefined || record === undefined) throw new Error('There is no order 1.');
    put(orders, { ...row, records: [{ ...record, fields: { part_number: 'changed' } }] });
    operations.splice(0, operations.length, ...operations.filter(({ key }) => !key.startsWith('operation-1-')));
    for (let round = 0; round < 3; round += 1) await cycle();
    expect([held('operation/1-10'), held('operation/1-20')]).toEqual(['cancelled', 'cancelled']);
  },
);

it('an old copy of an archived order that is delivered at last says nothing of its operations', async () => {
  const { rig, orders, operations, cycle, held, now } = await openOrders('mark');
  await cycle();
  put(operations, operation([1, 10], 'closed', now() + 1), operation([1, 20], 'closed', now() + 1));
  put(orders, order(1, 'closed', now() + 1));
  await cycle();
  rig.sink.verdict = ({ record }) => (record.fields['material'] === 'x' ? { kind: 'refused', reason: 'x' } : undefined);
  const [changed] = order(1, 'closed', now() + 1).records;
  const row = order(1, 'closed', now() + 1);
  put(orders, {
    ...row,
    records: changed === undefined ? [] : [{ ...changed, fields: { ...changed.fields, material: 'x' } }],
  });
  await cycle();
  archive([1], orders, operations);
  rig.sink.verdict = () => undefined;
  expect(await rig.store.retryDeadLetters({})).toBe(1);
  for (let round = 0; round < 2; round += 1) await cycle();
  expect(['part/1', 'operation/1-10', 'operation/1-20'].map(held)).toEqual(['closed', 'closed', 'closed']);
});

it('an order that is merely sent once more, and archived meanwhile, is left as it is', async () => {
  const { rig, orders, operations, cycle, held, now } = await openOrders('mark');
  await cycle();
  put(operations, operation([1, 10], 'closed', now() + 1), operation([1, 20], 'closed', now() + 1));
  put(orders, order(1, 'closed', now() + 1));
  for (let round = 0; round < 2; round += 1) await cycle();
  const [row] = orders.filter(({ key }) => key === 'order-1');
  const [record] = row?.records ?? [];
  if (row === undefined || record === undefined) throw new Error('There is no order 1.');
  put(orders, { ...row, records: [{ ...record, fields: { part_number: 'by another mapping' } }] });
  for (const stream of rig.session.streams) Object.assign(stream, { fingerprint: 'mapping-2' });
  rig.sink.before = ({ entity }) => {
    if (entity === 'part') archive([1], orders, operations);
  };
  for (let round = 0; round < 2; round += 1) await rig.run({ full: true });
  expect(rig.sink.held.get('part/1')?.record.fields['part_number']).toBe('by another mapping');
  expect(['part/1', 'operation/1-10', 'operation/1-20'].map(held)).toEqual(['closed', 'closed', 'closed']);
});

it.each(['delete', 'mark'] as const)(
  'orders that are done and archived while too much is missing to be believed are left as they are (%s)',
  async (policy) => {
    const { orders, operations, erp, cycle, held, now } = await openOrders(policy);
    const ids = Array.from({ length: 20 }, (_, at) => 1 + at);
    put(orders, ...ids.map((id) => order(id, 'active', now() + 1)));
    put(operations, ...ids.flatMap((id) => [10, 20].map((number) => operation([id, number], 'active', now() + 1))));
    await cycle();
    put(operations, ...[1, 2].flatMap((id) => [10, 20].map((number) => operation([id, number], 'closed', now() + 1))));
    await cycle();
    erp.hides = (order) => Number(order) <= 10;
    put(orders, ...ids.slice(0, 10).map((id) => order(id, id <= 2 ? 'closed' : 'active', now() + 1)));
    for (let round = 0; round < 2; round += 1) await cycle();
    archive([1, 2], orders, operations);
    erp.hides = () => false;
    for (let round = 0; round < 2; round += 1) await cycle();
    const kept = ['operation/1-10', 'operation/1-20', 'operation/2-10', 'operation/3-10'];
    expect(kept.map(held)).toEqual(['closed', 'closed', 'closed', 'active']);
  },
);
