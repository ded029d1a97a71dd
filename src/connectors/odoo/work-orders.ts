import { z } from 'zod';
import type { Lifecycle } from '../../core/types.ts';
import { idOf, type OdooRow } from '../protocols/odoo/model.ts';
import { defineOdooStream } from '../protocols/odoo/stream.ts';
import { readOdooTime } from '../protocols/odoo/times.ts';
import { roundAway } from '../values.ts';
import { amount, daily, id, link, made, type OdooContext, text } from './rows.ts';

export const workOrders = defineOdooStream({
  name: 'work-orders',
  entity: 'operation',
  model: 'mrp.workorder',
  app: 'Manufacturing',
  mayBeAbsent: false,
  watches: [],
  parent: { model: 'mrp.production', field: 'production_id', rows: 'workorder_ids', fields: ['state'] },
  childStream: null,
  fullReadEverySeconds: daily,
  laid: ['parent', 'rank'],
  keyFields: ['state', 'production_id'],
  owns: [{ entity: 'operation' }],
  schema: z.object({
    id,
    name: z.string(),
    state: z.string(),
    production_id: link,
    workcenter_id: link,
    sequence: amount,
    duration_expected: amount,
    date_start: text,
    date_finished: text,
    date_planned_start: text,
    date_planned_finished: text,
    parent: z.object({ state: z.string() }).nullish(),
    rank: z.number().nullish(),
  }),
  complete: async (rows) => layRanks(rows),
  isTold: (row) => row.state !== 'cancel' && made.has(row.parent?.state),
  refs: (row) => [{ entity: 'operation', externalId: String(row.id) }],
  toRecords(row, { source }: OdooContext) {
    const parents = { part: String(idOf(row.production_id)), cell: String(idOf(row.workcenter_id)) };
    const fields = {
      operation_name: row.name,
      sequence: 10 * (row.rank ?? 1),
      estimated_time_minutes: Math.round(roundAway(row.duration_expected ?? 0)),
      planned_start: readOdooTime(row.date_planned_start ?? row.date_start),
      planned_end: readOdooTime(row.date_planned_finished ?? row.date_finished),
    };
    const lifecycle: Lifecycle = row.state === 'done' ? 'closed' : 'active';
    return [{ entity: 'operation', source, externalId: String(row.id), parents, fields, lifecycle }];
  },
});

/** Places from 1 among all work orders of their manufacturing order: numbers of Odoo's own repeat and have gaps. */
function layRanks(rows: readonly OdooRow[]): void {
  for (const siblings of Map.groupBy(rows, (row) => idOf(row['production_id'])).values()) {
    const place = (row: OdooRow) => Number(row['sequence'] ?? 0);
    const sorted = siblings.toSorted((one, other) => place(one) - place(other) || one.id - other.id);
    for (const [index, row] of sorted.entries()) row['rank'] = index + 1;
  }
}
