/** An ERP of the benchmark: what it serves, and how the product is set up to read it. */
export interface Source {
  /** The MES's external_source of its records. */
  externalSource: string;
  /** The connector's settings beside those that all have; every stream but the one that is measured is off. */
  settings(origin: string): object;
  /** Makes all answers beforehand. */
  prepare(records: number, rows: Rows): Prepared;
}

/** Rows with the properties that were asked for, or with all of them. Only SAP's can be told apart: others always or never choose. */
export type Rows = 'selected' | 'whole';

export interface Prepared {
  /** Bytes of a thousand rows. */
  pageBytes: number;
  answer(asked: Asked): Answer;
  /** The index of the record with this external id, counted from 0; -1 for an id that is none of ours. */
  indexOf(externalId: string): number;
}

export interface Asked {
  url: URL;
  body: string;
}

export interface Answer {
  status: 200 | 400 | 404;
  type: string;
  body: Buffer;
  /** What was read: rows, or that there is no news. */
  read?: 'page' | 'nothing';
}

export const pageSize = 1000;
/** A setting of each stream that is not measured. */
export const off = { enabled: false };
/** No waiting: the rate is not what is measured. */
export const rate = { requestsPerSecond: 1000, burst: 1000 };

export const firstDay = Date.UTC(2026, 0, 5);
export const dayMs = 86_400_000;

export function json(body: Buffer | object, read?: Answer['read']): Answer {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  return { status: 200, type: 'application/json;charset=utf-8', body: bytes, ...(read && { read }) };
}

/** Only for what the benchmark did not foresee: the run then fails with this text, in the form of whichever ERP it is. */
export function refusal(text: string): Answer {
  const forms = { error: { code: 'BENCH', message: { value: text } }, name: 'BENCH', message: text, detail: text };
  const body = Buffer.from(JSON.stringify(forms));
  return { status: 400, type: 'application/json', body };
}

/** All pages, ready to be sent, each made of its rows by `wrap`. */
export function serialisePages(
  records: number,
  rowAt: (index: number) => object,
  wrap: (rows: object[], start: number) => object,
): Buffer[] {
  const pages: Buffer[] = [];
  for (let start = 0; start < records; start += pageSize) {
    const rows = Array.from({ length: Math.min(pageSize, records - start) }, (_, offset) => rowAt(start + offset));
    pages.push(Buffer.from(JSON.stringify(wrap(rows, start))));
  }
  return pages;
}

/** The index of a number that counts up from `first`; -1 for a text that is none. */
export function indexFrom(first: number, text: string): number {
  const index = Number(text) - first;
  return Number.isInteger(index) ? index : -1;
}
