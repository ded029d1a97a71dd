import { isWaitingForMes } from '../core/records.ts';
import type { Change, MesRecord, Outcome } from '../core/types.ts';
import type { MesRequest, Transport } from './sink.ts';

/** Follows what the requests of a push may have brought to the MES without an answer that says so. */
export interface Doubt {
  /** The transport, with its requests followed. */
  follow(transport: Transport): Transport;
  /** Changes that were sent and neither confirmed nor ruled out. */
  left(changes: readonly Change[], outcomes: readonly Outcome[]): Change[];
}

type Carried = NonNullable<MesRequest['carries']>;

/** `named`: a successful answer lists all that it did, so what it leaves out is not there. */
export function createDoubt({ named = false } = {}): Doubt {
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
        if (answer.status < 300 && !named) answered.push(carries);
        return answer;
      },
    }),
    left(changes, outcomes) {
      const allAnswered = outcomes.length === changes.length || answered.length === 0;
      if (unanswered.length === 0 && allAnswered) return [];
      const sent = recordsOf(unanswered);
      for (const outcome of outcomes) if (endsDoubt(outcome)) sent.delete(outcome.change.record);
      const open = allAnswered ? new Set<MesRecord>() : recordsOf(answered);
      for (const { change } of outcomes) open.delete(change.record);
      return changes.filter(({ record }) => sent.has(record) || open.has(record));
    },
  };
}

/** The outcome proves whether the record is there. That it waits for the MES itself proves nothing. */
function endsDoubt(outcome: Outcome): boolean {
  if (outcome.kind === 'delivered') return true;
  if (outcome.kind === 'refused') return outcome.there !== true;
  return !isWaitingForMes(outcome.change.record, outcome.waitsFor);
}

function recordsOf(requests: readonly Carried[]): Set<MesRecord> {
  return new Set(requests.flatMap((carries) => carries.map(({ record }) => record)));
}
