import type { Readiness } from './readiness.ts';

/** A kind of record that the MES takes in no way while `create` is null, and why; `full`: why it takes no new ones. */
export interface EntityWay {
  entity: string;
  create: string | null;
  faults: readonly string[];
  full?: string | undefined;
}

/** Turns the readiness red while the MES takes no records of a kind, or no new ones: they wait, and nobody but the MES's people can help. */
export function withWays<Known extends Readiness>(
  readiness: () => Promise<Known>,
  ways: () => Promise<readonly EntityWay[]>,
): () => Promise<Known> {
  return async () => {
    const known = await readiness();
    // A state that cannot be read is among the reasons already.
    const kinds = await ways().catch(() => []);
    const closed = kinds
      .filter(({ create }) => create === null)
      .map(
        ({ entity, faults }) =>
          `The MES takes no ${entity} in any way, they wait until it is repaired: ${faults.join('; ')}`,
      );
    const full = kinds.flatMap(({ full: reason }) =>
      reason === undefined ? [] : [`${reason} They wait until there is room.`],
    );
    const reasons = [...known.reasons, ...closed, ...full];
    return { ...known, ready: known.ready && closed.length + full.length === 0, reasons };
  };
}
