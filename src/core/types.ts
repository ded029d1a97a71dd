/**
 * The words of this program, one meaning everywhere: in code, config, logs, metrics and on the status page.
 *
 * - **connector**: one configured ERP (`plant-1`), of a type (`sap`).
 * - **stream**: one kind of ERP record that a connector polls; its id is `<connector>/<stream>`.
 * - **page**: the rows of one read, pushed and committed together.
 * - **row**: what the ERP sent; **record**: what the MES shall hold, mapped from a row.
 * - **watermark**: up to where a stream has been delivered, in the ERP's own terms.
 * - **overlap**: how far behind the watermark every poll reads again, for commits that became visible late.
 * - **settle**: how far behind the ERP's clock a window ends, for the same reason.
 * - **window**: what one poll asks for; **stamp**: the ERP's own mark of when a row changed.
 * - **pass**: one run over a stream, from its window to its watermark; **cycle**: one pass over each stream of a connector, in order.
 * - **left over** from earlier passes: parked records whose parents have come, dead letters that are due or marked for another try.
 * - **mark**: a parent whose children must be read again; all open parents are marked from time to time.
 * - **ledger**: what the MES is known to hold: per record its sync hash, MES id and lifecycle.
 * - **reconcile**: comparing all keys that the ERP lists with the ledger, from time to time; **sweep**: doing so for one stream;
 *   **absence**: a record that it no longer lists.
 * - **late row**: one that shows up with a stamp behind the watermark.
 * - **sync hash**: SHA-256 over a record; equal hash, no request.
 * - **doubtful**: a record that a request may have brought to the MES, of which no answer says so; in the ledger its content is unknown.
 * - **dead letter**: a row or record set aside with the reason, kept until it is delivered or dropped by hand.
 * - **parked**: a record that waits for its parent to reach the MES.
 * - **sink**: the MES as the pusher sees it.
 */

/** The five MES entities, parents before children: the order in which a page is pushed. */
export const entities = ['cell', 'resource', 'job', 'part', 'operation'] as const;
export type Entity = (typeof entities)[number];

/** `closed` is done in the ERP; `cancelled` is rejected, deleted or gone there. */
export type Lifecycle = 'active' | 'closed' | 'cancelled';

export type FieldValue = string | number | boolean | null;

/** External ids of the records that must exist in the MES before this one. */
export interface Parents {
  job?: string;
  part?: string;
  cell?: string;
}

/** What the MES shall hold of one ERP record. Ids are normalised strings, times ISO-8601 UTC, decimals whole or text. */
export interface MesRecord {
  entity: Entity;
  /** The connector's `externalSource`. */
  source: string;
  externalId: string;
  parents: Parents;
  /** Field names of the documented MES API, always in the same order: the order is part of the sync hash. */
  fields: Record<string, FieldValue>;
  lifecycle: Lifecycle;
  /** Deliver only when the MES is known to hold it: a cancellation of something never delivered is no news. */
  onlyIfKnown?: true;
  /** Deliver only when the MES holds it as active: of what the ERP had closed before, a cancellation is no news either. */
  onlyIfActive?: true;
}

/** What the ledger knows of one record. */
export interface LedgerEntry {
  /** Sync hash of what was last delivered; null while nothing has been, `unknownContent` where that is doubtful, `toSendAgain` where it counts no more. */
  hash: string | null;
  /** The MES's own id of it, once an answer named it. */
  mesId: string | null;
  /** What children are tied by where the MES wants a name: the cell's name, the job's number, the part's number. */
  businessKey: string | null;
  lifecycle: Lifecycle;
  /** Sync hash that the MES refused; the same content is not sent again. */
  refusedHash: string | null;
  /** Change stamp of the row it came from; kept only for records whose children are read with them. */
  stamp: string | null;
}

/** One record of one source. */
export interface SourceRef extends RecordRef {
  source: string;
}

/** In place of a sync hash where nobody knows which content a row has: no content has it. */
export const unknownContent = '';

/** In place of the sync hash of a record that the MES has, and that is to be sent again whatever its content: no content has it. */
export const toSendAgain = 'again';

/** A create that was sent to the MES, kept from before its request until the ledger has the id of the row. */
export interface SentCreate extends SourceRef {
  /** Sync hash of the content; `unknownContent` where that may be another. */
  hash: string;
  /** The MES's id of the row, as the answer named it; null while no answer has come. */
  mesId: string | null;
  /** What the record was called in it: it may be called otherwise by now. */
  businessKey: string | null;
}

/** One record that differs from what the ledger says the MES holds. */
export interface Change {
  record: MesRecord;
  /** `record.fields` as JSON text, made once: hashed, sent and kept. */
  fieldsJson: string;
  hash: string;
  known: LedgerEntry | undefined;
  /** Change stamp of the row, for streams whose children are read with them; else null. */
  stamp: string | null;
}

export interface RecordRef {
  entity: Entity;
  externalId: string;
}

/** Some of one source's records: of an entity, those whose external id begins with a text, or does not. */
export interface RecordSet {
  entity: Entity;
  startsWith?: string;
  startsNotWith?: string;
}

/** What became of one change. */
export type Outcome =
  | { kind: 'delivered'; change: Change; action: 'created' | 'updated'; mesId: string | null }
  /** `there`: the MES has it all the same, and cannot be told of it. */
  | { kind: 'refused'; change: Change; reason: string; there?: true }
  /** `waitsFor` is a parent, or stands for something else: see `waitingForMes` and `waitingForCycleEnd` in core/records. */
  | { kind: 'parked'; change: Change; waitsFor: RecordRef };

/** A watermark in the form of the stream's stamps; `full` is the source time at the start of the last complete read. */
export interface Watermark {
  kind: StampKind | 'full';
  value: string;
}

/**
 * How an ERP stamps its changes: `timestamp` an instant shown to the millisecond, `second` an instant shown to the second (both
 * ISO-8601 UTC here), `char14` the text YYYYMMDDhhmmss of a server clock whose zone is not documented, `date` a day only,
 * `none` not at all.
 */
export const stampKinds = ['timestamp', 'second', 'char14', 'date', 'none'] as const;
export type StampKind = (typeof stampKinds)[number];

/** What one poll asks for. Bounds are in the stream's stamp form; `from` inclusive, `to` exclusive. */
export interface Window {
  /** `full` has no stamp filter: rows with null and future stamps come too. */
  mode: 'full' | 'delta';
  from?: string;
  to?: string;
  /** Rows dated at or beyond this come as well, however wrong their date. */
  future?: string;
}

/** One thing that `check` found. */
export interface Finding {
  code: string;
  level: 'ok' | 'warning' | 'error';
  /** Where in the config or which system. */
  where: string;
  text: string;
  todo: string;
}
