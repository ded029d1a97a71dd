import type { SuiteQlClient } from './client.ts';
import { allOf, idLiteral, isId, selectText } from './text.ts';

type Row = Record<string, unknown>;

/** What rows of a page take from another table: one more query a page, not a join, over a thousand ids at the most. */
export interface LookUp {
  table: string;
  /** Column of that table, alias `l`, by which its rows are found. */
  key: string;
  /** Property of the page's rows that holds the key. */
  by: string;
  where?: string;
  /** Row name -> SuiteQL expression over `l`; laid over the page's row where one is found. */
  columns: Readonly<Record<string, string>>;
}

const limit = 1000;

/** Lays what is found over the rows themselves; what is not found leaves a row as it is. */
export async function lookUp(
  client: SuiteQlClient,
  { lookUp: { table, key, by, where, columns }, rows }: { lookUp: LookUp; rows: readonly unknown[] },
  signal: AbortSignal,
): Promise<void> {
  const idOf = (row: unknown) => (row as Row | null)?.[by];
  const asking = rows.filter((row) => isId(idOf(row))) as Row[];
  const wanted = Map.groupBy(asking, (row) => String(idOf(row)));
  const ids = [...wanted.keys()];
  for (let at = 0; at < ids.length; at += limit) {
    const list = `${key} IN (${ids
      .slice(at, at + limit)
      .map(idLiteral)
      .join(', ')})`;
    for await (const found of rowsByKey(client, { table, key, columns, where: allOf(where, list) }, signal)) {
      const { lookupkey, ...rest } = found as Row;
      for (const row of wanted.get(String(lookupkey)) ?? []) Object.assign(row, rest);
    }
  }
}

interface KeyedRows extends Pick<LookUp, 'table' | 'key' | 'columns'> {
  where: string;
}

/** Rows of a table, alias `l`, in the order of a key that need not be unique, which they show as `lookupkey`. */
export async function* rowsByKey(
  client: SuiteQlClient,
  { table, key, columns, where }: KeyedRows,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  let behind: string | undefined;
  for (;;) {
    const conditions = allOf(where, behind === undefined ? undefined : `${key} > ${idLiteral(behind)}`);
    const select = {
      columns: { lookupkey: key, ...columns },
      from: `${table} l`,
      where: conditions,
      orderBy: `${key} ASC`,
    };
    const { rows, hasMore } = await client.query(selectText(select), { limit }, signal);
    yield* rows;
    const last = (rows.at(-1) as Row | undefined)?.['lookupkey'];
    if (!hasMore || last === undefined) return;
    behind = String(last);
  }
}
