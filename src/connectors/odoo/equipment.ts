import { z } from 'zod';
import { nameOf } from '../protocols/odoo/model.ts';
import { defineOdooStream } from '../protocols/odoo/stream.ts';
import { flag, hourly, id, maybeLink, type OdooContext, text } from './rows.ts';

export const equipment = defineOdooStream({
  name: 'equipment',
  entity: 'resource',
  model: 'maintenance.equipment',
  app: 'Maintenance',
  mayBeAbsent: true,
  watches: [],
  childStream: null,
  fullReadEverySeconds: hourly,
  laid: [],
  keyFields: [],
  owns: [{ entity: 'resource' }],
  schema: z.object({
    id,
    name: z.string(),
    serial_no: text,
    location: text,
    location_id: maybeLink,
    active: flag,
    scrap_date: text,
  }),
  isTold: () => true,
  refs: (row) => [{ entity: 'resource', externalId: String(row.id) }],
  toRecords(row, { source }: OdooContext) {
    const active = row.active !== false && !row.scrap_date;
    const fields = {
      name: `${row.name} (${row.id})`,
      type: 'equipment',
      identifier: row.serial_no || null,
      location: row.location || nameOf(row.location_id),
      active,
    };
    const lifecycle = active ? 'active' : 'cancelled';
    return [{ entity: 'resource', source, externalId: String(row.id), parents: {}, fields, lifecycle }];
  },
});
