import { columnsOf, type Expression, predicateOf, rangesOf } from './filter.ts';
import type { Row } from './model.ts';
import type { Index, Order, Table } from './table.ts';

/** One read of a table. */
export interface Query {
  where?: Expression;
  /** What this user's authorisations show; everything when absent. */
  shows?: (row: Row) => boolean;
  /** Without an order the rows come by key. */
  order: readonly Order[];
  /** Continue after this position of the ordering (the value-based skip token); only ordering columns are looked at. */
  after?: Row;
  skip: number;
  limit: number;
}

/** A page of rows; `more` tells whether the limit cut the answer. */
export interface Page {
  rows: Row[];
  more: boolean;
}

/** Answers one page: by a walk along the index of the ordering, or by sorting what another index narrows down to. */
export function readPage(table: Table<Row>, query: Query): Page {
  const index = table.ordered(query.order);
  const { shows = () => true } = query;
  const holds = query.where === undefined ? () => true : predicateOf(query.where);
  const rows: Row[] = [];
  let skip = query.skip;
  for (const row of candidates(table, index, query)) {
    if (!holds(row) || !shows(row)) continue;
    if (skip > 0) {
      skip -= 1;
      continue;
    }
    if (rows.length === query.limit) return { rows, more: true };
    rows.push(row);
  }
  return { rows, more: false };
}

/** How many rows match the filter, whatever the page. */
export function countRows(table: Table<Row>, { where, shows }: Pick<Query, 'where' | 'shows'>): number {
  if (where === undefined && shows === undefined) return table.size;
  const holds = where === undefined ? () => true : predicateOf(where);
  let count = 0;
  for (const row of candidates(table, table.ordered([]), where === undefined ? {} : { where })) {
    if (holds(row) && shows?.(row) !== false) count += 1;
  }
  return count;
}

type Spans = [number, number][];

/** A superset of the matching rows after `after`, in the order of `index`. */
function candidates(table: Table<Row>, index: Index, query: Pick<Query, 'where' | 'after'>): Iterable<Row> {
  const { where, after } = query;
  const start = after === undefined ? 0 : index.after(after);
  if (where === undefined) return walk(index, [[start, index.rows.length]]);
  const ownSpans = spansOf(index, where).map(([from, to]): [number, number] => [Math.max(from, start), to]);
  let best: { index: Index; spans: Spans } = { index, spans: ownSpans };
  for (const column of columnsOf(where)) {
    const other = table.ordered([{ column, descending: false }]);
    const spans = spansOf(other, where);
    // Rows from another index have to be sorted, so it must narrow down a good deal more.
    if (sizeOf(spans) * 8 < sizeOf(best.spans)) best = { index: other, spans };
  }
  if (best.index === index) return walk(index, best.spans);
  const found = [...walk(best.index, best.spans)].filter((row) => after === undefined || index.compare(row, after) > 0);
  return found.sort((left, right) => index.compare(left, right));
}

function* walk(index: Index, spans: Spans): Iterable<Row> {
  for (const [from, to] of spans) {
    for (let position = from; position < to; position += 1) {
      const row = index.rows[position];
      if (row !== undefined) yield row;
    }
  }
}

/** The stretches of an index the filter leaves, in order and without overlap. */
function spansOf(index: Index, where: Expression): Spans {
  const lead = index.order[0];
  const ranges = lead === undefined ? undefined : rangesOf(where, lead.column);
  if (ranges === undefined) return [[0, index.rows.length]];
  const spans: Spans = [];
  for (const [from, to] of ranges.map((range) => index.span(range)).sort(([one], [other]) => one - other)) {
    const last = spans.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else spans.push([from, to]);
  }
  return spans;
}

function sizeOf(spans: Spans): number {
  let size = 0;
  for (const [from, to] of spans) size += Math.max(0, to - from);
  return size;
}
