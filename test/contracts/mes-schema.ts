import { z } from 'zod';
import type { Entity, MesRecord } from '../../src/core/types.ts';

/** What the documented API of the MES takes of each entity, and which parents it cannot do without. */

const name = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .refine((text) => !text.includes('\u0000'));
const text = name.nullable();
const instant = z.iso.datetime({ precision: 3 }).nullable();
const count = z.int().min(0).max(2_147_483_647);
const id = z.string().min(1).max(255);
const optional = { notes: text.optional(), description: text.optional() };

const fields: Record<Entity, z.ZodObject> = {
  cell: z.strictObject({
    name,
    active: z.boolean(),
    color: text.optional(),
    sequence: count.optional(),
    description: text.optional(),
  }),
  resource: z.strictObject({
    name,
    type: name,
    identifier: text.optional(),
    location: text,
    active: z.boolean(),
    ...optional,
  }),
  job: z.strictObject({ job_number: name, customer: text, due_date: instant, ...optional }),
  part: z.strictObject({ part_number: name, material: name, quantity: count.min(1), ...optional }),
  operation: z.strictObject({
    operation_name: name,
    sequence: count.min(1),
    estimated_time_minutes: count,
    planned_start: instant,
    planned_end: instant,
    ...optional,
  }),
};

const parents: Record<Entity, z.ZodObject> = {
  cell: z.strictObject({}),
  resource: z.strictObject({}),
  job: z.strictObject({}),
  part: z.strictObject({ job: id }),
  operation: z.strictObject({ part: id, cell: id }),
};

/** What of a record the MES would not take. Of one that is gone it keeps what is left out. */
export function misfits({ entity, externalId, fields: given, parents: named, ...record }: MesRecord): string[] {
  const isGone = record.lifecycle === 'cancelled' && record.onlyIfKnown === true;
  const own = isGone ? fields[entity].partial() : fields[entity];
  const checked = [own.safeParse(given), parents[entity].safeParse(named), id.safeParse(externalId)];
  return checked.flatMap(({ error }) =>
    (error?.issues ?? []).map(({ path, message }) => `${entity}/${externalId} ${path.join('.')}: ${message}`),
  );
}
