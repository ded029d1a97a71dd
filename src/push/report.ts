import type { Change, Entity, Outcome } from '../core/types.ts';

export interface PushReport {
  /** What became of each change that got that far. */
  outcomes: Outcome[];
  /** Requests sent to the MES. */
  requests: number;
  /** Changes that were sent and neither confirmed nor ruled out. */
  doubtful: Change[];
  /** Why the push stopped before its end; the outcomes so far stand. */
  failure: Error | undefined;
  /** The kind of record that could not be delivered; absent where nothing could be. */
  failedEntity?: Entity | undefined;
}
