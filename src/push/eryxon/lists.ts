import { isObject } from '../../core/objects.ts';
import type { Entity } from '../../core/types.ts';
import type { ListedRecord } from '../sink.ts';
import { type ListCall, type Listing, openPages, type Row } from './pages.ts';
import { ask } from './request.ts';

/** Rows of a query, each of its parameters behind an `&`, as many as are wanted; undefined where this MES cannot list. */
export async function readRows(call: ListCall, query: string, most: number): Promise<Row[] | undefined> {
  const list = await openPages(call, { query, most });
  return list === undefined ? undefined : collect(list.rows);
}

export async function collect(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
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

/** Every live row, once; undefined where this MES cannot list. */
export async function listRows(call: ListCall): Promise<AsyncIterable<Row> | undefined> {
  return (await openList(call, ''))?.rows;
}

/** A list that a filter, behind an `&`, narrows down, with its first page read. */
export function openList(call: ListCall, filter: string): Promise<Listing | undefined> {
  return openPages(call, { query: `${filter}&sort=${order[call.entity]}&order=asc` });
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

/** Tables of which the database of the MES takes no business key twice. */
const uniqueKeys: ReadonlySet<Entity> = new Set(['job', 'part']);

/** The live rows of a business key; undefined where this MES cannot list. Filters match parts of a text: equality is looked at here. */
export async function findByKey(call: ListCall, key: string): Promise<Row[] | undefined> {
  const { entity } = call;
  if (keyColumns[entity] === undefined) return undefined;
  const filter = filterOf(entity, key);
  const list = filter === undefined ? undefined : await openList(call, `&${filter}`);
  const records = list === undefined ? await listRecords(call) : named(list.rows, entity);
  const found: Row[] = [];
  for await (const { businessKey, fields } of records ?? []) {
    if (businessKey !== key) continue;
    found.push(fields);
    if (uniqueKeys.has(entity)) break;
  }
  return found;
}

/** Narrows a list down; undefined where the text would break the filter. */
function filterOf(entity: Entity, key: string): string | undefined {
  if (entity === 'job') return `job_number=${encodeURIComponent(key)}`;
  return /[,()"\\]/.test(key) ? undefined : `search=${encodeURIComponent(key)}`;
}
