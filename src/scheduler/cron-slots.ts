import { fromLocal, zoneOffsetMs } from '../core/stamp.ts';

/**
 * A cron expression as the times of day it names, and the one question asked of it: which run should have happened?
 * Pure: the time comes in as a parameter.
 */
export interface CronSlots {
  seconds: ReadonlySet<number>;
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  daysOfMonth: ReadonlySet<number>;
  months: ReadonlySet<number>;
  /** 0 is Sunday. */
  daysOfWeek: ReadonlySet<number>;
  /** Both day fields are restricted: a day that matches either of them is due (crontab(5)). */
  eitherDay: boolean;
  /**
   * The hour is a wildcard, a step or a range: the expression means "every so often" and is due in both passes of an hour
   * that autumn repeats. Otherwise it names times of day, each of which comes once a day.
   */
  everyPass: boolean;
}

/** The instants after `after` up to and including `until`. */
export interface Span {
  after: Date;
  until: Date;
}

interface Field {
  name: string;
  min: number;
  max: number;
  /** Full names of the values from `min` on; their first three letters will do. */
  names?: readonly string[];
}

const second: Field = { name: 'second', min: 0, max: 59 };
const minute: Field = { name: 'minute', min: 0, max: 59 };
const hour: Field = { name: 'hour', min: 0, max: 23 };
const dayOfMonth: Field = { name: 'day of month', min: 1, max: 31 };
const month: Field = {
  name: 'month',
  min: 1,
  max: 12,
  names: 'january february march april may june july august september october november december'.split(' '),
};
const dayOfWeek: Field = {
  name: 'day of week',
  min: 0,
  max: 7,
  names: 'sunday monday tuesday wednesday thursday friday saturday'.split(' '),
};

/**
 * Reads five fields (minute, hour, day of month, month, day of week) or six (second first) of numbers, names, ranges, lists,
 * `*` and steps. Throws a RangeError that names the field on anything else.
 */
export function parseCron(expression: string): CronSlots {
  const given = expression.trim().split(/\s+/);
  const texts = given.length === 5 ? ['0', ...given] : given;
  if (texts.length !== 6) throw new RangeError(`cron "${expression}" must have 5 or 6 fields separated by spaces.`);
  const [s = '', m = '', h = '', dom = '', mon = '', dow = ''] = texts;
  return {
    seconds: parseField(second, s),
    minutes: parseField(minute, m),
    hours: parseField(hour, h),
    daysOfMonth: parseField(dayOfMonth, dom),
    months: parseField(month, mon),
    daysOfWeek: new Set([...parseField(dayOfWeek, dow)].map((day) => day % 7)),
    eitherDay: !dom.startsWith('*') && !dow.startsWith('*'),
    everyPass: /[*-]/.test(h),
  };
}

/** Shortest time between two slots, milliseconds; of expressions without a list of seconds a minute. */
export function shortestGapMs(slots: CronSlots): number {
  const seconds = [...slots.seconds].sort((a, b) => a - b);
  const gaps = seconds.map((value, index) => (seconds[index + 1] ?? (seconds[0] ?? 0) + 60) - value);
  return Math.min(...gaps) * 1000;
}

/**
 * The first instant of the span at which a run is due, if any. A time of day that the zone skips in spring is due at the first
 * instant after the gap; one that it repeats in autumn in the first pass, and in the second too if `everyPass`.
 */
export function missedSlot(slots: CronSlots, timeZone: string, span: Span): Date | undefined {
  for (const { startMs, endMs, offsetMs, skippedMs } of stretches(timeZone, span)) {
    for (const wallMs of wallSlots(slots, startMs + offsetMs - skippedMs, endMs + offsetMs)) {
      const instantMs = wallMs - offsetMs;
      if (instantMs < startMs) return new Date(startMs);
      const firstPass = () => fromLocal(new Date(wallMs), timeZone).getTime() === instantMs;
      if (slots.everyPass || firstPass()) return new Date(instantMs);
    }
  }
  return undefined;
}

/** Instants from `startMs` up to but not including `endMs` that share one offset from UTC. */
interface Stretch {
  startMs: number;
  endMs: number;
  offsetMs: number;
  /** How far the clocks were put forward at `startMs`. */
  skippedMs: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The span cut at every day and at every change of the zone's offset, of which no zone has two within a day. */
function* stretches(timeZone: string, span: Span): Generator<Stretch> {
  const offsetAt = (ms: number) => zoneOffsetMs(new Date(ms), timeZone);
  const endMs = span.until.getTime() + 1;
  let previousMs = offsetAt(span.after.getTime());
  let startMs = span.after.getTime() + 1;
  while (startMs < endMs) {
    const offsetMs = offsetAt(startMs);
    const cutMs = firstChange(offsetAt, startMs, Math.min(startMs + dayMs, endMs));
    yield { startMs, endMs: cutMs, offsetMs, skippedMs: Math.max(offsetMs - previousMs, 0) };
    previousMs = offsetMs;
    startMs = cutMs;
  }
}

/** The first instant whose offset differs from that at `startMs`, or `endMs` when the offset stays the same. */
function firstChange(offsetAt: (ms: number) => number, startMs: number, endMs: number): number {
  const offsetMs = offsetAt(startMs);
  if (offsetAt(endMs) === offsetMs) return endMs;
  let same = startMs;
  let changed = endMs;
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (offsetAt(middle) === offsetMs) same = middle;
    else changed = middle;
  }
  return changed;
}

/** Matching wall-clock times, written as if they were UTC, from `startMs` up to but not including `endMs`. */
function* wallSlots(slots: CronSlots, startMs: number, endMs: number): Generator<number> {
  let wallMs = Math.ceil(startMs / 1000) * 1000;
  while (wallMs < endMs) {
    const wall = new Date(wallMs);
    if (!matchesDay(slots, wall)) wallMs = nextMultiple(wallMs, dayMs);
    else if (!slots.hours.has(wall.getUTCHours())) wallMs = nextMultiple(wallMs, hourMs);
    else if (!slots.minutes.has(wall.getUTCMinutes())) wallMs = nextMultiple(wallMs, minuteMs);
    else {
      if (slots.seconds.has(wall.getUTCSeconds())) yield wallMs;
      wallMs += 1000;
    }
  }
}

function matchesDay(slots: CronSlots, day: Date): boolean {
  if (!slots.months.has(day.getUTCMonth() + 1)) return false;
  const byMonth = slots.daysOfMonth.has(day.getUTCDate());
  const byWeek = slots.daysOfWeek.has(day.getUTCDay());
  return slots.eitherDay ? byMonth || byWeek : byMonth && byWeek;
}

function nextMultiple(ms: number, unitMs: number): number {
  return (Math.floor(ms / unitMs) + 1) * unitMs;
}

function parseField(field: Field, text: string): Set<number> {
  const values = text.split(',').flatMap((item) => parseItem(field, item));
  return new Set(values);
}

/** One item of a list: `*`, a value or a range; `*` and ranges with an optional step. */
function parseItem(field: Field, item: string): number[] {
  const [, range = '', stepText = '1'] = /^([^/]+)(?:\/(\d+))?$/.exec(item) ?? [];
  const [first = '', last = first, ...rest] = range.split('-');
  const from = range === '*' ? field.min : parseValue(field, first);
  const to = range === '*' ? field.max : parseValue(field, last);
  const step = Number(stepText);
  const stepOfOne = item.includes('/') && range !== '*' && !range.includes('-');
  if (from === undefined || to === undefined || rest.length > 0 || stepOfOne)
    throw refusal(field, item, 'is not valid');
  if (from > to) throw refusal(field, item, 'runs backwards');
  if (step < 1 || step > to - from + 1) throw refusal(field, item, 'has a step that does not fit');
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function parseValue(field: Field, text: string): number | undefined {
  const word = text.toLowerCase();
  const named = field.names?.findIndex((name) => word === name || word === name.slice(0, 3)) ?? -1;
  if (named >= 0) return field.min + named;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.min && value <= field.max ? value : undefined;
}

function refusal(field: Field, item: string, reason: string): RangeError {
  const names = field.names === undefined ? '' : ' or names';
  return new RangeError(
    `${field.name} "${item}" ${reason}; use ${field.min}-${field.max}${names}, lists, ranges, * and steps.`,
  );
}
