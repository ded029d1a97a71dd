import { type Entity, entities, type RecordRef } from '../core/types.ts';
import type { Caller, ListedRecord, Sink, Transport } from '../push/pusher.ts';
import { absenceLimit } from './absence-limit.ts';
import type { PassContext } from './pass-types.ts';

/** What the lists of the MES say of one entity. */
export interface MesCounts {
  /** Delivered, but not held any more: forgotten, so that the sweep over the ERP delivers them again. */
  lost: number;
  /** Of this source and unknown to the ledger. */
  extra: number;
  /** Lost in numbers that are not believed: nothing was forgotten. */
  withheld: number;
}

export interface MesSide {
  list: Sink['list'];
  openTransport(signal: AbortSignal, caller: Caller): Transport;
}

const rowsAtOnce = 500;

/** Looks in the MES, where it can be listed, for what the ledger says was delivered. */
export async function sweepMes(
  context: PassContext & { release: boolean },
  mes: MesSide,
  signal: AbortSignal,
): Promise<Map<Entity, MesCounts>> {
  const found = new Map<Entity, MesCounts>();
  const transport = mes.openTransport(signal, context.caller ?? 'scheduled');
  const own = new Set(context.session.streams.flatMap(({ owns }) => owns.map(({ entity }) => entity)));
  for (const entity of entities.filter((each) => own.has(each))) {
    const rows = await mes.list(entity, transport);
    if (rows !== undefined) found.set(entity, await sweepEntity(context, entity, rows));
  }
  return found;
}

async function sweepEntity(
  { store, session, release }: PassContext & { release: boolean },
  entity: Entity,
  rows: AsyncIterable<ListedRecord>,
): Promise<MesCounts> {
  const { source } = session;
  const counts: MesCounts = { lost: 0, extra: 0, withheld: 0 };
  await store.beginSweep(source, [{ entity }]);
  let page: ListedRecord[] = [];
  const look = async () => {
    const mesIds = page.map(({ mesId }) => mesId);
    await store.seeInMes(source, entity, mesIds);
    const ours = page.filter((row) => row.source === source && row.externalId !== undefined);
    const ids = ours.map(({ externalId = '' }) => externalId);
    const known = ids.length === 0 ? new Map() : await store.lookup(source, entity, ids);
    counts.extra += ids.filter((id) => !known.has(id)).length;
    page = [];
  };
  for await (const row of rows) {
    page.push(row);
    if (page.length >= rowsAtOnce) await look();
  }
  await look();
  const { held, lost } = await store.countLost(source, entity);
  // A list that shows little of what there is says more of the list than of the records.
  if (lost > absenceLimit(held) && !release) return { ...counts, withheld: lost };
  for (;;) {
    const refs: RecordRef[] = (await store.lost(source, entity, rowsAtOnce)).map((externalId) => ({
      entity,
      externalId,
    }));
    if (refs.length === 0) return counts;
    await store.forgetLost(source, refs);
    counts.lost += refs.length;
  }
}
