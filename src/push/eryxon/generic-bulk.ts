import { TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
import { isHeld } from '../../core/records.ts';
import type { MesRecord } from '../../core/types.ts';
import type { ReadyChange, SinkResult } from '../sink.ts';
import { listBody, tables } from './bodies.ts';
import type { Columns } from './columns.ts';
import { genericPut } from './generic-put.ts';
import { listRows, openList, readOne, readRows } from './lists.ts';
import { largestPage, type Row } from './pages.ts';
import { prepare } from './prepare.ts';
import { shows } from './proof.ts';
import { ask, type Call, type Report, requireKnown } from './request.ts';
import { taskOf, worthListing } from './ways.ts';

/** What one bulk-sync carries. */
interface BulkSync {
  sent: readonly Sent[];
  /** New rows since it began, its own and those of bulk-syncs side by side with it. */
  rowsSince(): number;
}

/** A record that was sent, and what was sent of it. */
interface Sent {
  change: ReadyChange;
  columns: Columns;
}

/**
 * `POST /api-<table>/bulk-sync` with real columns. It counts what was tried and keeps to itself what the database said, so nothing
 * of its answer counts: creates and what is put on hold are all looked for in lists, updates by a sample, and what is not there as it
 * was sent goes out once more by itself, where the answer shows the row or the reason.
 */
export async function genericBulk(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  const sent: Sent[] = [];
  for (const change of changes) {
    const prepared = await prepare(call, change);
    if ('result' in prepared) report(change, prepared.result);
    else sent.push({ change, columns: prepared.columns });
  }
  if (sent.length === 0) return;
  const line = call.session.newRows(call.entity);
  const rowsBefore = line.sent - line.underWay;
  const own = sent.filter(({ change }) => change.known?.mesId == null).length;
  line.sent += own;
  line.underWay += own;
  try {
    await sendAndProve(call, { sent, rowsSince: () => line.sent - rowsBefore }, report);
  } finally {
    line.underWay -= own;
  }
}

async function sendAndProve(call: Call, { sent, rowsSince }: BulkSync, report: Report): Promise<void> {
  const body = listBody(`{"${tables[call.entity]}"`, sent.map(bodyOf));
  const carries = sent.map(({ change }) => change);
  const answer = await ask(call, { method: 'POST', rest: '/bulk-sync', body, carries });
  requireKnown(answer, 'bulk-sync');
  const results = isObject(answer.data) ? answer.data['results'] : undefined;
  if (answer.data !== undefined && !isObject(results)) {
    throw new TransientError(`The MES answered a bulk-sync of ${tables[call.entity]} in a form that is not known.`);
  }
  // Refused as a whole, such as for its size: each by itself says why.
  if (!isObject(results)) {
    return genericPut(
      call,
      sent.map(({ change }) => change),
      report,
    );
  }
  const named = new Set(namedFailures(results['errors']));
  const claimed = sent.filter(({ change }) => !named.has(change.record.externalId));
  const doubtful = sent.filter(({ change }) => named.has(change.record.externalId)).map(({ change }) => change);
  const { creates, held, updates } = groupByProof(claimed, ({ change }) => change);
  const unproved = await proveCreates(call, { sent: creates, rowsSince }, report);
  const missing = [...unproved, ...(await proveUpdates(call, updates, report))];
  const { lost, unseen } = await proveOnHold(call, held, report);
  // What the answer called stored and is not: from now on everything is looked for.
  if (missing.length + lost.length > 0) await call.session.distrust();
  await genericPut(call, [...doubtful, ...missing, ...lost, ...unseen], report);
}

/**
 * The list of jobs shows no external ids, and a number that another source's job has already is refused without a word: a new job carries
 * whose it is where the list shows it.
 */
function bodyOf({ change, columns }: Sent): string {
  const { entity, externalId, source } = change.record;
  const mark = entity === 'job' && !isHeld(change.known);
  const metadata = { [ownMark]: { external_id: externalId, external_source: source } };
  return JSON.stringify(mark ? { ...columns, metadata } : columns);
}

const ownMark = 'erp_puller';

/** Whether the row carries our mark: a job of the same number may be another source's. */
function isOwn({ metadata }: Row, { entity, externalId, source }: MesRecord): boolean {
  if (entity !== 'job') return true;
  const mark = isObject(metadata) ? metadata[ownMark] : undefined;
  return isObject(mark) && mark['external_id'] === externalId && mark['external_source'] === source;
}

/** What proves them differs: the newest rows, the list of what is on hold, a sample. */
export function groupByProof<Item>(
  items: readonly Item[],
  changeOf: (item: Item) => ReadyChange,
): Record<'creates' | 'held' | 'updates', Item[]> {
  const {
    creates = [],
    held = [],
    updates = [],
  } = Object.groupBy(items, (item) => {
    const change = changeOf(item);
    if (change.known?.mesId == null) return 'creates';
    return taskOf(change) === 'status' ? 'held' : 'updates';
  });
  return { creates, held, updates };
}

function namedFailures(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    const item = isObject(error) && isObject(error['item']) ? error['item'] : {};
    return typeof item['external_id'] === 'string' ? [item['external_id']] : [];
  });
}

/** Rows beyond our own that a look at the newest takes in, for whoever else creates some meanwhile. */
const others = 20;

/** Looks among the newest rows; where many are missing there, because the MES had them before, in the whole list. */
async function proveCreates(
  call: Call,
  { sent: creates, rowsSince }: BulkSync,
  report: Report,
): Promise<ReadyChange[]> {
  if (creates.length === 0) return [];
  const most = Math.min(largestPage, rowsSince() + others);
  const newest = await readRows(call, '&sort=created_at&order=desc', most);
  const open = matchRows(call, { sent: creates, rows: newest ?? [] }, report);
  const worthAll = open.length > 3 && open.length * 10 > creates.length;
  if (!worthAll) return open.map(({ change }) => change);
  const all: Row[] = [];
  const keys = new Set(open.map(({ columns }) => keyOf(call, columns)));
  for await (const row of (await listRows(call)) ?? []) if (keys.has(keyOf(call, row))) all.push(row);
  return matchRows(call, { sent: open, rows: all }, report).map(({ change }) => change);
}

/** Reports those of which exactly one row shows what was sent; returns the others. */
function matchRows(
  call: Call,
  { sent, rows }: { sent: readonly Sent[]; rows: readonly Row[] },
  report: Report,
): Sent[] {
  const byKey = new Map<string, Row[]>();
  for (const row of rows) byKey.set(keyOf(call, row), [...(byKey.get(keyOf(call, row)) ?? []), row]);
  const wanted = new Map<string, number>();
  for (const { columns } of sent) wanted.set(keyOf(call, columns), (wanted.get(keyOf(call, columns)) ?? 0) + 1);
  return sent.filter(({ change, columns }) => {
    const found = byKey.get(keyOf(call, columns)) ?? [];
    const [only] = found;
    const sure = found.length === 1 && wanted.get(keyOf(call, columns)) === 1;
    if (only === undefined || !sure || !isOwn(only, change.record) || !shows(only, columns)) return true;
    if (call.session.owners.isOthers(change.record, String(only['id']))) return true;
    report(change, { kind: 'delivered', action: 'created', mesId: String(only['id']) });
    return false;
  });
}

const keyColumns: Readonly<Record<Call['entity'], readonly string[]>> = {
  cell: ['name'],
  resource: ['external_source', 'external_id'],
  job: ['job_number'],
  part: ['part_number'],
  operation: ['part_id', 'cell_id', 'sequence', 'operation_name'],
};

/** What a row is found by where the list does not show its external id. */
function keyOf({ entity }: Call, row: Row | Columns): string {
  return JSON.stringify(keyColumns[entity].map((name) => row[name]));
}

async function proveUpdates(call: Call, updates: readonly Sent[], report: Report): Promise<ReadyChange[]> {
  for (const { change, columns } of call.session.sample(updates, ({ change }) => change)) {
    const row = await readOne(call, mesIdOf(change));
    // One lie casts doubt on the whole answer.
    if (row === undefined || !shows(row, columns)) return updates.map(({ change }) => change);
  }
  for (const { change } of updates) report(change, updated(change));
  return [];
}

/** `lost` are not listed as on hold; of `unseen` nobody knows, because the list is longer than it is worth reading. */
async function proveOnHold(
  call: Call,
  held: readonly Sent[],
  report: Report,
): Promise<Record<'lost' | 'unseen', ReadyChange[]>> {
  const all = held.map(({ change }) => change);
  const list = held.length === 0 ? undefined : await openList(call, '&status=on_hold');
  if (list === undefined) return { lost: [], unseen: all };
  await call.session.sawList(call.entity, list.pages);
  if (!worthListing(list.pages, held.length)) return { lost: [], unseen: all };
  const open = new Map(held.map((each) => [mesIdOf(each.change), each]));
  for await (const row of list.rows) {
    const sent = open.get(String(row['id']));
    if (sent === undefined || !shows(row, sent.columns)) continue;
    open.delete(mesIdOf(sent.change));
    report(sent.change, updated(sent.change));
    if (open.size === 0) break;
  }
  return { lost: [...open.values()].map(({ change }) => change), unseen: [] };
}

/** Only of changes to rows whose id the ledger knows. */
function mesIdOf({ known }: ReadyChange): string {
  return known?.mesId ?? '';
}

function updated(change: ReadyChange): SinkResult {
  return { kind: 'delivered', action: 'updated', mesId: mesIdOf(change) };
}
