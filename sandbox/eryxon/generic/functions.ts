import type { Answer, Table } from '../../types.ts';
import { tables } from '../../types.ts';
import { success } from '../errors.ts';
import { answerTable } from './crud.ts';
import { erpSync } from './erp-sync.ts';
import { lifecycle } from './lifecycle.ts';
import { placeOf } from './lists.ts';
import type { ApiFunction, Call, Mes } from './mes.ts';

/** Functions that exist and are not simulated beyond what `emptyLists` says, and why. A request to one fails loudly. */
export const unsupported: Record<string, string> = {
  'api-assignments': 'nothing that an ERP sends ends there',
  'api-batch-lifecycle': 'nothing that an ERP sends ends there',
  'api-batches': 'nothing that an ERP sends ends there',
  'api-export': 'reads files for people',
  'api-issues': 'nothing that an ERP sends ends there',
  'api-key-generate': 'wants the session of a person, not an API key',
  'api-operation-quantities': 'the simulated shop floor reports no quantities',
  'api-scrap-reasons': 'the simulated shop floor reports no quantities',
  'api-templates': 'nothing that an ERP sends ends there',
  'api-time-entries': 'the simulated shop floor books no time',
  'api-webhook-logs': 'no webhook is ever sent',
  'api-webhooks': 'no webhook is ever sent',
  'webhook-dispatch': 'no webhook is ever sent',
};

/** Lists of what is never written here. They are read all the same, by whoever tries out what an installation can do. */
const emptyLists: Record<string, string> = {
  'api-assignments': 'assignments',
  'api-batches': 'operation_batches',
  'api-operation-quantities': 'operation_quantities',
  'api-scrap-reasons': 'scrap_reasons',
  'api-time-entries': 'time_entries',
  'api-webhook-logs': 'webhook_logs',
  'api-webhooks': 'webhooks',
};

const simulated = new Map<string, ApiFunction>([
  ...tables.map((table): [string, ApiFunction] => [`api-${table}`, tableFunction(table)]),
  ['api-erp-sync', erpSync],
  ['api-job-lifecycle', (mes, call) => lifecycle(mes, 'job', call)],
  ['api-operation-lifecycle', (mes, call) => lifecycle(mes, 'operation', call)],
  ['api-materials', materials],
]);

function tableFunction(table: Table): ApiFunction {
  return (mes, call) => answerTable(mes, table, call);
}

/** The function of that name, or undefined when the API has none. */
export function functionNamed(name: string): ApiFunction | undefined {
  const known = simulated.get(name);
  if (known !== undefined || unsupported[name] === undefined) return known;
  const key = emptyLists[name];
  return (_, call) => {
    if (key !== undefined && call.method === 'GET' && !call.parameters.has('id')) return emptyList(key, call);
    throw new Error(`The simulator does not answer ${call.method} ${name}: ${unsupported[name]}.`);
  };
}

function emptyList(key: string, { parameters }: Call): Answer {
  const { limit, offset } = placeOf(parameters);
  return success({ [key]: [], pagination: { total: 0, offset, limit } });
}

/** The distinct materials of all parts, of dead ones too. */
function materials({ database }: Mes): Answer {
  const names = new Set([...database.rows('parts')].map((row) => row.columns['material']).filter(Boolean));
  return success({ materials: [...names].sort() });
}
