import type { HttpRequest, HttpResponse } from '../core/http.ts';
import type { Change, Entity, LedgerEntry, Parents, RecordRef } from '../core/types.ts';

/** The MES as the pusher sees it: turns changes into requests and answers into results; limits and retries are not its business. */
export interface Sink {
  /**
   * Sends one batch of one entity, one result a change in the order given. Throws BatchRefusedError when the MES refused the
   * batch as a whole, TransientError when nothing is known, PermanentError when nothing will work, and BatchInterruptedError with
   * either of these when it happened in the middle.
   */
  deliver(batch: Batch, transport: Transport): Promise<SinkResult[]>;
  /** Records of an entity that go into one request, as far as it is known; batches are no larger. Absent: any number. */
  largestBatch?(entity: Entity): Promise<number>;
  /** Requests that a delivery of the batch takes when all goes well, what proves it included; absent: one. Sends nothing. */
  estimate?(batch: Batch): Promise<number>;
  /** What becomes of changes of the batch that would not be sent, as far as it is known; asks nothing. Absent: all are sent. */
  foresee?(batch: Batch): Promise<ReadonlyMap<ReadyChange, SinkResult>>;
  /** New jobs together with what belongs to them; absent where there is no such request. */
  nesting?: Nesting;
  /** Every live record of an entity that the MES shows; undefined where this MES cannot list them. */
  list(entity: Entity, transport: Transport): Promise<AsyncIterable<ListedRecord> | undefined>;
}

/** A new job with new parts and operations of it, all in one request. */
export interface Nesting {
  /** Whether new jobs are worth holding back until what belongs to them is known. Sends nothing. */
  wanted(): Promise<boolean>;
  /** What of a tree one request would create; undefined where each record had better go by itself. Sends nothing. */
  select(tree: Tree): Promise<Tree | undefined>;
  /** Requests that the creation of a selected tree takes when all goes well. Sends nothing. */
  estimate(): Promise<number>;
  /**
   * Creates a selected tree. Resolves to what the answer proves, with the MES's ids: nothing may be concluded of the rest, which goes
   * by itself. Throws TransientError and PermanentError as `deliver` does.
   */
  create(tree: Tree, transport: Transport): Promise<Created[]>;
}

/** Parts come without parents, each before its operations; operations with their cell alone. */
export interface Tree {
  job: ReadyChange;
  children: readonly ReadyChange[];
}

export interface Created {
  change: ReadyChange;
  mesId: string;
}

/** One record as the MES lists it. */
export interface ListedRecord {
  mesId: string;
  /** The cell's name, the job's number, the part's number; null for the others. */
  businessKey: string | null;
  /** Only where this MES shows it. */
  externalId?: string;
  source?: string;
  /** The columns that the list shows, under the MES's own names. */
  fields: Readonly<Record<string, unknown>>;
}

export interface Batch {
  entity: Entity;
  changes: readonly ReadyChange[];
}

/** A change whose parents the MES holds; absent: it has none. */
export interface ReadyChange extends Change {
  parents?: Readonly<Partial<Record<keyof Parents, ParentEntry>>>;
}

/** What the MES calls a parent. */
export type ParentEntry = Pick<LedgerEntry, 'mesId' | 'businessKey'>;

/** A request to the MES. Each may be sent twice: upserts do the same again, a second create is refused by a unique key. */
export interface MesRequest extends HttpRequest {
  /** What it creates or changes; absent for reads. */
  carries?: readonly Pick<ReadyChange, 'record'>[];
  /** Told of each try that may or may not have taken effect, before the next one. */
  onUnknownOutcome?(): void;
}

/** Sends requests within the MES's limits, again after passing faults. */
export interface Transport {
  /**
   * Any answer that is not a passing fault, whatever its status. Throws TransientError when the tries are used up, PermanentError
   * when the credentials are refused.
   */
  request(request: MesRequest): Promise<HttpResponse>;
}

export type SinkResult =
  | { kind: 'delivered'; action: 'created' | 'updated'; mesId: string | null }
  /** `there`: the MES has it all the same. */
  | { kind: 'refused'; reason: string; there?: true }
  /** The MES says that it does not hold the parent. */
  | { kind: 'waiting'; waitsFor: RecordRef }
  /** This MES takes no records of this kind now, in no way, or no new ones: the record waits for the MES itself. */
  | { kind: 'unavailable'; reason: string }
  /** Nothing says what became of this record, read back or not: a failure, never a success (D6). */
  | { kind: 'unproven' };

/** The MES refused a batch without naming the record: the pusher sends parts of it until the bad one stands alone. */
export class BatchRefusedError extends Error {
  override name = 'BatchRefusedError';
}

/** A batch sent record by record stopped on the way: what became of its first records is known and must not be lost. */
export class BatchInterruptedError extends Error {
  override name = 'BatchInterruptedError';
  readonly results: readonly SinkResult[];
  override readonly cause: unknown;

  constructor(results: readonly SinkResult[], cause: unknown) {
    super(`The batch stopped after ${results.length} records.`);
    this.results = results;
    this.cause = cause;
  }
}
