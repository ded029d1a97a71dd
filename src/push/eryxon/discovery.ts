import type { Clock } from '../../core/clock.ts';
import { TransientError } from '../../core/errors.ts';
import { type Entity, entities } from '../../core/types.ts';
import { reachOf } from '../outage.ts';
import type { Transport } from '../sink.ts';
import type { Capabilities } from './ability.ts';
import { probe } from './capabilities.ts';
import { ageMs, isOld, pauseMs, withoutWay, withPause } from './look-again.ts';
import type { Notes } from './notes.ts';
import { SchemaError } from './verdict.ts';
import { possibleTasks } from './ways.ts';

/** What one MES can do, found out when it is first needed and kept for a day. */
export interface Discovery {
  /** As last found out, or found out now. */
  current(transport: Transport): Promise<Capabilities>;
  /** What is known without asking; undefined before the first time. */
  known(): Promise<Capabilities | undefined>;
  /** Older than a day, or than ten minutes to six hours where something of an entity is taken in no way. */
  isStale(known: Capabilities): boolean;
  /** To be found out anew before the next record goes out. */
  expire(): void;
  /** Finds out anew now, whatever is known. */
  look(transport: Transport): Promise<unknown>;
  /**
   * After an error of the schema: finds out anew, unless that was done or failed less than ten minutes ago; where the function of this
   * entity does not start even then, once in ten minutes. False when nothing is known beyond before.
   */
  renew(transport: Transport, notStarting: Entity | undefined): Promise<boolean>;
  /** A look does not show that the MES takes none of these: so it is until the next one. */
  noteNoWay(entity: Entity, reason: string): Promise<void>;
}

export interface DiscoveryOptions {
  /** Scheme, host and path of the functions: what is known of one MES says nothing of another. */
  url: string;
  base: string;
  notes: Notes;
  clock: Clock;
  /** Told before it is kept that these can be delivered now and could not as far as was known. */
  onAvailable(entities: readonly Entity[]): Promise<void>;
}

const noteName = 'mes capabilities';

export function createDiscovery({ url, base, notes, clock, onAvailable }: DiscoveryOptions): Discovery {
  let kept: Capabilities | undefined;
  let expired = false;
  /** When the last look failed, monotonic. */
  let failedMs = Number.NEGATIVE_INFINITY;
  const mayHurry = onceInAPause(clock);
  let running: Promise<Capabilities> | undefined;

  async function known(): Promise<Capabilities | undefined> {
    kept ??= (await notes.readNote(noteName)) as Capabilities | undefined;
    return kept?.url === url ? kept : undefined;
  }

  async function find(transport: Transport): Promise<Capabilities> {
    const before = await known();
    const seen = { ...(await probe(base, transport, clock.now())), url };
    const found = withPause(withKnown(seen, before), before, clock.now());
    const able = entities.filter((entity) => canMore(entity, found, before));
    if (able.length > 0) await onAvailable(able);
    await notes.writeNote(noteName, found);
    expired = false;
    kept = found;
    return found;
  }

  /** Batches side by side share one look. */
  function findOnce(transport: Transport): Promise<Capabilities> {
    running ??= find(transport)
      .catch((error: unknown) => {
        if (leavesKnown(error)) failedMs = clock.monotonicMs();
        throw error;
      })
      .finally(() => (running = undefined));
    return running;
  }

  const justFailed = () => clock.monotonicMs() - failedMs < pauseMs;

  const isStale = (before: Capabilities) => expired || isOld(before, clock.now());
  return {
    known,
    isStale,
    look: findOnce,
    async current(transport) {
      const before = await known();
      if (before === undefined) return findOnce(transport);
      if (!isStale(before) || justFailed()) return before;
      return findOnce(transport).catch(goOnWith(before));
    },
    expire() {
      expired = true;
    },
    async renew(transport, notStarting) {
      const before = await known();
      if (before !== undefined && running === undefined) {
        const isNew = ageMs(before, clock.now()) < pauseMs;
        if (justFailed() || (isNew && !mayHurry(notStarting))) return false;
      }
      await findOnce(transport);
      return true;
    },
    async noteNoWay(entity, reason) {
      const before = await known();
      if (before === undefined) return;
      kept = withPause(withoutWay(before, entity, reason), before, clock.now());
      await notes.writeNote(noteName, kept);
    },
  };
}

/** Lets one of each entity through in ten minutes. */
function onceInAPause(clock: Pick<Clock, 'monotonicMs'>): (entity: Entity | undefined) => boolean {
  const lastMs = new Map<Entity, number>();
  return (entity) => {
    const nowMs = clock.monotonicMs();
    if (entity === undefined || nowMs - (lastMs.get(entity) ?? Number.NEGATIVE_INFINITY) < pauseMs) return false;
    lastMs.set(entity, nowMs);
    return true;
  };
}

/** Goes by what is known where a look fails. */
function goOnWith(before: Capabilities): (error: unknown) => Capabilities {
  return (error) => {
    if (!leavesKnown(error)) throw error;
    return before;
  };
}

/** What is known may well be true still; a MES that cannot be reached at all, or refuses us, cannot be delivered to either. */
function leavesKnown(error: unknown): boolean {
  return error instanceof SchemaError || (error instanceof TransientError && reachOf(error) !== 'all');
}

/** What could not be found out now is as it was. */
function withKnown(found: Capabilities, before: Capabilities | undefined): Capabilities {
  if (found.unsure !== true || before?.generation !== found.generation) return found;
  const merged = { ...found.entities };
  for (const entity of entities) if (merged[entity].unknown !== undefined) merged[entity] = before.entities[entity];
  return { ...found, entities: merged };
}

function canMore(entity: Entity, now: Capabilities, before: Capabilities | undefined): boolean {
  const could = before === undefined ? [] : possibleTasks(entity, before.entities[entity]);
  return possibleTasks(entity, now.entities[entity]).some((task) => !could.includes(task));
}
