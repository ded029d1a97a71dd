import { PermanentError, TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
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
  const reader = new Reader(call, query, Math.min(most, largestPage));
  const first = await reader.next();
  if (first === undefined) return undefined;
  const step = first.size - overlapOf(first.size);
  const pages = reader.requests - 1 + Math.max(1, Math.ceil(Math.min(first.total, most) / step));
  return { pages, rows: allRows(reader, first, most), requests: () => reader.requests };
}

async function* allRows(reader: Reader, first: SizedPage, most: number): AsyncGenerator<Row> {
  const seen = new Set<unknown>();
  let page = first;
  let known = 0;
  for (;;) {
    const seenBefore = seen.size;
    for (const row of page.rows) {
      if (seen.has(row['id'])) continue;
      seen.add(row['id']);
      yield row;
    }
    // More than can have come meanwhile: the MES gives the same page again and again.
    known = seen.size === seenBefore ? known + page.rows.length : 0;
    // A list that knows no pages has been read whole.
    if (page.rows.length !== page.size || known >= overlap || seen.size >= most) return;
    page = await readNext(reader);
  }
}

/** Half a list is none: what it does not show would count as lost. */
async function readNext(reader: Reader): Promise<SizedPage> {
  const page = await reader.next();
  if (page !== undefined) return page;
  const { entity } = reader.call;
  throw new TransientError(`The MES stopped listing ${tables[entity]} in the middle of the list.`, { malformed: true });
}

/** A page and the rows that it was to have: fewer are the end of the list. */
interface SizedPage extends ListPage {
  size: number;
}

/** Pages that are read at most between two that try twice the size: where all rows are large, those that fail stay few. */
const mostPatience = 8;

/**
 * Goes through a list by pages. The size halves where an answer is too large and doubles again behind that place, up to the size it
 * began with, so a large row makes only the pages around it small. A page that tried twice the size and failed makes the next try wait
 * for twice as many pages.
 */
class Reader {
  readonly call: ListCall;
  requests = 0;
  readonly #query: string;
  readonly #largest: number;
  /** Rows that are asked for; one stands for two that are read one by one. */
  #size: number;
  /** The row behind the last page. */
  #readTo = 0;
  /** Pages read since the size last changed. */
  #fitted = 0;
  /** Pages to be read before twice the size is tried. */
  #patience = 1;
  /** Twice the size is being tried. */
  #trying = false;

  constructor(call: ListCall, query: string, largest: number) {
    this.call = call;
    this.#query = query;
    this.#largest = largest;
    this.#size = largest;
  }

  /** The next page, of half as many rows until it is small enough; undefined where this MES cannot list. */
  async next(): Promise<SizedPage | undefined> {
    for (;;) {
      try {
        const page = await this.#read();
        this.#grow();
        return page;
      } catch (error) {
        if (!(error instanceof PermanentError && error.tooLarge) || this.#size === 1) throw error;
        this.#shrink();
      }
    }
  }

  async #read(): Promise<SizedPage | undefined> {
    // Behind the first, a page of one row could not overlap the one before and bring something.
    const size = this.#readTo === 0 ? this.#size : Math.max(2, this.#size);
    const offset = Math.max(0, this.#readTo - overlapOf(size));
    const page = size === this.#size ? await this.#ask(size, offset) : await this.#askSingly(offset);
    this.#readTo = offset + size;
    return page === undefined ? undefined : { ...page, size };
  }

  /** Two rows that are too large for one answer. The last first: a row that moves to the front meanwhile is read twice rather than never. */
  async #askSingly(offset: number): Promise<ListPage | undefined> {
    const last = await this.#ask(1, offset + 1);
    const first = last && (await this.#ask(1, offset));
    return first && { ...first, rows: [...first.rows, ...last.rows] };
  }

  #ask(limit: number, offset: number): Promise<ListPage | undefined> {
    this.requests += 1;
    return readPage(this.call, `limit=${limit}&offset=${offset}${this.#query}`);
  }

  #grow(): void {
    if (this.#trying) this.#patience = 1;
    this.#fitted += 1;
    this.#trying = this.#size < this.#largest && this.#fitted >= this.#patience;
    if (!this.#trying) return;
    this.#size = Math.min(this.#size * 2, this.#largest);
    this.#fitted = 0;
  }

  #shrink(): void {
    if (this.#trying) this.#patience = Math.min(this.#patience * 2, mostPatience);
    this.#trying = false;
    this.#size = Math.floor(this.#size / 2);
    this.#fitted = 0;
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
