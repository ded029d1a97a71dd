import type { Clock } from '../core/clock.ts';
import { messageOf, TransientError, WaitError } from '../core/errors.ts';
import type { Entity } from '../core/types.ts';

/**
 * Remembers what cannot be delivered, so that scheduled passes do not read an ERP again and again for nothing: one kind of record
 * where one endpoint fails, everything where the MES itself cannot be reached.
 */
export interface Outage {
  /** The tries of a request are used up. Only what concerns every request counts here. */
  note(error: unknown): void;
  /** The MES answered a request. */
  answered(): void;
  /** A batch of that kind of record could not be delivered, for whatever passing reason. */
  failed(entity: Entity, error: unknown): void;
  delivered(entity: Entity): void;
  /** One try tells as much as five: the last one failed, of everything, of that kind of record, or of another without a word. */
  isOpen(entity?: Entity): boolean;
  /** Throws WaitError until the next try of these kinds of record is due. */
  require(wanted: readonly Entity[]): void;
}

/** Whom a failure concerns; `unclear` where a gateway spoke or nobody did: a second kind of record that fails so tells. */
export type Reach = 'all' | 'unclear' | 'entity';

/** Limits and the look-up of the key come before every function; what could not be sent had no host to go to. */
export function reachOf({ unsent, status, malformed }: TransientError): Reach {
  if (unsent || status === 401 || status === 402 || status === 429) return 'all';
  return malformed || status === 500 || status === 546 ? 'entity' : 'unclear';
}

const firstPauseMs = 60_000;
const longestPauseMs = 300_000;
/** Several daemons of one plant must not come back in step. */
const jitter = 0.1;

/**
 * The first pass after a pause is the probe: if its push fails, all that was held back waits again, for longer up to five minutes.
 * Passes that have nothing to push go on as ever.
 */
export function createOutage(clock: Clock, random: () => number): Outage {
  const whole = createPause(clock, random);
  const kinds = new Map<Entity, Pause>();
  /** Kinds of record that have failed without a word from the MES since it last answered. */
  const silent = new Set<Entity>();

  function answered(): void {
    whole.end();
    silent.clear();
  }

  return {
    note(error) {
      if (isFault(error) && reachOf(error) === 'all') whole.begin(error);
    },
    answered,
    failed(entity, error) {
      if (!isFault(error)) return;
      const reach = reachOf(error);
      if (reach === 'all') return whole.begin(error);
      const pause = kinds.get(entity) ?? createPause(clock, random);
      kinds.set(entity, pause);
      // Together they ask no more often than one: an hour of probes must not use the day's requests up.
      pause.begin(error, kinds.size * longestPauseMs);
      if (reach === 'entity') return answered();
      silent.add(entity);
      if (silent.size > 1) whole.begin(error);
    },
    delivered(entity) {
      answered();
      // What is mended may be so for all.
      if (kinds.delete(entity)) for (const pause of kinds.values()) pause.cut();
    },
    isOpen: (entity) => whole.isOpen() || (entity !== undefined && (kinds.has(entity) || silent.size > 0)),
    require(wanted) {
      whole.require('The MES cannot be delivered to');
      for (const entity of wanted) kinds.get(entity)?.require(`The MES cannot be given any ${entity}`);
    },
  };
}

/** A passing fault of one kind of record keeps no other back, as far as is known. */
export function failedEntityOf(
  entity: Entity,
  failure: Error,
  outage: Pick<Outage, 'isOpen'> | undefined,
): Entity | undefined {
  return outage === undefined || outage.isOpen() || !(failure instanceof TransientError) ? undefined : entity;
}

/** What waits by plan or by order of the MES knows its time already. */
function isFault(error: unknown): error is TransientError {
  return error instanceof TransientError && !(error instanceof WaitError);
}

interface Pause {
  begin(error: TransientError, longestMs?: number): void;
  end(): void;
  /** The next try is due now. */
  cut(): void;
  isOpen(): boolean;
  require(what: string): void;
}

function createPause(clock: Clock, random: () => number): Pause {
  let failures = 0;
  let retryAtMs = 0;
  let reason = '';
  return {
    begin(error, longestMs = longestPauseMs) {
      // What failed together counts once.
      if (clock.monotonicMs() < retryAtMs) return;
      failures += 1;
      reason = messageOf(error);
      const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 1), longestMs);
      retryAtMs = clock.monotonicMs() + pauseMs * (1 + random() * jitter);
    },
    end() {
      failures = 0;
      retryAtMs = 0;
    },
    cut() {
      retryAtMs = 0;
    },
    isOpen: () => failures > 0,
    require(what) {
      const waitMs = Math.ceil(retryAtMs - clock.monotonicMs());
      if (failures === 0 || waitMs <= 0) return;
      const until = new Date(clock.now().getTime() + waitMs).toISOString();
      throw new WaitError(`${what}, it is tried again at ${until}: ${reason}`, { until, retryAfterMs: waitMs });
    },
  };
}
