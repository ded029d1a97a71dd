import type { Entity, MesRecord, RecordRef, RecordSet } from '../core/types.ts';

/** What reconciling needs: which records a source lists, which it no longer does, and which the MES has lost. */
export interface SweepStore {
  /** Nothing of these records counts as seen any more. */
  beginSweep(source: string, sets: readonly RecordSet[]): Promise<void>;
  /** The source lists these records. */
  see(source: string, refs: readonly RecordRef[]): Promise<void>;
  /** Active records that the MES holds, and how many of them have not been seen. */
  countUnseen(source: string, sets: readonly RecordSet[]): Promise<Unseen>;
  /** Marks the parents of unseen children, but for closed ones: their children are to be read again. */
  markUnseen(mark: UnseenMark): Promise<void>;
  /** Unseen records that an earlier complete sweep noted as absent, as last delivered, by external id. */
  absent(query: AbsenceQuery): Promise<MesRecord[]>;
  /** Those of these records that the MES holds and that are not cancelled, as last delivered. */
  heldOf(source: string, refs: readonly RecordRef[]): Promise<MesRecord[]>;
  /** Records that wait for a parent and have not been seen. */
  countWaitingUnseen(source: string, sets: readonly RecordSet[]): Promise<number>;
  /** Lets those go that an earlier complete sweep noted as absent; returns how many. */
  dropWaitingUnseen(query: Pick<AbsenceQuery, 'source' | 'noted'> & { sets: readonly RecordSet[] }): Promise<number>;
  /** Ends a complete sweep: what is unseen is noted as absent, what is not absent any more is forgotten. */
  endSweep(end: SweepEnd): Promise<void>;
  /** Ends a sweep that broke off: what it has seen is not absent. */
  abandonSweep(source: string, sets: readonly RecordSet[]): Promise<void>;
  /** How the last complete sweep of each stream ended. */
  sweeps(): Promise<SweepStatus[]>;
  /** The MES lists these ids. */
  seeInMes(source: string, entity: Entity, mesIds: readonly string[]): Promise<void>;
  /** Delivered records whose MES id is known, and how many of those ids have not been seen. */
  countLost(source: string, entity: Entity): Promise<{ held: number; lost: number }>;
  /** External ids of some of those. */
  lost(source: string, entity: Entity, limit: number): Promise<string[]>;
  /** The MES does not list these any more: they are to be sent again. The ids stay, for the sink to find out that nothing has them. */
  forgetLost(source: string, refs: readonly RecordRef[]): Promise<void>;
  /** Those of these records below which something is still alive in the MES, below what is cancelled too. */
  withLiveBelow(source: string, entity: Entity, externalIds: readonly string[]): Promise<string[]>;
  /** This is removed from the MES next, and counts as not there until a commit or `endRemoval` tells what became of it. */
  beginRemoval(source: string, ref: RecordRef): Promise<void>;
  /** Those of these records whose removal has begun, and is not known to have ended. */
  begunRemovals(source: string, refs: readonly RecordRef[]): Promise<BegunRemoval[]>;
  /** `gone`: the ledger forgets it, but not what waits or is set aside of it. `there`: with unknown content. */
  endRemoval(source: string, ref: RecordRef, became: 'gone' | 'there'): Promise<void>;
}

export interface BegunRemoval extends RecordRef {
  /** The MES's own id. */
  mesId: string;
}

export interface Unseen {
  live: number;
  absent: number;
}

export interface UnseenMark {
  /** The stream that reads the children. */
  stream: string;
  source: string;
  sets: readonly RecordSet[];
  parent: 'job' | 'part';
}

export interface AbsenceQuery {
  source: string;
  set: RecordSet;
  /** External id behind which to go on; empty at the beginning. */
  after: string;
  limit: number;
  /** `withheld`: also what was noted only by sweeps whose absences were withheld. */
  noted: 'believed' | 'withheld';
}

export interface SweepEnd {
  stream: string;
  source: string;
  /** Of whose records that the MES holds an absence is noted. */
  sets: readonly RecordSet[];
  /** Of whose records that wait for a parent it is. */
  waiting: readonly RecordSet[];
  /** Wall-clock time of this machine, ISO-8601. */
  at: string;
  /** Absences that wait for a second sweep. */
  pending: number;
  /** Absences that the guard withheld; what is noted with them counts only when released by hand. */
  withheld: number;
}

export interface SweepStatus {
  stream: string;
  at: string;
  pending: number;
  withheld: number;
}
