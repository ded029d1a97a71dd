import type { HttpRequest } from '../../src/core/http.ts';
import { createPusher, type Pusher } from '../../src/push/pusher.ts';
import { type Batch, BatchRefusedError, type ReadyChange, type Sink, type SinkResult } from '../../src/push/sink.ts';
import type { CountedTransport } from '../../src/push/transport.ts';

export const delivered: SinkResult = { kind: 'delivered', action: 'created', mesId: null };
export const unproven: SinkResult = { kind: 'unproven' };

export interface FakeMes {
  pusher: Pusher;
  /** Batches in the order of arrival: `job: 1 2 3`. */
  batches: string[];
  /** Changes as the sink got them. */
  seen: Map<string, ReadyChange>;
  /** Most batches under way at one time. */
  mostAtOnce(): number;
}

export interface Behaviour {
  /** What becomes of one record; the default is that it is created. */
  result?(change: ReadyChange): SinkResult | Promise<SinkResult>;
  /** Thrown for the batch as a whole. */
  fail?(batch: Batch): Error | undefined | Promise<Error | undefined>;
  batchSize?: number;
  maxConcurrency?: number;
  /** The most that a request takes; any number when absent. */
  largestBatch?: number;
}

/** A pusher before a MES made of functions; every batch costs one request. */
export function fakeMes(behaviour: Behaviour = {}): FakeMes {
  const { result = () => delivered, fail = () => undefined, largestBatch } = behaviour;
  const batches: string[] = [];
  const seen = new Map<string, ReadyChange>();
  let running = 0;
  let most = 0;
  const sink: Sink = {
    async deliver(batch, transport) {
      batches.push(inShort(batch));
      running += 1;
      most = Math.max(most, running);
      try {
        await transport.request(request);
        const failure = await fail(batch);
        if (failure !== undefined) throw failure;
        for (const each of batch.changes) seen.set(`${batch.entity}/${each.record.externalId}`, each);
        return await Promise.all(batch.changes.map(result));
      } finally {
        running -= 1;
      }
    },
    list: async () => undefined,
    ...(largestBatch === undefined ? {} : { largestBatch: async () => largestBatch }),
  };
  const { batchSize = 100, maxConcurrency = 2 } = behaviour;
  const pusher = createPusher({ sink, openTransport: countingTransport, batchSize, maxConcurrency });
  return { pusher, batches, seen, mostAtOnce: () => most };
}

/** A MES that refuses a batch as a whole when there is a bad record in it, without saying which. */
export function refusesWhole(bad: (externalId: string) => boolean): Behaviour {
  return {
    fail: ({ changes }) =>
      changes.some(({ record }) => bad(record.externalId)) ? new BatchRefusedError('HTTP 500 bad data') : undefined,
  };
}

const request: HttpRequest = { method: 'POST', path: '/' };

function countingTransport(signal: AbortSignal): CountedTransport {
  let sent = 0;
  return {
    requests: () => sent,
    async request() {
      signal.throwIfAborted();
      sent += 1;
      return { status: 200, headers: {}, text: '' };
    },
  };
}

function inShort({ entity, changes }: Batch): string {
  return `${entity}: ${changes.map(({ record }) => record.externalId).join(' ')}`;
}
