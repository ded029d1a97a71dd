import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import { defineSuiteQlStream } from '../protocols/suiteql/stream.ts';
import { readSecond, utcSecond } from '../protocols/suiteql/text.ts';
import { ceilInteger, normalizeId, roundAway, toNumber } from '../values.ts';
import { decimal, id, lifecycleOf, type NetSuiteContext, text, told, workOrderStates } from './rows.ts';

/** Nothing moves when a task does: tasks are read with their work orders. */
export const operationTasks = defineSuiteQlStream({
  name: 'operation-tasks',
  entity: 'operation',
  table: 'manufacturingOperationTask',
  where: '',
  columns: {
    id: 't.id',
    workorder: 't.workorder',
    operationsequence: 't.operationsequence',
    title: 't.title',
    status: 't.status',
    manufacturingworkcenter: 't.manufacturingworkcenter',
    setuptime: 't.setuptime',
    runrate: 't.runrate',
    inputquantity: 't.inputquantity',
    startdatetime: utcSecond('t.startdatetime'),
    enddate: utcSecond('t.enddate'),
  },
  lookUps: [
    {
      table: 'transaction',
      key: 'l.id',
      by: 'workorder',
      where: "l.type = 'WorkOrd'",
      columns: { orderstatus: 'BUILTIN.CF(l.status)' },
    },
  ],
  stamp: null,
  stamps: [],
  touched: [],
  fullReadEverySeconds: 86_400,
  parent: 't.workorder',
  childStream: null,
  owns: [{ entity: 'operation' }],
  refsOf: null,
  requires:
    'the feature Manufacturing Routing and Work Center, and the permissions Work Order, Find Transaction and Manufacturing Routing (View)',
  schema: z.object({
    id,
    workorder: id,
    operationsequence: decimal,
    title: text,
    status: text,
    manufacturingworkcenter: id.nullish(),
    setuptime: decimal,
    runrate: decimal,
    inputquantity: decimal,
    startdatetime: text,
    enddate: text,
    orderstatus: text,
  }),
  toRecords(row, { source }: NetSuiteContext) {
    const sequence = ceilInteger(row.operationsequence ?? '', 'operationsequence');
    const order = row.orderstatus ? lifecycleOf(row.orderstatus, workOrderStates) : 'cancelled';
    const isDone = row.status === 'COMPLETE';
    const { manufacturingworkcenter: cell } = row;
    if (!cell && order !== 'cancelled') {
      throw new RecordError('manufacturingworkcenter is empty: the MES takes no operation without a cell.');
    }
    return [
      told({
        entity: 'operation',
        source,
        externalId: normalizeId(row.id),
        parents: {
          part: normalizeId(row.workorder),
          ...(cell ? { cell: normalizeId(cell) } : {}),
        },
        fields: {
          operation_name: row.title || String(sequence),
          sequence,
          estimated_time_minutes: estimatedMinutes(row),
          planned_start: readSecond(row.startdatetime),
          planned_end: readSecond(row.enddate),
        },
        lifecycle: order === 'active' && isDone ? 'closed' : order,
      }),
    ];
  },
});

interface Times {
  setuptime?: string | number | null | undefined;
  runrate?: string | number | null | undefined;
  inputquantity?: string | number | null | undefined;
}

/** Minutes, and minutes a piece; not `estimatedwork`, about whose unit accounts disagree. */
function estimatedMinutes({ setuptime, runrate, inputquantity }: Times): number {
  const minutes =
    toNumber(setuptime || 0, 'setuptime') +
    toNumber(runrate || 0, 'runrate') * toNumber(inputquantity || 0, 'inputquantity');
  return Math.round(roundAway(minutes));
}
