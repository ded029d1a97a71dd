import type { Clock } from '../core/clock.ts';
import { WaitError } from '../core/errors.ts';
import type { Entity } from '../core/types.ts';

/** Requests to the MES that the day's plan has free for scheduled passes. */
export interface Room {
  /** Below zero when passes have taken more than planned; infinite without a budget. */
  requests: number;
  /** How long until so many are free, milliseconds. */
  waitMs(requests: number): number;
}

export interface AdmissionOptions {
  /** Throws WaitError while the MES wants silence. */
  room(need: { firstLoad: boolean }): Promise<Room>;
  /** Throws WaitError while these kinds of record cannot be delivered and the next try is not due. */
  requireReachable(entities: readonly Entity[]): void;
  clock: Clock;
}

export interface PassNeed {
  /** Stream id. */
  stream: string;
  firstLoad: boolean;
  /** Kinds of record that it brings. */
  entities: readonly Entity[];
}

/**
 * Lets scheduled passes begin and go on. Both throw WaitError when requests are short: the pass ends where it is, its changes stay in
 * the ERP and go out together later.
 */
export interface Admission {
  /** Before anything is read from the ERP. */
  begin(need: PassNeed): Promise<void>;
  /** Before the requests of another page. */
  goOn(need: PassNeed): Promise<void>;
}

/** A stream that waited and has not asked again so long after its time is not waited for: it is paused, or the daemon was asleep. */
const forgetMs = 30 * 60_000;

/** When requests are short the stream that was served longest ago is next, of whatever connector: all get equally less fresh. */
export function createAdmission({ room, requireReachable, clock }: AdmissionOptions): Admission {
  /** When each stream last began a pass, by a count: times may be equal. */
  const served = new Map<string, number>();
  /** Streams that were refused, and the monotonic time that they were told. */
  const waiting = new Map<string, number>();
  let turn = 0;

  /** Streams that were refused and have waited longer. */
  function aheadOf(stream: string): number {
    const nowMs = clock.monotonicMs();
    for (const [each, untilMs] of waiting) if (nowMs - untilMs > forgetMs) waiting.delete(each);
    const own = served.get(stream) ?? 0;
    return [...waiting.keys()].filter((each) => each !== stream && (served.get(each) ?? 0) < own).length;
  }

  async function require({ stream, firstLoad }: PassNeed): Promise<void> {
    const free = await room({ firstLoad });
    const needed = aheadOf(stream) + 1;
    if (free.requests >= needed) return;
    const waitMs = free.waitMs(needed);
    waiting.set(stream, clock.monotonicMs() + waitMs);
    const until = new Date(clock.now().getTime() + waitMs).toISOString();
    throw new WaitError(`The day's requests to the MES are planned: changes are gathered until ${until}.`, {
      until,
      retryAfterMs: waitMs,
      planned: true,
    });
  }

  return {
    async begin(need) {
      requireReachable(need.entities);
      await require(need);
      waiting.delete(need.stream);
      turn += 1;
      served.set(need.stream, turn);
    },
    goOn: require,
  };
}
