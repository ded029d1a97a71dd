import type { Entity } from '../core/types.ts';
import type { Readiness } from '../server/readiness.ts';

/** A kind of record that the MES takes in no way while `create` is null, and why; `full`: why it takes no new ones. */
export interface EntityWay {
  entity: Entity;
  create: string | null;
  faults: readonly string[];
  full?: string | undefined;
}

/** A kind of record that waits for the MES, and why. */
export interface BlockedKind {
  entity: Entity;
  reason: string;
}

/** What the MES takes in no way, and what it takes no new ones of. */
export function blockedKinds(ways: readonly EntityWay[]): BlockedKind[] {
  return ways.flatMap(({ entity, create, faults, full }) => {
    const why = `The MES takes no ${entity} in any way, they wait until it is repaired: ${faults.join('; ')}`;
    return [
      ...(create === null ? [{ entity, reason: why }] : []),
      ...(full === undefined ? [] : [{ entity, reason: `${full} They wait until there is room.` }]),
    ];
  });
}

/** Turns the readiness red while the MES takes no records of a kind, or no new ones: they wait, and nobody but the MES's people can help. */
export function withBlockedKinds<Known extends Readiness>(
  readiness: () => Promise<Known>,
  ways: () => Promise<readonly EntityWay[]>,
): () => Promise<Known> {
  return async () => {
    const known = await readiness();
    // A state that cannot be read is among the reasons already.
    const kinds = await ways().catch(() => []);
    const closed = blockedKinds(kinds).map(({ reason }) => reason);
    return { ...known, ready: known.ready && closed.length === 0, reasons: [...known.reasons, ...closed] };
  };
}
