import type { Database } from './database.ts';
import type { Json, Row } from './model.ts';
import type { Field, FieldType, ModelDefinition } from './schema.ts';
import { decimalText, parseDateTime, parseDuration } from './values.ts';

type Test = (row: Row) => boolean;
type Comparable = string | number;

/** What a query string comes to: the rows it keeps, or what is wrong with which parameter. */
export type Filter = { keeps: Test; errors?: undefined } | { errors: Record<string, string[]> };

interface Context {
  database: Database;
  zone: string;
}

/**
 * Reads a query string as django-filter does: a parameter that names no field or no look-up of the model is ignored, an
 * empty value too, and of a parameter given twice the last one counts. So a mistyped filter answers the whole table.
 */
export function readFilter(query: string, model: ModelDefinition, context: Context): Filter {
  const given = new Map(new URLSearchParams(query));
  const tests: Test[] = [];
  const errors: Record<string, string[]> = {};
  for (const [name, value] of given) {
    const wanted = value === '' ? undefined : lookupOf(name, model);
    if (wanted === undefined) continue;
    const test = testOf(wanted, value, context);
    if (typeof test === 'string') errors[name] = [test];
    else tests.push(test);
  }
  if (Object.keys(errors).length > 0) return { errors };
  return { keeps: (row) => tests.every((test) => test(row)) };
}

interface Lookup {
  field: Field;
  lookup: string;
}

function lookupOf(name: string, model: ModelDefinition): Lookup | undefined {
  const [, column = '', lookup = 'exact'] = /^(.+?)(?:__([a-z]+))?$/.exec(name) ?? [];
  const field = model.fields.find((candidate) => candidate.name === column);
  if (field === undefined || !model.lookups.get(column)?.has(lookup)) return undefined;
  // `field__exact` is not a parameter: the exact look-up has the field's bare name.
  return name === `${column}__exact` ? undefined : { field, lookup };
}

const wrongChoice = 'Select a valid choice. That choice is not one of the available choices.';

/** The test of one parameter, or the text of its error. */
function testOf({ field, lookup }: Lookup, value: string, context: Context): Test | string {
  const { name, type } = field;
  if (lookup === 'contains') return (row) => row[name] !== null && String(row[name]).includes(value);
  if (lookup === 'exact') {
    const refusal = refuseChoice(type, value, context.database);
    if (refusal !== undefined) return refusal;
  }
  const texts = lookup === 'in' ? value.split(',') : [value];
  const wanted: Comparable[] = [];
  for (const text of texts) {
    const parsed = comparable(type, text, context.zone);
    if (parsed === undefined) return errorOf(type);
    wanted.push(parsed);
  }
  const read = (row: Row): Comparable | undefined => stored(type, row[name] ?? null);
  if (lookup === 'in' || lookup === 'exact') {
    const set = new Set(wanted);
    return (row) => {
      const held = read(row);
      return held !== undefined && set.has(held);
    };
  }
  const [bound = ''] = wanted;
  return (row) => {
    const held = read(row);
    return held !== undefined && compares(lookup, held, bound);
  };
}

/** A foreign key must exist and a choice must be one; a list (`__in`) is not checked. */
function refuseChoice(type: FieldType, value: string, database: Database): string | undefined {
  if (typeof type !== 'object') return undefined;
  if ('fk' in type) return database.table(type.fk).get(value) === undefined ? wrongChoice : undefined;
  if (type.enumeration.includes(value)) return undefined;
  return `Select a valid choice. ${value} is not one of the available choices.`;
}

function compares(lookup: string, held: Comparable, bound: Comparable): boolean {
  if (lookup === 'gt') return held > bound;
  if (lookup === 'gte') return held >= bound;
  return lookup === 'lt' ? held < bound : held <= bound;
}

/** A parameter in the form that compares with `stored`. */
function comparable(type: FieldType, text: string, zone: string): Comparable | undefined {
  if (type === 'datetime') return parseDateTime(text.trim(), zone);
  if (type === 'duration') return parseDuration(text);
  if (type !== 'decimal' && type !== 'int') return type === 'bool' ? text.toLowerCase() : text;
  const decimal = decimalText(text);
  return decimal === undefined ? undefined : Number(decimal);
}

function stored(type: FieldType, value: Json): Comparable | undefined {
  if (value === null) return undefined;
  if (type === 'duration') return parseDuration(value);
  return type === 'decimal' || type === 'int' ? Number(value) : String(value);
}

function errorOf(type: FieldType): string {
  if (type === 'datetime') return 'Enter a valid date/time.';
  return type === 'duration' ? 'Enter a valid duration.' : 'Enter a number.';
}
