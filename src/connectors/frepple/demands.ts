import { listPath } from './lists.ts';
import { demandSchema, noLookUps } from './look-ups.ts';
import { cancelled, closed, named, type State, stockPrefix } from './records.ts';
import { defineStream } from './stream.ts';

export const demands = defineStream({
  name: 'demands',
  entity: 'job',
  otherEntities: [],
  key: 'name',
  stamped: false,
  owns: [{ entity: 'job', startsNotWith: stockPrefix }],
  schema: demandSchema,
  read: async ({ client }, _window, signal) => [await client.list({ path: listPath('demand') }, signal)],
  lookUp: async () => noLookUps,
  refsOf: (externalId) => [{ entity: 'job', externalId }],
  toRecords(row, { source, numberPrefix, times }) {
    const fields = {
      job_number: numberPrefix + named(row.name),
      customer: row.customer || null,
      due_date: times.instantOf(row.due, 'due'),
    };
    const state = demandStates[row.status ?? 'open'] ?? { lifecycle: 'active' };
    return [{ entity: 'job', source, externalId: row.name, parents: {}, fields, ...state }];
  },
});

/** What is neither open nor a quote; nobody needs what was over before it was first seen. */
const demandStates: Readonly<Record<string, State>> = { closed, canceled: cancelled, inquiry: cancelled };
