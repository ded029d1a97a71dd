import { searchError } from '../errors.ts';
import { isAggregate } from './aggregate.ts';
import type { Expression, Query } from './ast.ts';
import { compile } from './compile.ts';
import type { Joined } from './join.ts';
import { type Compiled, type Env, type Rowset, resolve, type Scope } from './scope.ts';
import { compare, type Session, type SqlValue } from './values.ts';

interface Output {
  columns: readonly string[];
  /** The joined rows come as they are, so that nobody needs more of them than are shown. */
  asTheyCome: boolean;
  run(joined: Joined, parent: Env | undefined): Rowset;
}

interface Column {
  name: string;
  expression: Expression;
}

interface Ordering {
  compiled: Compiled;
  /** The key of the first source, in whose order rows come as they are. */
  isKey: boolean;
  descending: boolean;
  nullsFirst: boolean;
}

/** Prepares what becomes of the joined rows: groups, order, columns. */
export function outputOf(query: Query, scope: Scope, turn: number): Output {
  const columns = columnsOf(query, scope);
  const selected = columns.map(({ expression }) => compile(expression, scope));
  const ordering = query.orderBy.map(({ expression, ...rest }): Ordering => {
    const meant = meantBy(expression, columns);
    return { ...rest, compiled: compile(meant, scope), isKey: isFirstKey(meant, scope) };
  });
  const groups = query.groupBy.map((expression) => compile(expression, scope));
  const having = query.having === undefined ? undefined : compile(query.having, scope);
  const parts = [...selected, ...ordering.map(({ compiled }) => compiled), ...(having === undefined ? [] : [having])];
  const grouped = groups.length > 0 || having !== undefined || parts.some(({ aggregate }) => aggregate);
  if (grouped) for (const { expression } of columns) requireGrouped(expression, query.groupBy, scope);
  const asTheyCome = !(grouped || query.distinct) && isByKey(ordering);
  return {
    columns: columns.map(({ name }) => name),
    asTheyCome,
    run({ envs, total }, parent) {
      const { fetch = Number.POSITIVE_INFINITY } = query;
      if (asTheyCome) return { total: Math.min(total, fetch), slice: slicer(envs, selected) };
      const whole = grouped ? groupRows(envs, groups, parent) : envs;
      const kept = having === undefined ? whole : whole.filter((env) => having.evaluate(env) === true);
      const sorted = inOrder(kept, ordering, { session: scope.session, turn });
      if (query.distinct) return distinctRows(sorted, selected, fetch);
      return { total: Math.min(sorted.length, fetch), slice: slicer(sorted, selected) };
    },
  };
}

function columnsOf({ columns }: Query, { sources }: Scope): Column[] {
  return columns.flatMap((selected, index): Column[] => {
    if ('expression' in selected) {
      const { expression, alias } = selected;
      const own = expression.kind === 'column' ? expression.name : `expr${index + 1}`;
      return [{ name: alias ?? own, expression }];
    }
    const { table } = selected;
    const meant = sources.filter(({ alias }) => table === undefined || alias === table);
    if (meant.length === 0) throw searchError(`Unknown identifier '${table}'.`);
    return meant.flatMap(({ alias, columns: names }) =>
      [...names.keys()].map((name): Column => ({ name, expression: { kind: 'column', table: alias, name } })),
    );
  });
}

/** ORDER BY takes aliases and positions, too. */
function meantBy(expression: Expression, columns: readonly Column[]): Expression {
  if (expression.kind === 'literal' && typeof expression.value === 'number') {
    const column = columns[expression.value - 1];
    if (column === undefined)
      throw searchError('ORA-01785: ORDER BY item must be the number of a SELECT-list expression');
    return column.expression;
  }
  if (expression.kind !== 'column' || expression.table !== undefined) return expression;
  return columns.find(({ name }) => name === expression.name)?.expression ?? expression;
}

function isFirstKey(expression: Expression, scope: Scope): boolean {
  const found = expression.kind === 'column' ? resolve(expression, scope) : undefined;
  return found?.column.key === true && found.use.depth === 0 && found.use.source === 0;
}

function isByKey([first, ...others]: readonly Ordering[]): boolean {
  return first?.isKey === true && !first.descending && others.length === 0;
}

/** Beside aggregates only what is grouped by may be shown. */
function requireGrouped(expression: Expression, groupBy: readonly Expression[], scope: Scope): void {
  const keys = new Set(groupBy.map((group) => keyOf(group, scope)));
  if (keys.has(keyOf(expression, scope))) return;
  if (expression.kind === 'call' && isAggregate(expression.name)) return;
  if (expression.kind === 'column' && resolve(expression, scope)?.use.depth === 0) {
    throw searchError(`ORA-00979: not a GROUP BY expression: ${expression.name}`);
  }
  for (const part of Object.values(expression).flat()) {
    if (isExpression(part)) requireGrouped(part, groupBy, scope);
  }
}

function isExpression(part: unknown): part is Expression {
  return typeof part === 'object' && part !== null && 'kind' in part && part.kind !== 'interval';
}

/** The same text for the same expression, with or without the alias in front of a column. */
function keyOf(expression: Expression, scope: Scope): string {
  return JSON.stringify(expression, (_, part: unknown) => {
    if (!isExpression(part) || part.kind !== 'column') return part;
    const { use } = resolve(part, scope) ?? {};
    return `${use?.depth}.${use?.source}.${part.name}`;
  });
}

/** One row for each group; the whole is one group, be it empty, when nothing is grouped by. */
function groupRows(envs: readonly Env[], groups: readonly Compiled[], parent: Env | undefined): Env[] {
  if (groups.length === 0) return [{ rows: envs[0]?.rows ?? [], parent, group: envs }];
  const found = new Map<string, Env[]>();
  for (const env of envs) {
    const key = JSON.stringify(groups.map(({ evaluate }) => evaluate(env)));
    const group = found.get(key);
    if (group === undefined) found.set(key, [env]);
    else group.push(env);
  }
  return [...found.values()].map((group) => ({ rows: group[0]?.rows ?? [], parent, group }));
}

/**
 * Sorts. What the statement does not order comes in another order with every request, as it does from a database that
 * has no reason to keep one.
 */
function inOrder(
  envs: Env[],
  ordering: readonly Ordering[],
  { session, turn }: { session: Session; turn: number },
): Env[] {
  if (ordering.length === 0) {
    const cut = envs.length === 0 ? 0 : (turn * 7919) % envs.length;
    return cut === 0 ? envs : [...envs.slice(cut), ...envs.slice(0, cut)];
  }
  const keyed = envs.map((env) => ({ env, keys: ordering.map(({ compiled }) => compiled.evaluate(env)) }));
  if (turn % 2 === 1) keyed.reverse();
  keyed.sort((one, other) => {
    for (const [index, way] of ordering.entries()) {
      const sign = compareKeys(one.keys[index] ?? null, other.keys[index] ?? null, { way, session });
      if (sign !== 0) return sign;
    }
    return 0;
  });
  return keyed.map(({ env }) => env);
}

function compareKeys(left: SqlValue, right: SqlValue, { way, session }: { way: Ordering; session: Session }): number {
  if (left === null || right === null) {
    if (left === right) return 0;
    return (left === null) === way.nullsFirst ? -1 : 1;
  }
  const sign = compare(left, right, session) ?? 0;
  return way.descending ? -sign : sign;
}

function slicer(envs: readonly Env[], selected: readonly Compiled[]): Rowset['slice'] {
  return (from, to) => envs.slice(from, to).map((env) => selected.map(({ evaluate }) => evaluate(env)));
}

function distinctRows(envs: readonly Env[], selected: readonly Compiled[], fetch: number): Rowset {
  const rows = new Map<string, SqlValue[]>();
  for (const env of envs) {
    const row = selected.map(({ evaluate }) => evaluate(env));
    const key = JSON.stringify(row);
    if (!rows.has(key)) rows.set(key, row);
  }
  const kept = [...rows.values()].slice(0, fetch);
  return { total: kept.length, slice: (from, to) => kept.slice(from, to) };
}
