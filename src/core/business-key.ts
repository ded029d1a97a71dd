import type { Entity, MesRecord } from './types.ts';

const fieldOf: Readonly<Record<Entity, string | null>> = {
  cell: 'name',
  resource: null,
  job: 'job_number',
  part: 'part_number',
  operation: null,
};

/** What children are tied by where the MES wants a name: the cell's name, the job's number, the part's number; null for others. */
export function businessKeyOf({ entity, fields }: Pick<MesRecord, 'entity' | 'fields'>): string | null {
  const field = fieldOf[entity];
  const value = field === null ? null : fields[field];
  return value === null || value === undefined ? null : String(value);
}
