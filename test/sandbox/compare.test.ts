import { describe, expect, it } from 'vitest';
import { compareImages } from '../../sandbox/compare.ts';
import { type ImageRecord, type MesImage, type Table, tables } from '../../sandbox/types.ts';

function image(records: Partial<Record<Table, ImageRecord[]>>): MesImage {
  return Object.fromEntries(
    tables.map((table) => [table, new Map((records[table] ?? []).map((record) => [record.externalId, record]))]),
  ) as MesImage;
}

function job(externalId: string, fields: ImageRecord['fields'], onHold?: true): ImageRecord {
  return onHold ? { externalId, fields, onHold } : { externalId, fields };
}

describe('compareImages', () => {
  it('finds two images equal when every expected field is held, whatever else the MES holds', () => {
    const expected = image({ jobs: [job('1', { customer: 'A' })] });
    const actual = image({ jobs: [job('1', { customer: 'A', notes: 'by hand', status: 'in_progress' })] });
    const comparison = compareImages(expected, actual);
    expect(comparison).toMatchObject({ equal: true, differences: [] });
    expect(comparison.source.jobs).toBe(1);
    expect(comparison.mes.jobs).toBe(1);
  });

  it('names the field, the expected and the held value of a difference', () => {
    const expected = image({ jobs: [job('1000001', { customer: 'A', due_date: null })] });
    const actual = image({ jobs: [job('1000001', { customer: 'B' })] });
    expect(compareImages(expected, actual).differences).toEqual(['jobs/1000001 customer: expected "A", is "B"']);
  });

  it('reports missing and extra records', () => {
    const expected = image({ parts: [job('1', {})] });
    const actual = image({ cells: [job('x', {})] });
    expect(compareImages(expected, actual).differences).toEqual(['cells/x is extra', 'parts/1 is missing']);
  });

  it.each([
    ['2026-12-30T23:00:00.000Z', '2026-12-30T23:00:00+00:00'],
    ['2026-12-30T23:00:00.000Z', '2026-12-31T00:00:00+01:00'],
    ['2026-12-31', '2026-12-31T00:00:00+00:00'],
  ])('takes %s and %s for one instant', (expected, actual) => {
    const comparison = compareImages(
      image({ jobs: [job('1', { due_date: expected })] }),
      image({ jobs: [job('1', { due_date: actual })] }),
    );
    expect(comparison.equal).toBe(true);
  });

  it.each([
    ['2026-12-30T23:00:00.000Z', '2026-12-31T00:00:00+00:00'],
    ['2026', '2026-01-01'],
    [1, '1'],
    [0, null],
  ])('does not take %s and %s for the same', (expected, actual) => {
    const comparison = compareImages(
      image({ jobs: [job('1', { field: expected })] }),
      image({ jobs: [job('1', { field: actual })] }),
    );
    expect(comparison.equal).toBe(false);
  });

  it('requires on_hold where it is expected and ignores the status elsewhere', () => {
    const expected = image({ jobs: [job('1', {}, true), job('2', {})] });
    const actual = image({
      jobs: [job('1', { status: 'in_progress' }), job('2', { status: 'on_hold' }, true)],
    });
    expect(compareImages(expected, actual).differences).toEqual([
      'jobs/1 status: expected "on_hold", is "in_progress"',
    ]);
  });

  it('lets optional records be present or absent and counts them on both sides when present', () => {
    const expected = image({ jobs: [job('1', { customer: 'A' }), job('2', {}), job('3', {})] });
    const actual = image({ jobs: [job('1', { customer: 'Z' }), job('3', {}), job('4', {})] });
    const comparison = compareImages(expected, actual, new Set(['jobs/1', 'jobs/2', 'jobs/4']));
    expect(comparison.equal).toBe(true);
    expect(comparison.source.jobs).toBe(3);
    expect(comparison.mes.jobs).toBe(3);
  });

  it('stops naming differences at twenty and still counts all records', () => {
    const many = Array.from({ length: 50 }, (_, index) => job(String(index), {}));
    const comparison = compareImages(image({ jobs: many }), image({}));
    expect(comparison.differences).toHaveLength(20);
    expect(comparison.equal).toBe(false);
    expect(comparison.source.jobs).toBe(50);
  });
});
