import { badQuery, notSimulated } from '../errors.ts';
import type { From, Query, Selected } from './ast.ts';
import { ExpressionParser } from './expression-parser.ts';

/** Words that end a clause, so that they are no alias. */
const clauses = new Set(
  'where join inner left right full cross on group order having fetch offset limit union minus intersect for as and or'.split(
    ' ',
  ),
);

/** Reads a SELECT statement. Throws `NetSuiteError` for everything that SuiteQL is not. */
export function parse(sql: string): Query {
  return new QueryParser(sql).statement();
}

class QueryParser extends ExpressionParser {
  statement(): Query {
    if (this.peek().text === 'with') throw badQuery('WITH clauses are not supported.');
    const query = this.query();
    if (this.peek().kind !== 'end') throw this.unexpected();
    return query;
  }

  protected override query(): Query {
    this.expect('select');
    const distinct = this.take('distinct');
    const columns = this.#columns();
    this.expect('from');
    const from = this.#from();
    const query: Query = { distinct, columns, from, groupBy: [], orderBy: [] };
    if (this.take('where')) query.where = this.expression();
    this.#grouping(query);
    this.#ordering(query);
    this.#limits(query);
    const set = ['union', 'minus', 'intersect'].find((word) => this.peek().text === word);
    if (set !== undefined) throw notSimulated(set.toUpperCase());
    return query;
  }

  #columns(): Selected[] {
    const columns = [this.#selected()];
    while (this.take(',')) columns.push(this.#selected());
    return columns;
  }

  #selected(): Selected {
    if (this.take('*')) return { star: true };
    const table = this.#starOf();
    if (table !== undefined) return { star: true, table };
    const expression = this.expression();
    const alias = this.#alias();
    return alias === undefined ? { expression } : { expression, alias };
  }

  /** `t.*` looks like a column until its last token. */
  #starOf(): string | undefined {
    if (this.peek().kind !== 'word' || !this.peekIs(1, '.') || !this.peekIs(2, '*')) return undefined;
    const name = this.next().text;
    this.next();
    this.next();
    return name;
  }

  #alias(): string | undefined {
    const marked = this.take('as');
    const { kind, text } = this.peek();
    if (kind === 'quoted' || (kind === 'word' && !clauses.has(text) && text !== 'from')) return this.next().text;
    if (marked) throw this.unexpected();
    return undefined;
  }

  #from(): From[] {
    const from = [this.#source('inner')];
    for (;;) {
      if (this.take(',')) from.push(this.#source('inner'));
      else if (!this.#join(from)) return from;
    }
  }

  #join(from: From[]): boolean {
    if (this.take('cross')) {
      this.expect('join');
      from.push(this.#source('inner'));
      return true;
    }
    if (this.peek().text === 'right' || this.peek().text === 'full') throw notSimulated('RIGHT and FULL joins');
    const left = this.take('left');
    if (left) this.take('outer');
    else this.take('inner');
    if (!this.take('join')) {
      if (left) throw this.unexpected();
      return false;
    }
    const source = this.#source(left ? 'left' : 'inner');
    this.expect('on');
    from.push({ ...source, on: this.expression() });
    return true;
  }

  #source(join: From['join']): From {
    if (this.take('(')) {
      const source = this.query();
      this.expect(')');
      return { source, alias: this.#alias() ?? '', join };
    }
    const token = this.next();
    if (token.kind !== 'word') throw this.unexpected(token);
    return { source: token.text, alias: this.#alias() ?? token.text, join };
  }

  #grouping(query: Query): void {
    if (this.take('group')) {
      this.expect('by');
      query.groupBy = this.list();
    }
    if (this.take('having')) query.having = this.expression();
  }

  #ordering(query: Query): void {
    if (!this.take('order')) return;
    this.expect('by');
    do {
      const expression = this.expression();
      const descending = !this.take('asc') && this.take('desc');
      const nullsFirst = this.take('nulls') ? this.next().text === 'first' : descending;
      query.orderBy.push({ expression, descending, nullsFirst });
    } while (this.take(','));
  }

  /** `OFFSET n ROWS` is taken and ignored, as accounts do. */
  #limits(query: Query): void {
    if (this.peek().text === 'limit') throw badQuery('LIMIT is not supported, use FETCH FIRST n ROWS ONLY.');
    if (this.take('offset')) {
      this.next();
      if (!this.take('rows')) this.take('row');
    }
    if (!this.take('fetch')) return;
    if (!this.take('first')) this.expect('next');
    query.fetch = Number(this.next().text);
    if (!this.take('rows')) this.expect('row');
    this.expect('only');
    if (!Number.isInteger(query.fetch)) throw this.unexpected();
  }
}
