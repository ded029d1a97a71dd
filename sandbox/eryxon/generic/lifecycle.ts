import type { Answer } from '../../types.ts';
import { coerce } from '../columns.ts';
import { DatabaseError, success } from '../errors.ts';
import type { Incoming } from '../tables.ts';
import type { Row } from './database.ts';
import type { Call, Mes } from './mes.ts';

interface Step {
  /** The verb of the refusal, where it is not the name of the step. */
  verb?: string;
  from: readonly string[];
  to: string;
  /** Columns besides the status, given the row and the time. */
  sets(columns: Incoming, now: string): Incoming;
}

interface Lifecycle {
  table: 'jobs' | 'operations';
  label: string;
  steps: Record<string, Step>;
  /** How the answer names the step. */
  stepKey: string;
}

const start: Step = {
  from: ['not_started', 'on_hold'],
  to: 'in_progress',
  sets: (columns, now) => ({ started_at: columns['started_at'] || now, paused_at: null }),
};
const pause: Step = { from: ['in_progress'], to: 'on_hold', sets: (_, now) => ({ paused_at: now }) };
const resume: Step = { from: ['on_hold'], to: 'in_progress', sets: (_, now) => ({ resumed_at: now, paused_at: null }) };
const complete: Step = { from: ['in_progress'], to: 'completed', sets: (_, now) => ({ completed_at: now }) };

const lifecycles = {
  job: {
    table: 'jobs',
    label: 'Job',
    stepKey: 'operation',
    steps: { start, stop: pause, pause: { ...pause, verb: 'stop' }, complete, resume },
  },
  operation: {
    table: 'operations',
    label: 'Operation',
    stepKey: 'operation_type',
    steps: {
      start,
      pause,
      resume,
      complete: { ...complete, sets: (_, now) => ({ completed_at: now, completion_percentage: 100 }) },
    },
  },
} satisfies Record<string, Lifecycle>;

/**
 * POST /api-job-lifecycle/<step>?id= and its sister for operations. They read columns that no migration creates, and
 * what cannot be read is not found. Webhooks and time entries are not simulated.
 */
export function lifecycle(mes: Mes, kind: keyof typeof lifecycles, { action, parameters }: Call): Answer {
  const { table, label, steps, stepKey }: Lifecycle = lifecycles[kind];
  const id = parameters.get('id');
  if (!id) return refusal(400, 'VALIDATION_ERROR', `${label} ID is required in query string (?id=xxx)`);
  const row = mes.traits.complete ? find(mes, table, id) : undefined;
  if (row === undefined) return refusal(404, 'NOT_FOUND', `${label} not found`);
  const step = steps[action];
  if (step === undefined) {
    const known = Object.keys(steps).filter((name) => steps[name]?.verb === undefined);
    const message = `Invalid operation '${action}'. Supported operations: ${known.join(', ')}`;
    return refusal(400, 'INVALID_OPERATION', message);
  }
  const previous = String(row.columns['status']);
  if (!step.from.includes(previous)) {
    const needed = step.from.map((status) => `'${status}'`).join(' or ');
    const sentence = `Cannot ${step.verb ?? action} ${kind} with status '${previous}'. ${label} must be ${needed}.`;
    return refusal(400, 'INVALID_STATE_TRANSITION', sentence);
  }
  const now = mes.surroundings.now().toISOString();
  mes.database.update(table, row, { status: step.to, updated_at: now, ...step.sets(row.columns, now) });
  return success({ [kind]: row.columns, [stepKey]: action, previous_status: previous, new_status: step.to });
}

function find(mes: Mes, table: 'jobs' | 'operations', id: string): Row | undefined {
  try {
    return mes.database.byId(table, coerce('uuid', id));
  } catch (error) {
    if (error instanceof DatabaseError) return undefined;
    throw error;
  }
}

/** These functions leave the status out of the body. */
export function refusal(status: number, code: string, message: string): Answer {
  return { status, body: JSON.stringify({ success: false, error: { code, message } }) };
}
