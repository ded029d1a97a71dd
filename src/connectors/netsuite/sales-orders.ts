import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import { defineSuiteQlStream } from '../protocols/suiteql/stream.ts';
import { day, utcSecond } from '../protocols/suiteql/text.ts';
import { normalizeId } from '../values.ts';
import { id, lifecycleOf, type NetSuiteContext, salesOrderStates, stockPrefix, text, told } from './rows.ts';

/** A customer who gets another name moves none of his orders: those are found beside what changed itself. */
export const salesOrders = defineSuiteQlStream({
  name: 'sales-orders',
  entity: 'job',
  table: 'transaction',
  where: "t.type = 'SalesOrd'",
  columns: {
    id: 't.id',
    tranid: 't.tranid',
    status: 'BUILTIN.CF(t.status)',
    entity: 't.entity',
    shipdate: day('t.shipdate'),
    duedate: day('t.duedate'),
    lastmodified: utcSecond('t.lastmodifieddate'),
  },
  lookUps: [
    {
      table: 'customer',
      key: 'l.id',
      by: 'entity',
      columns: {
        customerseen: 'l.id',
        companyname: 'l.companyname',
        entityid: 'l.entityid',
        customermodified: utcSecond('l.lastmodifieddate'),
      },
    },
  ],
  stamp: 't.lastmodifieddate',
  stamps: ['lastmodified', 'customermodified'],
  touched: [
    (changed) => `EXISTS (SELECT 1 FROM customer c WHERE c.id = t.entity AND ${changed('c.lastmodifieddate')})`,
  ],
  fullReadEverySeconds: 86_400,
  parent: null,
  childStream: null,
  owns: [{ entity: 'job', startsNotWith: stockPrefix }],
  refsOf: (externalId) => [{ entity: 'job', externalId }],
  requires: 'the permissions Sales Order, Find Transaction and Customers (View)',
  schema: z.object({
    id,
    tranid: text,
    status: z.string(),
    shipdate: text,
    duedate: text,
    entity: id.nullish(),
    customerseen: id.nullish(),
    companyname: text,
    entityid: text,
  }),
  toRecords(row, { source, numberPrefix, dayAt }: NetSuiteContext) {
    const externalId = normalizeId(row.id);
    const lifecycle = lifecycleOf(row.status, salesOrderStates);
    if (row.entity && !row.customerseen && lifecycle !== 'cancelled') {
      throw new RecordError(
        `Its customer is ${row.entity}, which the role may not see (or no customer but a project): a job without would be wrong. ` +
          "Lift the role's restriction of customers, or do without them: columns: { entity: null }.",
      );
    }
    const fields = {
      job_number: numberPrefix + (row.tranid || externalId),
      customer: row.companyname || row.entityid || null,
      due_date: dayAt(row.shipdate || row.duedate),
    };
    return [told({ entity: 'job', source, externalId, parents: {}, fields, lifecycle })];
  },
});
