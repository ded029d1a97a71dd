import { TransientError } from '../../core/errors.ts';
import type { Entity } from '../../core/types.ts';
import type { ListedRecord } from '../sink.ts';
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

/** One page of a list; undefined where this MES cannot list. */
export async function readRows(call: ListCall, query: string): Promise<Row[] | undefined> {
  return (await readPage(call, query))?.rows;
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

/** The row of that id; undefined when there is none, or none is shown. */
export async function readOne(call: ListCall, mesId: string): Promise<Row | undefined> {
  const answer = await ask(call, { method: 'GET', rest: `?id=${encodeURIComponent(mesId)}` });
  const row = isObject(answer.data) ? answer.data[call.entity] : undefined;
  return isObject(row) ? row : undefined;
}

/** Sorted by what does not change and does not tie, as far as each list can. */
const order: Readonly<Record<Entity, string>> = {
  cell: 'created_at',
  resource: 'name',
  job: 'job_number',
  part: 'part_number',
  operation: 'created_at',
};

export interface Listing {
  /** Requests that reading it to its end takes, the first included. */
  pages: number;
  rows: AsyncIterable<Row>;
}

/** Requests that so many rows take to be read. */
export function pagesOf(rows: number): number {
  return Math.max(1, Math.ceil(rows / (largestPage - overlap)));
}

/** Every live row, once; undefined where this MES cannot list. */
export async function listRows(call: ListCall): Promise<AsyncIterable<Row> | undefined> {
  return (await openList(call, ''))?.rows;
}

/** A list that a filter narrows down, with its first page read. */
export async function openList(call: ListCall, filter: string): Promise<Listing | undefined> {
  const first = await readPage(call, filter + pageQuery(call.entity, 0));
  if (first === undefined) return undefined;
  return { pages: pagesOf(first.total), rows: allRows(call, { filter, first: first.rows }) };
}

async function* allRows(call: ListCall, { filter, first }: { filter: string; first: Row[] }): AsyncGenerator<Row> {
  const seen = new Set<unknown>();
  let rows = first;
  for (let offset = 0; ; ) {
    const fresh = rows.filter((row) => !seen.has(row['id']));
    for (const row of fresh) {
      seen.add(row['id']);
      yield row;
    }
    // A list that knows no pages has been read whole.
    if (rows.length !== largestPage || fresh.length === 0) return;
    offset += largestPage - overlap;
    rows = (await readRows(call, filter + pageQuery(call.entity, offset))) ?? [];
  }
}

function pageQuery(entity: Entity, offset: number): string {
  return `limit=${largestPage}&offset=${offset}&sort=${order[entity]}&order=asc`;
}

/** Every live record that the MES shows; parts whose own list does not start are found in the list of jobs. */
export async function listRecords(call: ListCall): Promise<AsyncIterable<ListedRecord> | undefined> {
  const rows = await listRows(call);
  if (rows !== undefined) return named(rows, call.entity);
  const jobs = call.entity === 'part' ? await listRows({ ...call, entity: 'job' }) : undefined;
  return jobs === undefined ? undefined : named(embeddedParts(jobs), 'part');
}

/** Parts as jobs embed them; deleted ones too, there is no telling them apart. */
async function* embeddedParts(jobs: AsyncIterable<Row>): AsyncGenerator<Row> {
  for await (const job of jobs) {
    const parts = job['parts'];
    if (Array.isArray(parts)) yield* parts.filter(isObject);
  }
}

const keyColumns: Partial<Record<Entity, string>> = { cell: 'name', job: 'job_number', part: 'part_number' };

async function* named(rows: AsyncIterable<Row>, entity: Entity): AsyncGenerator<ListedRecord> {
  for await (const row of rows) yield toListed(row, entity);
}

function toListed(row: Row, entity: Entity): ListedRecord {
  const key = row[keyColumns[entity] ?? ''];
  const { external_id: externalId, external_source: source } = row;
  return {
    mesId: String(row['id']),
    businessKey: typeof key === 'string' ? key : null,
    ...(typeof externalId === 'string' ? { externalId } : {}),
    ...(typeof source === 'string' ? { source } : {}),
    fields: row,
  };
}

/** The live rows of a business key; undefined where this MES cannot list. Filters match parts of a text: equality is looked at here. */
export async function findByKey(call: ListCall, key: string): Promise<Row[] | undefined> {
  const { entity } = call;
  const column = keyColumns[entity];
  if (column === undefined) return undefined;
  const filter = filterOf(entity, key);
  if (filter !== undefined) {
    const rows = await readRows(call, `${filter}&limit=100`);
    if (rows !== undefined) return rows.filter((row) => row[column] === key);
  }
  const found: Row[] = [];
  for await (const { businessKey, fields } of (await listRecords(call)) ?? []) {
    if (businessKey === key) found.push(fields);
  }
  return found;
}

/** Narrows a list down; undefined where the text would break the filter. */
function filterOf(entity: Entity, key: string): string | undefined {
  if (entity === 'job') return `job_number=${encodeURIComponent(key)}`;
  return /[,()"\\]/.test(key) ? undefined : `search=${encodeURIComponent(key)}`;
}
