import type { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import type { EventBus } from '../core/events.ts';
import type { OpenHttp } from '../core/http.ts';
import type { Redactor } from '../core/redact.ts';
import type { Entity, Finding, MesRecord, RecordRef, RecordSet, StampKind, Window } from '../core/types.ts';
import type { ConnectorSettings } from './settings.ts';
import type { SettingProblem } from './stream-rules.ts';

/**
 * One kind of ERP. A connector is a value: it names its settings and opens sessions; it only reads, and knows neither
 * state nor MES.
 */
export interface Connector<Settings extends ConnectorSettings = ConnectorSettings> {
  type: string;
  settings: z.ZodObject & z.ZodType<Settings>;
  /** Streams that a stream cannot do without, because its records name theirs as parents. */
  needs: Readonly<Record<string, readonly string[]>>;
  /** MES fields that an operator's own mapping of a stream may set; undefined for a stream that does not exist. */
  fieldsOf(stream: string): readonly string[] | undefined;
  /** Rules between the settings of a stream, as they were written, that no schema of one setting can tell. */
  checkStream?(stream: string, own: Readonly<Record<string, unknown>>): SettingProblem[];
  /** Connects nothing yet: no socket is opened before `prepare`. */
  open(settings: Settings, context: ConnectorContext): ConnectorSession;
}

/** A connector of any type: its settings have been validated by its own schema. */
export type AnyConnector = Omit<Connector, 'settings' | 'open'> & {
  settings: z.ZodObject;
  open(settings: never, context: ConnectorContext): ConnectorSession;
};

export interface ConnectorContext {
  /** The connector's name in the config file. */
  name: string;
  clock: Clock;
  events: EventBus;
  random: () => number;
  redact?: Redactor;
  /** Tries a request; a person who waits for an answer wants fewer than the daemon. */
  attempts: number;
  /** The way to the network; sockets when absent. */
  openHttp?: OpenHttp;
}

/** One configured ERP, ready to be polled. */
export interface ConnectorSession {
  name: string;
  source: string;
  /** Enabled streams in dependency order: parents first. */
  streams: readonly Stream[];
  /** Once per process: what must be known before the first poll. Throws ConfigError when the ERP lacks what is mapped. */
  prepare(signal: AbortSignal): Promise<void>;
  /** The source's own clock (D4): its last answer's time plus what has passed since. */
  clock(signal: AbortSignal): Promise<Date>;
  /**
   * Names the edition of the ERP's data, where a run of the ERP from time to time rewrites it as a whole and no stamp shows that:
   * a stream that was last read in another edition is read whole. Throws WaitError while such a run is under way.
   */
  edition?(signal: AbortSignal): Promise<string>;
  /** Reach, credentials, permissions and clock of the ERP, stream by stream; changes nothing anywhere. */
  check(signal: AbortSignal): Promise<Finding[]>;
  close(): void;
}

/** One kind of row that an ERP offers, and how its changes are found and mapped. */
export interface Stream {
  name: string;
  /** Entity of the stream's main records. */
  entity: Entity;
  /** Entities of further records that its rows make. */
  otherEntities?: readonly Entity[];
  stampKind: StampKind;
  /** Zone of char14 and date stamps. */
  stampZone: string;
  overlapSeconds: number;
  settleSeconds: number;
  /** A complete read at least this often; null: only where something else requires it (`whyFull` in scheduler/pass). */
  fullReadEverySeconds: number | null;
  /** Changes with everything that decides what a row becomes. */
  fingerprint: string;
  /** The records of its source that its rows make: absence from its keys says something of these only. */
  owns: readonly RecordSet[];
  /** Reads keys without content; null where only whole rows can be read. */
  keys: KeyReader | null;
  /**
   * Set where the ERP lists what it deletes: records of this stream that it says it has deleted in a window, and that are not in
   * its tables any more. Ends early where the list may not be read.
   */
  gone?(window: Window, signal: AbortSignal): AsyncIterable<readonly RecordRef[]>;
  /** Every whole read but the first also tells what is gone: for lists that cost as much without their content. */
  judgesAbsence?: boolean;
  /** An operator's `when` may leave rows out: after a change of the mapping it is counted how many. */
  selective: boolean;
  /** Set where rows are also read by their parents. */
  children: ChildReader | null;
  /** Name of the stream that reads the children of this stream's records. */
  childStream: string | null;

  /** Pages in the order of the window, from a cursor on; ends when the window is exhausted. */
  read(window: Window, cursor: unknown, signal: AbortSignal): AsyncIterable<Page>;
  /** Newest stamp at or before `limit`; null when there is none. */
  newest(limit: string, signal: AbortSignal): Promise<string | null>;
  /** Number of rows that a full read will bring, for people to look forward to; null when the ERP does not say. */
  count(signal: AbortSignal): Promise<number | null>;
  /** Parses and maps rows; one that cannot be is named, the others go on. */
  map(rows: readonly unknown[], wanted?: Wanted): Promise<MappedRow[]>;
}

/** What of a row is wanted beside its records. */
export interface Wanted {
  /** Without, `stamp` is null: reading stamps is a tenth of the cost of mapping. */
  stamps: boolean;
}

export interface ChildReader {
  /** Which parent the stream's records name. */
  parent: 'job' | 'part';
  /** How often the children of all active parents are read again. */
  markEverySeconds: number;
  /** The parent that a raw row names, as an external id; undefined when it cannot be told. */
  parentOf(row: unknown): string | undefined;
  /** Every child of these parents: each page is complete for the parents it names. */
  read(parents: readonly string[], signal: AbortSignal): AsyncIterable<ChildPage>;
}

/** Reads what a stream lists now, as cheaply as it can be had: to compare it with the ledger. */
export interface KeyReader {
  /** Every row's key by key, never by offset; throws where a page fails, so that an end means that all was listed. */
  read(signal: AbortSignal): AsyncIterable<KeyPage>;
  /** Whole rows of some keys of a page; those that are gone by now are missing. */
  rows(page: KeyPage, wanted: readonly KeyRow[], signal: AbortSignal): Promise<unknown[]>;
}

export interface KeyPage {
  keys: KeyRow[];
  /** Rows of the page, those without a readable key among them. */
  rows: number;
  unreadable: number;
  /** Where the page began, understood by the stream only. */
  behind: unknown;
}

export interface KeyRow {
  /** The records that the row makes. */
  refs: RecordRef[];
  stamp: string | null;
  /** The row does not pass `when`: it is there, but the MES is not to have it. */
  leftOut: boolean;
  /** The row's own key, understood by the stream only. */
  raw: unknown;
}

export interface Page {
  /** Given away: whoever reads the page may empty it. */
  rows: unknown[];
  /** Where to go on behind this page: plain JSON, understood by the stream only. */
  cursor: unknown;
}

export interface ChildPage {
  rows: readonly unknown[];
  parents: readonly string[];
}

export type MappedRow = GoodRow | RefusedRow;

export interface GoodRow {
  kind: 'good';
  key: string;
  /** The row's change stamp in the stream's stamp form; null when it has none. */
  stamp: string | null;
  records: MesRecord[];
  /** The row does not pass `when`. */
  leftOut?: true;
}

export interface RefusedRow {
  kind: 'refused';
  key: string;
  stamp: string | null;
  stage: 'parse' | 'map';
  reason: string;
  /** The records that it would make, where its key alone tells. */
  refs?: RecordRef[];
  row: unknown;
}
