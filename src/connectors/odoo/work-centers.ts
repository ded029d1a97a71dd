import { z } from 'zod';
import { defineOdooStream } from '../protocols/odoo/stream.ts';
import { flag, hourly, id, type OdooContext } from './rows.ts';

export const workCenters = defineOdooStream({
  name: 'work-centers',
  entity: 'cell',
  model: 'mrp.workcenter',
  app: 'Manufacturing',
  mayBeAbsent: false,
  watches: [],
  childStream: null,
  fullReadEverySeconds: hourly,
  laid: [],
  keyFields: [],
  owns: [{ entity: 'cell' }],
  schema: z.object({ id, name: z.string(), active: flag }),
  isTold: () => true,
  refs: (row) => [{ entity: 'cell', externalId: String(row.id) }],
  toRecords(row, { source }: OdooContext) {
    const active = row.active !== false;
    const fields = { name: `${row.name} (${row.id})`, active };
    const lifecycle = active ? 'active' : 'cancelled';
    return [{ entity: 'cell', source, externalId: String(row.id), parents: {}, fields, lifecycle }];
  },
});
