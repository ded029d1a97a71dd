import type { StampKind } from './types.ts';

/**
 * Arithmetic on change stamps, in the text form in which a stream keeps them: `timestamp` and `second` ISO-8601 UTC with
 * milliseconds, `char14` YYYYMMDDhhmmss, `date` YYYY-MM-DD. Texts of one kind sort as the times they stand for.
 */
export type DatedKind = Exclude<StampKind, 'none'>;

/** How far each poll reads back by default, seconds: what commits late, and for char14 a daylight-saving change on top. */
export const defaultOverlapSeconds: Record<DatedKind, number> = {
  timestamp: 600,
  second: 600,
  char14: 7200,
  date: 172_800,
};

/** True for stamps that name an instant by themselves, without a zone to be known. */
export function isInstant(kind: DatedKind): kind is 'timestamp' | 'second' {
  return kind === 'timestamp' || kind === 'second';
}

/** The stamp moved by `seconds` (negative: back). Days are taken whole and rounded towards the past. */
export function shiftStamp(kind: DatedKind, stamp: string, seconds: number): string {
  const date = kind === 'char14' ? parseChar14(stamp) : new Date(stamp);
  return formatUtc(kind, new Date(date.getTime() + seconds * 1000));
}

/** Seconds from one stamp to a later one of its kind; days count whole. */
export function secondsBetween(kind: DatedKind, earlier: string, later: string): number {
  const at = (stamp: string) => (kind === 'char14' ? parseChar14(stamp) : new Date(stamp)).getTime();
  return Math.ceil((at(later) - at(earlier)) / 1000);
}

/** The stamp that the source's clock would write at `instant`; `timeZone` is the zone of char14 and date stamps. */
export function stampAt(kind: DatedKind, instant: Date, timeZone: string): string {
  if (isInstant(kind)) return instant.toISOString();
  return formatUtc(kind, new Date(instant.getTime() + zoneOffsetMs(instant, timeZone)));
}

/** True when the text has the kind's form and its date exists; anything else must not reach a query. */
export function isStamp(kind: DatedKind, text: string): boolean {
  if (!forms[kind].test(text)) return false;
  const date = kind === 'char14' ? parseChar14(text) : new Date(text);
  // Compared, because the platform counts on where a date ends: 2026-02-30 becomes 2 March.
  return !Number.isNaN(date.getTime()) && formatUtc(kind, date) === text;
}

/**
 * Whether a text that begins YYYY-MM-DD begins with a day of the calendar: the platform reads 30 February as 2 March. False for texts that
 * begin otherwise.
 */
export function beginsWithDay(text: string): boolean {
  const [year, month, day] = (/^(\d{4})-(\d{2})-(\d{2})/.exec(text) ?? []).slice(1).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  if (month < 1 || month > 12 || day < 1) return false;
  return day <= 28 || day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

const written = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:[.,]\d{1,9})?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * The stamp of a time as people write it: the stamp itself, ISO-8601 with Z or an offset, or a day alone, which begins at midnight. A time without
 * an offset is one of the stamps' own zone: UTC for ISO stamps, `timeZone` for the others. Undefined for anything else.
 */
export function readStamp(kind: DatedKind, text: string, timeZone: string): string | undefined {
  if (isStamp(kind, text)) return text;
  const [, day, clock = '00:00', seconds = ':00', offset] = written.exec(text.trim()) ?? [];
  if (day === undefined || !isStamp('date', day)) return undefined;
  const zone = offset?.toUpperCase().replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2') ?? 'Z';
  const date = new Date(`${day}T${clock}${seconds.replace(',', '.')}${zone}`);
  if (Number.isNaN(date.getTime())) return undefined;
  return offset === undefined ? formatUtc(kind, date) : stampAt(kind, date, timeZone);
}

const instantForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const forms: Record<DatedKind, RegExp> = {
  timestamp: instantForm,
  second: instantForm,
  char14: /^\d{14}$/,
  date: /^\d{4}-\d{2}-\d{2}$/,
};

/**
 * The instant of a local wall-clock time, given as if it were UTC. In the hour that a zone skips in spring the instant
 * after the gap is taken, in the hour that it repeats in autumn the first.
 */
export function fromLocal(local: Date, timeZone: string): Date {
  const wall = local.getTime();
  // A day to either side is beyond any change of offset, so these two are the offsets before and after it.
  const before = zoneOffsetMs(new Date(wall - 86_400_000), timeZone);
  const after = zoneOffsetMs(new Date(wall + 86_400_000), timeZone);
  const early = new Date(wall - before);
  if (before === after || zoneOffsetMs(early, timeZone) === before) return early;
  const late = new Date(wall - after);
  return zoneOffsetMs(late, timeZone) === after ? late : early;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Offset of a zone from UTC at an instant, milliseconds, positive east of Greenwich. */
export function zoneOffsetMs(instant: Date, timeZone: string): number {
  if (timeZone === 'UTC') return 0;
  const parts = formatterFor(timeZone).formatToParts(instant);
  const field = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value);
  const wall = Date.UTC(
    field('year'),
    field('month') - 1,
    field('day'),
    field('hour'),
    field('minute'),
    field('second'),
  );
  return wall - Math.floor(instant.getTime() / 1000) * 1000;
}

function formatterFor(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formatters.set(timeZone, formatter);
  return formatter;
}

function parseChar14(stamp: string): Date {
  return new Date(stamp.replace(/^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/, '$1-$2-$3T$4:$5:$6Z'));
}

function formatUtc(kind: DatedKind, date: Date): string {
  const iso = date.toISOString();
  if (isInstant(kind)) return iso;
  return kind === 'date' ? iso.slice(0, 10) : iso.slice(0, 19).replace(/\D/g, '');
}
