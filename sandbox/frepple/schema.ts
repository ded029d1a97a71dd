/** What a field of a model holds; `fk` names the model it points to. */
export type FieldType =
  | 'string'
  | 'int'
  | 'bool'
  | 'decimal'
  | 'datetime'
  | 'duration'
  | 'time'
  | 'json'
  | 'list'
  | 'computed'
  | { enumeration: readonly string[] }
  | { fk: string };

/** One field of a payload. */
export interface Field {
  name: string;
  type: FieldType;
  readOnly: boolean;
}

/** One model of the REST API. */
export interface ModelDefinition {
  /** The primary key, which also stands in the URL. */
  key: string;
  /** Columns of the default order of a list; none means the order in which rows came. */
  order: readonly string[];
  /** Columns by which an upsert finds a row whose primary key is a serial number. */
  natural: readonly string[];
  fields: readonly Field[];
  /** Look-ups by field, as in `lastmodified__gte`; `exact` is the field's bare name. */
  lookups: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Source {
  order: readonly string[];
  natural?: readonly string[];
  /** `name type [RO]; ...` */
  fields: string;
  /** `[look-ups] field, field; ...` */
  filters: string;
}

/** Makes a model from its description in words. */
export function define(key: string, { order, natural = [], fields, filters }: Source): ModelDefinition {
  const lookups = new Map<string, ReadonlySet<string>>();
  for (const group of split(filters, ';')) {
    const [, names = '', columns = ''] = /^\[(.*?)\] ([\s\S]*)$/.exec(group) ?? [];
    for (const column of split(columns, ',')) lookups.set(column, new Set(split(names, ' ')));
  }
  return { key, order, natural, fields: split(fields, ';').map(fieldOf), lookups };
}

function fieldOf(text: string): Field {
  const [, name = '', type = '', readOnly] = /^(\w+) (.+?)( RO)?$/.exec(text) ?? [];
  return { name, type: typeOf(type), readOnly: readOnly !== undefined || type === 'computed' };
}

function typeOf(text: string): FieldType {
  const choices = /^enum\((.*)\)$/.exec(text)?.[1];
  if (choices !== undefined) return { enumeration: choices.split('|') };
  if (text.startsWith('fk>')) return { fk: text.slice(3) };
  return text as Extract<FieldType, string>;
}

function split(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
