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
  const erp = { fails: false };
  const children: NonNullable<Stream['children']> = {
    parent: 'part',
    markEverySeconds: 3600,
    parentOf: (row) => (row as FakeRow).records[0]?.parents.part,
    async *read(parents) {
      if (erp.fails) throw new TransientError('HTTP 503');
      yield* childPages(operations, parents);
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
    orders.splice(0, orders.length, ...orders.filter(({ key }) => key !== 'order-1'));
    operations.splice(0, operations.length, ...operations.filter(({ key }) => !key.startsWith('operation-1-')));
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
  orders.splice(0, orders.length, ...orders.filter(({ key }) => key !== 'order-1'));
  operations.splice(0, operations.length, ...operations.filter(({ key }) => !key.startsWith('operation-1-')));
  rig.sink.verdict = () => undefined;
  expect(await rig.store.retryDeadLetters({})).toBe(1);
  for (let round = 0; round < 2; round += 1) await cycle();
  expect(['part/1', 'operation/1-10', 'operation/1-20'].map(held)).toEqual(['closed', 'closed', 'closed']);
});

it('what is withheld below an order that is done stays so until a person lets it through', async () => {
  const { rig, orders, operations, cycle, held, now } = await openOrders('mark');
  const numbers = Array.from({ length: 12 }, (_, at) => 100 + at);
  put(operations, ...numbers.map((number) => operation([1, number], 'active', -1000)));
  await cycle();
  put(orders, order(1, 'closed', now() + 1));
  operations.splice(0, operations.length, ...operations.filter(({ key }) => !key.startsWith('operation-1-')));
  for (let round = 0; round < 3; round += 1) await cycle();
  const all = () => new Set(numbers.map((number) => held(`operation/1-${number}`)));
  expect(all()).toEqual(new Set(['active']));
  await rig.run({ release: true });
  expect(all()).toEqual(new Set(['cancelled']));
});
