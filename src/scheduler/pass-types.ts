import type { ConnectorSession, Stream } from '../connectors/connector.ts';
import type { Clock } from '../core/clock.ts';
import type { Counts, EventBus } from '../core/events.ts';
import type { Entity } from '../core/types.ts';
import type { Caller, Pusher, Remover } from '../push/pusher.ts';
import type { Store, StreamState } from '../state/store.ts';
import type { Admission } from './admission.ts';
import type { Gathering } from './gather.ts';

/** What passes of one connector share. */
export interface PassContext {
  session: ConnectorSession;
  store: Store;
  pusher: Pusher;
  /** For what a person asked for; the other one when absent. */
  operatorPusher?: Pusher;
  /** Whose other requests to the MES these are; 'scheduled' when absent. */
  caller?: Caller;
  /** Holds scheduled passes back while requests to the MES are short; none is held back when absent. */
  admission?: Admission | undefined;
  /** What becomes of records that the ERP has deleted; all are marked when absent. */
  deletes?: Deletes | undefined;
  events: EventBus;
  clock: Clock;
  /** Set where new jobs may be held back until the end of the cycle, to go out together with what belongs to them. */
  gathering?: Gathering | undefined;
  /** Keys of closed records whose rows the ERP had changed when this cycle read them: they are not archived. */
  shownClosed?: Set<string> | undefined;
}

export interface PassRequest {
  /** Read everything, whatever the watermark. */
  full: boolean;
  /** Asked for by a person: runs also when nothing is due. */
  manual: boolean;
  /** Lets vanished records through the guard this once. */
  release: boolean;
  /** Once it aborts, the page under way is finished and no other begun; the next pass goes on behind it. */
  stopping?: AbortSignal | undefined;
}

/** One pass under way. */
export interface Pass extends PassContext {
  stream: Stream;
  /** Stream id. */
  id: string;
  state: StreamState;
  sourceNow: Date;
  /** The stream's fingerprint, with the edition of the ERP's data where it has one. */
  fingerprint: string;
  counts: Counts;
  /** Requests to the MES so far. */
  requests: { mes: number };
  /** How far behind the watermark its window begins; grows with what is found to be late. */
  overlapSeconds: number;
  /** What has been warned of. */
  warned: Set<'future'>;
}

/**
 * What becomes of a record that the ERP has deleted: `mark` holds it in the MES (cells and resources inactive, the others on hold
 * with a note), `delete` deletes it there too, `ignore` leaves it as it is.
 */
export type DeletePolicy = 'mark' | 'delete' | 'ignore';

export interface Deletes {
  policies: Readonly<Partial<Record<Entity, DeletePolicy>>>;
  remover: Remover;
}
