import type { Clock } from '../../core/clock.ts';
import { TransientError } from '../../core/errors.ts';
import { type Entity, entities } from '../../core/types.ts';
import { reachOf } from '../outage.ts';
import type { Transport } from '../sink.ts';
import type { Ability, Capabilities } from './ability.ts';
import { probe } from './capabilities.ts';
import type { Notes } from './notes.ts';
import { SchemaError } from './verdict.ts';
import { possibleTasks } from './ways.ts';

/** What one MES can do, found out when it is first needed and kept for a day. */
export interface Discovery {
  /** As last found out, or found out now. */
  current(transport: Transport): Promise<Capabilities>;
  /** What is known without asking; undefined before the first time. */
  known(): Promise<Capabilities | undefined>;
  /** Older than a day, than six hours where it takes some entity in no way, or sooner after `close`. */
  isStale(known: Capabilities): boolean;
  /** To be found out anew before the next record goes out. */
  expire(): void;
  /** Finds out anew now, whatever is known. */
  look(transport: Transport): Promise<unknown>;
  /** After an error of the schema: finds out anew, unless that was done a moment ago. False when nothing is known beyond before. */
  renew(transport: Transport): Promise<boolean>;
  /**
   * A look does not show that the MES takes none of these: so it is until the next one, ten minutes later, because a database that
   * is being changed is often mended soon; each time within a day that it is closed again, after twice as long.
   */
  close(entity: Entity, reason: string): Promise<void>;
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

const keptMs = 86_400_000;
/** While records wait for the MES to be mended; a look takes up to a dozen requests. */
const keptFaultyMs = 6 * 3_600_000;
/** A MES that is broken for good is not asked about at every request. */
const pauseMs = 10 * 60_000;
const noWay = { classic: null, put: false, erpSync: 'no', post: false } as const;
const noteName = 'mes capabilities';

export function createDiscovery({ url, base, notes, clock, onAvailable }: DiscoveryOptions): Discovery {
  let kept: Capabilities | undefined;
  let expired = false;
  /** When the last look failed, monotonic. */
  let failedMs = Number.NEGATIVE_INFINITY;
  let running: Promise<Capabilities> | undefined;

  async function known(): Promise<Capabilities | undefined> {
    kept ??= (await notes.readNote(noteName)) as Capabilities | undefined;
    return kept?.url === url ? kept : undefined;
  }

  async function find(transport: Transport): Promise<Capabilities> {
    const before = await known();
    const seen = { ...(await probe(base, transport, clock.now())), url };
    const found = withKnown(before?.closing === undefined ? seen : { ...seen, closing: before.closing }, before);
    const able = entities.filter((entity) => canMore(entity, found, before));
    if (able.length > 0) await onAvailable(able);
    await notes.writeNote(noteName, found);
    expired = false;
    kept = found;
    return found;
  }

  /** Batches side by side share one look. */
  function findOnce(transport: Transport): Promise<Capabilities> {
    running ??= find(transport).finally(() => {
      running = undefined;
    });
    return running;
  }

  const ageMs: AgeMs = ({ at }) => Math.abs(clock.now().getTime() - Date.parse(at));
  const isStale = (before: Capabilities) => expired || isOld(before, ageMs);
  return {
    known,
    isStale,
    look: findOnce,
    async current(transport) {
      const before = await known();
      if (before === undefined) return findOnce(transport);
      if (!isStale(before) || clock.monotonicMs() - failedMs < pauseMs) return before;
      return findOnce(transport).catch((error: unknown) => {
        if (!leavesKnown(error)) throw error;
        failedMs = clock.monotonicMs();
        return before;
      });
    },
    expire() {
      expired = true;
    },
    async renew(transport) {
      const before = await known();
      if (before !== undefined && ageMs(before) < pauseMs) return false;
      await findOnce(transport);
      return true;
    },
    async close(entity, reason) {
      const before = await known();
      if (before === undefined) return;
      const ability = before.entities[entity];
      const closed: Ability = { ...ability, ...noWay, faults: [...ability.faults, reason] };
      const closing = { at: clock.now().toISOString(), waitMs: waitBehind(before, ageMs) };
      kept = { ...before, entities: { ...before.entities, [entity]: closed }, closing };
      await notes.writeNote(noteName, kept);
    },
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

type AgeMs = (of: { at: string }) => number;

function isOld(known: Capabilities, ageMs: AgeMs): boolean {
  const { closing } = known;
  const reopens = closing !== undefined && isClosed(known) && ageMs(closing) >= closing.waitMs;
  return reopens || ageMs(known) >= keptFor(known);
}

function keptFor(known: Capabilities): number {
  if (known.unsure === true) return pauseMs;
  return isFaulty(known) ? keptFaultyMs : keptMs;
}

/** Whether a delivery has closed a kind since the look. */
function isClosed({ at, closing }: Capabilities): boolean {
  return closing !== undefined && closing.at >= at;
}

/** How long a kind stays closed: twice as long as the last time if that was within a day. */
function waitBehind(known: Capabilities, ageMs: AgeMs): number {
  const { closing } = known;
  if (closing === undefined || ageMs(closing) >= keptMs) return pauseMs;
  return isClosed(known) ? closing.waitMs : Math.min(2 * closing.waitMs, keptFaultyMs);
}

function isFaulty({ entities: abilities }: Capabilities): boolean {
  return entities.some((entity) => possibleTasks(entity, abilities[entity]).length === 0);
}
