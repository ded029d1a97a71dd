import { describe, expect, it } from 'vitest';
import { TransientError } from '../../src/core/errors.ts';
import type { MesRecord } from '../../src/core/types.ts';
import type { Store } from '../../src/state/store.ts';
import { type FakeRow, fakeStream, keysOf, openRig, put, source, start } from '../support/pass-rig.ts';

const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function job(customer: string, minutes: number, rest: Partial<MesRecord> = {}): FakeRow {
  const { externalId = '1' } = rest;
  const fields = { job_number: `J-${externalId}`, customer };
  const base = { entity: 'job', source, externalId, parents: {}, lifecycle: 'active' } as const;
  return { key: externalId, stamp: at(minutes), records: [{ ...base, fields, ...rest }] };
}

/** A state whose disk is full while `full` is set, for outcomes alone. */
function fullDisk(disk: { full: boolean }) {
  return (store: Store): Store => ({
    ...store,
    async commit(page) {
      if (disk.full && page.outcomes.length > 0) throw new TransientError('The disk is full.');
      return store.commit(page);
    },
  });
}

async function openStory(rows: FakeRow[]) {
  const disk = { full: false };
  const rig = await openRig([fakeStream(rows)], fullDisk(disk));
  return { rig, disk, held: () => rig.sink.held.get('job/1')?.record };
}

describe('what was sent and could not be committed', () => {
  it('is cancelled in the MES when the ERP cancels it before it is sent again', async () => {
    const rows = [job('Acme', -120)];
    const { rig, disk, held } = await openStory(rows);
    disk.full = true;
    expect(await rig.run()).toMatchObject([{ outcome: 'failed' }]);
    expect(held()?.lifecycle).toBe('active');
    disk.full = false;
    put(rows, job('Acme', -1, { lifecycle: 'cancelled', onlyIfKnown: true }));
    expect(await rig.run()).toMatchObject([{ outcome: 'ok', deleted: 1 }]);
    expect(held()?.lifecycle).toBe('cancelled');
  });

  it('is sent again when the ERP takes the change back', async () => {
    const rows = [job('Acme', -120)];
    const { rig, disk, held } = await openStory(rows);
    await rig.run();
    disk.full = true;
    put(rows, job('Globex', -2));
    expect(await rig.run()).toMatchObject([{ outcome: 'failed' }]);
    expect(held()?.fields['customer']).toBe('Globex');
    disk.full = false;
    put(rows, job('Acme', -1));
    expect(await rig.run()).toMatchObject([{ outcome: 'ok', updated: 1 }]);
    expect(held()?.fields['customer']).toBe('Acme');
    const { batches } = rig.sink;
    expect(await rig.run()).toMatchObject([{ outcome: 'ok', unchanged: 1, requests: { mes: batches.length } }]);
  });

  it('is marked when the ERP deletes it, once two sweeps agree', async () => {
    const rows = [job('Acme', -120)];
    const keys = keysOf(rows, { pageSize: 5, listed: (all) => all });
    const disk = { full: true };
    const rig = await openRig([fakeStream(rows, { keys })], fullDisk(disk));
    expect(await rig.run()).toMatchObject([{ outcome: 'failed' }]);
    disk.full = false;
    rows.splice(0, 1, job('Other', -1, { externalId: '2' }));
    await rig.run();
    await rig.reconcile({ release: true });
    await rig.reconcile({ release: true });
    expect(rig.sink.held.get('job/1')?.record.lifecycle).toBe('cancelled');
  });
});
