import type { Row, Rows } from '../database.ts';
import type { Expression } from './ast.ts';
import { compile } from './compile.ts';
import { type Compiled, type Env, resolve, type Scope } from './scope.ts';
import type { SqlValue } from './values.ts';

/** The rows of a table that can fit, given the rows of the sources before it; the conditions still have to be tested. */
export type AccessPath = (env: Env) => readonly Row[];

/** A stored table at its place in the FROM clause. */
export interface Place {
  source: number;
  rows: Rows;
  scope: Scope;
}

/**
 * Finds the shortest way to the rows of a table: by a key, by a value of an indexed column, by a list of them, or from a
 * key on. Without such a condition it is the whole table.
 */
export function accessPath(conditions: readonly Expression[], place: Place): AccessPath {
  const { rows } = place;
  const ways = conditions.map((condition) => wayOf(condition, place)).filter((way) => way !== undefined);
  const exact = ways.find((way) => way.kind !== 'after');
  if (exact?.kind === 'equal') return (env) => lookUp(rows, exact.column, exact.value.evaluate(env));
  if (exact?.kind === 'among')
    return (env) =>
      lookUpAll(
        rows,
        exact.column,
        exact.list.map(({ evaluate }) => evaluate(env)),
      );
  const [after] = ways;
  if (after?.kind !== 'after') return () => rows.ordered();
  return (env) => {
    const value = after.value.evaluate(env);
    const from = typeof value === 'string' ? Number(value) : value;
    // A boundary that is no number is left to the condition, which knows what to say.
    return typeof from === 'number' && !Number.isNaN(from) ? rows.after(Math.ceil(from) - 1) : rows.ordered();
  };
}

type Way =
  | { kind: 'equal'; column: string; value: Compiled }
  | { kind: 'among'; column: string; list: Compiled[] }
  | { kind: 'after'; value: Compiled };

function wayOf(condition: Expression, place: Place): Way | undefined {
  if (condition.kind === 'binary') return wayOfComparison(condition, place);
  if (condition.kind !== 'in' || !Array.isArray(condition.list)) return undefined;
  const column = indexedColumn(condition.operand, place);
  if (column === undefined) return undefined;
  const list = condition.list.map((item) => compile(item, place.scope));
  return list.every((item) => isKnownBefore(item, place)) ? { kind: 'among', column: column.name, list } : undefined;
}

function wayOfComparison(condition: Extract<Expression, { kind: 'binary' }>, place: Place): Way | undefined {
  const { left, right, operator } = condition;
  const turned = indexedColumn(left, place) === undefined;
  const column = indexedColumn(turned ? right : left, place);
  const after = turned ? operator === '<' || operator === '<=' : operator === '>' || operator === '>=';
  if (column === undefined || !(operator === '=' || (after && column.key))) return undefined;
  const value = compile(turned ? left : right, place.scope);
  if (!isKnownBefore(value, place)) return undefined;
  return operator === '=' ? { kind: 'equal', column: column.name, value } : { kind: 'after', value };
}

function indexedColumn(expression: Expression, { source, scope }: Place): { name: string; key: boolean } | undefined {
  if (expression.kind !== 'column') return undefined;
  const found = resolve(expression, scope);
  if (found === undefined || found.use.depth > 0 || found.use.source !== source) return undefined;
  const { name, key, indexed } = found.column;
  if (key === true) return { name: 'key', key: true };
  return indexed === true ? { name, key: false } : undefined;
}

function isKnownBefore({ uses, aggregate }: Compiled, { source }: Place): boolean {
  return !aggregate && uses.every((use) => use.depth > 0 || use.source < source);
}

function lookUp(rows: Rows, column: string, value: SqlValue): readonly Row[] {
  if (value === null) return [];
  const number = Number(value);
  if (Number.isNaN(number)) return rows.ordered();
  if (column !== 'key') return rows.by(column, number);
  const row = rows.get(number);
  return row === undefined ? [] : [row];
}

function lookUpAll(rows: Rows, column: string, values: readonly SqlValue[]): readonly Row[] {
  const found = new Set(values.flatMap((value) => lookUp(rows, column, value)));
  return [...found].sort((one, other) => one.key - other.key);
}
