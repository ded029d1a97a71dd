const day = 86_400_000;
/** No zone changes its offset off a quarter of an hour, so one look-up serves the whole quarter. */
const quarter = 900_000;

/** `YYYY-MM-DD` in UTC. */
export function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Moves a date by whole days. */
export function addDays(date: string, days: number): string {
  return dateOf(Date.parse(`${date}T00:00:00Z`) + days * day);
}

/**
 * The instant of a wall-clock `time` (`hh:mm:ss`) on `date` in a zone, as ISO-8601 UTC.
 * Like Temporal's "compatible": a time skipped by the clock change is read with the offset before the gap
 * (so it lands after the gap), a time that happens twice is the earlier one.
 */
export function localInstant(zone: string, date: string, time: string): string {
  const local = Date.parse(`${date}T${time}Z`);
  const before = offsetAt(zone, local - day);
  if (offsetAt(zone, local - before) === before) return new Date(local - before).toISOString();
  const after = offsetAt(zone, local + day);
  const late = local - after;
  return new Date(offsetAt(zone, late) === after ? late : local - before).toISOString();
}

interface Zone {
  format: Intl.DateTimeFormat;
  offsets: Map<number, number>;
}
const zones = new Map<string, Zone>();

function offsetAt(name: string, ms: number): number {
  const zone = zoneOf(name);
  const start = Math.floor(ms / quarter) * quarter;
  const known = zone.offsets.get(start);
  if (known !== undefined) return known;
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of zone.format.formatToParts(start)) part[type] = Number(value);
  const wall = Date.UTC(part.year ?? 0, (part.month ?? 1) - 1, part.day, part.hour, part.minute, part.second);
  zone.offsets.set(start, wall - start);
  return wall - start;
}

function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    zone = { format, offsets: new Map() };
    zones.set(name, zone);
  }
  return zone;
}
