import { badRequest } from './errors.ts';
import { literalAt, storedValue } from './literal.ts';
import type { Property, Service } from './metadata.ts';
import type { Row, Value } from './model.ts';
import { compareValues, type Range } from './table.ts';

const operators = ['eq', 'ne', 'gt', 'ge', 'lt', 'le'] as const;
type Operator = (typeof operators)[number];

/** A parsed `$filter`: comparisons of stored columns with stored values. */
export type Expression =
  | { kind: 'compare'; column: string; operator: Operator; value: Value }
  | { kind: 'and' | 'or'; left: Expression; right: Expression }
  | { kind: 'not'; operand: Expression };

/** What a filter may speak of. */
export interface Vocabulary {
  properties: readonly Property[];
  protocol: Service['protocol'];
}

/** Reads a `$filter`; throws a `GatewayError` (400) for an unknown property, a bad literal or broken syntax. */
export function parseFilter(text: string, vocabulary: Vocabulary): Expression {
  const reader = new Reader(text, vocabulary);
  const expression = reader.disjunction();
  reader.end();
  return expression;
}

class Reader {
  readonly #text: string;
  readonly #vocabulary: Vocabulary;
  #at = 0;

  constructor(text: string, vocabulary: Vocabulary) {
    this.#text = text;
    this.#vocabulary = vocabulary;
  }

  disjunction(): Expression {
    let left = this.#conjunction();
    while (this.#word('or')) left = { kind: 'or', left, right: this.#conjunction() };
    return left;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#refuse();
  }

  #conjunction(): Expression {
    let left = this.#unary();
    while (this.#word('and')) left = { kind: 'and', left, right: this.#unary() };
    return left;
  }

  #unary(): Expression {
    if (this.#word('not')) return { kind: 'not', operand: this.#unary() };
    if (!this.#sign('(')) return this.#comparison();
    const inner = this.disjunction();
    if (!this.#sign(')')) throw this.#refuse();
    return inner;
  }

  #comparison(): Expression {
    const { properties, protocol } = this.#vocabulary;
    const property = findProperty(properties, this.#name());
    if (property.filterable === false) throw badRequest(`Property '${property.name}' is not filterable`);
    const operator = operators.find((candidate) => this.#word(candidate));
    if (operator === undefined) throw this.#refuse();
    this.#space();
    const found = literalAt(this.#text, this.#at, protocol);
    if (found === undefined) throw this.#refuse();
    this.#at = found.end;
    return {
      kind: 'compare',
      column: property.column,
      operator,
      value: storedValue(found.literal, property, protocol),
    };
  }

  #name(): string {
    this.#space();
    const name = /^[A-Za-z_]\w*/.exec(this.#text.slice(this.#at, this.#at + 100))?.[0];
    if (name === undefined) throw this.#refuse();
    this.#at += name.length;
    return name;
  }

  #word(word: string): boolean {
    this.#space();
    if (!this.#text.startsWith(word, this.#at)) return false;
    if (/[\w/]/.test(this.#text.charAt(this.#at + word.length))) return false;
    this.#at += word.length;
    return true;
  }

  #sign(sign: string): boolean {
    this.#space();
    if (this.#text.charAt(this.#at) !== sign) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    while (this.#text.charAt(this.#at) === ' ') this.#at += 1;
  }

  #refuse(): Error {
    return badRequest(`Invalid filter at position ${this.#at}: '${this.#text.slice(this.#at, this.#at + 40)}'`);
  }
}

/** The property of that name; throws a `GatewayError` (400) when the set has none. */
export function findProperty(properties: readonly Property[], name: string): Property {
  const property = properties.find((candidate) => candidate.name === name);
  if (property === undefined) throw badRequest(`Property '${name}' not found`);
  return property;
}

/** The filter as a function of a stored row. Null equals null only, and is neither before nor after anything. */
export function predicateOf(expression: Expression): (row: Row) => boolean {
  if (expression.kind === 'not') {
    const operand = predicateOf(expression.operand);
    return (row) => !operand(row);
  }
  if (expression.kind === 'compare') return comparisonOf(expression);
  const left = predicateOf(expression.left);
  const right = predicateOf(expression.right);
  return expression.kind === 'and' ? (row) => left(row) && right(row) : (row) => left(row) || right(row);
}

function comparisonOf({ column, operator, value }: Extract<Expression, { kind: 'compare' }>): (row: Row) => boolean {
  if (operator === 'eq') return (row) => row[column] === value;
  if (operator === 'ne') return (row) => row[column] !== value;
  const wanted = operator.startsWith('g') ? 1 : -1;
  const orEqual = operator.endsWith('e');
  return (row) => {
    const stored = row[column] ?? null;
    if (stored === null || value === null) return false;
    const sign = compareValues(stored, value);
    return sign === wanted || (orEqual && sign === 0);
  };
}

/**
 * Ranges of `column` outside of which no row can match, or undefined when the filter does not bound the column.
 * They may be too wide (`gt` counts as `ge`): whoever uses them still asks the predicate.
 */
export function rangesOf(expression: Expression, column: string): Range[] | undefined {
  if (expression.kind === 'not') return undefined;
  if (expression.kind === 'compare') return rangeOfComparison(expression, column);
  const left = rangesOf(expression.left, column);
  const right = rangesOf(expression.right, column);
  if (expression.kind === 'or') return left && right ? [...left, ...right] : undefined;
  return left && right ? left.flatMap((one) => right.map((other) => intersect(one, other))) : (left ?? right);
}

function rangeOfComparison(
  { column, operator, value }: Extract<Expression, { kind: 'compare' }>,
  wanted: string,
): Range[] | undefined {
  if (column !== wanted || operator === 'ne') return undefined;
  if (operator === 'eq') return [{ low: value, high: value }];
  return [operator.startsWith('g') ? { low: value } : { high: value }];
}

function intersect(one: Range, other: Range): Range {
  const low = tighter([one.low, other.low], 1);
  const high = tighter([one.high, other.high], -1);
  return { ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) };
}

function tighter([one, other]: [Value | undefined, Value | undefined], sign: 1 | -1): Value | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return compareValues(one, other) * sign >= 0 ? one : other;
}

/** The columns a filter speaks of. */
export function columnsOf(expression: Expression): Set<string> {
  if (expression.kind === 'not') return columnsOf(expression.operand);
  if (expression.kind === 'compare') return new Set([expression.column]);
  return new Set([...columnsOf(expression.left), ...columnsOf(expression.right)]);
}
