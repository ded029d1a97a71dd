import { messageOf, PermanentError } from '../../../core/errors.ts';
import type { EventBus } from '../../../core/events.ts';
import { shiftStamp } from '../../../core/stamp.ts';
import type { RecordRef, Window } from '../../../core/types.ts';
import type { SuiteQlClient } from './client.ts';
import { rowsByKey } from './look-up.ts';
import { allOf, idLiteral, isId } from './text.ts';
import { inWindow } from './walk.ts';

export interface GoneOptions {
  client: SuiteQlClient;
  events: EventBus;
  /** Stream id. */
  name: string;
  /** The stream's table: what is still in it is not gone. */
  table: string;
  /** The records that the row of an id made. */
  refsOf(id: string): RecordRef[];
}

/** The permission behind NetSuite's list of deletions. */
export const deletedTable = 'DeletedRecord';
export const deletedTodo =
  'Give the role the permission Deleted Records (Setup), or let whole reads find deletions, once a day.';

const idsAtOnce = 1000;
/** NetSuite's own number for transactions among its types of record: every stream that asks is of transactions. */
const transactionType = -30;

/**
 * What NetSuite lists as deleted in a window. Internal ids are unique within a type only and the list holds those of all: entries of
 * other types say nothing, the less so as an order that the role may not see looks like one that is not there. An id of the type is
 * believed when the stream's own table does not have it any more. Who may not read the list does without.
 */
export function createGone({ client, events, name, table, refsOf }: GoneOptions) {
  let isTold = false;
  return async function* gone(window: Window, signal: AbortSignal): AsyncGenerator<RecordRef[]> {
    const where = allOf(`l.recordtypeid = ${transactionType}`, inWindow('l.deleteddate', fromTheMinute(window)));
    const listed = keysOf(client, { table: deletedTable, key: 'l.recordid', where }, signal);
    try {
      for await (const ids of listed) yield (await withoutRow(client, { table, ids }, signal)).flatMap(refsOf);
    } catch (error) {
      if (!(error instanceof PermanentError) || error.credentials) throw error;
      const reason = `${messageOf(error)} ${deletedTodo}`;
      if (!isTold) events.emit('stream:degraded', { stream: name, reason });
      isTold = true;
    }
  };
}

/** The stamps of the list may be cut to the minute. */
function fromTheMinute(window: Window): Window {
  return window.from === undefined ? window : { ...window, from: shiftStamp('second', window.from, -60) };
}

/** Those of at most a thousand ids that a table does not have. */
async function withoutRow(
  client: SuiteQlClient,
  { table, ids }: { table: string; ids: readonly string[] },
  signal: AbortSignal,
): Promise<string[]> {
  const there = new Set<string>();
  const asked = { table, key: 'l.id', where: `l.id IN (${ids.map(idLiteral).join(', ')})` };
  for await (const some of keysOf(client, asked, signal)) for (const id of some) there.add(id);
  return ids.filter((id) => !there.has(id));
}

async function* keysOf(
  client: SuiteQlClient,
  from: { table: string; key: string; where: string },
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  const ids = new Set<string>();
  for await (const row of rowsByKey(client, { ...from, columns: {} }, signal)) {
    const id = (row as { lookupkey?: unknown } | null)?.lookupkey;
    if (isId(id)) ids.add(String(id));
    if (ids.size < idsAtOnce) continue;
    yield [...ids];
    ids.clear();
  }
  if (ids.size > 0) yield [...ids];
}
