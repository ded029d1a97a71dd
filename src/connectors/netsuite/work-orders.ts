import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import type { MesRecord } from '../../core/types.ts';
import { defineSuiteQlStream } from '../protocols/suiteql/stream.ts';
import { day, utcSecond } from '../protocols/suiteql/text.ts';
import { ceilInteger, normalizeId } from '../values.ts';
import { decimal, id, lifecycleOf, type NetSuiteContext, stockPrefix, text, told, workOrderStates } from './rows.ts';

/** The main line says what is made, how many, and for which sales order; changing it does not always move the order's own stamp. */
export const workOrders = defineSuiteQlStream({
  name: 'work-orders',
  entity: 'part',
  otherEntities: ['job'],
  table: 'transaction',
  where: "t.type = 'WorkOrd'",
  columns: {
    id: 't.id',
    tranid: 't.tranid',
    status: 'BUILTIN.CF(t.status)',
    duedate: day('t.duedate'),
    lastmodified: utcSecond('t.lastmodifieddate'),
  },
  lookUps: [
    {
      table: 'transactionline',
      key: 'l.transaction',
      by: 'id',
      where: "l.mainline = 'T'",
      columns: {
        lineseen: 'l.transaction',
        item: 'l.item',
        quantity: 'l.quantity',
        createdfrom: 'l.createdfrom',
        linemodified: utcSecond('l.linelastmodifieddate'),
      },
    },
    {
      table: 'item',
      key: 'l.id',
      by: 'item',
      columns: { itemseen: 'l.id', itemid: 'l.itemid', itemmodified: utcSecond('l.lastmodifieddate') },
    },
    {
      table: 'transaction',
      key: 'l.id',
      by: 'createdfrom',
      columns: {
        origin: 'l.id',
        origintype: 'l.type',
        originstatus: 'BUILTIN.CF(l.status)',
        originmodified: utcSecond('l.lastmodifieddate'),
      },
    },
  ],
  // Cancelling a sales order leaves its work orders as they are: they need a job all the same, also where the MES never heard of it.
  companion: {
    stream: 'sales-orders',
    keyOf: ({ origin, origintype, originstatus }) =>
      origintype === 'SalesOrd' && String(originstatus).endsWith('C') ? origin : undefined,
  },
  stamp: 't.lastmodifieddate',
  stamps: ['lastmodified', 'linemodified', 'itemmodified', 'originmodified'],
  touched: [
    (changed) =>
      "EXISTS (SELECT 1 FROM transactionline tl WHERE tl.transaction = t.id AND tl.mainline = 'T' AND (" +
      `${changed('tl.linelastmodifieddate')} OR ` +
      `EXISTS (SELECT 1 FROM item i WHERE i.id = tl.item AND ${changed('i.lastmodifieddate')}) OR ` +
      // A sales order that is cancelled before it was approved has its job from its work orders alone.
      "EXISTS (SELECT 1 FROM transaction s WHERE s.id = tl.createdfrom AND BUILTIN.CF(s.status) = 'SalesOrd:C' AND " +
      `${changed('s.lastmodifieddate')})))`,
  ],
  fullReadEverySeconds: 86_400,
  parent: null,
  childStream: 'operation-tasks',
  owns: [{ entity: 'part' }, { entity: 'job', startsWith: stockPrefix }],
  refsOf: (externalId) => [
    { entity: 'part', externalId },
    { entity: 'job', externalId: stockPrefix + externalId },
  ],
  requires:
    'the features Work Orders and Assembly Items, and the permissions Work Order, Find Transaction and Items (View)',
  schema: z.object({
    id,
    tranid: text,
    status: z.string(),
    duedate: text,
    quantity: decimal,
    lineseen: id.nullish(),
    item: id.nullish(),
    itemseen: id.nullish(),
    itemid: text,
    createdfrom: id.nullish(),
    origin: id.nullish(),
    origintype: text,
  }),
  toRecords(row, context: NetSuiteContext) {
    const { source } = context;
    const lifecycle = lifecycleOf(row.status, workOrderStates);
    const externalId = normalizeId(row.id);
    const number = row.tranid || externalId;
    const material = row.itemid || 'Unknown';
    const stockJob = stockPrefix + externalId;
    if (!row.lineseen && lifecycle !== 'cancelled') {
      throw new RecordError(
        'Its main line does not come with it: the order has just been deleted, or the role may not see its lines. ' +
          'A part without its item and quantity would be wrong.',
      );
    }
    if (row.item && !row.itemseen && lifecycle !== 'cancelled') {
      throw new RecordError(
        `It makes item ${row.item}, which the role may not see: a part without its name would be wrong. ` +
          "Lift the role's restriction of items.",
      );
    }
    if (row.createdfrom && !row.origin && lifecycle !== 'cancelled') {
      throw new RecordError(
        `It was created from transaction ${row.createdfrom}, which the role may not see: a job made up for it would be wrong.`,
      );
    }
    const salesOrder = row.origin && row.origintype === 'SalesOrd' ? normalizeId(row.origin) : undefined;
    const stock: MesRecord = {
      entity: 'job',
      source,
      externalId: stockJob,
      parents: {},
      fields: {
        job_number: context.numberPrefix + stockPrefix + number,
        customer: null,
        due_date: context.dayAt(row.duedate),
      },
      // An order that has its sales order now may have been made for stock before.
      lifecycle: salesOrder === undefined ? lifecycle : 'cancelled',
    };
    const part: MesRecord = {
      entity: 'part',
      source,
      externalId,
      parents: { job: salesOrder ?? stockJob },
      fields: {
        part_number: `${material}|${context.numberPrefix}${number}`,
        material,
        quantity: Math.max(1, ceilInteger(row.quantity || 1, 'quantity')),
      },
      lifecycle,
    };
    return [told(stock), told(part)];
  },
});
