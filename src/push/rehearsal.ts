import { isHeld } from '../core/records.ts';
import type { Batch, Nesting, ReadyChange, Sink, SinkResult, Transport } from './sink.ts';
import type { CountedTransport } from './transport.ts';

/** A MES that takes everything and is asked nothing: for trying out what a pass would send. */
export interface Rehearsal {
  sink: Sink;
  openTransport(): CountedTransport;
}

/** Counts the requests that the real sink would send if all went well; what it would not send, it does not take. */
export function createRehearsal(real: Pick<Sink, 'estimate' | 'foresee' | 'largestBatch' | 'nesting'>): Rehearsal {
  const take = async (batch: Batch, transport: Transport): Promise<SinkResult[]> => {
    const kept = (await real.foresee?.(batch)) ?? new Map<ReadyChange, SinkResult>();
    const changes = batch.changes.filter((change) => !kept.has(change));
    const requests = (await real.estimate?.({ ...batch, changes })) ?? 1;
    await book(transport, requests);
    return batch.changes.map((change) => kept.get(change) ?? deliveredAs(change));
  };
  const sink: Sink = {
    deliver: take,
    largestBatch: async (entity) => (await real.largestBatch?.(entity)) ?? Number.POSITIVE_INFINITY,
    list: async () => undefined,
    ...(real.nesting === undefined ? {} : { nesting: rehearsed(real.nesting) }),
  };
  return {
    sink,
    openTransport() {
      let requests = 0;
      return {
        requests: () => requests,
        async request() {
          requests += 1;
          return { status: 200, headers: {}, text: '' };
        },
      };
    },
  };
}

/** Counts so many requests: this transport brings them nowhere. */
async function book(transport: Transport, requests: number): Promise<void> {
  for (let each = 0; each < requests; each += 1) await transport.request({ method: 'POST', path: '/' });
}

/** Each request creates all that it would carry. */
function rehearsed(real: Nesting): Nesting {
  return {
    ...real,
    async create({ job, children }, transport) {
      await book(transport, await real.estimate());
      return [job, ...children].map((change) => ({ change, mesId: plannedId(change) }));
    },
  };
}

function plannedId({ record: { entity, externalId } }: ReadyChange): string {
  return `planned ${entity} ${externalId}`;
}

function deliveredAs(change: ReadyChange): SinkResult {
  const { known } = change;
  const mesId = known?.mesId ?? plannedId(change);
  return { kind: 'delivered', action: isHeld(known) ? 'updated' : 'created', mesId };
}
