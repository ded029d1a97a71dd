import { searchError } from '../errors.ts';
import type { Column } from '../schema.ts';
import type { Query } from './ast.ts';
import type { Session, SqlValue } from './values.ts';

/** A row of a table, or of a query in its place; the other side of a LEFT JOIN that found nothing has no columns at all. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** The rows at hand: one of each source, those of the query around, and those of the group. */
export interface Env {
  rows: readonly SqlRow[];
  parent?: Env | undefined;
  group?: readonly Env[];
}

/** A source that an expression looks at; depth 0 is the query itself, 1 the one around it. */
export interface Use {
  depth: number;
  source: number;
}

/** An expression that is ready to be evaluated. */
export interface Compiled {
  evaluate(env: Env): SqlValue;
  uses: readonly Use[];
  aggregate: boolean;
}

export interface Source {
  alias: string;
  columns: ReadonlyMap<string, Column>;
  /** Name of the stored table; absent for a query. */
  stored?: string;
}

/** A query that is ready to run. */
export interface Prepared {
  columns: readonly string[];
  /** Sources of the queries around it that it looks at. */
  outer: readonly Use[];
  /** `wanted`: as many rows as will be looked at; of the others only the number counts. */
  run(parent: Env | undefined, wanted: number): Rowset;
}

/** The rows of a query; `to` is at most its `total`, and at most what was wanted. */
export interface Rowset {
  total: number;
  slice(from: number, to: number): SqlValue[][];
}

/** The names that an expression may use, and how queries inside it are prepared. */
export interface Scope {
  sources: readonly Source[];
  parent: Scope | undefined;
  /** Collects what is looked at outside. */
  outer: Use[];
  session: Session;
  prepare(query: Query, parent: Scope): Prepared;
  /** The text of BUILTIN.DF and BUILTIN.CF. */
  display(column: Column, row: SqlRow): SqlValue;
  code(column: Column, row: SqlRow): SqlValue;
}

/** Finds a column by its name, in this query first and then in those around it; undefined when there is none. */
export function resolve(
  { table, name }: { table?: string; name: string },
  scope: Scope,
): { use: Use; column: Column } | undefined {
  let depth = 0;
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    const source = sourceOf({ name, ...(table === undefined ? {} : { table }) }, level);
    const column = level.sources[source]?.columns.get(name);
    if (column !== undefined) {
      const use = { depth, source };
      noteOuter(use, scope);
      return { use, column };
    }
    depth += 1;
  }
  return undefined;
}

function sourceOf({ table, name }: { table?: string; name: string }, { sources }: Scope): number {
  const fits = sources.flatMap(({ alias, columns }, index) =>
    (table === undefined || alias === table) && columns.has(name) ? [index] : [],
  );
  if (fits.length > 1) throw searchError(`ORA-00918: column ambiguously defined: ${name.toUpperCase()}`);
  return fits[0] ?? -1;
}

/** Every query between the expression and the source it names depends on that source. */
function noteOuter({ depth, source }: Use, scope: Scope): void {
  let level: Scope | undefined = scope;
  for (let left = depth; left > 0 && level !== undefined; left -= 1) {
    level.outer.push({ depth: left, source });
    level = level.parent;
  }
}

/** The row that a use means. */
export function rowOf(env: Env, { depth, source }: Use): SqlRow {
  let level: Env | undefined = env;
  for (let left = depth; left > 0; left -= 1) level = level?.parent;
  return level?.rows[source] ?? {};
}

/** The refusal of a name that no source has. */
export function unknownIdentifier(name: string, { sources }: Scope): Error {
  const available = sources.map(({ alias, stored }) => `${alias}=${stored ?? 'query'}`).join(', ');
  return searchError(`Unknown identifier '${name}'. Available identifiers are: {${available}}.`);
}
