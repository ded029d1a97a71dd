import { notSimulated, searchError } from '../errors.ts';
import type { Column } from '../schema.ts';
import { compileAggregate, isAggregate } from './aggregate.ts';
import type { Comparison, Expression, Query } from './ast.ts';
import { calculate, findFunction, joined } from './functions.ts';
import {
  type Compiled,
  type Env,
  type Prepared,
  resolve,
  rowOf,
  type Scope,
  type SqlRow,
  unknownIdentifier,
} from './scope.ts';
import { compare, numberOf, type Session, type SqlValue, textOf } from './values.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>;
type Evaluate = Compiled['evaluate'];

/** Makes an expression ready; throws for names that nobody has and for functions that do not exist. */
export function compile(expression: Expression, scope: Scope): Compiled {
  // One entry for each kind, so that the types fit for every kind taken by itself.
  const compiler = compilers[expression.kind] as (expression: Expression, scope: Scope) => Compiled;
  return compiler(expression, scope);
}

const compilers: { [Kind in Expression['kind']]: (expression: Of<Kind>, scope: Scope) => Compiled } = {
  literal: ({ value }) => constant(value),
  column: compileColumn,
  call: compileCall,
  negative: ({ operand }, scope) => combine([compile(operand, scope)], ([value]) => negative(value ?? null)),
  not: ({ operand }, scope) =>
    combine([compile(operand, scope)], ([value]) => (value === null ? null : value !== true)),
  binary: compileBinary,
  isNull: ({ operand }, scope) => combine([compile(operand, scope)], ([value]) => value === null),
  in: compileIn,
  like: ({ operand, pattern }, scope) =>
    combine([compile(operand, scope), compile(pattern, scope)], ([value = null, form = null]) =>
      like(value, form, scope.session),
    ),
  case: compileCase,
  exists: ({ query }, scope) => subquery(query, scope, (prepared, env) => prepared.run(env, 1).total > 0),
  scalar: ({ query }, scope) => subquery(query, scope, single),
};

function constant(value: SqlValue): Compiled {
  return { evaluate: () => value, uses: [], aggregate: false };
}

/** Joins operands under one function of their values; what depends on no row is computed once. */
function combine(operands: readonly Compiled[], call: (values: SqlValue[]) => SqlValue): Compiled {
  return withUses(operands, (env) => call(operands.map(({ evaluate }) => evaluate(env))));
}

function withUses(operands: readonly Compiled[], evaluate: Evaluate): Compiled {
  const uses = operands.flatMap((operand) => operand.uses);
  const aggregate = operands.some((operand) => operand.aggregate);
  if (uses.length === 0 && !aggregate) return constant(evaluate({ rows: [] }));
  return { evaluate, uses, aggregate };
}

function negative(value: SqlValue): SqlValue {
  return value === null ? null : -numberOf(value);
}

function compileColumn({ table, name }: Of<'column'>, scope: Scope): Compiled {
  const found = resolve({ name, ...(table === undefined ? {} : { table }) }, scope);
  if (found !== undefined) {
    const { use, column } = found;
    const read = readerOf(column);
    return { evaluate: (env) => read(rowOf(env, use)), uses: [use], aggregate: false };
  }
  const niladic = table === undefined ? findFunction(name, 0) : undefined;
  if (niladic === undefined) throw unknownIdentifier(table === undefined ? name : `${table}.${name}`, scope);
  return constant(niladic.call([], scope.session));
}

function readerOf({ name, type }: Column): (row: SqlRow) => SqlValue {
  if (type === 'date') {
    return (row) => {
      const value = row[name] ?? null;
      return value === null ? null : { kind: 'date', ms: Date.parse(`${String(value)}T00:00:00Z`) };
    };
  }
  if (type !== 'timestamp') return (row) => row[name] ?? null;
  return (row) => {
    const value = row[name] ?? null;
    return value === null ? null : { kind: 'zoned', ms: value as number };
  };
}

function compileCall(call: Of<'call'>, scope: Scope): Compiled {
  const { name, operands } = call;
  if (isAggregate(name))
    return compileAggregate(
      call,
      operands.map((operand) => compile(operand, scope)),
      scope.session,
    );
  if (name.startsWith('builtin.')) return compileBuiltin(call, scope);
  const found = findFunction(name, operands.length);
  if (found === undefined) throw searchError(`Invalid or unsupported function: ${name.toUpperCase()}`);
  return combine(
    operands.map((operand) => compile(operand, scope)),
    (values) => found.call(values, scope.session),
  );
}

/** BUILTIN.DF and BUILTIN.CF look at the column behind the value, so that they take columns only. */
function compileBuiltin({ name, operands }: Of<'call'>, scope: Scope): Compiled {
  const [operand] = operands;
  const show = { 'builtin.df': scope.display, 'builtin.cf': scope.code }[name];
  if (show === undefined || operand?.kind !== 'column') throw notSimulated(`${name.toUpperCase()} of that`);
  const found = resolve(operand, scope);
  if (found === undefined) throw unknownIdentifier(operand.name, scope);
  const { use, column } = found;
  if (column.type === 'any') throw notSimulated(`${name.toUpperCase()} of a column of a query`);
  return { evaluate: (env) => show(column, rowOf(env, use)), uses: [use], aggregate: false };
}

const tests: Record<Comparison, (sign: number) => boolean> = {
  '=': (sign) => sign === 0,
  '<>': (sign) => sign !== 0,
  '<': (sign) => sign < 0,
  '<=': (sign) => sign <= 0,
  '>': (sign) => sign > 0,
  '>=': (sign) => sign >= 0,
};

function compileBinary({ operator, left, right }: Of<'binary'>, scope: Scope): Compiled {
  const { session } = scope;
  const sides = [compile(left, scope), compile(right, scope)] as const;
  const [{ evaluate: one }, { evaluate: other }] = sides;
  if (operator === 'and') return withUses(sides, (env) => both(one(env), env, other));
  if (operator === 'or') return withUses(sides, (env) => either(one(env), env, other));
  if (operator === '||') return withUses(sides, (env) => joined(one(env), other(env), session));
  if (operator === '+' || operator === '-' || operator === '*' || operator === '/') {
    return withUses(sides, (env) => calculate(operator, one(env), other(env)));
  }
  const test = tests[operator];
  return withUses(sides, (env) => {
    const sign = compare(one(env), other(env), session);
    return sign === null ? null : test(sign);
  });
}

function both(left: SqlValue, env: Env, other: Evaluate): SqlValue {
  if (left === false) return false;
  const right = other(env);
  return right === false ? false : left === null || right === null ? null : true;
}

function either(left: SqlValue, env: Env, other: Evaluate): SqlValue {
  if (left === true) return true;
  const right = other(env);
  return right === true ? true : left === null || right === null ? null : false;
}

function compileCase({ branches, otherwise }: Of<'case'>, scope: Scope): Compiled {
  const compiled = branches.map(({ when, result }) => ({ when: compile(when, scope), result: compile(result, scope) }));
  const last = compile(otherwise, scope);
  return withUses([...compiled.flatMap(({ when, result }) => [when, result]), last], (env) => {
    const found = compiled.find(({ when }) => when.evaluate(env) === true);
    return (found?.result ?? last).evaluate(env);
  });
}

function compileIn({ operand, list }: Of<'in'>, scope: Scope): Compiled {
  const left = compile(operand, scope);
  const members = Array.isArray(list) ? compileList(list, scope) : compileMembers(list, scope);
  return withUses([left, members], (env) => {
    const value = left.evaluate(env);
    return value === null ? null : members.find(env)(value);
  });
}

type Finder = (value: Exclude<SqlValue, null>) => SqlValue;

/** What stands behind IN: compiled for its uses, and a look-up of its values. */
interface Members extends Compiled {
  find(env: Env): Finder;
}

function compileList(list: readonly Expression[], scope: Scope): Members {
  const items = list.map((item) => compile(item, scope));
  const whole = combine(items, () => null);
  const values = (env: Env): SqlValue[] => items.map(({ evaluate }) => evaluate(env));
  if (whole.uses.length > 0) return { ...whole, find: (env) => finderOf(values(env), scope.session) };
  const finder = finderOf(values({ rows: [] }), scope.session);
  return { ...whole, find: () => finder };
}

function compileMembers(query: Query, scope: Scope): Members {
  let finder: Finder = () => false;
  const members = subquery(query, scope, (prepared, env) => {
    const { total, slice } = prepared.run(env, Number.POSITIVE_INFINITY);
    const rows = slice(0, total);
    finder = finderOf(
      rows.map(([value = null]) => value),
      scope.session,
    );
    return null;
  });
  return {
    ...members,
    find(env) {
      members.evaluate(env);
      return finder;
    },
  };
}

/** Looks a value up among others: at once among those of its own type, one by one where types have to be converted. */
function finderOf(values: readonly SqlValue[], session: Session): Finder {
  const known = new Set(values);
  const types = new Set(values.filter((value) => value !== null).map((value) => typeof value));
  const absent = known.has(null) ? null : false;
  return (value) => {
    if (known.has(value)) return true;
    const alike = types.size === 0 || (types.size === 1 && types.has(typeof value) && typeof value !== 'object');
    if (alike) return absent;
    return values.some((one) => compare(value, one, session) === 0) ? true : absent;
  };
}

/** What a query inside an expression comes to; computed once when it does not depend on the row. */
function subquery(query: Query, scope: Scope, take: (prepared: Prepared, env: Env) => SqlValue): Compiled {
  const prepared = scope.prepare(query, scope);
  const uses = prepared.outer.map(({ depth, source }) => ({ depth: depth - 1, source }));
  if (uses.length > 0) return { evaluate: (env) => take(prepared, env), uses, aggregate: false };
  let result: { value: SqlValue } | undefined;
  const evaluate: Evaluate = (env) => {
    result ??= { value: take(prepared, env) };
    return result.value;
  };
  return { evaluate, uses, aggregate: false };
}

function single(prepared: Prepared, env: Env): SqlValue {
  const { total, slice } = prepared.run(env, 1);
  if (total > 1) throw searchError('ORA-01427: single-row subquery returns more than one row');
  return slice(0, 1)[0]?.[0] ?? null;
}

const forms = new Map<string, RegExp>();

function like(value: SqlValue, form: SqlValue, session: Session): SqlValue {
  if (value === null || form === null) return null;
  const pattern = String(form);
  let regular = forms.get(pattern);
  if (regular === undefined) {
    const source = pattern
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('%', '[\\s\\S]*')
      .replaceAll('_', '[\\s\\S]');
    regular = new RegExp(`^${source}$`);
    forms.set(pattern, regular);
  }
  return regular.test(textOf(value, session));
}
