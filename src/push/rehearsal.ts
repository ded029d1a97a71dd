import type { Batch, ReadyChange, Sink, SinkResult, Transport } from './sink.ts';
import type { CountedTransport } from './transport.ts';

/** A MES that takes everything and is asked nothing: for trying out what a pass would send. */
export interface Rehearsal {
  sink: Sink;
  openTransport(): CountedTransport;
}

/** Counts the requests that the real sink would send if all went well; what it would not send, it does not take. */
export function createRehearsal(real: Pick<Sink, 'estimate' | 'foresee' | 'largestBatch'>): Rehearsal {
  const booked = new WeakMap<Transport, number>();
  const take = async (batch: Batch, transport: Transport): Promise<SinkResult[]> => {
    const kept = (await real.foresee?.(batch)) ?? new Map<ReadyChange, SinkResult>();
    const changes = batch.changes.filter((change) => !kept.has(change));
    const requests = (await real.estimate?.({ ...batch, changes })) ?? 1;
    booked.set(transport, (booked.get(transport) ?? 0) + requests);
    return batch.changes.map((change) => kept.get(change) ?? deliveredAs(change));
  };
  const sink: Sink = {
    deliver: take,
    largestBatch: async (entity) => (await real.largestBatch?.(entity)) ?? Number.POSITIVE_INFINITY,
    readBack: async (batch) => batch.changes.map(() => ({ kind: 'unproven' })),
    check: async () => [],
    list: async () => undefined,
  };
  return {
    sink,
    openTransport() {
      const transport: CountedTransport = {
        requests: () => booked.get(transport) ?? 0,
        request: () => Promise.reject(new Error('A plan sends nothing to the MES.')),
      };
      return transport;
    },
  };
}

function deliveredAs({ record, known }: ReadyChange): SinkResult {
  // The MES knows it also when its sync hash was forgotten: its own id stays.
  const held = known !== undefined && (known.hash !== null || known.mesId !== null);
  const mesId = known?.mesId ?? `planned ${record.entity} ${record.externalId}`;
  return { kind: 'delivered', action: held ? 'updated' : 'created', mesId };
}
