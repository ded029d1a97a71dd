import type { Clock } from '../../core/clock.ts';
import { isHeld } from '../../core/records.ts';
import type { Entity } from '../../core/types.ts';
import type { ReadyChange, SinkResult } from '../sink.ts';
import { type Answer, planUsedUp } from './answers.ts';
import { tables } from './bodies.ts';

/**
 * What the tenant's plan has room for. New jobs and parts beyond it are refused one by one (HTTP 402), while changes of known ones
 * are taken: new ones wait, and every minute at most one of a kind is sent to see whether there is room again.
 */
export interface PlanLimit {
  /** The result of a new record that needs not be sent now. */
  waiting(change: ReadyChange): SinkResult | undefined;
  /** The result of a record that was sent, when this is what the MES says of it. */
  refused(entity: Entity, answer: Answer): SinkResult | undefined;
  /** A new one was taken. */
  taken(entity: Entity): void;
  /** Why new ones wait, by kind of record. */
  reasons(): ReadonlyMap<Entity, string>;
}

const pauseMs = 60_000;

export function createPlanLimit(clock: Clock, onFull: (full: { entity: Entity; reason: string }) => void): PlanLimit {
  const reasons = new Map<Entity, string>();
  const askAgainMs = new Map<Entity, number>();
  const unavailable = (reason: string): SinkResult => ({ kind: 'unavailable', reason });
  return {
    waiting({ record: { entity }, known }) {
      const reason = reasons.get(entity);
      const isDue = clock.monotonicMs() >= (askAgainMs.get(entity) ?? 0);
      return reason === undefined || isDue || isHeld(known) ? undefined : unavailable(reason);
    },
    refused(entity, { status, code, message }) {
      if (code !== planUsedUp) return undefined;
      const reason = `The plan of the MES has no room for new ${tables[entity]} (HTTP ${status} ${message || code}).`;
      askAgainMs.set(entity, clock.monotonicMs() + pauseMs);
      if (!reasons.has(entity)) onFull({ entity, reason });
      reasons.set(entity, reason);
      return unavailable(reason);
    },
    taken: (entity) => void reasons.delete(entity),
    reasons: () => reasons,
  };
}
