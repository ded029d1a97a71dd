import type { Change, Entity, Lifecycle, Outcome, RecordRef, Window } from '../core/types.ts';

/** Rows that showed up behind the watermark, and how far behind it at the most. */
export interface Lateness {
  rows: number;
  seconds: number;
}

/** Where a pass can go on: its fixed window and the connector's own cursor behind the last committed page. */
export interface ResumePoint {
  window: Window;
  /** The watermark that the pass will end with, when it was fixed at its start. */
  target: string | null;
  /** Source time at which the window was cut, ISO-8601 UTC. */
  startedAt: string;
  /** Fingerprint of the mapping under which the pass runs: a changed mapping starts anew. */
  fingerprint: string;
  cursor: unknown;
}

/** What goes out next for a stream. */
export interface SendNote {
  stream: string;
  source: string;
  changes: readonly Change[];
  /** As in the commit of their page. */
  keepRecords: boolean;
  /** Where the pass goes on if it is interrupted before its next commit; null leaves that as it is. */
  before: ResumePoint | null;
}

/** An unchanged record whose row carries another stamp than the ledger has. */
export interface Restamped extends RecordRef {
  lifecycle: Lifecycle;
  stamp: string;
  /** The ledger had another one before, not none. */
  hadStamp: boolean;
}

export interface PageCommit {
  stream: string;
  epoch: number;
  source: string;
  outcomes: readonly Outcome[];
  /** What the MES may hold as it was sent, and no answer says so. */
  doubtful: readonly Change[];
  /** Keep delivered records whole in the ledger: needed where a child's absence cancels it. */
  keepRecords: boolean;
  /** Rows that could not be parsed or mapped. */
  badRows: readonly BadRow[];
  /** Keys of the rows that could: what was a dead letter of theirs is settled. */
  goodRowKeys: readonly string[];
  /**
   * Records read again exactly as the MES holds them. A version of them that is still parked or a dead letter is out of date
   * and is settled: released later, it would overwrite the newer content.
   */
  unchanged: readonly RecordRef[];
  /** Records deleted in the MES: the ledger forgets them. */
  removed: readonly RecordRef[];
  /** What showed up behind the watermark; null when nothing did. */
  late: Lateness | null;
  /** Ids of dead letters that were tried again; those that were not refused again are settled. */
  retriedLetters: readonly number[];
  /** Unchanged records whose row carries another stamp than before. */
  restamped: readonly Restamped[];
  /** Parents whose children the stream named here must read again. */
  childrenDue: { stream: string; parents: readonly string[] } | null;
  /** Parents whose children this stream has now read completely. */
  childrenRead: readonly string[];
  /** Ids of the streams that bring records of an entity: they are read whole when the MES has lost a parent of it. */
  parentStreams: ReadonlyMap<Entity, readonly string[]>;
  /** null leaves the resume point as it is (what was left over, children). */
  resume: ResumePoint | null;
}

/** One row set aside before it became a record. */
export interface BadRow {
  stage: 'parse' | 'map';
  /** The row's key as text. */
  key: string;
  reason: string;
  /** The raw row as JSON text. */
  payload: string;
}
