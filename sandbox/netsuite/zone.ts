const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock on the wall of that zone shows, in milliseconds as if it were UTC. */
export function wallOf(zone: string, ms: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    // The Swedish form is ISO's but for the blank.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
    formats.set(zone, format);
  }
  const fraction = ((ms % 1000) + 1000) % 1000;
  return Date.parse(`${format.format(ms).replace(' ', 'T')}Z`) + fraction;
}

/**
 * The instant at which the wall clock of that zone shows `wall`: the earlier of two, and within the gap of spring the one
 * that the offset before the gap gives.
 */
export function instantOf(zone: string, wall: number): number {
  const dayBefore = wall - 86_400_000;
  const before = wall - (wallOf(zone, dayBefore) - dayBefore);
  if (wallOf(zone, before) === wall) return before;
  const dayAfter = wall + 86_400_000;
  const after = wall - (wallOf(zone, dayAfter) - dayAfter);
  return wallOf(zone, after) === wall ? after : before;
}
