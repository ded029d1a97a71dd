import { z } from 'zod';
import type { Stream } from '../../../src/connectors/connector.ts';
import { createMapping, fingerprintOf, type Mapping } from '../../../src/connectors/mapping.ts';
import { streamShape } from '../../../src/connectors/settings.ts';
import { parseTime } from '../../../src/connectors/values.ts';
import { defaultOverlapSeconds } from '../../../src/core/stamp.ts';
import type { MesRecord } from '../../../src/core/types.ts';
import type { OrderbookClient, OrderbookSettings } from './index.ts';

export const orderStreamSchema = z.strictObject(streamShape);

/** Only what the mapping uses: an answer may hold more. */
const rowSchema = z.object({
  id: z.int(),
  number: z.string().min(1),
  customer: z.string().nullish(),
  due: z.string().nullish(),
  state: z.enum(['open', 'shipped', 'cancelled']),
});

const lifecycles = { open: 'active', shipped: 'closed', cancelled: 'cancelled' } as const;

/** Changes when the mapping below makes something else of a row: everything is then read once more. */
const mappingVersion = 1;

/** Sales orders as jobs. */
export function openOrders(config: OrderbookSettings, client: OrderbookClient): Stream {
  const own = config.streams.orders ?? orderStreamSchema.parse({});
  return {
    name: 'orders',
    entity: 'job',
    stampKind: 'timestamp',
    stampZone: 'UTC',
    overlapSeconds: own.overlapSeconds ?? config.overlapSeconds ?? defaultOverlapSeconds.timestamp,
    settleSeconds: own.settleSeconds ?? config.settleSeconds,
    fullReadEverySeconds: own.fullReadEverySeconds ?? null,
    fingerprint: fingerprintOf([mappingVersion, config.externalSource, config.numberPrefix, own.fields, own.when]),
    owns: [{ entity: 'job' }],
    keys: null,
    children: null,
    childStream: null,
    selective: own.when !== undefined,
    read: readerOf(client, own.pageSize),
    async newest(limit, signal) {
      const [row] = await client.orders({ newest: '1', to: limit, limit: '1' }, signal);
      return row === undefined ? null : stampOf(row);
    },
    count: async () => null,
    map: mappingOf(config, own).map,
  };
}

function mappingOf(config: OrderbookSettings, { fields, when }: z.output<typeof orderStreamSchema>): Mapping {
  const toRecords = (row: z.output<typeof rowSchema>): MesRecord[] => [
    {
      entity: 'job',
      source: config.externalSource,
      externalId: String(row.id),
      parents: {},
      fields: {
        job_number: config.numberPrefix + row.number,
        customer: row.customer ?? null,
        due_date: parseTime(row.due ?? '')?.toISOString() ?? null,
      },
      lifecycle: lifecycles[row.state],
    },
  ];
  const keyOf = (row: unknown) => idOf(row)?.toString();
  const { timeZone } = config;
  const schema = rowSchema;
  return createMapping({ entity: 'job', schema, toRecords, keyOf, stampOf, properties: {}, fields, when, timeZone });
}

/** By id inside a fixed window, never by offset: what changes meanwhile moves no other row over a page's edge. */
function readerOf(client: OrderbookClient, pageSize: number): Stream['read'] {
  return async function* read({ from, to, future }, cursor, signal) {
    for (let after = (cursor as number | undefined) ?? 0; ; ) {
      const query = {
        after: String(after),
        limit: String(pageSize),
        ...(from && { from }),
        ...(to && { to }),
        ...(future && { future }),
      };
      const rows = await client.orders(query, signal);
      const last = idOf(rows.at(-1));
      if (last === undefined) return;
      after = last;
      yield { rows, cursor: after };
    }
  };
}

function idOf(row: unknown): number | undefined {
  const id = (row as { id?: unknown } | null | undefined)?.id;
  return typeof id === 'number' ? id : undefined;
}

function stampOf(row: unknown): string | null {
  const stamp = (row as { changedAt?: unknown } | null)?.changedAt;
  return typeof stamp === 'string' ? (parseTime(stamp)?.toISOString() ?? null) : null;
}
