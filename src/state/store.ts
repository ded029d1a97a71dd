import type { StreamResult } from '../core/events.ts';
import type { Entity, LedgerEntry, MesRecord, SentCreate, SourceRef, Watermark } from '../core/types.ts';
import type { BadRow, Lateness, PageCommit, ResumePoint, SendNote } from './store-pages.ts';
import type { SweepStore } from './store-sweeps.ts';

export type { BadRow, Lateness, PageCommit, Restamped, ResumePoint, SendNote } from './store-pages.ts';
export type {
  AbsenceQuery,
  BegunRemoval,
  SweepEnd,
  SweepStatus,
  SweepStore,
  Unseen,
  UnseenMark,
} from './store-sweeps.ts';

/**
 * The durable state, whatever holds it. Asynchronous and set-based (one look-up and one commit a page), so that an embedded
 * database and a server fit the same port. Everything a method was given is durable when its promise resolves, unless it says otherwise.
 */
export interface Store extends SweepStore {
  /** What a pass over a stream starts from. */
  begin(stream: string): Promise<StreamState>;
  /** What the ledger knows of these records, as of every commit begun before; absent keys are unknown. */
  lookup(source: string, entity: Entity, externalIds: readonly string[]): Promise<Map<string, LedgerEntry>>;
  /**
   * Of these a request goes out next. What of it no commit of their stream has told of when its next pass begins, in this process or another,
   * counts as doubtful from then on. A power cut may take it.
   */
  noteSending(note: SendNote): Promise<void>;
  /**
   * The outcomes of one page and its resume point, in one transaction. Resolves to the bad rows that are news: not those that were merely
   * read again. Throws LeaseLostError for an old epoch.
   */
  commit(commit: PageCommit): Promise<readonly BadRow[]>;
  /**
   * Ends a pass: the watermark becomes durable last of all (D1), the resume point is void. The end of a pass that committed nothing may
   * be durable some minutes later, with the next that did, or when the store is closed: lost, its window is read again.
   */
  finish(finish: PassFinish): Promise<void>;
  /** Parked records whose parents have arrived, and dead letters that are due or marked for another try, oldest first. */
  leftOver(stream: string, limit: number): Promise<LeftOver>;
  /** A page of the jobs that are held back until what belongs to them is known, by external id, each with what waits for it here. */
  gathered(source: string, page: { after: string; limit: number }): Promise<GatheredTree[]>;

  /** The MES takes these entities again: parked records that waited for that alone are due at once. */
  retryWaitingForMes(entities: readonly Entity[]): Promise<void>;

  /** Parents of `stream` whose children must be read again, oldest first. */
  dueChildren(stream: string, limit: number): Promise<string[]>;
  /** Marks the children of every active record of an entity as due: from time to time all open orders are looked at. */
  markOpen(mark: OpenMark): Promise<number>;
  /** Children of these parents that are not cancelled, with the record as it was last delivered. */
  childrenOf(query: ChildQuery): Promise<MesRecord[]>;
  /** The records among these that the MES has refused, as they were sent last, by external id. */
  refused(source: string, entity: Entity, externalIds: readonly string[]): Promise<Map<string, MesRecord>>;
  /** Number of records of an entity that are not cancelled. */
  countRecords(source: string, entity: Entity): Promise<number>;
  /** Takes over the MES's own ids of delivered records that it listed; returns how many of ours were found. */
  adoptMesIds(source: string, entity: Entity, listed: readonly ListedId[]): Promise<number>;
  /** Delivered records whose id in the MES is not known. */
  countWithoutMesId(source: string, entity: Entity): Promise<number>;

  status(): Promise<StreamStatus[]>;
  /** Adds a pass that has ended, however it did, to the history of its stream: the last hundred are kept. A crash may take the latest that did nothing, a power cut others too. */
  recordRun(stream: string, run: Run): Promise<void>;
  /** The history of a stream, newest first. */
  runs(stream: string): Promise<Run[]>;
  setWatermark(change: WatermarkChange): Promise<void>;
  deadLetters(filter: { stream?: string; id?: number }): Promise<DeadLetter[]>;
  /** Marks dead letters for another try in the next pass; returns how many. */
  retryDeadLetters(filter: { stream?: string; id?: number }): Promise<number>;
  /** Forgets dead letters by hand; returns how many. Their refused content stays unsent until it changes. */
  dropDeadLetters(filter: { stream?: string; id?: number }): Promise<number>;
  readQuota(): Promise<Quota>;
  /**
   * Books on the day budget: reads, changes and writes in one transaction, so that two writers never take the same request. The
   * change is pure and may run more than once; what it throws is thrown and changes nothing.
   */
  updateQuota<T>(change: (quota: Quota) => { quota: Quota; answer: T }): Promise<T>;
  /** A create that was sent and is not known to be there; a delivery with the MES's id settles it. */
  sentCreate(ref: SourceRef): Promise<SentCreate | undefined>;
  noteCreates(creates: readonly SentCreate[]): Promise<void>;
  /** What was created, if it was, is not there any more. */
  forgetCreates(refs: readonly SourceRef[]): Promise<void>;
  /** A small value that a part of the program keeps under a name of its own; undefined when it never did. */
  readNote(name: string): Promise<unknown>;
  /** Keeps a value that JSON can say; durable when it resolves. */
  writeNote(name: string, value: unknown): Promise<void>;
  /** Throws when nothing can be written: readiness asks it. */
  probe(): Promise<void>;
  /** Copies the whole state, consistent in itself, into an empty or missing directory. */
  backup(directory: string): Promise<void>;
  close(): Promise<void>;
}

/** What is known of a stream when a pass begins. */
export interface StreamState {
  watermark: Watermark | null;
  /** Where an interrupted pass stopped; null after a completed one. */
  resume: ResumePoint | null;
  /** Must come back with every commit: a writer that lost its lease can no longer commit (D9). */
  epoch: number;
  /** Fingerprint of the mapping and filters of the last completed pass; null before the first. */
  fingerprint: string | null;
  /** Source time at the start of the last complete full read, ISO-8601 UTC. */
  lastFullRead: string | null;
  /** Source time at which all open parents were last marked. */
  parentsMarkedAt: string | null;
  /** The MES has lost a record that this stream brings: everything must be read. */
  readDue: boolean;
  lateness: Lateness;
  /** When the latest of its records that wait was parked, ISO-8601; null when none waits. Later ones were parked by this pass. */
  latestParkedAt: string | null;
  /** Some of what it brought waits, or is set aside. */
  leftOver: boolean;
  /** The removal of some record from the MES, of whatever source, was cut off. */
  removalsBegun: boolean;
}

export interface PassFinish {
  stream: string;
  epoch: number;
  /** null leaves the watermark as it is. */
  watermark: Watermark | null;
  /** The one before was ahead of the source's clock: this one, of a whole read, may lie behind it. */
  stepsBack: boolean;
  fingerprint: string;
  /** Source time at the start of this pass when it was a complete full read. */
  fullReadAt: string | null;
  /** This pass has read the children of every parent marked before it began: those marks are settled. */
  childrenSettled: boolean;
  /** Set when this pass marked all open parents. */
  parentsMarkedAt: string | null;
  /** Wall-clock time of this machine, for people. */
  finishedAt: string;
}

/** What one pass did. */
export interface Run extends Omit<StreamResult, 'connector' | 'stream' | 'watermark' | 'waitsUntil' | 'error'> {
  /** Wall-clock time of this machine, ISO-8601. */
  finishedAt: string;
  /** Why it failed; null when it did not. */
  error: string | null;
}

/** A record that the MES listed, by what it can be known by: its number or name, or its external id where the MES shows that. */
export interface ListedId {
  mesId: string;
  businessKey: string | null;
  externalId: string | null;
}

/** Work left over from earlier passes. */
export interface LeftOver {
  records: MesRecord[];
  /** Raw rows of dead letters that failed before they became records. */
  rows: unknown[];
  /** Ids of the dead letters among these: what is not refused again is settled by them, whatever its key is by now. */
  letters: number[];
  /** Since when the parked one waits that has waited longest, ISO-8601; absent when there is none. */
  since?: string;
}

/** A parked record, where it came from, and since when it waits, ISO-8601. */
export interface GatheredRecord {
  stream: string;
  record: MesRecord;
  since: string;
}

/** A job with the first of its parts and their operations that wait for it; a part stands before its operations. */
export interface GatheredTree {
  job: GatheredRecord;
  children: GatheredRecord[];
}

export interface OpenMark {
  /** The stream that reads the children. */
  stream: string;
  source: string;
  entity: Entity;
}

export interface ChildQuery {
  source: string;
  entity: Entity;
  parent: 'job' | 'part';
  parentIds: readonly string[];
}

export interface WatermarkChange {
  stream: string;
  /** null: the next pass is a first load. */
  watermark: Watermark | null;
  /** Also forget the sync hashes of this source's entities, so that everything is sent again. */
  forget: { source: string; entities: readonly Entity[] } | null;
}

/** One stream as operators see it. */
export interface StreamStatus {
  stream: string;
  watermark: Watermark | null;
  lastSuccess: string | null;
  /** The last pass that did not merely wait; null before the first. */
  lastRun: Run | null;
  deadLetters: number;
  parked: number;
  /** When the oldest dead letter was set aside, ISO-8601; null when there is none. */
  deadLettersSince: string | null;
  /** Oldest parked record, ISO-8601; null when none. */
  parkedSince: string | null;
}

export interface DeadLetter {
  id: number;
  stream: string;
  stage: 'parse' | 'map' | 'push';
  /** Row key, or `<entity>/<externalId>`. */
  key: string;
  reason: string;
  /** JSON text: the raw row, or the record. */
  payload: string;
  /** How often it was tried. */
  count: number;
  firstAt: string;
  lastAt: string;
  /** When it is tried again by itself, ISO-8601; null when only a person may ask for it. */
  nextRetry: string | null;
  /** Marked by hand to be tried again in the next pass. */
  due: boolean;
}

/** The MES's day budget as far as we have used it. */
export interface Quota {
  /** Start of the current 24-hour window, ISO-8601; null before the first request. */
  windowStart: string | null;
  used: number;
  /** Requests of these that a person asked for. */
  byOperator: number;
  /** The MES asked for silence until then, ISO-8601. */
  blockedUntil: string | null;
}

/** Another process has taken over: nothing was written. */
export class LeaseLostError extends Error {
  override name = 'LeaseLostError';
}
