import { zoneOffsetMs } from '../../core/stamp.ts';
import type { Finding } from '../../core/types.ts';
import type { OdooClient } from '../protocols/odoo/client.ts';

interface ZoneChecking {
  client: Pick<OdooClient, 'call'>;
  /** Name of the connector. */
  where: string;
  /** The connector's. */
  timeZone: string;
  now: Date;
}

/**
 * Odoo's own times are UTC whatever the zone, so a wrong one shifts but cron slots and the days of own mappings: a warning.
 * Nothing where the account has no zone, and nothing of UTC, which is what stands where nobody has set any.
 */
export async function checkZone(
  { client, where, timeZone, now }: ZoneChecking,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (timeZone === 'UTC') return [];
  const call = { model: 'res.users', method: 'context_get', named: {} } as const;
  const preferences = await client.call(call, signal).catch(() => undefined);
  signal.throwIfAborted();
  const theirs = (preferences as { tz?: unknown } | null | undefined)?.tz;
  if (typeof theirs !== 'string' || areAlike(theirs, timeZone, now)) return [];
  return [
    {
      code: 'zone-differs',
      level: 'warning',
      where,
      text: `The account lives in ${theirs}, timeZone is ${timeZone}: cron slots and the days of own mappings go by that.`,
      todo: 'Set timeZone to the zone of the plant. If it is, let the account have it too (Odoo: Preferences).',
    },
  ];
}

const halfYear = 183 * 86_400_000;

/** Same time in summer and in winter; a name that this machine does not know is taken for alike. */
function areAlike(one: string, other: string, now: Date): boolean {
  const seasons = [now, new Date(now.getTime() + halfYear)];
  try {
    return seasons.every((at) => zoneOffsetMs(at, one) === zoneOffsetMs(at, other));
  } catch {
    return true;
  }
}
