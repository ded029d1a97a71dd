import type { Database, Row, Value } from './database.ts';
import { type Version, valueError } from './errors.ts';
import type { Field } from './fields.ts';
import { type Instant, readInstant } from './instant.ts';
import { reprCondition } from './python.ts';
import { fieldValue } from './values.ts';

export type Predicate = (row: Row) => boolean;

/** What a domain is read against. */
export interface Scope {
  database: Database;
  version: Version;
  now: number;
}

/** A domain, understood. */
export interface Domain {
  holds: Predicate;
  /** Fields named anywhere: naming `active` switches the hiding of archived rows off. */
  named: Set<string>;
  /** No row with this id or a lower one can match: the seek of a walk by id. */
  above: number;
}

const operators = new Set([
  '=',
  '!=',
  '<>',
  '==',
  '>',
  '>=',
  '<',
  '<=',
  'in',
  'not in',
  'like',
  'ilike',
  'not like',
  'not ilike',
  '=like',
  '=ilike',
]);

/** Reads a domain in prefix notation; conditions without an operator between them are joined by `&`. Throws what Odoo throws. */
export function readDomain(given: unknown, model: string, scope: Scope): Domain {
  if (!Array.isArray(given)) throw valueError(`Domain() invalid item in domain: ${String(given)}`);
  const named = new Set<string>();
  let above = 0;
  const stack: Predicate[] = [];
  const joined = !given.some((item) => item === '|' || item === '!');
  for (const item of [...given].reverse()) {
    if (typeof item === 'string') {
      stack.push(combine(item, stack));
      continue;
    }
    if (!Array.isArray(item) || item.length !== 3) throw valueError(`Domain() invalid item in domain: ${String(item)}`);
    named.add(String(item[0]));
    if (joined && item[0] === 'id' && item[1] === '>' && typeof item[2] === 'number') above = Math.max(above, item[2]);
    stack.push(readCondition(item, model, scope));
  }
  return { holds: (row) => stack.every((predicate) => predicate(row)), named, above };
}

function combine(operator: string, stack: Predicate[]): Predicate {
  const first = stack.pop();
  if (operator === '!' && first !== undefined) return (row) => !first(row);
  const second = stack.pop();
  if (first === undefined || second === undefined || !['&', '|'].includes(operator)) {
    throw valueError(`Domain() invalid domain: operator ${operator}`);
  }
  return operator === '&' ? (row) => first(row) && second(row) : (row) => first(row) || second(row);
}

function readCondition(condition: readonly unknown[], model: string, scope: Scope): Predicate {
  const [left, operator, right] = condition;
  // The tautologies that Odoo itself writes.
  if (left === 1 || left === 0) return () => left === right;
  const [name = '', ...rest] = String(left).split('.');
  const field = scope.database.field(model, name);
  if (field === undefined || typeof operator !== 'string' || !operators.has(operator)) {
    throw refusal(condition, { model, known: field !== undefined, scope });
  }
  if (rest.length > 0) return through({ model, name, field }, [rest.join('.'), operator, right], scope);
  if (field.store === false && field.related !== true) return unstored(model, name, scope);
  if (field.type === 'datetime' && typeof right !== 'boolean') return datetimes(name, { operator, right }, scope);
  const test = comparison({ operator, right }, field.type === 'char' || field.type === 'text');
  return (row) => test(fieldValue(row, name, { model, database: scope.database }));
}

interface Refused {
  model: string;
  known: boolean;
  scope: Scope;
}

function refusal(condition: readonly unknown[], { model, known, scope }: Refused): Error {
  const text = reprCondition(condition);
  if (known) return valueError(`Invalid operator in term ${text}`);
  const where = scope.version === 17 ? 'leaf' : 'condition';
  return valueError(`Invalid field ${model}.${String(condition[0])} in ${where} ${text}`);
}

/** 19 refuses to search a computed field; 17 logs a warning and ignores the condition, so that everything matches. */
function unstored(model: string, name: string, { version }: Scope): Predicate {
  if (version === 19) throw valueError(`Cannot convert ${model}.${name} to SQL because it is not stored`);
  return () => true;
}

interface Step {
  model: string;
  name: string;
  field: Field;
}

/** A dotted path: a row matches when a row it points to does. */
function through({ model, name, field }: Step, rest: readonly unknown[], scope: Scope): Predicate {
  if (field.relation === undefined || !scope.database.models.has(field.relation)) {
    throw refusal([`${name}.${String(rest[0])}`, rest[1], rest[2]], { model, known: false, scope });
  }
  const target = scope.database.table(field.relation);
  const inner = readCondition(rest, field.relation, scope);
  return (row) => {
    const value = fieldValue(row, name, { model, database: scope.database });
    const ids = Array.isArray(value) ? value : [value];
    return ids.some((id) => {
      const found = typeof id === 'number' ? target.get(id) : undefined;
      return found !== undefined && inner(found);
    });
  };
}

interface Test {
  operator: string;
  right: unknown;
}

function datetimes(name: string, { operator, right }: Test, scope: Scope): Predicate {
  if (Array.isArray(right)) {
    const instants = right.filter((value) => value !== false).map((value) => readInstant(value, '=', scope));
    const inside = (row: Row): boolean => instants.some((instant) => matches(row[name] as string | null, '=', instant));
    return operator === 'not in' ? (row) => !inside(row) : inside;
  }
  if (right === null) return (row) => ((row[name] ?? null) === null) === (operator === '=');
  const instant = readInstant(right, operator, scope);
  return (row) => matches(row[name] as string | null, operator, instant);
}

/** Stored stamps have more digits than literals: text comparison orders them all the same. */
function matches(stored: string | null, operator: string, { low, high }: Instant): boolean {
  if (stored === null) return operator === '!=';
  switch (operator) {
    case '>':
      return high === undefined ? stored > padded(low) : stored >= high;
    case '>=':
      return stored >= low;
    case '<':
      return stored < low;
    case '<=':
      return high === undefined ? stored <= padded(low) : stored < high;
    case '!=':
    case '<>':
      return !matches(stored, '=', { low, high });
    default:
      return high === undefined ? padded(stored) === padded(low) : stored >= low && stored < high;
  }
}

/** With all six digits, so that `13` and `13.000000` are the same instant. */
function padded(stamp: string): string {
  const [second = '', fraction = ''] = stamp.split('.');
  return `${second}.${fraction.padEnd(6, '0')}`;
}

type ValueTest = (value: Value) => boolean;

function comparison({ operator, right }: Test, textual: boolean): ValueTest {
  switch (operator) {
    case 'in':
    case 'not in':
      return membership(operator === 'in', right);
    case '>':
      return (value) => value !== null && (value as number) > (right as number);
    case '>=':
      return (value) => value !== null && (value as number) >= (right as number);
    case '<':
      return (value) => value !== null && (value as number) < (right as number);
    case '<=':
      return (value) => value !== null && (value as number) <= (right as number);
    case '=':
    case '==':
      return membership(true, [right]);
    case '!=':
    case '<>':
      return membership(false, [right]);
    default:
      return textual ? likeness(operator, String(right)) : () => false;
  }
}

/** `false` stands for null, except among booleans, where null stands for false. */
function membership(wanted: boolean, right: unknown): ValueTest {
  const given: unknown[] = Array.isArray(right) ? right : [right];
  const set = new Set(given.map((value) => value ?? false));
  return (value) => {
    if (!Array.isArray(value)) return set.has(value ?? false) === wanted;
    const found = value.length === 0 ? set.has(false) : value.some((id) => set.has(id));
    return found === wanted;
  };
}

function likeness(operator: string, pattern: string): ValueTest {
  const kind = operator.replace('not ', '');
  const source = pattern
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  const shape = new RegExp(kind.startsWith('=') ? `^${source}$` : source, kind.endsWith('ilike') ? 'is' : 's');
  const wanted = !operator.startsWith('not ');
  return (value) => (typeof value === 'string' && shape.test(value)) === wanted;
}
