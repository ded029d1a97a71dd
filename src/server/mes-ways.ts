import type { Readiness } from './readiness.ts';

/** A kind of record that the MES takes in no way while `create` is null, and why. */
export interface EntityWay {
  entity: string;
  create: string | null;
  faults: readonly string[];
}

/** Turns the readiness red while the MES takes no records of a kind: they wait, and nobody but the MES's people can help. */
export function withWays<Known extends Readiness>(
  readiness: () => Promise<Known>,
  ways: () => Promise<readonly EntityWay[]>,
): () => Promise<Known> {
  return async () => {
    const known = await readiness();
    // A state that cannot be read is among the reasons already.
    const closed = (await ways().catch(() => [])).filter(({ create }) => create === null);
    const reasons = closed.map(
      ({ entity, faults }) =>
        `The MES takes no ${entity} in any way, they wait until it is repaired: ${faults.join('; ')}`,
    );
    return { ...known, ready: known.ready && closed.length === 0, reasons: [...known.reasons, ...reasons] };
  };
}
