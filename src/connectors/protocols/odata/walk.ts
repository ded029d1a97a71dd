import { PermanentError } from '../../../core/errors.ts';
import { type DatedKind, isInstant, shiftStamp } from '../../../core/stamp.ts';
import type { StampKind, Window } from '../../../core/types.ts';
import type { Page } from '../../connector.ts';
import { parseTime } from '../../values.ts';
import type { ODataClient } from './client.ts';
import type { PropertyTypes } from './metadata.ts';
import { literal, type ODataVersion } from './values.ts';

/** One entity set with the order in which it can be walked. */
export interface WalkTarget {
  client: ODataClient;
  version: ODataVersion;
  /** Path of the entity set. */
  path: string;
  key: readonly string[];
  stamp: string | undefined;
  stampKind: StampKind;
  types: PropertyTypes;
  /** Filter that always applies: the stream's own and the operator's. */
  filter: string | undefined;
  select: readonly string[];
  pageSize: number;
}

/**
 * A request with fewer rows than this was the last of its walk. Fewer than `$top` proves nothing: there are gateways that cap
 * a page without sending a next link, at 100 rows and more.
 */
const smallestServerPage = 100;

/**
 * Where a walk goes on. By key: behind this key. By stamp: at or behind this stamp, without the rows already seen at it; in the
 * middle of a tie that is larger than a page, behind this key inside it.
 */
export type WalkCursor = { by: 'key'; key: readonly unknown[] } | StampCursor;

interface StampCursor {
  by: 'stamp';
  stamp: string;
  seen: readonly string[];
  /** Set inside a tie; null at its beginning. */
  key?: readonly unknown[] | null;
}

/** Pages of a window: by key where there is no stamp to go by, else by stamp and key. */
export function walk(
  target: WalkTarget,
  window: Window,
  cursor: WalkCursor | undefined,
): (signal: AbortSignal) => AsyncIterable<Page> {
  const { stampKind: kind, stamp } = target;
  if (window.mode === 'full' || kind === 'none' || stamp === undefined) {
    return (signal) => walkByKey(target, { base: undefined, cursor }, signal);
  }
  if (kind === 'date') {
    const base = `${stamp} ge ${stampLiteral(target, window.from ?? '')}`;
    return (signal) => walkByKey(target, { base, cursor }, signal);
  }
  return (signal) => walkByStamp({ ...target, stamp, kind }, { window, cursor }, signal);
}

interface KeyWalk {
  base: string | undefined;
  cursor: WalkCursor | undefined;
}

/** Keyset paging by the record's own key: rows that change, come or go meanwhile cannot shift a page. */
export async function* walkByKey(
  target: WalkTarget,
  { base, cursor }: KeyWalk,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  let last = cursor?.by === 'key' ? cursor.key : undefined;
  for (;;) {
    const filter = conjunction(target.filter, base, last && keyBehind(target, last));
    const rows = await request(target, { filter, orderBy: target.key.join(',') }, signal);
    if (rows.length === 0) return;
    // A malformed row has no key to go on behind; the last one that has a key is the place.
    const anchor = rows.findLast((row) => !keyValues(target, row).includes(undefined));
    const next = anchor === undefined ? undefined : keyValues(target, anchor);
    if (next === undefined || JSON.stringify(next) === JSON.stringify(last)) throw unordered(target, 'key');
    last = next;
    const more = mayGoOn(target, rows);
    yield { rows, cursor: { by: 'key', key: last } satisfies WalkCursor };
    if (!more) return;
  }
}

type StampedTarget = WalkTarget & { stamp: string; kind: Exclude<DatedKind, 'date'> };

interface StampWalk {
  window: Window;
  cursor: WalkCursor | undefined;
}

/**
 * Value-cursor paging by stamp. V2 shows stamps cut to the millisecond while the server compares seven digits, so a stamp that
 * was shown can only be a lower bound: the next page begins at it again and drops what was seen there. A tie that fills a whole
 * page is drained by key inside its grain, then the walk goes on behind it.
 */
async function* walkByStamp(
  target: StampedTarget,
  { window, cursor }: StampWalk,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  let at: StampCursor = cursor?.by === 'stamp' ? cursor : startAt(window.from ?? '');
  for (;;) {
    if (at.key !== undefined) {
      yield* drainTie(target, { stamp: at.stamp, behind: at.key, window }, signal);
      const behind = behindTie(target.kind, at.stamp);
      if (behind === undefined) return;
      at = startAt(behind);
    }
    const filter = conjunction(target.filter, atOrBehind(target, at.stamp), upperBound(target, window));
    const orderBy = [target.stamp, ...target.key].join(',');
    const rows = await request(target, { filter, orderBy }, signal);
    if (rows.length === 0) return;
    const { fresh, next } = advance(target, at, rows);
    if (fresh.length > 0) yield { rows: fresh, cursor: next };
    if (!mayGoOn(target, rows)) return;
    at = next;
  }
}

function startAt(stamp: string): StampCursor {
  return { by: 'stamp', stamp, seen: [] };
}

/** What is new in a page, and where the walk goes on; a page that is all one stamp is left to the draining of the tie. */
function advance(
  target: StampedTarget,
  at: StampCursor,
  rows: readonly unknown[],
): { fresh: unknown[]; next: StampCursor } {
  const { first, last } = stampRange(target, rows, at.stamp);
  if (mayGoOn(target, rows) && first === last) return { fresh: [], next: { ...startAt(last), key: null } };
  const seen = new Set(at.seen);
  const fresh = rows.filter((row) => !seen.has(keyText(target, row)));
  const tied = rows.filter((row) => readStamp(target, row) === last).map((row) => keyText(target, row));
  return { fresh, next: { by: 'stamp', stamp: last, seen: tied } };
}

interface Tie {
  stamp: string;
  behind: readonly unknown[] | null;
  window: Window;
}

/** All rows of one stamp, by key. */
async function* drainTie(
  target: StampedTarget,
  { stamp, behind, window }: Tie,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const base = conjunction(atOrBehind(target, stamp), beforeBehind(target, stamp), upperBound(target, window));
  const cursor: WalkCursor | undefined = behind === null ? undefined : { by: 'key', key: behind };
  for await (const page of walkByKey(target, { base, cursor }, signal)) {
    yield {
      rows: page.rows,
      cursor: { by: 'stamp', stamp, seen: [], key: (page.cursor as { key: unknown[] }).key } satisfies WalkCursor,
    };
  }
}

/** The smallest stamp behind a tie: one grain of what the server shows further on; undefined at the end of time. */
function behindTie(kind: StampedTarget['kind'], stamp: string): string | undefined {
  // Counted, not dated: fourteen digits sort as a text whether or not they are a date.
  const behind =
    kind === 'char14'
      ? String(BigInt(stamp) + 1n).padStart(14, '0')
      : shiftStamp(kind, stamp, kind === 'timestamp' ? 0.001 : 1);
  return behind > stamp ? behind : undefined;
}

function atOrBehind(target: StampedTarget, stamp: string): string {
  return `${target.stamp} ge ${stampLiteral(target, stamp)}`;
}

function beforeBehind(target: StampedTarget, stamp: string): string | undefined {
  const behind = behindTie(target.kind, stamp);
  return behind === undefined ? undefined : `${target.stamp} lt ${stampLiteral(target, behind)}`;
}

function upperBound(target: StampedTarget, { to, future }: Window): string | undefined {
  if (to === undefined) return undefined;
  const closed = `${target.stamp} lt ${stampLiteral(target, to)}`;
  return future === undefined ? closed : `(${closed} or ${target.stamp} ge ${stampLiteral(target, future)})`;
}

/** First and last stamp of a page; throws when the server did not keep to the filter and order that were asked for. */
function stampRange(target: StampedTarget, rows: readonly unknown[], at: string): { first: string; last: string } {
  let previous = at;
  for (const row of rows) {
    const stamp = readStamp(target, row);
    if (stamp === null || stamp < previous) throw unordered(target, target.stamp);
    previous = stamp;
  }
  return { first: readStamp(target, rows[0]) ?? previous, last: previous };
}

function unordered(target: WalkTarget, what: string): PermanentError {
  return new PermanentError(
    `${target.path} does not honour $filter and $orderby on its ${what}. Set the stream's stampKind to none: it is then read whole.`,
  );
}

async function request(
  target: WalkTarget,
  order: { filter: string | undefined; orderBy: string },
  signal: AbortSignal,
): Promise<unknown[]> {
  return target.client.rows({ path: target.path, ...order, top: target.pageSize, select: target.select }, signal);
}

function mayGoOn(target: WalkTarget, rows: readonly unknown[]): boolean {
  return rows.length >= Math.min(target.pageSize, smallestServerPage);
}

/** `(a gt 1) or (a eq 1 and b gt 2)`: strictly behind a composite key. */
export function keyBehind(target: WalkTarget, values: readonly unknown[]): string {
  const compare = (index: number, operator: string) => {
    const name = target.key[index] ?? '';
    return `${name} ${operator} ${literal(target.version, target.types.get(name) ?? 'Edm.String', values[index])}`;
  };
  const branches = target.key.map((_, index) => {
    const equal = Array.from({ length: index }, (_unused, before) => compare(before, 'eq'));
    return [...equal, compare(index, 'gt')].join(' and ');
  });
  return branches.length === 1 ? (branches[0] ?? '') : `(${branches.map((branch) => `(${branch})`).join(' or ')})`;
}

/** The values of a row's key; undefined for each that is missing. */
export function keyValues(target: WalkTarget, row: unknown): unknown[] {
  return target.key.map((name) => (row as Record<string, unknown> | null)?.[name] ?? undefined);
}

function keyText(target: WalkTarget, row: unknown): string {
  return keyValues(target, row).join(',');
}

export function conjunction(...parts: readonly (string | undefined)[]): string | undefined {
  const present = parts.filter((part) => part !== undefined && part !== '');
  if (present.length < 2) return present[0];
  return present.map((part) => (/\bor\b/.test(part ?? '') ? `(${part})` : part)).join(' and ');
}

/** A row's stamp in the stream's stamp form, cut to what the server shows; null when it has none. */
export function readStamp({ stamp, stampKind }: Pick<WalkTarget, 'stamp' | 'stampKind'>, row: unknown): string | null {
  const raw = stamp === undefined ? undefined : (row as Record<string, unknown> | null)?.[stamp];
  if (typeof raw !== 'string' || raw === '' || stampKind === 'none') return null;
  if (stampKind === 'char14') return /^\d{14}$/.test(raw) ? raw : null;
  const time = parseTime(raw);
  if (time === undefined) return null;
  return isInstant(stampKind) ? time.toISOString() : time.toISOString().slice(0, 10);
}

/** A stamp as a literal of `$filter`, by the property's own type. */
export function stampLiteral({ version, types, stamp }: WalkTarget, text: string): string {
  const type = types.get(stamp ?? '') ?? 'Edm.String';
  return literal(version, type, text);
}
