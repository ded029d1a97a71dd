import { type Exchange, serve } from '../http.ts';
import { createRandom, type Random } from '../random.ts';
import type { MesImage, Simulator } from '../types.ts';
import { type Access, type Action, type User, webtokenOf } from './access.ts';
import { type Clock, stampOf, wallOf } from './clock.ts';
import { Database } from './database.ts';
import { History } from './history.ts';
import { fill, planRecords } from './initial.ts';
import { Oracle } from './oracle.ts';
import { startPlanRun } from './plan-run.ts';
import { answer, type Server } from './server.ts';
import { running, type Tasks } from './tasks.ts';
import type { World } from './world.ts';

/**
 * FrePPLe 9.17 as its REST API shows it, checked to the byte against a recorded run of the real one (without its engine).
 *
 * Simulated: the models of the app `input`, lists without pages and without ordering, filters (unknown ones are ignored),
 * natural keys, the trailing slash and the redirects, content negotiation, Basic, API keys and web tokens with their CSRF
 * rule, permissions by model, upserts, partial updates and their errors, what completing an order does to others, the
 * task list, plan runs, and the server's naive local time.
 *
 * Not simulated: the grid of the user interface (`/data/...`), other apps (`common`, `forecast`), scenarios in use,
 * starting tasks, what completions do to stock and to supply further up, upload of files, the text of HTML pages.
 * Not known from a record, but from its source or by likeness: how plan runs write, answers to requests without a user
 * outside `/api/input/` (302 to the login page), an expired web token (302 too).
 */
export interface FreppleOptions {
  seed: number;
  /** Cells, resources, jobs (with STOCK jobs), parts and operations of a first full pass: exactly this many, at least 20. */
  records: number;
  /** Before 9.13 there is no list of work orders: steps stand among the manufacturing orders, with their `owner`. */
  version?: '9.17' | '9.12';
  /** Where the simulated clock starts; by default an instant of 2026 that depends on the seed. */
  startAt?: Date;
  /** The server's zone (FREPPLE_TIME_ZONE), which no answer names; default Europe/Brussels, as FrePPLe's. */
  timeZone?: string;
  /** Adds physical deletes of orders, steps, demands and members of pools to the history. */
  deletes?: boolean;
  /** Models that the connector's user may not view, such as `demand`. */
  denied?: readonly string[];
}

/** What the server accepts: a user that may only view, and one that may do anything. */
export interface FreppleCredentials {
  username: string;
  password: string;
  email: string;
  /** 65 letters and digits, sent as `Authorization: Bearer`. */
  apiKey: string;
  /** A JSON web token that lasts for ten simulated years. */
  webtoken: string;
  /** What web tokens are signed with. */
  webtokenKey: string;
  administrator: { username: string; password: string };
  /** An account that is switched off. */
  inactive: { username: string; password: string };
}

/** A running FrePPLe with its clock, its script and its oracle. */
export interface FreppleSimulator extends Simulator {
  credentials: FreppleCredentials;
  /** The zone a connector has to be told. */
  timeZone: string;
  /** Moves the simulated clock forward; the Date header of every answer shows it. Plan runs get on with it. */
  advance(ms: number): void;
  now(): Date;
  /** Runs the next events of the history at the simulated time; one line each, e.g. `operationplan MO-1001 confirmed`. */
  play(events: number): string[];
  /** Commits every transaction still pending, and ends a plan run that is under way. */
  settle(): void;
  /** Starts a plan run, which takes some minutes of simulated time; false when one is under way. */
  startPlanRun(): boolean;
  /** True while the task list shows a plan run. */
  isPlanning(): boolean;
  /** What the MES must hold now: all that was ever visible, as the tables of docs/connectors/frepple.md map it. */
  expected(): MesImage;
  /**
   * A pass over the ERP has read, or is about to read, what is visible now, demands included. Call it once for each
   * complete pass, always at its start or always at its end. During a plan run it does not count.
   */
  checkpoint(): void;
  /** `table/externalId` of records that a reader may lack, have, or hold with older values. */
  optional(): Set<string>;
  /** Requests with a method other than GET, HEAD or OPTIONS since the start; a read-only client makes none. */
  writes(): number;
}

/** Starts a simulated FrePPLe on a loopback port. Throws `RangeError` when `records` is below 20. */
export async function startFrepple(options: FreppleOptions): Promise<FreppleSimulator> {
  const random = createRandom(options.seed);
  const records = planRecords(options.records);
  const clock = createClock(options, random.fork('stamps'));
  const database = new Database();
  const tasks: Tasks = new Map();
  const splits = options.version !== '9.12';
  const world: World = {
    random: random.fork('initial'),
    database,
    clock,
    splits,
    numbers: { demand: 0, order: 0, resource: 0 },
    singles: [],
    routings: new Map(),
    startPlanRun: () => startPlanRun(world, tasks),
  };
  fill(world, records, momentsBefore(random.fork('moments'), clock));
  world.random = random.fork('history');
  const oracle = new Oracle({ database, zone: clock.zone }, () => running(tasks).length > 0);
  const history = new History(world, clock, { deletes: options.deletes ?? false });
  const credentials = credentialsOf(clock);
  const access = accessOf(credentials, new Set(options.denied));
  const server: Server = { database, clock, tasks, access, splits, treeNumbered: true };
  let writes = 0;
  function handle(exchange: Exchange): ReturnType<typeof answer> {
    if (!['GET', 'HEAD', 'OPTIONS'].includes(exchange.method)) writes += 1;
    return answer(exchange, server);
  }
  const now = (): Date => new Date(clock.now());
  const served = await serve(handle, { random: random.fork('faults'), dateHeader: now });
  return {
    ...served,
    credentials,
    timeZone: clock.zone,
    now,
    advance: (ms) => history.advance(ms),
    play: (events) => history.play(events),
    settle: () => history.settle(),
    startPlanRun: () => world.startPlanRun(),
    isPlanning: () => running(tasks).length > 0,
    expected: () => oracle.expected(),
    checkpoint: () => oracle.checkpoint(),
    optional: () => oracle.optional(),
    writes: () => writes,
  };
}

const yearMs = 31_536_000_000;

function createClock(
  { seed, startAt, timeZone }: FreppleOptions,
  random: Random,
): Clock & { advance(ms: number): void } {
  const zone = timeZone ?? 'Europe/Brussels';
  let ms = startAt?.getTime() ?? defaultStart(seed);
  return {
    zone,
    now: () => ms,
    stamp: () => stampOf(zone, ms, random.int(0, 999)),
    advance(by) {
      ms += by;
    },
  };
}

/** Some working moment of 2026, not on a whole second. */
function defaultStart(seed: number): number {
  const random = createRandom(seed).fork('start');
  return (
    Date.UTC(2026, random.int(1, 10), random.int(1, 28), random.int(6, 18), random.int(0, 59), random.int(0, 59)) + 417
  );
}

/** Times of saving before the start: about a third are the start of one of a few plan runs, in whole seconds. */
function momentsBefore(random: Random, { zone, now }: Clock): () => string {
  const runs = Array.from({ length: 4 }, () => now() - random.int(600_000, yearMs));
  return () => {
    if (random.chance(0.33)) return wallOf(zone, random.pick(runs));
    return stampOf(zone, now() - random.int(1000, 2 * yearMs), random.int(0, 999));
  };
}

function credentialsOf(clock: Clock): FreppleCredentials {
  const username = 'mes_reader';
  const webtokenKey = 'frepple-%-secret-key';
  const exp = Math.floor((clock.now() + 10 * yearMs) / 1000);
  return {
    username,
    password: 'Welcome#1:%ü',
    email: 'mes@plant.example',
    apiKey: 'orBWwRLFslJn4nbjqThzmpDOh0AHk3aJWj73HpDfLukmxNvzIQ7f71c2jzdbORjtX',
    webtoken: webtokenOf({ user: username, exp }, webtokenKey),
    webtokenKey,
    administrator: { username: 'admin', password: 'admin' },
    inactive: { username: 'former', password: 'former' },
  };
}

function accessOf(credentials: FreppleCredentials, denied: ReadonlySet<string>): Access {
  const { username, password, email, apiKey, webtokenKey, administrator, inactive } = credentials;
  const reads = (action: Action, model: string): boolean => action === 'view' && !denied.has(model);
  const all = (): boolean => true;
  const users: User[] = [
    { name: username, email, password, active: true, may: reads },
    { name: administrator.username, email: '', password: administrator.password, active: true, may: all },
    { name: inactive.username, email: '', password: inactive.password, active: false, may: all },
  ];
  return { users, apiKeys: new Map([[apiKey, username]]), webtokenKey };
}
