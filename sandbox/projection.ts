import { type Generation, traits } from './eryxon/generation.ts';
import { imageFields } from './eryxon/generic/image.ts';
import { relationsOf } from './eryxon/generic/schema.ts';
import { type ImageRecord, type MesImage, type Table, tables } from './types.ts';

type Value = ImageRecord['fields'][string];

/** What stands in a column that takes no null, where the documented API would have put it of itself. */
const standIns: Partial<Record<Table, Record<string, Value>>> = {
  parts: { material: 'Unknown' },
  operations: { estimated_time_minutes: 0, sequence: 1 },
};

/**
 * What is left of an image in the documented API's fields when a MES of that generation holds it. The documented
 * generation holds it as it is. The others take columns and nothing else, so
 *
 * - a field without a column is dropped: `priority` of jobs where the database lacks it, `description` of parts,
 *   `instructions` of operations, and whatever else is named nowhere in the schema;
 * - a null in a NOT NULL column is what the documented API defaults to;
 * - `estimated_time_minutes` is a whole number, rounded half up, because its column is an integer;
 * - where the function of parts does not start, nothing can change a part's status once it is created (erp-sync reads it
 *   for new parts alone), so that no client can put one on hold.
 */
export function projectImage(generation: Generation, image: MesImage): MesImage {
  if (generation === 'classic') return image;
  const relations = relationsOf(traits[generation].complete);
  const projected = tables.map((table) => {
    const held = new Set(imageFields(relations[table]).values());
    const fixedStatus = table === 'parts' && traits[generation].broken.includes('api-parts');
    const records = [...image[table]].map(([id, record]) => {
      const { onHold: _, ...withoutStatus } = record;
      return [id, projectRecord(table, fixedStatus ? withoutStatus : record, held)] as const;
    });
    return [table, new Map(records)];
  });
  return Object.fromEntries(projected) as MesImage;
}

function projectRecord(table: Table, record: ImageRecord, held: ReadonlySet<string>): ImageRecord {
  const fields: ImageRecord['fields'] = {};
  for (const [name, value] of Object.entries(record.fields)) {
    if (held.has(name)) fields[name] = projectValue(name, value ?? standIns[table]?.[name] ?? null);
  }
  return { ...record, fields };
}

function projectValue(name: string, value: Value): Value {
  return name === 'estimated_time_minutes' && typeof value === 'number' ? Math.floor(value + 0.5) : value;
}

/** The image with a prefix before every job number, and before the order in every part number (`<material>|<order>`). */
export function withNumberPrefix(image: MesImage, prefix: string): MesImage {
  if (prefix === '') return image;
  return {
    ...image,
    jobs: withField(image.jobs, 'job_number', (number) => `${prefix}${number}`),
    parts: withField(image.parts, 'part_number', (number) => {
      const bar = number.lastIndexOf('|') + 1;
      return `${number.slice(0, bar)}${prefix}${number.slice(bar)}`;
    }),
  };
}

/** What came and went while nobody looked is expected without its fields. */
function withField(records: MesImage['jobs'], name: string, change: (value: string) => string): MesImage['jobs'] {
  const changed = [...records].map(([id, record]) => {
    const value = record.fields[name];
    if (typeof value !== 'string') return [id, record] as const;
    return [id, { ...record, fields: { ...record.fields, [name]: change(value) } }] as const;
  });
  return new Map(changed);
}
