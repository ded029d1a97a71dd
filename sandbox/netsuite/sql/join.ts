import { searchError } from '../errors.ts';
import { accessPath } from './access-path.ts';
import type { Expression, Query } from './ast.ts';
import { compile } from './compile.ts';
import type { Compiled, Env, Prepared, Scope, SqlRow } from './scope.ts';
import type { Supplied, Target } from './target.ts';

/** One source of the FROM clause: where its rows come from, and what they have to fulfil. */
interface Step {
  rows(env: Env): readonly SqlRow[];
  /** Of a LEFT JOIN: what makes a row its partner. */
  on: readonly Compiled[];
  left: boolean;
  filters: readonly Compiled[];
}

interface Sources {
  scope: Scope;
  sources: readonly Supplied[];
  target: Target;
}

/** The rows of a join: how many there are, and as many of the first as were asked for. */
export interface Joined {
  envs: Env[];
  total: number;
}

/** Runs a join; what is beyond the first `wanted` rows is only counted. */
export type Join = (parent: Env | undefined, wanted: number) => Joined;

/** Prepares FROM and WHERE: nested loops in the order as written, every condition tested as soon as it can be. */
export function joinRows(query: Query, given: Sources): Join {
  const inner = query.from.flatMap(({ join, on }) => (join === 'inner' ? conjuncts(on) : []));
  const conditions = [...inner, ...conjuncts(query.where)].map((expression) => {
    const compiled = conditionOf(expression, given.scope);
    return { expression, compiled, source: lastSource(compiled) };
  });
  const steps = query.from.map(({ join, on }, index): Step => {
    const here = conditions.filter(({ source }) => source === index);
    const left = join === 'left';
    const partner = left ? conjuncts(on) : [];
    return {
      rows: suppliedRows(index, left ? partner : here.map(({ expression }) => expression), given),
      on: partner.map((expression) => conditionOf(expression, given.scope)),
      left,
      filters: here.map(({ compiled }) => compiled),
    };
  });
  return (parent, wanted) => combinations(steps, parent, wanted);
}

function conjuncts(expression: Expression | undefined): Expression[] {
  if (expression === undefined) return [];
  const { kind } = expression;
  if (kind !== 'binary' || expression.operator !== 'and') return [expression];
  return [...conjuncts(expression.left), ...conjuncts(expression.right)];
}

function conditionOf(expression: Expression, scope: Scope): Compiled {
  const compiled = compile(expression, scope);
  if (compiled.aggregate) throw searchError('ORA-00934: group function is not allowed here');
  return compiled;
}

function lastSource({ uses }: Compiled): number {
  return uses.reduce((last, { depth, source }) => (depth === 0 && source > last ? source : last), 0);
}

function suppliedRows(index: number, conditions: Expression[], { scope, sources, target }: Sources): Step['rows'] {
  const source = sources[index];
  const { stored, prepared } = source ?? {};
  if (prepared !== undefined) {
    let rows: SqlRow[] | undefined;
    return () => {
      rows ??= rowsOf(prepared);
      return rows;
    };
  }
  const name = stored ?? '';
  const path = accessPath(conditions, { source: index, rows: target.database.table(name), scope });
  const { shows } = target;
  return shows === undefined ? path : (env) => path(env).filter((row) => shows(name, row));
}

function rowsOf({ columns, run }: Prepared): SqlRow[] {
  const { total, slice } = run(undefined, Number.POSITIVE_INFINITY);
  return slice(0, total).map((values) =>
    Object.fromEntries(columns.map((name, index) => [name, values[index] ?? null])),
  );
}

function combinations(steps: readonly Step[], parent: Env | undefined, wanted: number): Joined {
  const found: Joined = { envs: [], total: 0 };
  const rows: SqlRow[] = [];
  const env: Env = { rows, parent };
  function extend(index: number): void {
    const step = steps[index];
    if (step === undefined) return void take();
    let alone = step.left;
    for (const row of step.rows(env)) {
      rows[index] = row;
      if (!holds(step.on, env)) continue;
      alone = false;
      proceed(step, index);
    }
    if (!alone) return;
    rows[index] = {};
    proceed(step, index);
  }
  function proceed({ filters }: Step, index: number): void {
    if (holds(filters, env)) extend(index + 1);
  }
  function take(): void {
    found.total += 1;
    if (found.total <= wanted) found.envs.push({ rows: [...rows], parent });
  }
  extend(0);
  return found;
}

function holds(conditions: readonly Compiled[], env: Env): boolean {
  return conditions.every(({ evaluate }) => evaluate(env) === true);
}
