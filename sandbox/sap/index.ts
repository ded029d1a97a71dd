import { createHash } from 'node:crypto';
import { type Exchange, type Handler, serve } from '../http.ts';
import { createRandom } from '../random.ts';
import type { MesImage, Simulator, Table } from '../types.ts';
import { Database } from './database.ts';
import { answer, type GatewaySettings } from './gateway.ts';
import { createHistory } from './history.ts';
import { fill, planRecords } from './initial.ts';
import type { Row } from './model.ts';
import { Oracle } from './oracle.ts';

/** How the simulated S/4HANA is set up; the same options give the same system and the same history. */
export interface SapOptions {
  seed: number;
  /** Cells, resources, jobs (with STOCK jobs), parts and operations of a first full pass: exactly this many, at least 20. */
  records: number;
  /** Serves the V2 services only, or the V4 services and what has no V4 service; without it both at once. */
  protocol?: 'v2' | 'v4';
  /** Where the simulated clock starts; by default an instant of 2026 that depends on the seed. */
  startAt?: Date;
  /** Largest page of the server, whatever `$top` says; its next links then name an internal host. */
  serverPageSize?: number;
  /** Zone of sales order dates, and of plants without their own; default Europe/Amsterdam. */
  timeZone?: string;
  /** Zone by plant (1710 and 1720); default `{ '1720': 'America/Chicago' }`. */
  plantTimeZones?: Record<string, string>;
  /** Whole records are deleted, archived and created again under their old numbers, rarely; without it nothing vanishes but operations. */
  deletes?: boolean;
}

/** A S/4HANA with its clock, its script and its oracle, without a server: for whoever brings the requests in process. */
export interface SapSystem {
  handle: Handler;
  /** User, password and `sap-client` that the gateway accepts. */
  credentials: GatewaySettings['credentials'];
  /** Moves the simulated clock forward; the Date header of every answer shows it. */
  advance(ms: number): void;
  now(): Date;
  /** Runs the next events of the history at the simulated time; one line each, e.g. `sales order 1000123 changed`. */
  play(events: number): string[];
  /** Commits every transaction still pending. */
  settle(): void;
  /** What the MES must hold now: all that was ever visible, as the tables of docs/connectors/sap.md map it. */
  expected(): MesImage;
  /**
   * A pass over the ERP has read, or is about to read, what is visible now. Call it once for each complete pass, always
   * at its start or always at its end: what stays visible from one checkpoint to the next has surely been read.
   */
  checkpoint(): void;
  /** `table/externalId` of records that a reader may lack, or hold with older values, because they came and went between checkpoints. */
  optional(): Set<string>;
  /** Whether that record was shown once and is not any more. */
  isGone(table: Table, externalId: string): boolean;
  /** An order has changed within the second of the change before, so that its stamp does not tell of it. */
  unmoved(): boolean;
  /**
   * Narrows what the user may read to that share of the documents, from 0 to 1, the same ones every time: lists answer
   * 200 with fewer rows, as SAP does when authorisations are taken away. 1 gives everything back.
   */
  narrow(share: number): void;
  /** Requests with a method other than GET or HEAD since the start; a read-only client makes none. */
  writes(): number;
}

/** The same on a loopback port. */
export interface SapSimulator extends Simulator, Omit<SapSystem, 'handle'> {}

/** Starts a simulated S/4HANA on a loopback port. Throws `RangeError` when `records` is below 20. */
export async function startSap(options: SapOptions): Promise<SapSimulator> {
  const { handle, ...system } = createSap(options);
  const random = createRandom(options.seed).fork('faults');
  return { ...(await serve(handle, { random, dateHeader: system.now })), ...system };
}

/** Makes a simulated S/4HANA. Throws `RangeError` when `records` is below 20. */
export function createSap(options: SapOptions): SapSystem {
  const random = createRandom(options.seed);
  const start = options.startAt?.getTime() ?? defaultStart(options.seed);
  const plan = planRecords(options.records);
  const database = new Database();
  fill(database, plan, { random: random.fork('initial'), start });
  const oracle = new Oracle(database, {
    timeZone: options.timeZone ?? 'Europe/Amsterdam',
    plantTimeZones: options.plantTimeZones ?? { '1720': 'America/Chicago' },
  });
  const script = { random: random.fork('history'), start, deletes: options.deletes === true };
  const history = createHistory(database, plan, script);
  const settings: GatewaySettings = {
    credentials: { username: 'MES_READER', password: 'Welcome#1:%', client: '100' },
    ...(options.protocol === undefined ? {} : { protocol: options.protocol }),
    ...(options.serverPageSize === undefined ? {} : { serverPageSize: options.serverPageSize }),
  };
  let writes = 0;
  let share = 1;
  function handle(exchange: Exchange): ReturnType<typeof answer> {
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') writes += 1;
    return answer(exchange, database, share < 1 ? { ...settings, shows: (row) => shareOf(row) < share } : settings);
  }
  const now = (): Date => new Date(history.now);
  return {
    handle,
    credentials: settings.credentials,
    now,
    advance: (ms) => history.advance(ms),
    play: (events) => history.play(events),
    settle: () => history.settle(),
    expected: () => oracle.expected(),
    checkpoint: () => oracle.checkpoint(),
    optional: () => oracle.optional(),
    isGone: (table, externalId) => oracle.isGone(table, externalId),
    unmoved: () => oracle.unmoved(),
    narrow: (wanted) => {
      share = wanted;
    },
    writes: () => writes,
  };
}

/** A number from 0 to 1 that belongs to a document: an operation shares its order's, a segment its equipment's. */
function shareOf(row: Row): number {
  const { ManufacturingOrder, SalesOrder, Equipment, WorkCenterInternalID } = row;
  const digest = createHash('sha256').update(
    String(ManufacturingOrder ?? SalesOrder ?? Equipment ?? WorkCenterInternalID),
  );
  return digest.digest().readUInt32BE() / 2 ** 32;
}

/** Some working moment of 2026, not on a whole second. */
function defaultStart(seed: number): number {
  const random = createRandom(seed).fork('start');
  return (
    Date.UTC(2026, random.int(1, 10), random.int(1, 28), random.int(6, 18), random.int(0, 59), random.int(0, 59)) + 417
  );
}
