import { RecordError } from '../core/errors.ts';
import type { Entity, FieldValue } from '../core/types.ts';
import { ceilInteger, dayToInstant, parseTime } from './values.ts';

/** What an operator's own mapping may set, and the kind of value that the MES keeps there. */
export const mesFields = {
  cell: { name: 'text', color: 'text', sequence: 'integer', description: 'text' },
  resource: { name: 'text', type: 'text', description: 'text', identifier: 'text', location: 'text' },
  job: { customer: 'text', due_date: 'day', notes: 'text' },
  part: { material: 'text', quantity: 'integer', notes: 'text' },
  operation: {
    operation_name: 'text',
    sequence: 'integer',
    estimated_time_minutes: 'integer',
    planned_start: 'instant',
    planned_end: 'instant',
    notes: 'text',
  },
} as const satisfies Record<Entity, Record<string, FieldKind>>;

export type FieldKind = 'text' | 'integer' | 'day' | 'instant';

/** Brings a value of an operator's own mapping into the form that the MES field takes. */
export function convertField(
  kind: FieldKind,
  value: unknown,
  { name, timeZone }: { name: string; timeZone: string },
): FieldValue {
  if (value === null || value === undefined || value === '') return null;
  if (kind === 'integer' && (typeof value === 'number' || typeof value === 'string')) return ceilInteger(value, name);
  if (kind === 'text' && typeof value !== 'object') return String(value);
  if (typeof value === 'string') {
    const time = parseTime(value);
    if (time !== undefined && kind === 'day') return dayToInstant(time.toISOString(), timeZone);
    if (time !== undefined && kind === 'instant') return time.toISOString();
  }
  throw new RecordError(`The value for ${name} is no ${kind}: ${JSON.stringify(value)?.slice(0, 80)}.`);
}
