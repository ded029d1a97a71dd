import type { Database, Row, Value } from './database.ts';
import { type Version, valueError } from './errors.ts';
import type { Model } from './fields.ts';
import { displayName } from './values.ts';

interface Scope {
  model: Model;
  database: Database;
  version: Version;
}

interface Key {
  field: string;
  sign: 1 | -1;
  /** Where PostgreSQL puts null: last when ascending, first when descending, unless told otherwise. */
  nullsFirst: boolean;
  /** Many2ones are sorted by name. */
  relation: string | undefined;
}

const part = /^\s*([\w.]+)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?\s*$/i;

/** Sorts by what is stored: by the microseconds of a stamp that no reader sees. */
export function sortRows(rows: Row[], order: string, scope: Scope): Row[] {
  const keys = order.split(',').map((text) => readKey(text, scope));
  return rows.sort((one, other) => {
    for (const key of keys) {
      const sign = compare(sortValue(one, key, scope), sortValue(other, key, scope), key);
      if (sign !== 0) return sign;
    }
    return 0;
  });
}

function readKey(text: string, { model, version }: Scope): Key {
  const [, path = text.trim(), direction = 'asc', nulls] = part.exec(text) ?? [];
  const [name = '', property] = path.split('.');
  const field = model.fields[name];
  if (field === undefined) throw valueError(`Invalid field '${name}' on model '${model.name}'`);
  if (property !== undefined) {
    throw valueError(`Invalid field property '${property}' on ${model.name}.${name}`);
  }
  if (field.store === false) {
    const full = `${model.name}.${name}`;
    throw valueError(
      version === 17 ? `Cannot convert field ${full} to SQL` : `Cannot convert ${full} to SQL because it is not stored`,
    );
  }
  const descending = direction.toLowerCase() === 'desc';
  const nullsFirst = nulls === undefined ? descending : nulls.toLowerCase() === 'first';
  const relation = field.type === 'many2one' ? field.relation : undefined;
  return { field: name, sign: descending ? -1 : 1, nullsFirst, relation };
}

function sortValue(row: Row, { field, relation }: Key, { database }: Scope): Value {
  const value = row[field] ?? null;
  if (relation === undefined || typeof value !== 'number') return value;
  return displayName(value, { model: relation, database });
}

function compare(one: Value, other: Value, { sign, nullsFirst }: Key): number {
  if (one === other) return 0;
  if (one === null) return nullsFirst ? -1 : 1;
  if (other === null) return nullsFirst ? 1 : -1;
  return one < other ? -sign : sign;
}
