import { describe, expect, it } from 'vitest';
import type { Entity, MesRecord } from '../../../src/core/types.ts';
import type { Pusher } from '../../../src/push/pusher.ts';
import { toChange } from '../../../src/scheduler/diff.ts';
import { startMes } from '../../support/eryxon-mes.ts';

const generations = ['v060', 'main', 'repaired'] as const;

function newRecords(entity: Entity, count: number): MesRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    entity,
    source: 'SAP',
    externalId: `X${index}`,
    parents: {},
    fields: { name: `Number ${index}`, ...(entity === 'resource' ? { type: 'machine' } : {}), active: true },
    lifecycle: 'active',
  }));
}

const newCell: MesRecord = {
  entity: 'cell',
  source: 'SAP',
  externalId: '',
  parents: {},
  fields: {},
  lifecycle: 'active',
};

function pushAll(pusher: Pusher, records: readonly MesRecord[]) {
  const changes = records.map((record) => toChange(record, undefined, null));
  return pusher.push(changes, { lookup: async () => new Map() }, new AbortController().signal);
}

it('a row that looks like that of a new record, and is that of another one, proves nothing of it (repaired)', async () => {
  const { mes, pusher } = await startMes({ generation: 'repaired' });
  const named = (source: string, id: string, name: string): MesRecord => {
    return { ...newCell, source, externalId: id, fields: { name, active: true } };
  };
  await pushAll(pusher, [named('ODOO', 'o1', 'Saw')]);
  mes.lie(1);
  const { outcomes } = await pushAll(
    pusher,
    ['Saw', 'Mill', 'Lathe', 'Drill'].map((name) => named('SAP', name, name)),
  );
  const delivered = outcomes.filter(({ kind }) => kind === 'delivered').map(({ change }) => change.record.externalId);
  expect(delivered).toHaveLength(4);
  for (const id of delivered) expect([...mes.image().cells.keys()]).toContain(id);
});

describe('batches side by side', () => {
  it.each(generations)('give each new cell a place of its own (%s)', async (generation) => {
    const { mes, pusher, sink, transport } = await startMes({ generation, batchSize: 5 });
    const { failure, outcomes } = await pushAll(pusher, newRecords('cell', 30));
    expect(failure).toBeUndefined();
    expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'delivered'));
    expect(mes.counts().cells).toBe(30);
    const rows = (await sink.list?.('cell', transport)) ?? [];
    const places: unknown[] = [];
    for await (const { fields } of rows) places.push(fields?.['sequence']);
    expect(new Set(places).size).toBe(30);
  });

  it.each([30, 60])('each find what they have created, of %i at a time, and send nothing twice', async (batchSize) => {
    const { mes, pusher } = await startMes({ generation: 'repaired', batchSize });
    await pushAll(pusher, newRecords('cell', 1));
    const before = mes.requests().total;
    const { failure, outcomes } = await pushAll(pusher, newRecords('resource', 10 * batchSize));
    expect(failure).toBeUndefined();
    expect(outcomes.map((outcome) => outcome.kind === 'delivered' && outcome.action)).toEqual(
      outcomes.map(() => 'created'),
    );
    const { total } = mes.requests();
    // A bulk-sync and a look each, and what was asked before.
    expect(total - before).toBe(20);
  });
});
