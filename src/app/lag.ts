import type { StreamStatus } from '../state/store.ts';

/**
 * How far behind the present the stream is known to be delivered, seconds; null before the first pass. The present is this machine's, the
 * watermark the source's: what their clocks differ by is in it. A text or day stamp is the
 * newest that was seen, which may be old in a quiet plant: there the last completed pass counts.
 */
export function lagOf(
  { watermark, lastSuccess }: Pick<StreamStatus, 'watermark' | 'lastSuccess'>,
  now: Date,
): number | null {
  if (watermark === null) return null;
  const { kind, value } = watermark;
  const until = kind === 'char14' || kind === 'date' ? lastSuccess : value;
  return until === null ? null : Math.max(0, Math.round((now.getTime() - Date.parse(until)) / 1000));
}
