import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lifecycle, MesRecord } from '../../../src/core/types.ts';
import { classicBody, listBody } from '../../../src/push/eryxon/bodies.ts';
import { entry, ready, record } from '../../support/push-builders.ts';

function bodyOf(...of: Parameters<typeof ready>): Record<string, unknown> {
  return JSON.parse(classicBody(ready(...of))) as Record<string, unknown>;
}

const lifecycles: Lifecycle[] = ['active', 'closed', 'cancelled'];
const withStatus = ['job', 'part', 'operation'] as const;

describe('the body of a request for many', () => {
  it.each([0, 1, 2, 3, 100])('is one JSON text of %i records in their order', (count) => {
    const records = Array.from({ length: count }, (_, id) => ({ id, name: 'a ] } , b' }));
    const body = listBody(
      '{"source":"x","jobs"',
      records.map((each) => JSON.stringify(each)),
    );
    expect(body).toBe(JSON.stringify({ source: 'x', jobs: records }));
  });
});

describe('the body of a record', () => {
  it('is the external key, the parents by external id, the cell by its name, and the fields', () => {
    const operation = record('operation', 'o-1', { parents: { part: 'p-1', cell: 'c-1' } });
    expect(bodyOf(operation)).toEqual({
      external_id: 'o-1',
      external_source: 'SAP',
      part_external_id: 'p-1',
      cell_name: 'Cell c-1',
      operation_name: 'Cut o-1',
      sequence: 10,
      estimated_time_minutes: 5,
    });
    expect(bodyOf(record('part', 'p-1', { parents: { job: 'j-1' } }))).toMatchObject({ job_external_id: 'j-1' });
  });

  it('names the cell as the MES knows it, whatever its external id', () => {
    const operation = ready(record('operation', 'o-1', { parents: { part: 'p', cell: '1710-SAW' } }));
    const body = classicBody({ ...operation, parents: { cell: { mesId: null, businessKey: 'Säge "1"' } } });
    expect(JSON.parse(body)).toMatchObject({ cell_name: 'Säge "1"' });
  });

  it("names parents by the MES's own ids where they are known: external ids and names are looked up in any source", () => {
    const known = (mesId: string) => ({ mesId, businessKey: 'Saw' });
    const operation = ready(record('operation', 'o-1', { parents: { part: 'p', cell: 'c' } }));
    const body = JSON.parse(classicBody({ ...operation, parents: { part: known('uuid-p'), cell: known('uuid-c') } }));
    expect(body).toMatchObject({ part_id: 'uuid-p', cell_id: 'uuid-c' });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['part_external_id']));
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['cell_name']));
    const part = ready(record('part', 'p', { parents: { job: 'j' } }));
    expect(JSON.parse(classicBody({ ...part, parents: { job: known('uuid-j') } }))).toMatchObject({ job_id: 'uuid-j' });
  });

  it('is the same text of fields that was hashed', () => {
    const job = ready(record('job', '1'));
    const sent = classicBody({ ...job, fieldsJson: '{"job_number":"J-1","customer":"hashed"}' });
    expect(sent).toBe('{"external_id":"1","external_source":"SAP","job_number":"J-1","customer":"hashed"}');
  });

  it('is JSON of every key and value, however hostile', () => {
    const text = fc.string({ unit: 'binary' });
    const fields = fc.dictionary(
      text.filter((name) => !['external_id', 'external_source', '__proto__', 'notes'].includes(name)),
      fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    );
    fc.assert(
      fc.property(text, fields, fc.constantFrom(...lifecycles), (externalId, values, lifecycle) => {
        const body = bodyOf(record('job', externalId, { fields: values, lifecycle }));
        expect(body['external_id']).toBe(externalId);
        const kept = lifecycle === 'cancelled' ? { ...values, status: 'on_hold' } : values;
        for (const [name, value] of Object.entries(kept)) expect(body[name]).toEqual(Object.is(value, -0) ? 0 : value);
      }),
    );
  });

  it('without any fields is the external key alone', () => {
    expect(bodyOf(record('job', '1', { fields: {} }))).toEqual({ external_id: '1', external_source: 'SAP' });
  });
});

describe.each(withStatus)('the status of a %s', (entity) => {
  const of = (lifecycle: Lifecycle, rest: Partial<MesRecord> = {}) => record(entity, '1', { lifecycle, ...rest });
  const fields = record(entity, '1').fields;

  it.each(['active', 'closed'] as const)('is never sent when a record is created %s', (lifecycle) => {
    expect(bodyOf(of(lifecycle))).not.toHaveProperty('status');
    expect(bodyOf(of(lifecycle), { hash: null })).not.toHaveProperty('status');
  });

  it.each([
    ['active', 'active'],
    ['active', 'closed'],
    ['closed', 'active'],
    ['closed', 'closed'],
  ] as const)('is never sent on an update from %s to %s, and no note either', (before, after) => {
    const body = bodyOf(of(after), { lifecycle: before });
    expect(body).not.toHaveProperty('status');
    expect(body).not.toHaveProperty('notes');
  });

  it.each(['active', 'closed'] as const)('is on_hold with a note when a record that was %s is cancelled', (before) => {
    expect(bodyOf(of('cancelled'), { lifecycle: before })).toMatchObject({
      status: 'on_hold',
      notes: 'Cancelled in SAP.',
    });
  });

  it('is on_hold when the MES is to learn of a record that is cancelled already', () => {
    expect(bodyOf(of('cancelled'))).toMatchObject({ status: 'on_hold', notes: 'Cancelled in SAP.' });
  });

  it('is not sent again with another change of a cancelled record; its note stays', () => {
    const body = bodyOf(of('cancelled'), { lifecycle: 'cancelled' });
    expect(body).not.toHaveProperty('status');
    expect(body['notes']).toBe('Cancelled in SAP.');
  });

  it.each(['active', 'closed'] as const)('is left alone on a return from cancelled to %s, with a note', (after) => {
    const body = bodyOf(of(after), { lifecycle: 'cancelled' });
    expect(body).not.toHaveProperty('status');
    expect(body['notes']).toContain('still on hold here until released');
  });

  it('keeps the notes of the ERP before its own', () => {
    const notes = 'Handle with care';
    const cancelled = bodyOf(of('cancelled', { fields: { ...fields, notes } }), { lifecycle: 'active' });
    expect(cancelled['notes']).toBe('Handle with care\nCancelled in SAP.');
  });

  it('does not depend on a lifecycle that was never delivered', () => {
    expect(bodyOf(of('active'), { hash: null, lifecycle: 'cancelled' })).not.toHaveProperty('notes');
    expect(bodyOf(of('cancelled'), { hash: null, lifecycle: 'cancelled' })).toHaveProperty('status', 'on_hold');
  });

  it('depends on nothing but the change of lifecycle', () => {
    fc.assert(
      fc.property(fc.constantFrom(...lifecycles), fc.option(fc.constantFrom(...lifecycles)), (after, before) => {
        const known = before === null ? undefined : entry({ lifecycle: before });
        const sends = 'status' in bodyOf(of(after), known);
        expect(sends).toBe(after === 'cancelled' && before !== 'cancelled');
      }),
    );
  });
});

describe.each(['cell', 'resource'] as const)('a %s', (entity) => {
  it('has no status: that it is gone stands in its field active', () => {
    for (const lifecycle of lifecycles) {
      const fields = { ...record(entity, '1').fields, active: lifecycle === 'active' };
      const body = bodyOf(record(entity, '1', { lifecycle, fields }), { lifecycle: 'active' });
      expect(body).toMatchObject({ active: lifecycle === 'active' });
      expect(body).not.toHaveProperty('status');
      expect(body).not.toHaveProperty('notes');
    }
  });
});
