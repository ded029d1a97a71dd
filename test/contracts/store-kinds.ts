import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import type { LedgerEntry } from '../../src/core/types.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import type { Store } from '../../src/state/store.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { source, stream } from '../support/state-builders.ts';

interface StoreKind {
  name: string;
  /** Opens the state at a place of its own; a second time, the same one. */
  open(place: string, clock: Clock): Promise<Store>;
}

/** Every store this build knows. */
export const stores: readonly StoreKind[] = [
  { name: 'embedded', open: (directory, clock) => openEmbeddedStore({ directory, clock }) },
];

/** A store of a test's own: new for each test, with a pass begun. */
interface OpenStore {
  store: Store;
  epoch: number;
  clock: FakeClock;
  /** As a restart would. */
  reopen(): Promise<void>;
  /** What is known of a job. */
  entry(externalId: string): Promise<LedgerEntry | undefined>;
}

/** For the suite that it is called in; the store is there from the first test on. */
export function useStore({ open }: StoreKind): OpenStore {
  let place: string;
  const state = {
    async reopen() {
      await state.store.close();
      await begin();
    },
    entry: async (externalId) => (await state.store.lookup(source, 'job', [externalId])).get(externalId),
  } as OpenStore;

  async function begin(): Promise<void> {
    state.store = await open(place, state.clock);
    state.epoch = (await state.store.begin(stream)).epoch;
  }

  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'store-'));
    state.clock = createFakeClock(new Date('2026-03-01T08:00:00Z'));
    await begin();
  });

  afterEach(async () => {
    await state.store.close();
    await rm(place, { recursive: true });
  });
  return state;
}
