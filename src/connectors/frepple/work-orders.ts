import { RecordError } from '../../core/errors.ts';
import { minutesOf } from './durations.ts';
import { readStepLookUps } from './look-ups.ts';
import { isStep, named, operationOf, orderSchema, orderState } from './records.ts';
import { defineStream } from './stream.ts';

export const workOrders = defineStream({
  name: 'work-orders',
  entity: 'operation',
  otherEntities: [],
  key: 'reference',
  stamped: true,
  owns: [{ entity: 'operation' }],
  schema: orderSchema,
  read: ({ lists }, window, signal) => lists.steps(window, signal),
  lookUp: readStepLookUps,
  refsOf: (externalId) => [{ entity: 'operation', externalId }],
  toRecords(row, { source, times, lookUps, otherwise }) {
    // An order whose operation is no routing is its own only step.
    if (!isStep(row) && (row.reference === '' || !row.operation || operationOf(row, lookUps).type === 'routing'))
      return [];
    const operation = operationOf(row, lookUps);
    const cell = lookUps.cells.get(operation.name) ?? otherwise;
    const state = orderState(row);
    if (cell === undefined && state.lifecycle === 'active') throw new RecordError(lackOfCell(operation.name));
    return [
      {
        entity: 'operation',
        source,
        externalId: named(row.reference),
        parents: { part: row.owner || row.reference, ...(cell === undefined ? {} : { cell }) },
        fields: {
          operation_name: operation.name,
          sequence: Math.max(1, operation.priority ?? 1),
          estimated_time_minutes: minutesOf(operation, row.quantity ?? 0),
          planned_start: times.instantOf(row.startdate, 'startdate'),
          planned_end: times.instantOf(row.enddate, 'enddate'),
        },
        ...state,
      },
    ];
  },
});

function lackOfCell(operation: string): string {
  const why = `The operation ${JSON.stringify(operation)} needs no resource that is a cell, and the MES takes none without.`;
  return `${why} Give it one in FrePPLe, or set cells.otherwise.`;
}
