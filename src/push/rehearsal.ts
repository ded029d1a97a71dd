import type { Batch, Sink, SinkResult, Transport } from './sink.ts';
import type { CountedTransport } from './transport.ts';

/** A MES that takes everything and is asked nothing: for trying out what a pass would send. */
export interface Rehearsal {
  sink: Sink;
  openTransport(): CountedTransport;
}

/** Counts the requests that the real sink would send if all went well. */
export function createRehearsal(real: Pick<Sink, 'estimate'>): Rehearsal {
  const booked = new WeakMap<Transport, number>();
  const take = async (batch: Batch, transport: Transport): Promise<SinkResult[]> => {
    const requests = (await real.estimate?.(batch)) ?? 1;
    booked.set(transport, (booked.get(transport) ?? 0) + requests);
    return batch.changes.map(({ record, known }) => ({
      kind: 'delivered',
      // The MES knows it also when its sync hash was forgotten: its own id stays.
      action: known !== undefined && (known.hash !== null || known.mesId !== null) ? 'updated' : 'created',
      mesId: known?.mesId ?? `planned ${record.entity} ${record.externalId}`,
    }));
  };
  const sink: Sink = {
    deliver: take,
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
