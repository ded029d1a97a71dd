import type { Stream } from '../connectors/define.ts';
import { asError } from '../core/errors.ts';
import { zeroCounts } from '../core/events.ts';
import { needOf } from './delivery.ts';
import { overlapFor } from './lateness.ts';
import type { Pass, PassContext } from './pass-types.ts';
import { endOf } from './push-failed.ts';

/** Begins a pass: what is known of the stream, and the source's time. */
export async function beginPass(context: PassContext, stream: Stream, signal: AbortSignal): Promise<Pass> {
  const id = `${context.session.name}/${stream.name}`;
  const state = await context.store.begin(id);
  await context.admission?.begin(needOf({ id, state, stream }));
  const edition = await context.session.edition?.(signal);
  const fingerprint = edition === undefined ? stream.fingerprint : `${stream.fingerprint} ${edition}`;
  const sourceNow = await context.session.clock(signal);
  const overlapSeconds = overlapFor(stream.overlapSeconds, state.lateness);
  const own = {
    counts: zeroCounts(),
    requests: { mes: await lookAgain(context, signal) },
    warned: new Set<'future'>(),
  };
  return { ...context, stream, id, state, sourceNow, fingerprint, overlapSeconds, ...own };
}

/** What a person wants to know of the MES before their passes: what it takes again goes out with these. Resolves to the requests to the MES. */
async function lookAgain({ pusher }: PassContext, signal: AbortSignal): Promise<number> {
  try {
    return (await pusher.lookAgain?.(signal)) ?? 0;
  } catch (error) {
    throw endOf(asError(error), undefined);
  }
}
