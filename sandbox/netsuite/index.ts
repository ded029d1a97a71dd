import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { serve } from '../http.ts';
import { createRandom, type Random } from '../random.ts';
import type { ErpSimulator } from '../types.ts';
import type { Maker } from './build.ts';
import { Database, type Row } from './database.ts';
import { Grants } from './grants.ts';
import { createHistory } from './history.ts';
import { fill, planRecords, stampsBefore } from './initial.ts';
import { Oracle } from './oracle.ts';
import type { KeyCase } from './paging.ts';
import { tablesOf } from './schema.ts';
import { answer, type Server, type Trouble, type User } from './server.ts';
import { SignatureCheck, type TokenPair } from './signature.ts';

/**
 * How the simulated NetSuite is set up; the same options give the same account and the same history.
 *
 * It simulates SuiteQL over REST as a reader meets it: a grammar with joins, subqueries, groups and the functions of
 * Oracle, masks and days in the user's format, pages and their caps, both kinds of authentication, one pool of
 * concurrent requests, roles that lack tables or rows, and deleted records. No account was there to record, so that
 * what NetSuite's help leaves open (texts of errors beside the code, statements at the edge of the dialect) is a guess.
 * It does not simulate the record API, RESTlets, set operators, RIGHT joins, `(+)`, ROWNUM and analytic functions: those
 * are refused, with "Not simulated" where NetSuite would know them.
 */
export interface NetSuiteOptions {
  seed: number;
  /** Cells, jobs (with STOCK jobs), parts and operations of a first full pass: exactly this many, at least 20. */
  records: number;
  /** Default `1234567_SB1`. */
  accountId?: string;
  /** Where the simulated clock starts; by default an instant of 2026 that depends on the seed. */
  startAt?: Date;
  /** The zone that the connector is told, in which days begin; default Europe/Amsterdam. */
  timeZone?: string;
  /** The feature Manufacturing Routing and Work Center, without which there are neither cells nor operations; default true. */
  routing?: boolean;
  /** Preferences of the token's user; by default `DD/MM/YYYY`, English, Pacific time. */
  user?: Partial<User>;
  /** Customers and items get other names, and links appear, without a stamp on the order; default true. */
  renames?: boolean;
  /** Orders and work centers are deleted; the list of deleted records names them. Default false. */
  physicalDeletes?: boolean;
  /** Requests that may run at once; default 5. */
  concurrency?: number;
  /** What one too many is told; default `tooMany`. */
  overload?: Trouble;
  /** Milliseconds that a query takes, in which it holds a slot; default 0. */
  serviceMs?: number;
  /** Rows of one result that can be reached; default 100 000. */
  rowCap?: number;
  /** Seconds that an access token lasts; default 3600. */
  tokenSeconds?: number;
  /** PEM of the certificate's public key; by default an elliptic one is made up. Throws for RSA keys below 3072 bits. */
  publicKey?: string;
  /**
   * The clock of signatures and tokens; the machine's when absent, because clients sign with theirs. What is signed by the
   * simulated clock, which stands in the Date header, is taken as well.
   */
  signingClock?: () => Date;
}

/** What a connector logs on with, by OAuth 2.0 or by token-based authentication. */
export interface NetSuiteCredentials extends TokenPair {
  accountId: string;
  clientId: string;
  certificateId: string;
  /** PEM; empty when the public key came from outside. */
  privateKey: string;
}

/** A running NetSuite with its clock, its script and its oracle. */
export interface NetSuiteSimulator extends ErpSimulator {
  credentials: NetSuiteCredentials;
  /** The zone that the connector has to be told. */
  timeZone: string;
  /**
   * Restricts the role to that share of the orders and work centers, or of the rows of those tables instead, from 0 to 1, the
   * same ones every time; nothing says so. The next call takes the place of the one before.
   */
  narrow(share: number, tables?: readonly string[]): void;
  /** Takes a table away from the role, such as `deletedrecord`, or all of them with `suiteql`; `all` gives it back. */
  setRights(table: string, rights: 'all' | 'none'): void;
  /** Ends every access token that was given out. */
  revokeTokens(): void;
  /** The next queries end like this. */
  failNext(calls: number, trouble: Trouble): void;
  /** Others hold that many slots of the pool. */
  occupy(slots: number): void;
  /** Names of columns are written like this from now on. */
  setKeyCase(keyCase: KeyCase): void;
}

/** Starts a simulated NetSuite on a loopback port. Throws `RangeError` when `records` is below 20. */
export async function startNetSuite(options: NetSuiteOptions): Promise<NetSuiteSimulator> {
  const { seed, routing = true, timeZone = 'Europe/Amsterdam' } = options;
  const random = createRandom(seed);
  const start = options.startAt?.getTime() ?? defaultStart(seed);
  const plan = planRecords(options.records, { routing });
  const database = new Database();
  const maker = makerOf(database, random.fork('initial'), start);
  fill(maker, plan);
  const oracle = new Oracle(database, timeZone);
  const script = { renames: options.renames ?? true, physicalDeletes: options.physicalDeletes ?? false };
  const history = createHistory({ ...maker, random: random.fork('history') }, { script, start });
  const keys = keysOf(options.publicKey);
  let writes = 0;
  const server = serverOf(options, {
    database,
    keys,
    now: () => history.now,
    wrote: () => {
      writes += 1;
    },
  });
  const now = (): Date => new Date(history.now);
  const listening = await serve((exchange) => answer(exchange, server), {
    random: random.fork('faults'),
    dateHeader: now,
  });
  return {
    ...listening,
    credentials: credentialsOf(server, keys),
    timeZone,
    now,
    advance: (ms) => history.advance(ms),
    play: (events) => history.play(events),
    settle: () => history.settle(),
    expected: () => oracle.expected(),
    checkpoint: () => oracle.checkpoint(),
    optional: () => oracle.optional(),
    writes: () => writes,
    ...administratorOf(server),
  };
}

function makerOf(database: Database, random: Random, start: number): Maker {
  const ids = new Map<string, number>();
  return {
    random,
    database,
    nextId(table) {
      const id = (ids.get(table) ?? 0) + 1;
      ids.set(table, id);
      return id;
    },
    stamp: stampsBefore(random.fork('stamps'), start),
    now: () => start,
  };
}

interface Keys {
  publicKey: KeyObject;
  privateKey: string;
}

/** Oracle takes RSA keys of 3072 or 4096 bits, and the elliptic curves of the usual sizes. */
function keysOf(given: string | undefined): Keys {
  if (given === undefined) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { publicKey, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }
  const publicKey = createPublicKey(given);
  const { modulusLength = 3072 } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength < 3072) throw new RangeError(`NetSuite takes RSA keys of 3072 or 4096 bits, not ${modulusLength}.`);
  return { publicKey, privateKey: '' };
}

const certificateMs = 365 * 86_400_000;

function serverOf(
  options: NetSuiteOptions,
  given: Pick<Server, 'database' | 'now' | 'wrote'> & { keys: Keys },
): Server {
  const { seed, accountId = '1234567_SB1', signingClock = () => new Date() } = options;
  const { keys, ...server } = given;
  const secret = (name: string): string => createHash('sha256').update(`${name} of ${seed}`).digest('hex');
  return {
    ...server,
    tables: tablesOf({ routing: options.routing ?? true }),
    denied: new Set(),
    realm: accountId.toUpperCase().replaceAll('-', '_'),
    host: `${accountId.toLowerCase().replaceAll('_', '-')}.suitetalk.api.netsuite.com`,
    tokens: {
      consumerKey: secret('consumer key'),
      consumerSecret: secret('consumer secret'),
      tokenId: secret('token'),
      tokenSecret: secret('token secret'),
    },
    signatures: new SignatureCheck(),
    clientId: secret('client'),
    certificate: {
      id: secret('certificate').slice(0, 43),
      publicKey: keys.publicKey,
      validUntil: signingClock().getTime() + certificateMs,
    },
    grants: new Grants(),
    tokenSeconds: options.tokenSeconds ?? 3600,
    user: { timeZone: 'America/Los_Angeles', dateFormat: 'DD/MM/YYYY', language: 'en', ...options.user },
    concurrency: options.concurrency ?? 5,
    occupied: 0,
    overload: options.overload ?? 'tooMany',
    troubles: [],
    serviceMs: options.serviceMs ?? 0,
    rowCap: options.rowCap ?? 100_000,
    keyCase: 'lower',
    turn: 0,
    signingNow: () => signingClock().getTime(),
  };
}

function credentialsOf({ realm, tokens, clientId, certificate }: Server, { privateKey }: Keys): NetSuiteCredentials {
  return { accountId: realm, ...tokens, clientId, certificateId: certificate.id, privateKey };
}

function administratorOf(
  server: Server,
): Pick<NetSuiteSimulator, 'narrow' | 'setRights' | 'revokeTokens' | 'failNext' | 'occupy' | 'setKeyCase'> {
  let others = 0;
  return {
    narrow(share, tables = ofOrders) {
      const restricted = new Set(tables);
      const shows: Server['shows'] = (table, row) => !restricted.has(table) || shareOf(table, row) < share;
      server.shows = share < 1 ? shows : undefined;
    },
    setRights(table, rights) {
      const denied = new Set(server.denied);
      if (rights === 'none') denied.add(table.toLowerCase());
      else denied.delete(table.toLowerCase());
      server.denied = denied;
    },
    revokeTokens: () => server.grants.revokeAll(),
    failNext(calls, trouble) {
      for (let call = 0; call < calls; call += 1) server.troubles.push(trouble);
    },
    occupy(slots) {
      server.occupied += slots - others;
      others = slots;
    },
    setKeyCase(keyCase) {
      server.keyCase = keyCase;
    },
  };
}

const ofOrders: readonly string[] = [
  'transaction',
  'transactionline',
  'manufacturingoperationtask',
  'entitygroup',
  'previoustransactionlinelink',
  'nexttransactionlinelink',
];

/** A number from 0 to 1 that belongs to a record: lines, links and tasks share their order's. */
function shareOf(table: string, row: Row): number {
  const order = row['transaction'] ?? row['workorder'] ?? row['nextdoc'] ?? row.key;
  const record = table === 'entitygroup' ? `group ${row.key}` : order;
  return createHash('sha256').update(String(record)).digest().readUInt32BE() / 2 ** 32;
}

/** Some working moment of 2026, not on a whole second. */
function defaultStart(seed: number): number {
  const random = createRandom(seed).fork('start');
  return (
    Date.UTC(2026, random.int(1, 10), random.int(1, 28), random.int(6, 18), random.int(0, 59), random.int(0, 59)) + 417
  );
}
