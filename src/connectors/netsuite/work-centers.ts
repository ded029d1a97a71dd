import { z } from 'zod';
import { defineSuiteQlStream } from '../protocols/suiteql/stream.ts';
import { normalizeId } from '../values.ts';
import { id, type NetSuiteContext, text } from './rows.ts';

/** There is no table of work centers: they are groups with a mark. */
export const workCenters = defineSuiteQlStream({
  name: 'work-centers',
  entity: 'cell',
  table: 'entitygroup',
  where: "t.ismanufacturingworkcenter = 'T'",
  columns: { id: 't.id', groupname: 't.groupname', isinactive: 't.isinactive' },
  lookUps: [],
  stamp: null,
  stamps: [],
  touched: [],
  fullReadEverySeconds: 3600,
  parent: null,
  childStream: null,
  owns: [{ entity: 'cell' }],
  refsOf: null,
  requires:
    'the feature Manufacturing Routing and Work Center, and the permission Employees (View), which covers groups',
  schema: z.object({ id, groupname: text, isinactive: text }),
  toRecords(row, { source }: NetSuiteContext) {
    const externalId = normalizeId(row.id);
    const active = row.isinactive !== 'T';
    const fields = { name: `${row.groupname ?? ''} (${externalId})`.trim(), active };
    const lifecycle = active ? 'active' : 'cancelled';
    return [{ entity: 'cell', source, externalId, parents: {}, fields, lifecycle }];
  },
});
