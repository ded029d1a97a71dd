import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import type { MesRecord } from '../../src/core/types.ts';
import { type FakeRow, fakeStream, keysOf, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';

/** Bar 8; over whole histories, at every generation of the MES: e2e/deletes, e2e/reconcile. */
const periodMs = 86_400_000;
const secondLookMs = 600_000;
const never = new AbortController().signal;
const kinds = ['soft', 'hard', 'used again', 'back before the sweep', 'back after it'] as const;
/** So many of each kind as two guards let pass at once. */
const each = 20;

const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function part(key: string, minutes: number, rest: Partial<MesRecord> = {}): FakeRow {
  const base = { entity: 'part', source, externalId: key, parents: {}, lifecycle: 'active' } as const;
  return { key, stamp: at(minutes), records: [{ ...base, fields: { part_number: key }, ...rest }] };
}

async function openPlant(policy: 'mark' | 'delete') {
  const rows: FakeRow[] = [];
  const names = kinds.flatMap((kind) => Array.from({ length: each }, (_, index) => `${kind} ${index}`));
  // What stays: so many that the deletes are within the guard.
  for (const name of [...names, ...Array.from({ length: 2000 }, (_, index) => `stays ${index}`)])
    put(rows, part(name, -60));
  const rig = await openRig([fakeStream(rows, { entity: 'part', keys: keysOf(rows), pageSize: 500 })]);
  if (policy === 'delete') rig.deletes.policies = { part: 'delete' };
  rig.deletes.remover.remove = async ({ record }) => {
    rig.sink.held.delete(`part/${record.externalId}`);
    return { kind: 'removed', requests: 1 };
  };
  await rig.run({ manual: false });
  await rig.reconciler.runDue(new Map(), never);
  return { rig, rows, of: (kind: (typeof kinds)[number]) => names.filter((name) => name.startsWith(`${kind} `)) };
}

function drop(rows: FakeRow[], names: readonly string[]): void {
  const gone = new Set(names);
  rows.splice(0, rows.length, ...rows.filter(({ key }) => !gone.has(key)));
}

/** One reconcile period as the schedule runs it: the sweep when it is due, and its second look. */
async function onePeriod(rig: Rig): Promise<void> {
  for (const ms of [periodMs, secondLookMs]) {
    await rig.clock.advance(ms);
    rig.sourceNow.at = new Date(rig.sourceNow.at.getTime() + ms);
    await rig.run({ manual: false });
    await rig.reconciler.runDue(new Map(), never);
  }
}

const stateOf = ({ sink }: Rig, name: string) => sink.held.get(`part/${name}`)?.record.lifecycle;

describe.each(['mark', 'delete'] as const)('records that leave the ERP (policy %s)', (policy) => {
  const gone = policy === 'mark' ? 'cancelled' : undefined;

  it('are gone from the MES within one reconcile period, and all that come back are back', async () => {
    const { rig, rows, of } = await openPlant(policy);
    const again = (name: string, text: string) =>
      put(rows, part(name, 30, { fields: { part_number: name, material: text } }));
    for (const name of of('soft')) put(rows, part(name, 10, { lifecycle: 'cancelled' }));
    drop(rows, [...of('hard'), ...of('used again'), ...of('back before the sweep'), ...of('back after it')]);
    for (const name of of('used again')) again(name, 'of another document');
    for (const name of of('back before the sweep')) put(rows, part(name, -60));
    await onePeriod(rig);
    for (const name of of('soft')) expect(stateOf(rig, name)).toBe('cancelled');
    for (const name of [...of('hard'), ...of('back after it')]) expect(stateOf(rig, name)).toBe(gone);
    for (const name of [...of('used again'), ...of('back before the sweep')]) {
      expect(stateOf(rig, name)).toBe('active');
    }
    for (const name of of('used again')) {
      const fields = rig.sink.held.get(`part/${name}`)?.record.fields;
      expect(fields?.['material']).toBe('of another document');
    }
    // With the stamp that they had before: no poll asks for it, the sweep does.
    for (const name of of('back after it')) put(rows, part(name, -60));
    for (const name of [...of('soft'), ...of('hard')]) put(rows, part(name, 24 * 60 + 20));
    await onePeriod(rig);
    for (const kind of kinds) {
      for (const name of of(kind)) expect(stateOf(rig, name)).toBe('active');
    }
    expect([...rig.sink.held.values()].filter(({ record }) => record.lifecycle === 'active')).toHaveLength(2100);
  });
});
