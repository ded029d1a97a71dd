import { crc32 } from 'node:zlib';
import { parseTime } from '../../values.ts';

/** Odoo's datetimes are `YYYY-MM-DD hh:mm:ss` in UTC, whatever zone the context names; null is `false`. */

/** ISO-8601 UTC; null for none, and for what is no time. */
export function readOdooTime(value: unknown): string | null {
  return typeof value === 'string' ? (parseTime(value)?.toISOString() ?? null) : null;
}

/**
 * A stamp that also moves when the row's members do: which they are fills the thousandths, where Odoo shows none. Two changes in one
 * second have one `write_date`, and the later one may be committed long after the earlier one was read.
 */
export function stampWithMembers(stamp: string | null, members: unknown): string | null {
  if (stamp === null || !Array.isArray(members)) return stamp;
  return new Date(Date.parse(stamp) + (crc32(members.join()) % 1000)).toISOString();
}

/** The whole second at or before an ISO-8601 instant, as the one form that means the same in every release. */
export function odooTime(instant: string): string {
  return instant.slice(0, 19).replace('T', ' ');
}

/** The whole second at or after an instant: an upper bound that leaves nothing out. */
export function odooTimeAfter(instant: string): string {
  return odooTime(new Date(Math.ceil(Date.parse(instant) / 1000) * 1000).toISOString());
}
