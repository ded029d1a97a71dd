import type { GoodRow } from '../connectors/connector.ts';
import { recordKey } from '../core/records.ts';
import { secondsBetween } from '../core/stamp.ts';
import { type Outcome, toSendAgain } from '../core/types.ts';
import type { Lateness } from '../state/store.ts';
import type { Pass } from './pass-types.ts';

/** What is later than this is found by reconciling only: no overlap reads back so far. */
const longestSeconds = 86_400;

/** How far behind the watermark a stream must be read: as configured, and half as far again as the latest row was late. */
export function overlapFor(configuredSeconds: number, { seconds }: Pick<Lateness, 'seconds'>): number {
  return Math.max(configuredSeconds, Math.min(longestSeconds, Math.ceil(seconds * 1.5)));
}

/**
 * The rows that brought news with a stamp behind the watermark of the pass: an earlier pass could not see them although it read past
 * their stamps. null when there are none.
 */
export function lateness(pass: Pass, rows: readonly GoodRow[], outcomes: readonly Outcome[]): Lateness | null {
  const { stampKind: kind } = pass.stream;
  const { watermark } = pass.state;
  if (kind === 'none' || watermark === null || watermark.kind !== kind) return null;
  const behind = rows.filter(({ stamp }) => stamp !== null && stamp < watermark.value);
  if (behind.length === 0) return null;
  const news = new Map(outcomes.filter(isNews).map(({ change }) => [recordKey(change.record), change.known?.stamp]));
  // A row whose stamp has not moved was not late: its content changed without it.
  const late = behind.filter(({ records, stamp }) =>
    records.map(recordKey).some((key) => news.has(key) && news.get(key) !== stamp),
  );
  if (late.length === 0) return null;
  const seconds = late.map(({ stamp }) => secondsBetween(kind, stamp ?? '', watermark.value));
  // A row older than any overlap tells of another cause, such as a new authorisation: it is counted, the overlap stays.
  return { rows: late.length, seconds: Math.max(0, ...seconds.filter((each) => each <= longestSeconds)) };
}

/** Delivered, and other than what was delivered before; what waited or was forgotten by hand is no news. */
function isNews({ kind, change }: Outcome): boolean {
  const { known } = change;
  if (kind !== 'delivered') return false;
  return known === undefined || (known.hash !== null && known.hash !== toSendAgain);
}

/** Says what was measured, and once a step that the overlap grows. */
export function reportLateness(pass: Pass, late: Lateness): void {
  const { events, id, stream, state } = pass;
  events.emit('rows:late', { stream: id, rows: late.rows, seconds: late.seconds });
  const before = overlapFor(stream.overlapSeconds, state.lateness);
  const after = overlapFor(stream.overlapSeconds, late);
  if (after <= before || after <= pass.overlapSeconds) return;
  pass.overlapSeconds = after;
  events.emit('overlap:grown', { stream: id, overlapSeconds: after, lateSeconds: late.seconds });
}
