import type { Change, MesRecord, Outcome } from '../core/types.ts';
import type { MesRequest, Transport } from './sink.ts';

/** Follows what the requests of a push may have brought to the MES without an answer that says so. */
export interface Doubt {
  /** The transport, with its requests followed. */
  follow(transport: Transport): Transport;
  /** What may be there of these changes and is not proved to be: another content than the ledger has, or none at all. */
  left(changes: readonly Change[], outcomes: readonly Outcome[]): Change[];
}

type Carried = NonNullable<MesRequest['carries']>;

export function createDoubt(): Doubt {
  /** Of requests that may or may not have taken effect. */
  const unanswered: Carried[] = [];
  /** Of requests that the MES called a success, whatever it said of each record. */
  const answered: Carried[] = [];
  return {
    follow: (transport) => ({
      async request(request) {
        const { carries } = request;
        if (carries === undefined) return transport.request(request);
        const onUnknownOutcome = () => {
          unanswered.push(carries);
          request.onUnknownOutcome?.();
        };
        const answer = await transport.request({ ...request, onUnknownOutcome });
        if (answer.status < 300) answered.push(carries);
        return answer;
      },
    }),
    left(changes, outcomes) {
      const told = outcomes.length === changes.length;
      if (unanswered.length === 0 && told) return [];
      const sent = recordsOf(unanswered);
      for (const { kind, change } of outcomes) if (kind === 'delivered') sent.delete(change.record);
      const open = told ? new Set<MesRecord>() : recordsOf(answered);
      for (const { change } of outcomes) open.delete(change.record);
      return changes.filter(({ record }) => sent.has(record) || open.has(record));
    },
  };
}

function recordsOf(requests: readonly Carried[]): Set<MesRecord> {
  return new Set(requests.flatMap((carries) => carries.map(({ record }) => record)));
}
