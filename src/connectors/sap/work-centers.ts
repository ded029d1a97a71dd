import { z } from 'zod';
import { defineODataStream } from '../protocols/odata/stream.ts';
import { readFlag } from '../protocols/odata/values.ts';
import { cellId, sapKeys } from './keys.ts';
import { flag, type SapContext, text } from './rows.ts';

export const workCenters = defineODataStream({
  name: 'work-centers',
  entity: 'cell',
  path: {
    v2: '/sap/opu/odata/sap/API_WORK_CENTERS/A_WorkCenters',
    v4: '/sap/opu/odata4/sap/api_work_center/srvd_a2x/sap/workcenter/0001/WorkCenterHeader',
  },
  key: ['WorkCenterInternalID', 'WorkCenterTypeCode'],
  // There is a stamp, but it is null for work centers untouched since an upgrade, and a filter never returns those.
  stamp: null,
  stampKind: { v2: 'none', v4: 'none' },
  fullReadEverySeconds: 3600,
  validTo: null,
  parentProperty: null,
  childStream: null,
  schema: z.object({ WorkCenter: z.string(), Plant: z.string(), WorkCenterDesc: text, WorkCenterIsToBeDeleted: flag }),
  ...sapKeys.workCenters,
  toRecords(row, { source }: SapContext) {
    const externalId = cellId(row.Plant, row.WorkCenter);
    const active = !readFlag(row.WorkCenterIsToBeDeleted);
    const fields = { name: `${externalId} ${row.WorkCenterDesc ?? ''}`.trim(), active };
    return [{ entity: 'cell', source, externalId, parents: {}, fields, lifecycle: active ? 'active' : 'cancelled' }];
  },
});
