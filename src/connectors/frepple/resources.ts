import { listPath } from './lists.ts';
import { noLookUps, resourceSchema } from './look-ups.ts';
import { named } from './records.ts';
import { defineStream } from './stream.ts';

export const resources = defineStream({
  name: 'resources',
  entity: 'resource',
  otherEntities: ['cell'],
  key: 'name',
  stamped: false,
  owns: [{ entity: 'cell' }, { entity: 'resource' }],
  schema: resourceSchema,
  read: async ({ client }, _window, signal) => [await client.list({ path: listPath('resource') }, signal)],
  lookUp: async () => noLookUps,
  refsOf: (externalId) => [
    { entity: 'cell', externalId },
    { entity: 'resource', externalId },
  ],
  toRecords(row, { source, isCell }) {
    const base = { source, externalId: named(row.name), parents: {}, lifecycle: 'active' } as const;
    if (isCell(row)) return [{ ...base, entity: 'cell', fields: { name: row.name, active: true } }];
    const type = row.subcategory === 'tool' ? 'tooling' : 'equipment';
    return [
      { ...base, entity: 'resource', fields: { name: row.name, type, location: row.location || null, active: true } },
    ];
  },
});
