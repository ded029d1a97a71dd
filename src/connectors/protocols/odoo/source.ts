import { refOf } from '../../../core/records.ts';
import type { Window } from '../../../core/types.ts';
import type { ChildPage, KeyPage, KeyReader, MappedRow, Page } from '../../connector.ts';
import { askAll, type LookUp } from './look-ups.ts';
import { anyOf, type Domain, type OdooRow } from './model.ts';
import { odooTime, odooTimeAfter, readOdooTime } from './times.ts';
import { createOdooWalk, type OdooWalkOptions } from './walk.ts';

export interface OdooSourceOptions extends OdooWalkOptions {
  /** Relations of the row whose own stamps show a change that the row's does not. */
  watches: readonly string[];
  /** What `complete` reads beside the rows. */
  lookUps: readonly LookUp[];
  /** Maps rows of the key fields into records that are but their ids. */
  mapKeys(rows: readonly unknown[]): Promise<MappedRow[]>;
}

export interface OdooSource {
  /** Throws where the app or a field that the mapping needs is missing. Resolves to false for a stream that is empty by that. */
  prepare(signal: AbortSignal): Promise<boolean>;
  /** What cannot be told of the operator's own mapping. */
  doubts(signal: AbortSignal): Promise<string[]>;
  read(window: Window, cursor: unknown, signal: AbortSignal): AsyncIterable<Page>;
  newest(limit: string, signal: AbortSignal): Promise<string | null>;
  count(signal: AbortSignal): Promise<number>;
  keys: KeyReader;
  /** Rows of these ids, as `read` brings them. */
  rowsOf(ids: readonly string[], signal: AbortSignal): Promise<OdooRow[]>;
  readChildren(parents: readonly string[], signal: AbortSignal): AsyncIterable<ChildPage>;
  /** The app that is missing, where the stream may do without. */
  lacking(signal: AbortSignal): Promise<string | undefined>;
  /** Rows that a query for one row brings. Throws where they, or what is read beside them, may not be read. */
  sample(signal: AbortSignal): Promise<number>;
}

/** Behind the row, or the parent, of this id. */
interface Cursor {
  id: number;
}

const parentsPerRequest = 100;

/** What one stream reads: windows, newest stamp, counts, keys and children. */
export function createOdooSource(options: OdooSourceOptions): OdooSource {
  const { models, model, domain } = options;
  const { prepare, doubts, walk, byIds, byParents } = createOdooWalk(options);
  return {
    prepare,
    doubts,
    async *read(window, cursor, signal) {
      const from = (cursor as Cursor | undefined)?.id ?? 0;
      for await (const { rows, last } of walk(changedIn(window, options), from, { keysOnly: false, signal })) {
        yield { rows, cursor: { id: last } satisfies Cursor };
      }
    },
    async newest(limit, signal) {
      if (!(await prepare(signal))) return null;
      // A condition on the stamp leaves rows out that have none: in descending order they would come first.
      const until = new Date(Date.parse(limit) + 1).toISOString();
      const where = [...domain, ['write_date', '<', odooTimeAfter(until)]];
      const [row] = await models.rows(
        { model, domain: where, fields: ['write_date'], order: 'write_date desc', limit: 1 },
        signal,
      );
      return readOdooTime(row?.['write_date']);
    },
    count: async (signal) => ((await prepare(signal)) ? models.count(model, domain, signal) : 0),
    rowsOf: (ids, signal) => byIds(ids.map(Number), signal),
    keys: {
      async *read(signal) {
        for await (const { rows, behind } of walk([], 0, { keysOnly: true, signal })) {
          yield { ...toKeys(rows, await options.mapKeys(rows)), behind };
        }
      },
      rows: (_page, wanted, signal) =>
        byIds(
          wanted.map(({ raw }) => raw as number),
          signal,
        ),
    },
    async *readChildren(parents, signal) {
      for (let at = 0; at < parents.length; at += parentsPerRequest) {
        const some = parents.slice(at, at + parentsPerRequest);
        const ids = some.map(Number).filter(Number.isSafeInteger);
        yield { rows: await byParents(ids, signal), parents: some };
      }
    },
    async lacking(signal) {
      if (await prepare(signal)) return undefined;
      return `This database has no ${model}: the app ${options.app} is not installed, and the stream stays empty.`;
    },
    async sample(signal) {
      if (!(await prepare(signal))) return 0;
      const found = await models.rows({ model, domain, fields: options.fields, order: 'id', limit: 1 }, signal);
      await askAll(models, [changesOf(options), ...options.lookUps], signal);
      return found.length;
    },
  };
}

/**
 * Only `>=` and `<` mean the same in every release. Rows between the end of a window and the far future come early: nothing is
 * lost by that, and a row that is written all the time is not put off for ever.
 */
function changedIn({ mode, from, to, future }: Window, { parent, watches }: OdooSourceOptions): Domain {
  if (mode === 'full' || from === undefined) return [];
  const stamps = ['write_date', ...[...watches, ...(parent === undefined ? [] : [parent.rows])].map(stampOf)];
  const since = anyOf(stamps.map((stamp) => [stamp, '>=', odooTime(from)]));
  return future === undefined && to !== undefined ? [...since, ['write_date', '<', odooTimeAfter(to)]] : since;
}

/** The question for changes: it goes through the relations and, where there is one, to the parent. */
function changesOf(options: OdooSourceOptions): LookUp {
  const { model, parent, domain } = options;
  const since = changedIn({ mode: 'delta', from: new Date(0).toISOString() }, options);
  if (parent !== undefined) return { model: parent.model, domain: since, fields: parent.fields };
  return { model, domain: [...domain, ...since], fields: [] };
}

function stampOf(relation: string): string {
  return `${relation}.write_date`;
}

function toKeys(rows: readonly OdooRow[], mapped: readonly MappedRow[]): Omit<KeyPage, 'behind'> {
  const keys = mapped.flatMap((row) => {
    if (row.kind !== 'good') return [];
    const refs = row.records.map(refOf);
    const leftOut = row.records.some(({ onlyIfKnown }) => onlyIfKnown === true);
    return [{ refs, stamp: row.stamp, leftOut, raw: Number(row.key) }];
  });
  return { keys, rows: rows.length, unreadable: rows.length - keys.length };
}
