import type { EventBus } from '../../core/events.ts';
import type { Finding } from '../../core/types.ts';
import type { OdooModels } from '../protocols/odoo/model.ts';
import { readOdooTime } from '../protocols/odoo/times.ts';

/** Watches when the account's API key ends: since 18 keys do, after 90 days as a rule. */
export interface KeyWatch {
  /** Asks once a day; tells of a key that ends soon, and once of a name that no key has. Never throws: reading goes on without. */
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

/** What the account shows of its keys. */
interface Found {
  /** How many there are. */
  all: number;
  /** The one to watch; undefined where none has the name, or there is none. */
  key: Key | undefined;
}

const day = 86_400_000;
const warnedDays = 14;

export function createKeyWatch({ models, connector, keyName, events }: KeyWatchOptions): KeyWatch {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let missed = false;

  /** undefined where the release has no expiry, or the account cannot see its keys. */
  async function find(signal: AbortSignal): Promise<Found | undefined> {
    const model = 'res.users.apikeys';
    const known = await models.known(model, ['name', 'expiration_date'], signal);
    if (known?.size !== 2) return undefined;
    const rows = await models.rows({ model, domain: [], fields: [...known], order: 'id' }, signal);
    const keys = rows.map((row) => ({ name: String(row['name']), endsAt: readOdooTime(row['expiration_date']) }));
    const ends = ({ endsAt }: Key) => endsAt ?? 'never';
    const [key] = keys
      .filter(({ name }) => keyName === undefined || name === keyName)
      .sort((one, other) => (ends(one) < ends(other) ? -1 : 1));
    return { all: keys.length, key };
  }

  function miss(name: string, { all, key }: Found): void {
    if (key === undefined && !missed) {
      const reason = `auth.name names no API key of the account, which has ${all}.`;
      events.emit('credentials:unwatched', { connector, what: `API key "${name}"`, reason });
    }
    missed = key === undefined;
  }

  return {
    async look(now, signal) {
      if (now.getTime() - lookedAt < day) return;
      lookedAt = now.getTime();
      const found = await find(signal).catch(() => undefined);
      signal.throwIfAborted();
      if (found !== undefined && keyName !== undefined) miss(keyName, found);
      const key = found?.key;
      if (key === undefined || !endsSoon(key, now)) return;
      events.emit('credentials:expiring', { connector, what: `API key "${key.name}"`, at: key.endsAt ?? '' });
    },
    async check(now, signal) {
      const found = await find(signal).catch(() => undefined);
      signal.throwIfAborted();
      if (found?.key !== undefined) return [describe(found.key, connector, now)];
      return found === undefined || keyName === undefined ? [] : [unknownKey(keyName, connector, found.all)];
    },
  };
}

function endsSoon({ endsAt }: Key, now: Date): boolean {
  return endsAt !== null && Date.parse(endsAt) - now.getTime() < warnedDays * day;
}

function unknownKey(name: string, where: string, all: number): Finding {
  return {
    code: 'key-unknown',
    level: 'warning',
    where: `${where}/auth`,
    text: `The account has no API key named "${name}": it has ${all}. Nobody is told when the key in use ends.`,
    todo: 'Set auth.name to the name that the key has in Odoo (Preferences, Account Security), or leave it out where the account has one key.',
  };
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
