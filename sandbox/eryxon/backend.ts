import type { Exchange } from '../http.ts';
import type { Answer, MesImage, Table } from '../types.ts';
import { ApiError } from './errors.ts';
import type { Gate } from './gate.ts';
import type { Incoming } from './tables.ts';

/** A test's veto: the text with which a record is refused, or undefined to let it pass. */
export type Refusal = (table: Table, body: Incoming) => string | undefined;

/** What both families of functions are given. `refuse` and `lies` are set from outside while the simulator runs. */
export interface Surroundings {
  gate: Gate;
  now: () => Date;
  mintId: () => string;
  refuse: Refusal;
  /** Rows that the tenant's plan has room for. */
  limits: Map<Table, number>;
  /** Whether this item of a generic bulk-sync is counted and not stored. */
  lies: () => boolean;
}

/** One family of functions with the database behind it. Table and external id name a record, whatever its source. */
export interface Backend {
  answer(exchange: Exchange): Answer;
  /** Of one external source, or of all. */
  image(source?: string): MesImage;
  count(table: Table): number;
  /** How often the record was created or updated through the API. */
  writes(table: Table, externalId: string): number;
  statusOf(table: Table, externalId: string): string | undefined;
  /** The shop floor changes a status. */
  touch(table: Table, externalId: string, status: string): void;
  /** Someone deletes the record by hand. */
  remove(table: Table, externalId: string): void;
  /** Someone changes columns by hand; no timestamp moves. */
  edit(table: Table, externalId: string, values: Incoming): void;
}

/** Throws the 402 of a create beyond the tenant's plan; single creates of jobs and parts alone are counted. */
export function requireRoom({ limits }: Surroundings, table: Table, rows: () => number): void {
  const limit = limits.get(table);
  if (limit === undefined) return;
  const currentUsage = rows();
  if (currentUsage < limit) return;
  const details = { limitType: table, currentUsage, limit };
  throw new ApiError(402, 'QUOTA_EXCEEDED', { message: `Quota exceeded for ${table}`, extra: { details } });
}

/** For the hooks that name a record: a test that names none is wrong. */
export function missing(table: Table, externalId: string): Error {
  return new Error(`The MES has no ${table}/${externalId}.`);
}
