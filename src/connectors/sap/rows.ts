import { z } from 'zod';
import type { Lifecycle } from '../../core/types.ts';

/** What mappings need beside the row; see docs/connectors/sap.md for every field. */
export interface SapContext {
  source: string;
  numberPrefix: string;
  /** Zone of plant-local times. */
  zoneOf(plant: string): string;
  /** The connector's zone, for days without a plant. */
  timeZone: string;
  /** Midnight of an OData day in a zone, as UTC; null when there is no day. */
  dayAt(day: string | null | undefined, timeZone: string): string | null;
  /** An OData day and time of day in a zone, as UTC; null when there is no day. */
  timeAt(day: string | null | undefined, time: string | null | undefined, timeZone: string): string | null;
  standardValues: { setup: number | null; perPiece: readonly number[]; baseQuantity: number };
}

export const text = z.string().nullish();
export const decimal = z.union([z.string(), z.number()]).nullish();
export const flag = z.union([z.string(), z.boolean()]).nullish();

export function stateOf(cancelled: boolean, closed: boolean): Lifecycle {
  if (cancelled) return 'cancelled';
  return closed ? 'closed' : 'active';
}
