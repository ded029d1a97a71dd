/** The MES tables, in the order in which parents come before children. */
export const tables = ['cells', 'resources', 'jobs', 'parts', 'operations'] as const;
export type Table = (typeof tables)[number];

/**
 * What one MES record must look like once everything has been delivered.
 * `fields` uses the names of the documented API (`estimated_time_minutes`, `job_external_id`, `part_external_id`, `cell_name`).
 * `onHold` is true for a cancelled job, part or operation; it is left out where status belongs to the shop floor.
 */
export interface ImageRecord {
  externalId: string;
  fields: Record<string, string | number | boolean | null>;
  onHold?: true;
}

/** A whole MES as maps external id -> record, a table each. */
export type MesImage = Record<Table, Map<string, ImageRecord>>;

/** Faults a simulator can inject; a share is a probability between 0 and 1 a request. */
export interface Faults {
  /** Extra delay of each answer, milliseconds (a random share of it). */
  latencyMs?: number;
  /** Share answered 429 with Retry-After 1. */
  tooManyRequests?: number;
  /** Share answered 500, 502 or 503; half of them after the request took effect. */
  serverError?: number;
  /** Share whose body is sent a few bytes at a time, slowly. */
  trickle?: number;
  /** Share whose connection is reset in the middle of the answer; half of them after the request took effect. */
  reset?: number;
  /** Share answered 200 with an HTML page. */
  html?: number;
  /** Share answered 200 with JSON cut in the middle. */
  truncate?: number;
}

/** One simulator listening on loopback. */
export interface Simulator {
  /** Origin, e.g. `http://127.0.0.1:41234`. */
  url: string;
  /** Requests served since the start, by method and path. */
  requests(): { total: number; byPath: Record<string, number> };
  setFaults(faults: Faults): void;
  stop(): Promise<void>;
}

/** A simulated ERP with a clock and a history of its own, and the true image of what it has told. */
export interface ErpSimulator extends Simulator {
  /** Moves the simulated clock forward; the Date header of every answer shows it. */
  advance(ms: number): void;
  now(): Date;
  /** Runs the next events of the history at the simulated time; one line each. */
  play(events: number): string[];
  /** Commits every transaction still pending. */
  settle(): void;
  /** What the MES must hold now of this ERP. */
  expected(): MesImage;
  /** A pass over the ERP has read what is visible now: once for each complete pass, always at its start or always at its end. */
  checkpoint(): void;
  /** `table/externalId` of records that a reader may lack, or hold with older values, because they came and went between checkpoints. */
  optional(): Set<string>;
  /** Requests that would change something; a read-only client makes none. */
  writes(): number;
}

/** What a simulator answers; the content type is JSON unless `headers` (names in lower case) says otherwise. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string;
}
