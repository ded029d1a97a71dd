import { createHash } from 'node:crypto';
import { serve } from '../http.ts';
import { createRandom, type Random } from '../random.ts';
import type { MesImage, Simulator } from '../types.ts';
import type { Account } from './access.ts';
import type { Maker } from './build.ts';
import { Database } from './database.ts';
import type { Version } from './errors.ts';
import type { Module } from './fields.ts';
import { createHistory } from './history.ts';
import { fill, planRecords, stampsBefore } from './initial.ts';
import { secondOf } from './instant.ts';
import { modelsOf } from './models.ts';
import { Oracle } from './oracle.ts';
import { answer, type Server } from './server.ts';

/**
 * How the simulated Odoo is set up; the same options give the same system and the same history.
 *
 * It simulates a self-hosted Community edition, 17 (`/jsonrpc` only) or 19 (`/jsonrpc` and `/json/2`), as a reader meets
 * it: search, search_read, read, search_count, fields_get, rights probes, versions, logon by password or API key, the
 * company and archive filters, record rules, stamps with hidden microseconds, and the errors of each release. It does not
 * simulate XML-RPC, the web client, lagging replicas, `*read_group`, `web_search_read`, `any` in domains, sorting by the order of another
 * model, bills of material and routings, stock beyond the move that links an order, and any change by a client: those
 * are refused, and counted.
 */
export interface OdooOptions {
  seed: number;
  /** Cells, resources, jobs (with STOCK jobs), parts and operations of a first full pass: exactly this many, at least 20. */
  records: number;
  /** Default 19. */
  version?: Version;
  /** Modules that are not installed; without `sale` every order makes to stock. */
  absent?: readonly Module[];
  /** Where the simulated clock starts; by default an instant of 2026 that depends on the seed. */
  startAt?: Date;
  /** Days until the API key expires; default 60, null for never. 17 has keys without expiry only. */
  keyDays?: number | null;
  /** Zone in the account's preferences; default Europe/Brussels, null for none. It changes no answer but `context_get`. */
  userZone?: string | null;
  /** Customers and products get other names, which moves no document; default true. */
  renames?: boolean;
  /** Equipment, and orders that are cancelled or never were confirmed, are deleted without a trace; default false. */
  physicalDeletes?: boolean;
}

/** A running Odoo with its clock, its script and its oracle. */
export interface OdooSimulator extends Simulator {
  /** The read-only account of a connector; `/json/2` takes the key only, `/jsonrpc` the password too. */
  credentials: { database: string; username: string; password: string; apiKey: string };
  /** Moves the simulated clock forward; the Date header of every answer shows it. */
  advance(ms: number): void;
  now(): Date;
  /** Runs the next events of the history at the simulated time; one line each, e.g. `sales order 123 rescheduled`. */
  play(events: number): string[];
  /** Commits every transaction still pending. */
  settle(): void;
  /** What the MES must hold now: all that was ever visible, as the tables of docs/connectors/odoo.md map it. */
  expected(): MesImage;
  /**
   * A pass over the ERP has read, or is about to read, what is visible now. Call it once for each complete pass, always
   * at its start or always at its end: what stays visible from one checkpoint to the next has surely been read.
   */
  checkpoint(): void;
  /** `table/externalId` of records that a reader may lack, because they came and went between checkpoints. */
  optional(): Set<string>;
  /** Calls of methods that change something, since the start; a read-only client makes none. */
  writes(): number;
  /** Takes the right to a model away: `none` is answered by an error, `hidden` by no rows at all; `all` gives it back. */
  setRights(model: string, rights: 'all' | 'none' | 'hidden'): void;
  /** The companies of the account, 1 and 2 at the start; rows of others vanish without a word. */
  setCompanies(ids: readonly number[]): void;
  /** The key stops working. */
  revokeKey(): void;
  /** The next calls end with this exception: transient ones come as HTTP 200 in JSON-RPC, and as 500 in JSON-2. */
  failNext(calls: number, exception?: string): void;
}

/** Starts a simulated Odoo on a loopback port. Throws `RangeError` when `records` is below 20. */
export async function startOdoo(options: OdooOptions): Promise<OdooSimulator> {
  const { seed, version = 19, absent = [] } = options;
  const random = createRandom(seed);
  const start = options.startAt?.getTime() ?? defaultStart(seed);
  const plan = planRecords(options.records, absent);
  const database = new Database(modelsOf(version, absent));
  const maker = makerOf(database, random.fork('initial'), start);
  fill(maker, plan);
  const account = connectorAccount(options, start);
  fillAccount(database, account, version);
  const oracle = new Oracle(database);
  const script = { renames: options.renames ?? true, physicalDeletes: options.physicalDeletes ?? false };
  const history = createHistory({ ...maker, random: random.fork('history'), version }, { script, start });
  let writes = 0;
  const server: Server = {
    database,
    name: 'odoo',
    version,
    accounts: [account],
    failures: [],
    now: () => history.now,
    wrote: () => {
      writes += 1;
    },
  };
  const now = (): Date => new Date(history.now);
  const listening = await serve((exchange) => answer(exchange, server), {
    random: random.fork('faults'),
    dateHeader: now,
  });
  return {
    ...listening,
    credentials: credentialsOf(account),
    now,
    advance: (ms) => history.advance(ms),
    play: (events) => history.play(events),
    settle: () => history.settle(),
    expected: () => oracle.expected(),
    checkpoint: () => oracle.checkpoint(),
    optional: () => oracle.optional(),
    writes: () => writes,
    ...adminOf(account),
    failNext(calls, exception = 'psycopg2.errors.SerializationFailure') {
      for (let call = 0; call < calls; call += 1) server.failures.push(exception);
    },
  };
}

function makerOf(database: Database, random: Random, start: number): Maker {
  const ids = new Map<string, number>();
  return {
    random,
    database,
    nextId(model) {
      const id = (ids.get(model) ?? 0) + 1;
      ids.set(model, id);
      return id;
    },
    stamp: stampsBefore(random.fork('stamps'), start),
    now: () => start,
  };
}

function adminOf(account: Account): Pick<OdooSimulator, 'setRights' | 'setCompanies' | 'revokeKey'> {
  return {
    setRights(model, rights) {
      if (rights === 'all') account.rights.delete(model);
      else account.rights.set(model, rights);
    },
    setCompanies(ids) {
      account.companies = [...ids];
    },
    revokeKey() {
      account.keys = [];
    },
  };
}

const day = 86_400_000;

function connectorAccount(
  { seed, version, keyDays = 60, userZone: zone = 'Europe/Brussels' }: OdooOptions,
  start: number,
): Account {
  const expiresAt = keyDays === null || version === 17 ? null : start + keyDays * day;
  const secret = createHash('sha1').update(`key of ${seed}`).digest('hex');
  const key = { id: 1, name: 'erp-puller', secret, createdAt: secondOf(start - 30 * day), expiresAt };
  const [id, login, password] = [9, 'mes-reader@example.com', 'Welcome#1:%'];
  return { id, login, password, keys: [key], zone, companies: [1, 2], rights: new Map(), writes: false };
}

function credentialsOf({ login, password, keys }: Account): OdooSimulator['credentials'] {
  return { database: 'odoo', username: login, password: password ?? '', apiKey: keys[0]?.secret ?? '' };
}

function fillAccount(database: Database, account: Account, version: Version): void {
  const { id, login, companies, keys } = account;
  const row = { id, name: 'MES reader', login, active: true, company_id: null, write_date: null };
  database.apply({ model: 'res.users', row: { ...row, company_ids: companies } });
  for (const key of keys) {
    const expiry = key.expiresAt === null || version === 17 ? null : secondOf(key.expiresAt);
    const shown = { id: key.id, name: key.name, user_id: id, scope: 'rpc', create_date: key.createdAt };
    database.apply({ model: 'res.users.apikeys', row: { ...shown, expiration_date: expiry, write_date: null } });
  }
}

/** Some working moment of 2026, not on a whole second. */
function defaultStart(seed: number): number {
  const random = createRandom(seed).fork('start');
  return (
    Date.UTC(2026, random.int(1, 10), random.int(1, 28), random.int(6, 18), random.int(0, 59), random.int(0, 59)) + 417
  );
}
