import { PermanentError, TransientError } from '../../core/errors.ts';
import { isObject } from './answers.ts';
import { tables } from './bodies.ts';
import { ask, type Call } from './request.ts';
import { SchemaError } from './verdict.ts';

export type ListCall = Pick<Call, 'base' | 'entity' | 'transport'>;

export type Row = Readonly<Record<string, unknown>>;

/** The largest page that the MES gives. */
export const largestPage = 1000;
/** Rows that tie and rows that come meanwhile move over the border of two pages: they are read twice rather than never. */
const overlap = 50;

/** Smaller than the page, so that each brings something. */
function overlapOf(size: number): number {
  return Math.min(overlap, Math.floor(size / 2));
}

export interface Listing {
  /** Requests that reading it to its end takes, those that opened it included. */
  pages: number;
  rows: AsyncIterable<Row>;
  /** Requests that it has taken so far. */
  requests(): number;
}

export interface ListQuery {
  /** Filters and order, each behind an `&`. */
  query: string;
  /** Rows that are wanted, a list without pages aside; all when absent. */
  most?: number;
}

/** A list with its first page read; undefined where this MES cannot list. */
export async function openPages(call: ListCall, { query, most = Infinity }: ListQuery): Promise<Listing | undefined> {
  const reader: Reader = { call, query, size: Math.min(most, largestPage), readTo: 0, requests: 0 };
  const first = await readFitting(reader);
  if (first === undefined) return undefined;
  const step = reader.size - overlapOf(reader.size);
  const pages = reader.requests - 1 + Math.max(1, Math.ceil(Math.min(first.total, most) / step));
  return { pages, rows: allRows(reader, first.rows, most), requests: () => reader.requests };
}

async function* allRows(reader: Reader, first: Row[], most: number): AsyncGenerator<Row> {
  const seen = new Set<unknown>();
  let rows = first;
  let known = 0;
  for (;;) {
    const fresh = rows.filter((row) => !seen.has(row['id']));
    for (const row of fresh) {
      seen.add(row['id']);
      yield row;
    }
    // More than can have come meanwhile: the MES gives the same page again and again.
    known = fresh.length === 0 ? known + rows.length : 0;
    // A list that knows no pages has been read whole.
    if (rows.length !== reader.size || known >= overlap || seen.size >= most) return;
    rows = (await readNext(reader)).rows;
  }
}

interface Reader {
  call: ListCall;
  query: string;
  /** Rows a page; smaller from where a page was too large to be read. */
  size: number;
  /** The row behind the last page. */
  readTo: number;
  requests: number;
}

/** Half a list is none: what it does not show would count as lost. */
async function readNext(reader: Reader): Promise<ListPage> {
  const page = await readFitting(reader);
  if (page !== undefined) return page;
  const { entity } = reader.call;
  throw new TransientError(`The MES stopped listing ${tables[entity]} in the middle of the list.`, { malformed: true });
}

/** The next page, of half as many rows until it is small enough. */
async function readFitting(reader: Reader): Promise<ListPage | undefined> {
  for (;;) {
    const { call, query, size, readTo } = reader;
    const offset = Math.max(0, readTo - overlapOf(size));
    reader.requests += 1;
    try {
      const page = await readPage(call, `limit=${size}&offset=${offset}${query}`);
      reader.readTo = offset + size;
      return page;
    } catch (error) {
      if (!(error instanceof PermanentError && error.tooLarge) || size === 1) throw error;
      reader.size = Math.floor(size / 2);
    }
  }
}

interface ListPage {
  rows: Row[];
  /** Rows of the whole list, as the MES counts them. */
  total: number;
}

async function readPage(call: ListCall, query: string): Promise<ListPage | undefined> {
  const answer = await ask(call, { method: 'GET', rest: `?${query}` }).catch((error: unknown) => {
    if (error instanceof SchemaError) return undefined;
    throw error;
  });
  if (answer === undefined) return undefined;
  // The documented generation gives an array, or the table as any other does.
  const data = isObject(answer.data) ? answer.data[tables[call.entity]] : answer.data;
  if (Array.isArray(data)) return { rows: data.filter(isObject), total: totalOf(answer.data) ?? data.length };
  if (answer.data !== undefined) {
    throw new TransientError(`The MES listed ${tables[call.entity]} in a form that is not known.`);
  }
  return /range not satisfiable/.test(answer.message) ? { rows: [], total: 0 } : undefined;
}

function totalOf(data: unknown): number | undefined {
  const pagination = isObject(data) ? data['pagination'] : undefined;
  const total = isObject(pagination) ? pagination['total'] : undefined;
  return typeof total === 'number' ? total : undefined;
}
