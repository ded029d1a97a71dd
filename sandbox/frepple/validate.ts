import type { Database } from './database.ts';
import type { Json, Row } from './model.ts';
import type { Field, FieldType, ModelDefinition } from './schema.ts';
import { decimalText, durationText, parseDateTime, parseDuration } from './values.ts';

/** What a body comes to: values in their stored form, or the errors of each field. */
export type Validated = { values: Row; errors?: undefined } | { errors: Record<string, Json> };

const wrongDateTime =
  'Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].';
const wrongDuration = 'Duration has wrong format. Use one of these formats instead: [DD] [HH:[MM:]]ss[.uuuuuu].';

/** Reads one object of a body as a partial update: keys that name no field, or a read-only one, are ignored. */
export function validate(body: Row, model: ModelDefinition, database: Database): Validated {
  const values: Row = {};
  const errors: Record<string, Json> = {};
  for (const field of model.fields) {
    const given = body[field.name];
    if (given === undefined || field.readOnly) continue;
    const read = field.type === 'list' ? readList(field, given, database) : readValue(field, given, database);
    if (read.error === undefined) values[field.name] = read.value;
    else errors[field.name] = read.error;
  }
  return Object.keys(errors).length > 0 ? { errors } : { values };
}

type Read = { value: Json; error?: undefined } | { error: Json };

function readValue({ type }: Field, given: Json, database: Database): Read {
  // Forms know no null but an empty value.
  if (given === null || (given === '' && type !== 'string' && typeof type !== 'object')) return { value: null };
  if (typeof type === 'object') return readChoice(type, given, database);
  const parsed = parse(type, given);
  return parsed === undefined ? { error: [errorOf(type)] } : { value: parsed };
}

function readChoice(type: Exclude<FieldType, string>, given: Json, database: Database): Read {
  if ('fk' in type) {
    if (database.table(type.fk).get(String(given)) !== undefined) return { value: given };
    return { error: [`Invalid pk "${given}" - object does not exist.`] };
  }
  const listed = type.enumeration.includes(String(given));
  return listed ? { value: given } : { error: [`"${given}" is not a valid choice.`] };
}

function parse(type: FieldType, given: Json): Json | undefined {
  switch (type) {
    case 'decimal':
      return decimalText(given);
    case 'int':
      return /^-?\d+$/.test(String(given)) ? Number(given) : undefined;
    case 'bool':
      return /^(true|false)$/i.test(String(given)) ? String(given).toLowerCase() === 'true' : undefined;
    case 'duration': {
      const microseconds = parseDuration(given);
      return microseconds === undefined ? undefined : durationText(microseconds);
    }
    case 'datetime':
      // An offset is turned into UTC, and UTC's wall clock is stored as if it were the server's: an error of the real one.
      return parseDateTime(given, 'UTC');
    default:
      return typeof given === 'string' || typeof given === 'number' ? String(given) : undefined;
  }
}

function errorOf(type: FieldType): string {
  if (type === 'decimal') return 'A valid number is required.';
  if (type === 'int') return 'A valid integer is required.';
  if (type === 'bool') return 'Must be a valid boolean.';
  if (type === 'duration') return wrongDuration;
  return type === 'datetime' ? wrongDateTime : 'Not a valid string.';
}

/** Only the names of the resources are checked: what becomes of them is another matter. */
function readList({ name }: Field, given: Json, database: Database): Read {
  if (name !== 'resources' || !Array.isArray(given)) return { value: [] };
  const wrong = (given as Row[]).map((entry): Json => {
    const resource = String(entry['resource'] ?? '');
    const known = database.table('resource').get(resource) !== undefined;
    return known ? {} : { resource: [`Invalid pk "${resource}" - object does not exist.`] };
  });
  const bad = wrong.some((entry) => Object.keys(entry as Row).length > 0);
  return bad ? { error: wrong } : { value: given };
}
