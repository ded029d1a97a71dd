import type { Clock } from '../../src/core/clock.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import type { Store } from '../../src/state/store.ts';

export interface StoreKind {
  name: string;
  /** Opens the state at a place of its own; a second time, the same one. */
  open(place: string, clock: Clock): Promise<Store>;
}

/** Every store this build knows. */
export const stores: readonly StoreKind[] = [
  { name: 'embedded', open: (directory, clock) => openEmbeddedStore({ directory, clock }) },
];
