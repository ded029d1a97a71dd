import { type Entity, entities } from '../core/types.ts';
import type { ListedRecord } from '../push/sink.ts';
import type { CountedTransport } from '../push/transport.ts';
import type { ListedId } from '../state/store.ts';
import type { App, RunExclusive } from './app.ts';

/** What was found of one kind of record of one ERP. */
export interface RebuiltIds {
  source: string;
  entity: Entity;
  /** Rows in the MES's list; null where this MES cannot list, or its list tells nothing that a record is known by. */
  listed: number | null;
  /** Records of the ledger that were found there. */
  found: number;
  /** Records that were delivered and whose id is not known. */
  without: number;
}

/**
 * Takes the MES's own ids anew from its lists: for a ledger that lost them, or records that were made anew in the MES by hand. Goes by
 * job number, part number and name, and by external id where the MES shows that; of two rows of one name neither is taken.
 */
export async function rebuildIds(app: App, exclusive: RunExclusive): Promise<RebuiltIds[]> {
  const rebuilt: RebuiltIds[] = [];
  for (const [name, { session }] of app.connectors) {
    // A run beside it could store an id that is newer than the list.
    await exclusive(name, async (signal, stopping) => {
      const transport = app.openTransport(signal);
      for (const entity of entities) {
        stopping?.throwIfAborted();
        rebuilt.push(await rebuildEntity(app, { source: session.source, entity }, transport));
      }
    });
  }
  return rebuilt;
}

async function rebuildEntity(
  { sink, store }: App,
  { source, entity }: Pick<RebuiltIds, 'source' | 'entity'>,
  transport: CountedTransport,
): Promise<RebuiltIds> {
  const list = entity === 'operation' ? undefined : await sink.list(entity, transport);
  const rows = list === undefined ? null : await collect(list);
  const own = (rows ?? []).filter((row) => row.source === undefined || row.source === source);
  const found = await store.adoptMesIds(source, entity, distinct(own));
  const without = await store.countWithoutMesId(source, entity);
  return { source, entity, listed: rows === null ? null : own.length, found, without };
}

/** Ids and keys only: what else a list shows would not fit into memory. */
async function collect(list: AsyncIterable<ListedRecord>): Promise<Omit<ListedRecord, 'fields'>[]> {
  const rows: Omit<ListedRecord, 'fields'>[] = [];
  for await (const { fields: _, ...row } of list) rows.push(row);
  return rows;
}

function distinct(rows: readonly Omit<ListedRecord, 'fields'>[]): ListedId[] {
  const counts = new Map<string | null, number>();
  for (const { businessKey } of rows) counts.set(businessKey, (counts.get(businessKey) ?? 0) + 1);
  return rows
    .filter(({ businessKey, externalId }) => externalId !== undefined || counts.get(businessKey) === 1)
    .map(({ mesId, businessKey, externalId = null }) => ({ mesId, businessKey, externalId }));
}
