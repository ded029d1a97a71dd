import { z } from 'zod';
import { defineODataStream } from '../protocols/odata/stream.ts';
import { readFlag } from '../protocols/odata/values.ts';
import { normalizeId } from '../values.ts';
import { sapKeys } from './keys.ts';
import { flag, type SapContext, text } from './rows.ts';

export const equipment = defineODataStream({
  name: 'equipment',
  entity: 'resource',
  path: { v2: '/sap/opu/odata/sap/API_EQUIPMENT/Equipment', v4: null },
  key: ['Equipment', 'ValidityEndDate'],
  stamp: 'LastChangeDateTime',
  stampKind: { v2: 'second', v4: 'second' },
  fullReadEverySeconds: 3600,
  validTo: 'ValidityEndDate',
  parentProperty: null,
  childStream: null,
  schema: z.object({
    Equipment: z.string(),
    EquipmentName: text,
    EquipmentCategory: text,
    ManufacturerSerialNumber: text,
    AssetLocation: text,
    EquipmentIsMarkedForDeletion: flag,
  }),
  ...sapKeys.equipment,
  toRecords(row, { source }: SapContext) {
    const externalId = normalizeId(row.Equipment);
    const active = !readFlag(row.EquipmentIsMarkedForDeletion);
    const fields = {
      name: `${externalId} ${row.EquipmentName ?? ''}`.trim(),
      type: row.EquipmentCategory === 'P' ? 'tooling' : 'equipment',
      identifier: row.ManufacturerSerialNumber || null,
      location: row.AssetLocation || null,
      active,
    };
    return [
      { entity: 'resource', source, externalId, parents: {}, fields, lifecycle: active ? 'active' : 'cancelled' },
    ];
  },
});
