import type { SqlValue } from './values.ts';

/** An expression or a condition as it was written. Names are in lower case. */
export type Expression =
  | { kind: 'literal'; value: SqlValue }
  | { kind: 'column'; table?: string; name: string }
  | { kind: 'call'; name: string; operands: Expression[]; distinct?: true; star?: true }
  | { kind: 'negative'; operand: Expression }
  | { kind: 'not'; operand: Expression }
  | { kind: 'binary'; operator: Operator; left: Expression; right: Expression }
  | { kind: 'isNull'; operand: Expression }
  | { kind: 'in'; operand: Expression; list: Expression[] | Query }
  | { kind: 'like'; operand: Expression; pattern: Expression }
  | { kind: 'case'; branches: { when: Expression; result: Expression }[]; otherwise: Expression }
  | { kind: 'exists'; query: Query }
  | { kind: 'scalar'; query: Query };

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';
export type Operator = Comparison | 'and' | 'or' | '+' | '-' | '*' | '/' | '||';

/** One column of a SELECT list; a star may be that of one table. */
export type Selected = { star: true; table?: string } | { expression: Expression; alias?: string };

export interface From {
  /** A table by name, or a query in its place. */
  source: string | Query;
  alias: string;
  join: 'inner' | 'left';
  on?: Expression;
}

export interface Query {
  distinct: boolean;
  columns: Selected[];
  from: From[];
  where?: Expression;
  groupBy: Expression[];
  having?: Expression;
  orderBy: { expression: Expression; descending: boolean; nullsFirst: boolean }[];
  /** Rows of `FETCH FIRST n ROWS ONLY`. */
  fetch?: number;
}
