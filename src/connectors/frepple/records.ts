import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import type { MesRecord } from '../../core/types.ts';
import type { LookUps, Operation } from './look-ups.ts';

/** What the streams' mappings share. */

/** What the job of an order without a demand is called. */
export const stockPrefix = 'STOCK-';

export function named(key: string): string {
  if (key !== '') return key;
  throw new RecordError('It has no name: FrePPLe keeps it under an empty one. Give it one, or delete it.');
}

export type State = Pick<MesRecord, 'lifecycle' | 'onlyIfKnown' | 'onlyIfActive'>;

export const closed: State = { lifecycle: 'closed', onlyIfKnown: true };
export const cancelled: State = { lifecycle: 'cancelled', onlyIfKnown: true };
/** What was done before stays so. */
export const withdrawn: State = { ...cancelled, onlyIfActive: true };

const text = z.string().nullish();
const decimal = z.union([z.string(), z.number()]).nullish();

export const orderSchema = z.object({
  reference: z.string(),
  status: text,
  operation: text,
  quantity: decimal,
  startdate: text,
  enddate: text,
  owner: text,
  plan: z.object({ pegging: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});
export type Order = z.output<typeof orderSchema>;

export function isStep({ owner }: Order): boolean {
  return typeof owner === 'string' && owner !== '';
}

/** Proposals get the numbers of orders that are gone: of what was done before, such a one says nothing. */
export function orderState({ status }: Order): State {
  if (status === 'approved' || status === 'confirmed') return { lifecycle: 'active' };
  return status === 'completed' || status === 'closed' ? closed : withdrawn;
}

export function operationOf({ operation }: Order, { operations }: LookUps): Operation {
  const found = operations.get(operation ?? '');
  if (found !== undefined) return found;
  throw new RecordError(`Its operation is not in the list of operations: ${JSON.stringify(operation ?? null)}.`);
}
