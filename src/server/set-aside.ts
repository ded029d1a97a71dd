import type { StreamGauges } from './metrics.ts';
import type { Readiness } from './readiness.ts';

export type SetAside = Pick<StreamGauges, 'stream' | 'deadLetters' | 'deadLettersSince' | 'parked' | 'parkedSince'>;

/**
 * Adds to the readiness which streams have records that have not reached the MES: refused ones, and those that wait for a parent. They
 * do not make it red: everything else goes on.
 */
export function withSetAside(
  readiness: () => Promise<Readiness>,
  gauges: () => Promise<readonly StreamGauges[]>,
): () => Promise<Readiness & { setAside: SetAside[] }> {
  return async () => {
    // A state that cannot be read is among the reasons already.
    const streams = await gauges().catch(() => []);
    const setAside = streams
      .filter(({ deadLetters, parked }) => deadLetters + parked > 0)
      .map(({ stream, deadLetters, deadLettersSince, parked, parkedSince }) => ({
        stream,
        deadLetters,
        deadLettersSince,
        parked,
        parkedSince,
      }));
    return { ...(await readiness()), setAside };
  };
}
