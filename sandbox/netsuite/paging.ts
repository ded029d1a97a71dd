import { NetSuiteError } from './errors.ts';
import type { Rowset } from './sql/scope.ts';
import { type Session, type SqlValue, textOf } from './sql/values.ts';

/** How the names of columns are written in answers; a release of NetSuite may change it overnight. */
export type KeyCase = 'lower' | 'upper';

/** A part of a result. */
export interface Page {
  limit: number;
  offset: number;
}

const largestPage = 1000;
const mostPages = 1000;

/** Reads `limit` and `offset`; throws for a limit above 1000 and for an offset that is no multiple of the limit. */
export function pageOf(query: string): Page {
  const parameters = new URLSearchParams(query);
  const limit = wholeNumber(parameters, 'limit', largestPage);
  const offset = wholeNumber(parameters, 'offset', 0);
  if (limit < 1 || limit > largestPage) throw badParameter('limit', `The limit must be from 1 to ${largestPage}.`);
  if (offset % limit !== 0) throw badParameter('offset', 'The offset must be divisible by the limit.');
  return { limit, offset };
}

function wholeNumber(parameters: URLSearchParams, name: string, otherwise: number): number {
  const given = parameters.get(name);
  if (given === null) return otherwise;
  if (!/^\d{1,9}$/.test(given)) throw badParameter(name, `Invalid value of the parameter: ${given}.`);
  return Number(given);
}

function badParameter(name: string, detail: string): NetSuiteError {
  return new NetSuiteError(400, 'INVALID_PARAMETER', { detail, place: { 'o:errorQueryParam': name } });
}

/** What a collection is made of. */
export interface Collection {
  columns: readonly string[];
  rows: Rowset;
  page: Page;
  session: Session;
  keyCase: KeyCase;
  /** Rows of one result that can be reached at all, 100 000 in NetSuite. */
  rowCap: number;
  /** Address of the resource, without a query. */
  address: string;
}

/** The body of an answer: every value a string, and no key at all for null. */
export function collectionOf(given: Collection): object {
  const { rows, page, session, rowCap, columns, keyCase } = given;
  const { limit, offset } = page;
  const reachable = Math.min(rowCap, mostPages * limit);
  if (offset > 0 && offset >= reachable) throw badParameter('offset', `Only the first ${reachable} rows can be read.`);
  const total = Math.min(rows.total, reachable);
  const names = columns.map((name) => (keyCase === 'upper' ? name.toUpperCase() : name));
  const items = rows.slice(offset, Math.min(offset + limit, total)).map((row) => itemOf(names, row, session));
  const hasMore = offset + items.length < total;
  return {
    links: linksOf(given, { hasMore, total }),
    count: items.length,
    hasMore,
    items,
    offset,
    totalResults: total,
  };
}

function itemOf(names: readonly string[], row: readonly SqlValue[], session: Session): object {
  const item: Record<string, unknown> = { links: [] };
  for (const [index, name] of names.entries()) {
    const value = row[index] ?? null;
    if (value !== null) item[name] = textOf(value, session);
  }
  return item;
}

function linksOf({ page, address }: Collection, { hasMore, total }: { hasMore: boolean; total: number }): object[] {
  const { limit, offset } = page;
  const link = (rel: string, at: number): object => ({ rel, href: `${address}?limit=${limit}&offset=${at}` });
  const before = offset > 0 ? [link('previous', offset - limit), link('first', 0)] : [];
  const last = Math.floor(Math.max(0, total - 1) / limit) * limit;
  const after = hasMore ? [link('next', offset + limit), link('last', last)] : [];
  return [...before, ...after, link('self', offset)];
}
