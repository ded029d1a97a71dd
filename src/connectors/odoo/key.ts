import type { EventBus } from '../../core/events.ts';
import type { Finding } from '../../core/types.ts';
import type { OdooModels } from '../protocols/odoo/model.ts';
import { readOdooTime } from '../protocols/odoo/times.ts';

/** Watches when the account's API key ends: since 18 keys do, after 90 days as a rule. */
export interface KeyWatch {
  /** Asks once a day and tells of a key that ends soon. Never throws: reading goes on without. */
  look(now: Date, signal: AbortSignal): Promise<void>;
  check(now: Date, signal: AbortSignal): Promise<Finding[]>;
}

export interface KeyWatchOptions {
  models: OdooModels;
  connector: string;
  /** The key's name in Odoo; of all keys of the account the one that ends first when undefined. */
  keyName: string | undefined;
  events: EventBus;
}

interface Key {
  name: string;
  /** ISO-8601 UTC; null never. */
  endsAt: string | null;
}

const day = 86_400_000;
const warnedDays = 14;

export function createKeyWatch({ models, connector, keyName, events }: KeyWatchOptions): KeyWatch {
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** undefined where the release has no expiry, or the account cannot see its keys. */
  async function find(signal: AbortSignal): Promise<Key | undefined> {
    const model = 'res.users.apikeys';
    const known = await models.known(model, ['name', 'expiration_date'], signal);
    if (known?.size !== 2) return undefined;
    const rows = await models.rows({ model, domain: [], fields: [...known], order: 'id' }, signal);
    const keys = rows.map((row) => ({ name: String(row['name']), endsAt: readOdooTime(row['expiration_date']) }));
    const ends = ({ endsAt }: Key) => endsAt ?? 'never';
    return keys
      .filter(({ name }) => keyName === undefined || name === keyName)
      .sort((one, other) => (ends(one) < ends(other) ? -1 : 1))[0];
  }

  return {
    async look(now, signal) {
      if (now.getTime() - lookedAt < day) return;
      lookedAt = now.getTime();
      const key = await find(signal).catch(() => undefined);
      signal.throwIfAborted();
      if (key === undefined || !endsSoon(key, now)) return;
      events.emit('credentials:expiring', { connector, what: `API key "${key.name}"`, at: key.endsAt ?? '' });
    },
    async check(now, signal) {
      const key = await find(signal).catch(() => undefined);
      signal.throwIfAborted();
      return key === undefined ? [] : [describe(key, connector, now)];
    },
  };
}

function endsSoon({ endsAt }: Key, now: Date): boolean {
  return endsAt !== null && Date.parse(endsAt) - now.getTime() < warnedDays * day;
}

function describe(key: Key, where: string, now: Date): Finding {
  const soon = endsSoon(key, now);
  const until = key.endsAt === null ? 'does not expire' : `ends at ${key.endsAt}`;
  return {
    code: soon ? 'key-expires' : 'key-lasts',
    level: soon ? 'warning' : 'ok',
    where,
    text: `The API key "${key.name}" ${until}.`,
    todo: soon ? 'Make a new key in Odoo (Preferences, Account Security) and put it into the config file.' : '',
  };
}
