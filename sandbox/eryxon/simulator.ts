import { type Exchange, type Handler, serve } from '../http.ts';
import { createRandom } from '../random.ts';
import { type Answer, type MesImage, type Simulator, type Table, tables } from '../types.ts';
import type { Backend, Refusal, Surroundings } from './backend.ts';
import { classicBackend } from './classic.ts';
import { Gate } from './gate.ts';
import { type Generation, traits } from './generation.ts';
import { genericBackend } from './generic/backend.ts';
import { idMint } from './ids.ts';

/** How the simulated MES is set up. */
export interface EryxonOptions {
  /** Ids, the key and the faults follow from it. */
  seed: number;
  /** `classic` when absent. */
  generation?: Generation;
  /** Must begin with `ery_live_` or `ery_test_`; made from the seed when absent. */
  apiKey?: string;
  /** Requests per 24 hours from the first one; unlimited when absent. */
  dailyLimit?: number;
  /** False: `bulk-sync` answers 404, so that only `PUT sync` works. Of `classic` only. */
  bulk?: boolean;
  /**
   * True: behave as v0.1.0 where it falls short of its documentation: bulk updates never write a status, planned times
   * are not stored, at most 100 cells a bulk call, operations cannot be listed. Of `classic` only.
   */
  released?: boolean;
  now?: () => Date;
}

/**
 * A MES without a server, and the hooks by which a test looks into it. Hooks that name a record go by its external id, whatever
 * its source, and throw when there is none; they change it as the people at the MES would, without a timestamp moving.
 */
export interface EryxonSystem {
  handle: Handler;
  apiKey: string;
  generation: Generation;
  /** Everything stored and not deleted, of one external source or of all, in the field names of the documented API. */
  image(source?: string): MesImage;
  counts(): Record<Table, number>;
  /** From now on records for which the predicate has a text are refused with it; the latest predicate replaces the one before. */
  refuse(predicate: Refusal): void;
  /** From now on the tenant's plan has room for so many rows; single creates beyond it are refused. */
  limit(table: 'jobs' | 'parts', rows: number): void;
  /** From now on this share of the items of a generic `bulk-sync` is counted as written and not stored. */
  lie(share: number): void;
  /** Someone on the shop floor changes a status. Throws when there is no such record or no such status. */
  touch(table: Table, externalId: string, status: string): void;
  /** Someone deletes a record: for good, or leaving a dead row where the generation does. Throws `DatabaseError` for a cell in use. */
  remove(table: Table, externalId: string): void;
  /** Someone sets columns to other values. Throws `DatabaseError` for values that the database refuses. */
  edit(table: Table, externalId: string, values: Record<string, unknown>): void;
  statusOf(table: Table, externalId: string): string | undefined;
  /** How often the record was created or updated through the API. */
  writes(table: Table, externalId: string): number;
}

/** The same on a loopback port. */
export interface EryxonSimulator extends Simulator, Omit<EryxonSystem, 'handle'> {}

/** Starts the MES under `<url>/functions/v1`. */
export async function startEryxon(options: EryxonOptions): Promise<EryxonSimulator> {
  const { handle, ...system } = createEryxon(options);
  const random = createRandom(options.seed).fork('mes-faults');
  return { ...(await serve(handle, { random, dateHeader: options.now ?? (() => new Date()) })), ...system };
}

/** Makes the MES under the paths `/functions/v1`. */
export function createEryxon(options: EryxonOptions): EryxonSystem {
  const { generation = 'classic' } = options;
  const random = createRandom(options.seed);
  const apiKey = options.apiKey ?? keyOf(options.seed);
  const now = options.now ?? (() => new Date());
  const knows401 = generation !== 'classic' && traits[generation].knows401;
  const lying = random.fork('mes-lies');
  let share = 0;
  const surroundings: Surroundings = {
    gate: new Gate({ apiKey, now, dailyLimit: options.dailyLimit ?? Number.POSITIVE_INFINITY, knows401 }),
    now,
    mintId: idMint(random.fork('mes-ids')),
    refuse: () => undefined,
    limits: new Map(),
    lies: () => share > 0 && lying.chance(share),
  };
  const backend = backendOf(generation, surroundings, options);
  return {
    handle: (exchange) => correlated(backend, surroundings, exchange),
    apiKey,
    generation,
    image: (source) => backend.image(source),
    counts: () => Object.fromEntries(tables.map((table) => [table, backend.count(table)])) as Record<Table, number>,
    refuse(predicate) {
      surroundings.refuse = predicate;
    },
    limit: (table, rows) => void surroundings.limits.set(table, rows),
    lie(given) {
      share = given;
    },
    touch: (table, externalId, status) => backend.touch(table, externalId, status),
    remove: (table, externalId) => backend.remove(table, externalId),
    edit: (table, externalId, values) => backend.edit(table, externalId, values),
    statusOf: (table, externalId) => backend.statusOf(table, externalId),
    writes: (table, externalId) => backend.writes(table, externalId),
  };
}

function backendOf(generation: Generation, surroundings: Surroundings, options: EryxonOptions): Backend {
  if (generation !== 'classic') return genericBackend(generation, surroundings);
  return classicBackend(surroundings, { bulk: options.bulk ?? true, released: options.released ?? false });
}

function keyOf(seed: number): string {
  const random = createRandom(seed).fork('mes-key');
  return `ery_test_${Array.from({ length: 32 }, () => random.int(0, 15).toString(16)).join('')}`;
}

function correlated(backend: Backend, { mintId }: Surroundings, exchange: Exchange): Answer {
  const given = exchange.headers['x-request-id'];
  const usable = typeof given === 'string' && /^[A-Za-z0-9._:-]{1,200}$/.test(given);
  const result = backend.answer(exchange);
  return { ...result, headers: { 'x-request-id': usable ? given : mintId(), ...result.headers } };
}
