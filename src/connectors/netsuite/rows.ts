import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import type { Lifecycle, MesRecord } from '../../core/types.ts';

/** What mappings need beside the row; see docs/connectors/netsuite.md for every field. */
export interface NetSuiteContext {
  source: string;
  numberPrefix: string;
  /** Midnight of a day in the connector's zone, as UTC; null when there is no day. */
  dayAt(day: string | null | undefined): string | null;
}

/** Columns as they come: everything is text, but no more is relied on than must be. */
export const id = z.union([z.string(), z.number()]);
export const text = z.string().nullish();
export const decimal = z.union([z.string(), z.number()]).nullish();

/** What the job of a work order without a sales order is called. */
export const stockPrefix = 'STOCK-';

/** By status letter; what is planned or pending is not for the MES yet, or not any more. */
type States = Readonly<Record<string, Lifecycle>>;

export const salesOrderStates: States = {
  A: 'cancelled',
  B: 'active',
  C: 'cancelled',
  D: 'active',
  E: 'active',
  F: 'active',
  G: 'closed',
  H: 'closed',
};

export const workOrderStates: States = {
  A: 'cancelled',
  B: 'active',
  C: 'cancelled',
  D: 'active',
  G: 'closed',
  H: 'closed',
};

/** Reads `WorkOrd:B`, and the bare letter: names of states are in the language of the user. */
export function lifecycleOf(status: string, states: States): Lifecycle {
  const letter = status.split(':').at(-1) ?? '';
  const lifecycle = Object.hasOwn(states, letter) ? states[letter] : undefined;
  if (lifecycle !== undefined) return lifecycle;
  throw new RecordError(`status is none that is known: ${JSON.stringify(status)}.`);
}

/** What the MES has never heard of need not be cancelled there. */
export function told(record: MesRecord): MesRecord {
  return record.lifecycle === 'cancelled' ? { ...record, onlyIfKnown: true } : record;
}
