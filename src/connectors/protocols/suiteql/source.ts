import { chunks } from '../../../core/groups.ts';
import type { Window } from '../../../core/types.ts';
import type { ChildPage, Page } from '../../connector.ts';
import { allOf, compareSecond, idLiteral, isId, readSecond, selectText, utcSecond } from './text.ts';
import { fromOf, inWindow, type WalkCursor, type WalkTarget, walkById } from './walk.ts';

/** By what the rows of a stream are found. */
export interface SuiteQlFinding {
  /** Column that holds the change stamp; null where there is none. */
  stamp: string | null;
  /** Names of the row's stamps: the latest is when the row changed. */
  stamps: readonly string[];
  /** Conditions that find rows by what changed beside them; `changed` is true of a stamp inside the window. */
  touched: readonly ((changed: (column: string) => string) => string)[];
  /** Column that names the parent part, where rows are read by parent. */
  parent: string | null;
}

export interface SuiteQlSourceOptions extends SuiteQlFinding {
  target: WalkTarget;
  maxConcurrency: number;
}

export interface SuiteQlSource {
  read(window: Window, cursor: unknown, signal: AbortSignal): AsyncIterable<Page>;
  newest(limit: string, signal: AbortSignal): Promise<string | null>;
  count(signal: AbortSignal): Promise<number>;
  /** Rows of these ids, as `read` brings them. */
  rowsOf(ids: readonly string[], signal: AbortSignal): Promise<unknown[]>;
  readChildren(parents: readonly string[], signal: AbortSignal): AsyncIterable<ChildPage>;
  /** Rows that a query for one row brings: 0 looks like "not permitted" as much as "no data". */
  sample(signal: AbortSignal): Promise<number>;
  /** Throws when the table itself cannot be seen, whatever its columns. */
  probeTable(signal: AbortSignal): Promise<void>;
  keyOf(row: unknown): string | undefined;
  parentOf(row: unknown): string | undefined;
  stampOf(row: unknown): string | null;
}

/** No list of SuiteQL is longer. */
const idsPerRequest = 1000;
/** Parents a request. */
const parentsPerRequest = 200;

export function createSuiteQlSource(options: SuiteQlSourceOptions): SuiteQlSource {
  const { target, stamp, stamps, parent } = options;
  const { client } = target;

  function read(window: Window, cursor: unknown, signal: AbortSignal): AsyncIterable<Page> {
    const base = window.mode === 'full' ? undefined : changedIn(options, window);
    return walkById(target, { base, cursor: cursor as WalkCursor | undefined }, signal);
  }

  async function one(
    select: { columns: Record<string, string>; where: string; orderBy?: string },
    signal: AbortSignal,
  ) {
    const { from } = fromOf(target);
    const { rows } = await client.query(selectText({ ...select, from }), { limit: 1 }, signal);
    return rows[0] as Record<string, unknown> | undefined;
  }

  return {
    read,
    async newest(limit, signal) {
      if (stamp === null) return null;
      const where = allOf(target.where, compareSecond(stamp, '<=', limit));
      const row = await one(
        { columns: { newest: utcSecond(stamp) }, where, orderBy: `${stamp} DESC, t.id DESC` },
        signal,
      );
      return readSecond(row?.['newest']);
    },
    async count(signal) {
      const row = await one({ columns: { total: 'COUNT(*)' }, where: target.where }, signal);
      return Number(row?.['total'] ?? 0);
    },
    async rowsOf(ids, signal) {
      const rows: unknown[] = [];
      for (const some of chunks(ids, idsPerRequest)) {
        const base = `t.id IN (${some.map(idLiteral).join(', ')})`;
        for await (const page of walkById(target, { base }, signal)) rows.push(...page.rows);
      }
      return rows;
    },
    readChildren: (parents, signal) => readChildren(options, parents, signal),
    async sample(signal) {
      const single = { ...target, pageSize: 1 };
      const first = await walkById(single, {}, signal).next();
      // A window in which nothing lies proves that what the polls ask for is permitted too.
      const nothing = { mode: 'delta', from: '9999-12-31T00:00:00Z' } as const;
      if (stamp !== null) await walkById(single, { base: changedIn(options, nothing) }, signal).next();
      return first.done === true ? 0 : 1;
    },
    async probeTable(signal) {
      await one({ columns: { id: 't.id' }, where: '' }, signal);
    },
    keyOf(row) {
      const id = (row as { id?: unknown } | null)?.id;
      return isId(id) ? String(id) : undefined;
    },
    parentOf(row) {
      const id = parent === null ? undefined : (row as Record<string, unknown> | null)?.[parentName(parent)];
      return isId(id) ? String(id) : undefined;
    },
    stampOf(row) {
      const times = stamps.map((name) => readSecond((row as Record<string, unknown> | null)?.[name]) ?? '');
      return times.sort().at(-1) || null;
    },
  };
}

async function* readChildren(
  { target, parent, maxConcurrency }: SuiteQlSourceOptions,
  parents: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ChildPage> {
  const readChunk = async (chunk: readonly string[]): Promise<ChildPage> => {
    const base = `${parent} IN (${chunk.map(idLiteral).join(', ')})`;
    const rows: unknown[] = [];
    for await (const page of walkById(target, { base }, signal)) rows.push(...page.rows);
    return { rows, parents: chunk };
  };
  const requests = chunks(parents.filter(isId), parentsPerRequest);
  for (const sideBySide of chunks(requests, maxConcurrency)) yield* await Promise.all(sideBySide.map(readChunk));
  // What is no id was never a parent here, and has no children.
  const others = parents.filter((each) => !isId(each));
  if (others.length > 0) yield { rows: [], parents: others };
}

/** Rows that changed in the window, and rows beside which something changed that shows in them. */
function changedIn({ stamp, touched }: SuiteQlSourceOptions, window: Window): string {
  const changed = (column: string) => inWindow(column, window);
  return [stamp ?? '', ...touched]
    .map((each) => (typeof each === 'string' ? changed(each) : each(changed)))
    .join(' OR ');
}

function parentName(column: string): string {
  return column.replace(/^t\./, '');
}
