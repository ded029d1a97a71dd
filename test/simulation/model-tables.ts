import { z } from 'zod';
import type { Kind, Property } from '../../sandbox/sap/metadata.ts';
import { defineODataStream, type ODataStreamDefinition } from '../../src/connectors/protocols/odata/stream.ts';
import type { Entity, Lifecycle, MesRecord, StampKind } from '../../src/core/types.ts';

/** One row of the model ERP, whatever its table; what a table does not use stays empty. */
export interface ModelRow {
  Id: string;
  /** In the stored form of the table's kind of stamp; null: never stamped. */
  Stamp: string | null;
  Name: string;
  /** The job of a part, the part of an operation. */
  Parent: string;
  Cell: string;
  Quantity: number;
  Cancelled: 'X' | '';
}

export const tableNames = ['cells', 'jobs', 'parts', 'operations'] as const;
export type TableName = (typeof tableNames)[number];

/** Streams carry the names that the settings know. */
export const streamOf = {
  cells: 'work-centers',
  jobs: 'sales-orders',
  parts: 'production-orders',
  operations: 'operations',
} as const satisfies Record<TableName, string>;

export const properties: readonly Property[] = [
  { name: 'Id', column: 'Id', kind: 'text', key: true },
  { name: 'Name', column: 'Name', kind: 'text' },
  { name: 'Parent', column: 'Parent', kind: 'text' },
  { name: 'Cell', column: 'Cell', kind: 'text' },
  { name: 'Cancelled', column: 'Cancelled', kind: 'text' },
];

export const stampKindOf: Record<StampKind, Kind> = {
  timestamp: 'stamp7',
  second: 'stamp0',
  char14: 'char14',
  date: 'date',
  none: 'text',
};

const schema = z.object({
  Id: z.string(),
  Name: z.string(),
  Parent: z.string(),
  Cell: z.string(),
  Quantity: z.number(),
  Cancelled: z.string(),
});
type Read = z.output<typeof schema>;

interface Shape {
  table: TableName;
  entity: Entity;
  toRecord(row: Read): Pick<MesRecord, 'parents' | 'fields'>;
}

function define({ table, entity, toRecord }: Shape): ODataStreamDefinition<{ source: string }> {
  return defineODataStream({
    name: streamOf[table],
    entity,
    path: { v2: `/model/${table}`, v4: `/odata4/${table}` },
    key: ['Id'],
    stamp: table === 'cells' ? null : 'Stamp',
    stampKind: { v2: 'timestamp', v4: 'timestamp' },
    fullReadEverySeconds: 86_400,
    validTo: null,
    parentProperty: table === 'operations' ? 'Parent' : null,
    childStream: table === 'parts' ? streamOf.operations : null,
    keySchema: z.object({ Id: z.string() }),
    toKeys: (row: never) => [{ entity, externalId: (row as { Id: string }).Id }],
    owns: [{ entity }],
    schema,
    toRecords(row, { source }) {
      const lifecycle: Lifecycle = row.Cancelled === 'X' ? 'cancelled' : 'active';
      return [{ entity, source, externalId: row.Id, ...toRecord(row), lifecycle }];
    },
  });
}

export const definitions: readonly ODataStreamDefinition<{ source: string }>[] = [
  define({
    table: 'cells',
    entity: 'cell',
    toRecord: (row) => ({ parents: {}, fields: { name: row.Name, active: row.Cancelled !== 'X' } }),
  }),
  define({
    table: 'jobs',
    entity: 'job',
    toRecord: (row) => ({ parents: {}, fields: { job_number: `N-${row.Id}`, customer: row.Name } }),
  }),
  define({
    table: 'parts',
    entity: 'part',
    toRecord: (row) => ({
      parents: { job: row.Parent },
      fields: { part_number: `P-${row.Id}`, material: row.Name, quantity: row.Quantity },
    }),
  }),
  define({
    table: 'operations',
    entity: 'operation',
    toRecord: (row) => ({
      parents: { part: row.Parent, cell: row.Cell },
      fields: { operation_name: row.Name, sequence: row.Quantity, estimated_time_minutes: row.Quantity * 2 },
    }),
  }),
];
