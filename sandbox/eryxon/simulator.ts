import { type Exchange, serve } from '../http.ts';
import { createRandom } from '../random.ts';
import type { Answer } from '../types.ts';
import { type MesImage, type Simulator, type Table, tables } from '../types.ts';
import { type Api, answer } from './api.ts';
import { coerce } from './columns.ts';
import { Gate } from './gate.ts';
import { imageOf } from './image.ts';
import { Store } from './store.ts';
import { definitions } from './tables.ts';
import type { Refusal } from './upsert.ts';

/** How the simulated MES is set up. */
export interface EryxonOptions {
  /** Ids, the key and the faults follow from it. */
  seed: number;
  /** Must begin with `ery_live_` or `ery_test_`; made from the seed when absent. */
  apiKey?: string;
  /** Requests per 24 hours from the first one; unlimited when absent. */
  dailyLimit?: number;
  /** False: `bulk-sync` answers 404, so that only `PUT sync` works. */
  bulk?: boolean;
  /**
   * True: behave as v0.1.0 where it falls short of its documentation: bulk updates never write a status, planned times
   * are not stored, at most 100 cells a bulk call, operations cannot be listed.
   */
  released?: boolean;
  now?: () => Date;
}

/** A running MES and the hooks by which a test looks into it. */
export interface EryxonSimulator extends Simulator {
  apiKey: string;
  /** Everything stored, in the field names of the documented API. */
  image(): MesImage;
  counts(): Record<Table, number>;
  /** From now on records for which the predicate has a text are refused with it; the latest predicate replaces the one before. */
  refuse(predicate: Refusal): void;
  /** Someone on the shop floor changes a status. Throws when there is no such record or no such status. */
  touch(table: Table, externalId: string, status: string): void;
  statusOf(table: Table, externalId: string): string | undefined;
  /** How often the record was created or updated through the API. */
  writes(table: Table, externalId: string): number;
}

/** Starts the documented generation of the API (v0.1) under `<url>/functions/v1`. */
export async function startEryxon(options: EryxonOptions): Promise<EryxonSimulator> {
  const random = createRandom(options.seed);
  const apiKey = options.apiKey ?? keyOf(options.seed);
  const now = options.now ?? (() => new Date());
  const store = new Store(random.fork('mes-ids'));
  const gate = new Gate({ apiKey, now, dailyLimit: options.dailyLimit ?? Number.POSITIVE_INFINITY });
  const api: Api = {
    store,
    gate,
    now,
    refuse: () => undefined,
    bulk: options.bulk ?? true,
    released: options.released ?? false,
  };
  const server = await serve((exchange) => correlated(api, exchange), {
    random: random.fork('mes-faults'),
    dateHeader: now,
  });
  return {
    ...server,
    apiKey,
    image: () => imageOf(store),
    counts: () => Object.fromEntries(tables.map((table) => [table, store.count(table)])) as Record<Table, number>,
    refuse(predicate) {
      api.refuse = predicate;
    },
    touch: (table, externalId, status) => touch(store, table, { externalId, status }),
    statusOf(table, externalId) {
      const status = store.byExternalId(table, externalId)?.values['status'];
      return typeof status === 'string' ? status : undefined;
    },
    writes: (table, externalId) => store.writes(table, externalId),
  };
}

function keyOf(seed: number): string {
  const random = createRandom(seed).fork('mes-key');
  return `ery_test_${Array.from({ length: 32 }, () => random.int(0, 15).toString(16)).join('')}`;
}

function correlated(api: Api, exchange: Exchange): Answer {
  const given = exchange.headers['x-request-id'];
  const usable = typeof given === 'string' && /^[A-Za-z0-9._:-]{1,200}$/.test(given);
  const result = answer(api, exchange);
  return { ...result, headers: { 'x-request-id': usable ? given : api.store.mintId(), ...result.headers } };
}

function touch(store: Store, table: Table, change: { externalId: string; status: string }): void {
  const row = store.byExternalId(table, change.externalId);
  const column = definitions[table].columns.find(({ name }) => name === 'status');
  if (row === undefined) throw new Error(`The MES has no ${table}/${change.externalId}.`);
  if (column === undefined) throw new Error(`Records of ${table} have no status.`);
  row.values['status'] = coerce(column.type, change.status);
}
