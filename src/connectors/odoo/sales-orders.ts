import { z } from 'zod';
import type { Lifecycle } from '../../core/types.ts';
import { nameOf } from '../protocols/odoo/model.ts';
import { defineOdooStream } from '../protocols/odoo/stream.ts';
import { readOdooTime } from '../protocols/odoo/times.ts';
import { daily, flag, id, link, type OdooContext, stockPrefix, text } from './rows.ts';

export const salesSchema = z.object({
  id,
  name: z.string(),
  state: z.string(),
  partner_id: link,
  commitment_date: text,
  locked: flag,
});

export type SalesOrder = z.output<typeof salesSchema>;

export const salesOrders = defineOdooStream({
  name: 'sales-orders',
  entity: 'job',
  model: 'sale.order',
  app: 'Sales',
  mayBeAbsent: true,
  watches: ['partner_id'],
  childStream: null,
  fullReadEverySeconds: daily,
  laid: [],
  keyFields: ['state'],
  owns: [{ entity: 'job', startsNotWith: stockPrefix }],
  schema: salesSchema,
  isTold: isSold,
  refs: (row) => [{ entity: 'job', externalId: String(row.id) }],
  toRecords(row, { source, numberPrefix }: OdooContext) {
    const fields = {
      job_number: numberPrefix + row.name,
      customer: nameOf(row.partner_id),
      due_date: readOdooTime(row.commitment_date),
    };
    const lifecycle: Lifecycle = row.locked === true || row.state === 'done' ? 'closed' : 'active';
    return [{ entity: 'job', source, externalId: String(row.id), parents: {}, fields, lifecycle }];
  },
});

export function isSold({ state }: Pick<SalesOrder, 'state'>): boolean {
  return state === 'sale' || state === 'done';
}
