/** The stored form of a stamp: the millisecond `ms` (UTC) plus `ticks` of 100 ns within it (0 to 9999). */
export function stampOf(ms: number, ticks: number): string {
  return new Date(ms).toISOString().slice(0, 23) + String(ticks).padStart(4, '0');
}

/** A stored stamp, cut to the millisecond as V2 JSON shows it. */
export function millisecondsOf(stamp: string): number {
  return Date.parse(`${stamp.slice(0, 23)}Z`);
}

/** `YYYYMMDDhhmmss` in UTC, the server's zone. */
export function char14Of(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace(/\D/g, '');
}
