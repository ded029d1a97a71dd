/** The clock of the server. Django's `USE_TZ` is off: every datetime it writes is the wall-clock time of its zone. */
export interface Clock {
  readonly zone: string;
  /** Milliseconds since 1970. */
  now(): number;
  /** Now as a `lastmodified`: naive local time to the microsecond. */
  stamp(): string;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** The wall-clock time of an instant in a zone, to the second: `2026-11-20T23:14:34`. */
export function wallOf(zone: string, ms: number): string {
  let format = formats.get(zone);
  if (format === undefined) {
    // The Swedish form is ISO's but for the blank.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
    formats.set(zone, format);
  }
  return format.format(ms).replace(' ', 'T');
}

/** The wall-clock time to the microsecond; Python leaves out a fraction that is zero. */
export function stampOf(zone: string, ms: number, micros: number): string {
  const fraction = (((ms % 1000) + 1000) % 1000) * 1000 + micros;
  return wallOf(zone, ms) + (fraction === 0 ? '' : `.${String(fraction).padStart(6, '0')}`);
}
