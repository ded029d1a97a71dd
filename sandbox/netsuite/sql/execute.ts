import type { Row } from '../database.ts';
import type { Column } from '../schema.ts';
import type { Query } from './ast.ts';
import { joinRows } from './join.ts';
import { outputOf } from './output.ts';
import { parse } from './parser.ts';
import type { Prepared, Rowset, Scope } from './scope.ts';
import type { Supplied, Target } from './target.ts';

/** A statement, and how many of its rows will be looked at. */
interface Statement {
  sql: string;
  wanted: number;
}

/** The names of the columns of a statement, and its rows. Throws `NetSuiteError` for what SuiteQL refuses. */
export function execute({ sql, wanted }: Statement, target: Target): { columns: readonly string[]; rows: Rowset } {
  const { columns, run } = prepare(parse(sql), undefined, target);
  return { columns, rows: run(undefined, wanted) };
}

function prepare(query: Query, parent: Scope | undefined, target: Target): Prepared {
  const sources = query.from.map(({ source, alias }) => sourceOf(source, alias, target));
  const scope: Scope = {
    sources,
    parent,
    outer: [],
    session: target.session,
    prepare: (inner, around) => prepare(inner, around, target),
    // The rows of stored tables are what they were put in as.
    display: (column, row) => target.display(column, row as Row),
    code: (column, row) => target.code(column, row as Row),
  };
  const join = joinRows(query, { scope, sources, target });
  const output = outputOf(query, scope, target.turn);
  const { columns, asTheyCome } = output;
  return {
    columns,
    outer: scope.outer,
    run: (around, wanted) => output.run(join(around, asTheyCome ? wanted : Number.POSITIVE_INFINITY), around),
  };
}

function sourceOf(source: string | Query, alias: string, target: Target): Supplied {
  if (typeof source === 'string') return { alias, columns: target.table(source).columns, stored: source };
  const prepared = prepare(source, undefined, target);
  const columns = prepared.columns.map((name): [string, Column] => [name, { name, type: 'any' }]);
  return { alias, columns: new Map(columns), prepared };
}
