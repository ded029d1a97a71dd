import { describe, expect, it } from 'vitest';
import type { LedgerEntry, MesRecord } from '../../../src/core/types.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { change, entry, ledger, record } from '../../support/push-builders.ts';

const signal = new AbortController().signal;
const kinds = [
  { what: 'classic', generation: 'classic' },
  { what: 'classic as released', generation: 'classic', released: true },
  { what: 'classic without bulk-sync', generation: 'classic', bulk: false },
  { what: 'v060', generation: 'v060' },
  { what: 'main', generation: 'main' },
  { what: 'repaired', generation: 'repaired' },
] as const;

const before: MesRecord[] = [
  record('cell', 'c'),
  record('job', 'j', { fields: { job_number: 'J-1', customer: 'Acme', notes: 'urgent' } }),
  record('part', 'p', {
    parents: { job: 'j' },
    fields: { part_number: 'P-1', material: 'S', quantity: 7, notes: 'thin' },
  }),
  record('operation', 'o', {
    parents: { part: 'p', cell: 'c' },
    fields: { operation_name: 'Cut', sequence: 10, estimated_time_minutes: 5, notes: 'twice' },
  }),
];
const emptied: Record<string, object> = {
  job: { customer: null, notes: null },
  part: { quantity: 0, notes: null },
  operation: { sequence: 0, estimated_time_minutes: 0, notes: null },
};
const after = before.map((each) => ({ ...each, fields: { ...each.fields, ...emptied[each.entity] } }));

describe('what the ERP empties or sets to zero', () => {
  it.each(kinds)('is empty and zero in the MES: $what', async (kind) => {
    const { mes, pusher } = await startMes(kind);
    const first = await pusher.push(
      before.map((each) => change(each)),
      { lookup: ledger().lookup },
      signal,
    );
    const known: Record<string, LedgerEntry> = {};
    for (const outcome of first.outcomes) {
      const { entity, externalId, fields } = outcome.change.record;
      const key = fields['job_number'] ?? fields['part_number'] ?? fields['name'];
      const mesId = outcome.kind === 'delivered' ? outcome.mesId : null;
      known[`${entity}/${externalId}`] = entry({ mesId, businessKey: typeof key === 'string' ? key : null });
    }
    const changes = after.map((each) => change(each, known[`${each.entity}/${each.externalId}`]));
    const { outcomes } = await pusher.push(changes, { lookup: ledger(known).lookup }, signal);
    expect(outcomes.map(({ kind: of }) => of)).toEqual(outcomes.map(() => 'delivered'));
    const { jobs, parts, operations } = mes.image();
    expect(jobs.get('j')?.fields).toMatchObject({ customer: null, notes: null });
    expect(parts.get('p')?.fields).toMatchObject({ quantity: 0, notes: null });
    expect(operations.get('o')?.fields).toMatchObject({ sequence: 0, estimated_time_minutes: 0, notes: null });
  });

  it.each(kinds)('is so from the start: $what', async (kind) => {
    const { mes, pusher } = await startMes(kind);
    const { outcomes } = await pusher.push(
      after.map((each) => change(each)),
      { lookup: ledger().lookup },
      signal,
    );
    expect(outcomes.map(({ kind: of }) => of)).toEqual(outcomes.map(() => 'delivered'));
    const { jobs, parts, operations } = mes.image();
    expect(jobs.get('j')?.fields).toMatchObject({ customer: null, notes: null });
    expect(parts.get('p')?.fields).toMatchObject({ quantity: 0, notes: null });
    expect(operations.get('o')?.fields).toMatchObject({ sequence: 0, estimated_time_minutes: 0, notes: null });
  });
});
