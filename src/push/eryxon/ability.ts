import type { Entity } from '../../core/types.ts';

/** What an installation can do for one entity. */
export interface Ability {
  /** Classic bulk-sync and PUT sync, which name each record. */
  classic: 'bulk' | 'put' | null;
  /** Generic PUT sync, and with it bulk-sync, which writes the same. */
  put: boolean;
  /** `updates`: new records fail. */
  erpSync: 'all' | 'updates' | 'no';
  /** POST and PATCH: the function starts. */
  post: boolean;
  /** Whether the list answers; null where nobody asked. */
  lists: boolean | null;
  /** What was found wrong, for people. */
  faults: string[];
  /** Why it could not be found out: its endpoint fails in passing. */
  unknown?: string;
}

/** What one MES can do, as it was found out. */
export interface Capabilities {
  /** What it was asked under. */
  url: string;
  /** When, ISO-8601 UTC. */
  at: string;
  generation: 'classic' | 'generic';
  entities: Record<Entity, Ability>;
  /** Columns that the code names and this database lacks. */
  lacking: { entity: Entity; column: string }[];
  /** An endpoint failed in passing: to be looked at again soon. */
  unsure?: boolean;
  /** The last time that a kind of record was found not to be taken, by a look or by a delivery behind it; `at` as above. */
  closing?: { at: string; waitMs: number };
}

/** What it costs to prove a bulk-sync. */
export interface ProofCost {
  /** Everything is read back: then a request each, whose answer shows the row, is cheaper than a bulk-sync of updates. */
  distrusted: boolean;
  /** Pages of the list that is read, as far as it was ever seen: of all that is on hold; of resources, all. */
  listPages: number;
}
