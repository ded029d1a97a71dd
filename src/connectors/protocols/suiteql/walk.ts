import { PermanentError, TransientError } from '../../../core/errors.ts';
import type { Window } from '../../../core/types.ts';
import type { Page } from '../../connector.ts';
import type { SuiteQlClient } from './client.ts';
import type { SuiteQlPage } from './json.ts';
import { type LookUp, lookUp } from './look-up.ts';
import { allOf, compareSecond, idLiteral, isId, type Select, selectText } from './text.ts';

/** One table with what is read of it. `t` is its alias in every expression. */
export interface WalkTarget {
  client: SuiteQlClient;
  /** Stream id, for error texts. */
  name: string;
  table: string;
  /** Row name -> SuiteQL expression; `id` is the key. */
  columns: Readonly<Record<string, string>>;
  /** Conditions that always apply. */
  where: string;
  lookUps: readonly LookUp[];
  pageSize: number;
  /** Lays what stands in other streams into the rows. */
  complete?: ((rows: readonly unknown[], signal: AbortSignal) => Promise<void>) | undefined;
}

/** Where a walk goes on: behind this id; from the beginning without one. */
export interface WalkCursor {
  id?: string;
}

interface Walk {
  /** What else must hold, the same for all of the walk. */
  base?: string | undefined;
  cursor?: WalkCursor | undefined;
}

/** Fewer rows than this are not asked for, however slow NetSuite is. */
const smallestPage = 50;
/** As many pages without a row, one after the other, are not the result of a filter. */
const mostEmptyPages = 100;

/**
 * Keyset paging by the internal id inside a fixed window: an id never changes, so that rows that are edited, come or go meanwhile
 * cannot shift a page. An offset over the same set would pass rows by.
 */
export async function* walkById(target: WalkTarget, walk: Walk, signal: AbortSignal): AsyncGenerator<Page> {
  const place: Place = { behind: walk.cursor?.id, limit: target.pageSize, offset: 0 };
  for (let hasMore = true; hasMore; ) {
    const answer = await readPart(target, { ...place, base: walk.base }, signal);
    place.limit = answer.limit;
    ({ hasMore } = answer);
    const { rows } = answer;
    if (rows.length === 0) {
      // What a role may not see can leave a page empty in the middle of a list.
      place.offset = answer.offset + place.limit;
      if (place.offset > mostEmptyPages * place.limit) throw endless(target.name);
      continue;
    }
    place.behind = lastId(target.name, rows, { behind: place.behind, hasMore });
    place.offset = 0;
    for (const each of target.lookUps) await lookUp(target.client, { lookUp: each, rows }, signal);
    await target.complete?.(rows, signal);
    const cursor: WalkCursor = place.behind === undefined ? {} : { id: place.behind };
    yield { rows, cursor };
  }
}

interface Place {
  behind: string | undefined;
  limit: number;
  offset: number;
}

/** One page; of a query that takes too long, half as many rows are asked for. Tells what was asked for in the end. */
async function readPart(
  target: WalkTarget,
  { base, behind, limit, offset }: Place & Pick<Walk, 'base'>,
  signal: AbortSignal,
): Promise<SuiteQlPage & Pick<Place, 'limit' | 'offset'>> {
  const where = allOf(target.where, base, behind === undefined ? undefined : `t.id > ${idLiteral(behind)}`);
  const sql = selectText({ ...fromOf(target), where, orderBy: 't.id ASC' });
  for (let part = { limit, offset }; ; ) {
    const canShrink = part.limit > smallestPage;
    try {
      return { ...(await target.client.query(sql, { ...part, slowOnce: canShrink }, signal)), ...part };
    } catch (error) {
      if (!canShrink || !(error instanceof TransientError && error.expired)) throw error;
      part = { limit: Math.max(smallestPage, Math.floor(part.limit / 2)), offset: 0 };
    }
  }
}

export function fromOf({ columns, table }: WalkTarget): Pick<Select, 'columns' | 'from'> {
  return { columns, from: `${table} t` };
}

interface Progress {
  behind: string | undefined;
  hasMore: boolean;
}

/** The last id of a page; throws when the ids do not rise, because then nothing is known of what lies between. */
function lastId(name: string, rows: readonly unknown[], { behind, hasMore }: Progress): string | undefined {
  let last = behind;
  for (const row of rows) {
    const id = (row as { id?: unknown } | null)?.id;
    // A malformed row has no id; the mapping will set it aside.
    if (!isId(id)) continue;
    if (last !== undefined && BigInt(id) <= BigInt(last)) throw unordered(name);
    last = String(id);
  }
  if (hasMore && last === behind) throw unordered(name);
  return last;
}

function endless(name: string): PermanentError {
  return new PermanentError(`${name}: NetSuite sends empty pages without end. Ask its support.`);
}

function unordered(name: string): PermanentError {
  return new PermanentError(
    `${name}: the answer does not keep to ORDER BY id. Nothing was concluded from it; ask NetSuite's support.`,
  );
}

/**
 * The time of `column` lies in the window. One that takes what is dated ahead takes all from its start on: what was written since it
 * was cut need not wait for the next, and comes again in that.
 */
export function inWindow(column: string, { from, to, future }: Window): string {
  return allOf(
    from === undefined ? undefined : compareSecond(column, '>=', from),
    to === undefined || future !== undefined ? undefined : compareSecond(column, '<', to),
  );
}
