import { badQuery, notSimulated } from '../errors.ts';
import type { Comparison, Expression, Operator, Query } from './ast.ts';
import { parseError, type Token, tokenize } from './lexer.ts';

/** Items that one `IN` may list. */
const longestList = 1000;
const comparisons: Record<string, Comparison> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '^=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
const unitMs: Record<string, number> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Reads expressions and conditions by recursive descent, loosest binding first. */
export abstract class ExpressionParser {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(sql: string) {
    this.#sql = sql;
    this.#tokens = tokenize(sql);
  }

  protected abstract query(): Query;

  expression(): Expression {
    let left = this.#conjunction();
    while (this.take('or')) left = { kind: 'binary', operator: 'or', left, right: this.#conjunction() };
    return left;
  }

  #conjunction(): Expression {
    let left = this.#negation();
    while (this.take('and')) left = { kind: 'binary', operator: 'and', left, right: this.#negation() };
    return left;
  }

  #negation(): Expression {
    return this.take('not') ? { kind: 'not', operand: this.#negation() } : this.#predicate();
  }

  #predicate(): Expression {
    const left = this.#sum();
    const comparison = comparisons[this.peek().text];
    if (this.peek().kind === 'symbol' && comparison !== undefined) {
      this.next();
      return { kind: 'binary', operator: comparison, left, right: this.#sum() };
    }
    if (this.take('is')) {
      const negated = this.take('not');
      this.expect('null');
      return negate({ kind: 'isNull', operand: left }, negated);
    }
    const negated = this.take('not');
    const found = this.#matched(left);
    if (found !== undefined) return negate(found, negated);
    if (negated) throw this.unexpected();
    return left;
  }

  /** What can stand behind NOT: IN, BETWEEN, LIKE. */
  #matched(operand: Expression): Expression | undefined {
    if (this.take('in')) return { kind: 'in', operand, list: this.#list() };
    if (this.take('like')) return { kind: 'like', operand, pattern: this.#sum() };
    if (!this.take('between')) return undefined;
    const low: Expression = { kind: 'binary', operator: '>=', left: operand, right: this.#sum() };
    this.expect('and');
    const high: Expression = { kind: 'binary', operator: '<=', left: operand, right: this.#sum() };
    return { kind: 'binary', operator: 'and', left: low, right: high };
  }

  #list(): Expression[] | Query {
    this.expect('(');
    if (this.peek().text === 'select') {
      const query = this.query();
      this.expect(')');
      return query;
    }
    const items = this.list();
    this.expect(')');
    if (items.length > longestList) throw badQuery('ORA-01795: maximum number of expressions in a list is 1000');
    return items;
  }

  /** Expressions with commas between them. */
  protected list(): Expression[] {
    const items = [this.expression()];
    while (this.take(',')) items.push(this.expression());
    return items;
  }

  #sum(): Expression {
    return this.#chain(['+', '-', '||'], () => this.#chain(['*', '/'], () => this.#factor()));
  }

  #chain(operators: readonly Operator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const token = this.peek();
      const operator = token.kind === 'symbol' ? operators.find((one) => one === token.text) : undefined;
      if (operator === undefined) return left;
      this.next();
      left = { kind: 'binary', operator, left, right: operand() };
    }
  }

  #factor(): Expression {
    const token = this.next();
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    // Oracle knows no empty text: it is null.
    if (token.kind === 'string') return { kind: 'literal', value: token.text === '' ? null : token.text };
    if (token.kind === 'quoted') return this.#column(token.text);
    if (token.text === '(') return this.#parenthesis();
    if (token.text === '-') return { kind: 'negative', operand: this.#factor() };
    if (token.text === '+') return this.#factor();
    if (token.kind === 'word') return this.#word(token.text);
    throw this.unexpected(token);
  }

  #parenthesis(): Expression {
    const expression: Expression =
      this.peek().text === 'select' ? { kind: 'scalar', query: this.query() } : this.expression();
    if (this.peek().text === ',') throw notSimulated('rows as values, which Oracle compares for equality only');
    this.expect(')');
    return expression;
  }

  #word(word: string): Expression {
    if (word === 'null') return { kind: 'literal', value: null };
    if (word === 'case') return this.#case();
    if (word === 'exists') return this.#exists();
    if (this.peek().kind === 'string') return this.#typedLiteral(word);
    if (this.peek().text === '(') return this.#call(word);
    return this.#column(word);
  }

  #exists(): Expression {
    this.expect('(');
    const query = this.query();
    this.expect(')');
    return { kind: 'exists', query };
  }

  /** `INTERVAL '5' MINUTE`; `DATE '…'` and `TIMESTAMP '…'` do not exist in SuiteQL. */
  #typedLiteral(word: string): Expression {
    if (word !== 'interval') throw badQuery(`Date literals are not supported, use TO_DATE: ${word.toUpperCase()} '…'`);
    const amount = Number(this.next().text);
    const unit = unitMs[this.next().text];
    if (unit === undefined || !Number.isFinite(amount))
      throw notSimulated('intervals but of days, hours, minutes, seconds');
    return { kind: 'literal', value: { kind: 'interval', ms: amount * unit } };
  }

  #column(first: string): Expression {
    if (!this.take('.')) return { kind: 'column', name: first };
    const name = this.next().text;
    if (first === 'builtin') return this.#call(`builtin.${name}`);
    return { kind: 'column', table: first, name };
  }

  #call(name: string): Expression {
    this.expect('(');
    if (name === 'cast') return this.#cast();
    if (this.take('*')) {
      this.expect(')');
      return { kind: 'call', name, operands: [], star: true };
    }
    const distinct = this.take('distinct');
    const operands = this.peek().text === ')' ? [] : this.list();
    this.expect(')');
    return { kind: 'call', name, operands, ...(distinct ? { distinct } : {}) };
  }

  /** `CAST(x AS VARCHAR2(20))`, as a call of a function that is named after the type. */
  #cast(): Expression {
    const operand = this.expression();
    this.expect('as');
    const type = this.next().text;
    if (this.take('(')) {
      while (!this.take(')')) this.next();
    }
    this.expect(')');
    return { kind: 'call', name: `cast ${type}`, operands: [operand] };
  }

  #case(): Expression {
    const subject = this.peek().text === 'when' ? undefined : this.expression();
    const branches: { when: Expression; result: Expression }[] = [];
    while (this.take('when')) {
      const value = this.expression();
      const when: Expression =
        subject === undefined ? value : { kind: 'binary', operator: '=', left: subject, right: value };
      this.expect('then');
      branches.push({ when, result: this.expression() });
    }
    const otherwise: Expression = this.take('else') ? this.expression() : { kind: 'literal', value: null };
    this.expect('end');
    return { kind: 'case', branches, otherwise };
  }

  protected peek(): Token {
    return this.#tokens[this.#position] ?? { kind: 'end', text: '', at: this.#sql.length };
  }

  /** Whether that symbol stands so many tokens further on. */
  protected peekIs(ahead: number, symbol: string): boolean {
    const token = this.#tokens[this.#position + ahead];
    return token?.kind === 'symbol' && token.text === symbol;
  }

  protected next(): Token {
    const token = this.peek();
    this.#position += 1;
    return token;
  }

  /** True, and one token further, when that word or symbol comes next. */
  protected take(text: string): boolean {
    const { kind, text: found } = this.peek();
    if (found !== text || kind === 'string' || kind === 'quoted') return false;
    this.#position += 1;
    return true;
  }

  protected expect(text: string): void {
    if (!this.take(text)) throw this.unexpected();
  }

  protected unexpected(token: Token = this.peek()): Error {
    return parseError(this.#sql, token.at);
  }
}

function negate(operand: Expression, negated: boolean): Expression {
  return negated ? { kind: 'not', operand } : operand;
}
