import type { Entity, MesRecord } from '../core/types.ts';
import type { Caller } from './day-plan.ts';

/** Deletes records in the MES, where that can be taken back. */
export interface Remover {
  /** Counts as a scheduled caller's when none is given. Throws TransientError or PermanentError when it is not known whether the record is gone. */
  remove(removal: Removal, signal: AbortSignal, caller?: Caller): Promise<RemovalResult>;
  /** Takes a removal back that was cut off, wherever it was. Counts and throws as `remove` does. */
  restore(removal: Removal, signal: AbortSignal, caller?: Caller): Promise<Restored & { requests: number }>;
}

export interface Removal {
  entity: Entity;
  mesId: string;
  /** As it was last delivered. */
  record: MesRecord;
  /** Awaited before the first request that changes something. */
  begins?: () => Promise<void>;
}

export type RemovalResult =
  /** Proven to be gone. */
  | { kind: 'removed'; requests: number }
  /** The MES will not let it go, or a deleted one could never come back: it must be marked instead. */
  | { kind: 'kept'; reason: string; requests: number };

export type Restored =
  /** `there`: under its keys, with unknown content. `gone`: it is new when it is sent again. */
  | { kind: 'there' | 'gone' }
  /** Nobody knows: it must not be sent before this is over. */
  | { kind: 'refused'; reason: string };

/** Deletes nothing, and counts the requests that a deletion takes: for trying out what a pass would do. */
export function rehearsedRemover(estimate: (entity: Entity) => Promise<number>): Remover {
  return {
    remove: async ({ entity }) => ({ kind: 'removed', requests: await estimate(entity) }),
    restore: async () => ({ kind: 'gone', requests: 1 }),
  };
}
