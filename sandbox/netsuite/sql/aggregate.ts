import { searchError } from '../errors.ts';
import type { Expression } from './ast.ts';
import type { Compiled, Env } from './scope.ts';
import { compare, numberOf, type Session, type SqlValue } from './values.ts';

const names = new Set(['count', 'max', 'min', 'sum', 'avg']);

export function isAggregate(name: string): boolean {
  return names.has(name);
}

/** A function of all rows of a group; nulls do not count. */
export function compileAggregate(
  { name, distinct, star }: Extract<Expression, { kind: 'call' }>,
  operands: readonly Compiled[],
  session: Session,
): Compiled {
  const [operand] = operands;
  if (star !== true && (operand === undefined || operands.length > 1)) {
    throw searchError(`ORA-00909: invalid number of arguments: ${name.toUpperCase()}`);
  }
  if (operand?.aggregate === true) throw searchError('ORA-00978: nested group function without GROUP BY');
  const evaluate = ({ group = [] }: Env): SqlValue => {
    if (operand === undefined) return group.length;
    const values = group.map((env) => operand.evaluate(env)).filter((value) => value !== null);
    return summarise(name, distinct === true ? [...new Set(values)] : values, session);
  };
  return { evaluate, uses: [], aggregate: true };
}

function summarise(name: string, values: readonly Exclude<SqlValue, null>[], session: Session): SqlValue {
  if (name === 'count') return values.length;
  if (values.length === 0) return null;
  if (name === 'max' || name === 'min') {
    const wanted = name === 'max' ? 1 : -1;
    return values.reduce((best, one) => (Math.sign(compare(one, best, session) ?? 0) === wanted ? one : best));
  }
  const sum = values.reduce<number>((total, value) => total + numberOf(value), 0);
  return name === 'sum' ? sum : sum / values.length;
}
