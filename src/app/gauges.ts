import type { ConnectorSession } from '../connectors/connector.ts';
import type { Clock } from '../core/clock.ts';
import type { StreamGauges } from '../server/metrics.ts';
import type { Store } from '../state/store.ts';
import { lagOf } from './lag.ts';

/** Figures of every stream at this moment. */
export async function readGauges(
  runs: ReadonlyMap<string, { session: ConnectorSession }>,
  store: Store,
  clock: Clock,
): Promise<StreamGauges[]> {
  const known = new Map((await store.status()).map((status) => [status.stream, status]));
  return [...runs.values()].flatMap(({ session }) =>
    session.streams.map(({ name }) => {
      const stream = `${session.name}/${name}`;
      const {
        watermark = null,
        lastSuccess = null,
        deadLetters = 0,
        deadLettersSince = null,
        parked = 0,
        parkedSince = null,
      } = known.get(stream) ?? {};
      const lagSeconds = lagOf({ watermark, lastSuccess }, clock.now());
      return { stream, lagSeconds, lastSuccess, deadLetters, deadLettersSince, parked, parkedSince };
    }),
  );
}
