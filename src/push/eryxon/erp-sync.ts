import { TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
import { isHeld } from '../../core/records.ts';
import { createBadSearch } from '../bad-search.ts';
import type { ReadyChange, SinkResult } from '../sink.ts';
import { listBody, spelledOut, tables } from './bodies.ts';
import type { Columns } from './columns.ts';
import { genericPut, holdAnew, tryPatch } from './generic-put.ts';
import { prepare } from './prepare.ts';
import { decideNext, refusalText } from './refusal.ts';
import { ask, type Call, type Report, requireKnown } from './request.ts';
import { missingParent, readVerdict } from './verdict.ts';

interface Item {
  change: ReadyChange;
  columns: Columns;
}

/**
 * `POST /api-erp-sync/sync`: per-record results with ids, for jobs, parts and resources. Its look-up puts all ids of a call into one
 * URL and takes every record for new when that grows too long, so calls are small; it inserts all new records in one statement, so
 * a refusal that several share is searched for the bad one.
 */
export async function erpSync(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  const items: Item[] = [];
  for (const change of changes) {
    // Its function reads a status for new records alone.
    const prepared = await prepare(call, change, { keepStatus: isHeld(change.known) });
    if ('result' in prepared) report(change, prepared.result);
    else items.push({ change, columns: prepared.columns });
  }
  const byChange = new Map(items.map((item) => [item.change, item]));
  for (const group of groupByIds([...byChange.keys()])) {
    await sendGroup(
      call,
      group.flatMap((change) => byChange.get(change) ?? []),
      report,
    );
  }
}

const largestErpSync = 100;
/** Of the gateway's URL; the rest of it needs room too. */
const idCharacters = 6000;

/** One source a call, since parents are looked up in the first record's. */
export function groupByIds(changes: readonly ReadyChange[]): ReadyChange[][] {
  const groups: ReadyChange[][] = [];
  for (const bySource of Map.groupBy(changes, ({ record }) => record.source).values()) {
    let group: ReadyChange[] = [];
    let length = 0;
    for (const change of bySource) {
      const size = encodeURIComponent(change.record.externalId).length + 3;
      if (group.length === largestErpSync || (group.length > 0 && length + size > idCharacters)) {
        groups.push(group);
        group = [];
        length = 0;
      }
      group.push(change);
      length += size;
    }
    groups.push(group);
  }
  return groups;
}

async function sendGroup(call: Call, items: readonly Item[], report: Report): Promise<void> {
  for (const failed of await tryGroup(call, items, report)) await retryFailed(call, failed, report);
}

function bodyOf({ change, columns }: Item): string {
  return JSON.stringify({ ...columns, ...spelledOut(change.record.entity, columns) });
}

/** Reports what went through; the rest by what was said of it. */
async function tryGroup(call: Call, items: readonly Item[], report: Report): Promise<Failed[]> {
  const table = tables[call.entity];
  // Skipping goes by the last payload, not by the row: somebody may have changed that by hand.
  const options = '"options":{"skip_unchanged":false}';
  const body = listBody(`{"source":"erp-puller",${options},"${table}"`, items.map(bodyOf));
  const carries = items.map(({ change }) => change);
  const answer = await ask(call, { method: 'POST', name: 'api-erp-sync', rest: '/sync', body, carries });
  requireKnown(answer, 'erp-sync');
  if (answer.data === undefined) return [{ items, message: refusalText(answer) }];
  const results = readResults(answer.data, table);
  const failed = new Map<string, Item[]>();
  for (const item of items) {
    const result = results.get(item.change.record.externalId);
    if (result === undefined) throw new TransientError('The MES answered an erp-sync without naming each record.');
    if ('message' in result) failed.set(result.message, [...(failed.get(result.message) ?? []), item]);
    else report(item.change, await putOnHold(call, item, result));
  }
  return [...failed].map(([message, group]) => ({ items: group, message }));
}

/**
 * Its function sets the status of new records alone. One that we took for new and that was there already, from a request whose
 * answer was lost, is put on hold by its id; where the function of its table does not start, the note has to do, as for any other.
 */
async function putOnHold(call: Call, { change, columns }: Item, result: Delivered): Promise<SinkResult> {
  const ignored = result.action === 'updated' && columns['status'] !== undefined;
  const patched = ignored && call.ability.post ? await tryPatch(call, change, result.mesId) : undefined;
  return patched ?? holdAnew(call, change, { kind: 'delivered', ...result });
}

interface Failed {
  items: readonly Item[];
  message: string;
}

/** Few enough to be sent one by one where a PUT says exactly what is wrong. */
const fewSingles = 4;

/** A shared text may be said of one of them only: all new records of a call are one statement. */
async function retryFailed(call: Call, { items, message }: Failed, report: Report): Promise<void> {
  const [first] = items;
  if (first === undefined) return;
  const changes = items.map(({ change }) => change);
  const verdict = readVerdict(message);
  if (call.ability.put && (verdict.kind === 'unknown-column' || items.length <= fewSingles)) {
    return genericPut(call, changes, report);
  }
  if (verdict.kind === 'missing-parent' && / required/.test(message)) {
    for (const change of changes) report(change, missingParent(verdict.parent, change, message));
    return;
  }
  if (items.length > 1 && verdict.kind !== 'unknown-column') return findBad(call, items, report);
  // They share the text, and not all of them may have sent what it names.
  const named = items.find(({ columns }) => verdict.kind === 'unknown-column' && verdict.column in columns) ?? first;
  const next = await decideNext(call, { ...named, message });
  if (next.kind === 'again') return erpSync(call, changes, report);
  const reason = 'The MES lists it, and its erp-sync does not see it:';
  report(
    first.change,
    next.kind === 'done' ? next.result : { kind: 'refused', reason: `${reason} ${message}`, there: true },
  );
}

/** Sends what was refused together in parts, until each bad one is refused alone. */
async function findBad(call: Call, items: readonly Item[], report: Report): Promise<void> {
  const search = createBadSearch(items.length, Number.POSITIVE_INFINITY);
  search.next();
  search.refused();
  for (let part = search.next(); part !== undefined; part = search.next()) {
    const group = items.slice(part.from, part.to);
    const [only] = group;
    if (only !== undefined && group.length === 1 && call.ability.put) {
      if (await putAlone(call, only.change, report)) search.accepted();
      else search.refused();
      continue;
    }
    const failures = await tryGroup(call, group, report);
    const isShared = failures.some((failed) => failed.items.length === group.length);
    if (isShared && !search.refused()) continue;
    for (const failed of failures) await retryFailed(call, failed, report);
    if (!isShared) search.accepted();
  }
}

/** True when it went through. */
async function putAlone(call: Call, change: ReadyChange, report: Report): Promise<boolean> {
  let refused = false;
  await genericPut(call, [change], (of, result) => {
    refused = result.kind === 'refused';
    report(of, result);
  });
  return !refused;
}

interface Delivered {
  action: 'created' | 'updated';
  mesId: string;
}

type Result = Delivered | { message: string };

/** By external id; they come in no order. */
function readResults(data: unknown, table: string): Map<string, Result> {
  const entities = isObject(data) && isObject(data['entities']) ? data['entities'] : {};
  const outcome = isObject(entities[table]) ? entities[table] : {};
  if (!Array.isArray(outcome['results']))
    throw new TransientError('The MES answered an erp-sync in a form that is not known.');
  const results = new Map<string, Result>();
  for (const entry of outcome['results'].filter(isObject)) {
    const { external_id: externalId, action, id, error } = entry;
    if (action === 'error') results.set(String(externalId), { message: String(error ?? 'no reason given') });
    else if (typeof id === 'string' && (action === 'created' || action === 'updated' || action === 'skipped')) {
      results.set(String(externalId), { action: action === 'created' ? 'created' : 'updated', mesId: id });
    }
  }
  return results;
}
