import type { Clock } from '../core/clock.ts';
import { messageOf, TransientError, WaitError } from '../core/errors.ts';

/** Remembers that the MES cannot be reached, so that scheduled passes do not read an ERP again and again for nothing. */
export interface Outage {
  /** The tries of a request are used up, for whatever reason. */
  note(error: unknown): void;
  /** The MES answered. */
  answered(): void;
  /** The last request failed. */
  isOpen(): boolean;
  /** Throws WaitError until the next try is due. */
  require(): void;
}

const firstPauseMs = 60_000;
const longestPauseMs = 300_000;
/** Several daemons of one plant must not come back in step. */
const jitter = 0.1;

/**
 * The first pass after a pause is the probe: if its push fails, everything waits again, for longer up to five minutes. Passes that
 * have nothing to push go on as ever.
 */
export function createOutage(clock: Clock, random: () => number): Outage {
  let failures = 0;
  let retryAtMs = 0;
  let reason = '';
  return {
    note(error) {
      // What waits by plan or by order of the MES knows its time already. What failed together counts once.
      if (!(error instanceof TransientError) || error instanceof WaitError || clock.monotonicMs() < retryAtMs) return;
      failures += 1;
      reason = messageOf(error);
      const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs);
      retryAtMs = clock.monotonicMs() + pauseMs * (1 + random() * jitter);
    },
    answered() {
      failures = 0;
      retryAtMs = 0;
    },
    isOpen: () => failures > 0,
    require() {
      const waitMs = Math.ceil(retryAtMs - clock.monotonicMs());
      if (failures === 0 || waitMs <= 0) return;
      const until = new Date(clock.now().getTime() + waitMs).toISOString();
      throw new WaitError(`The MES cannot be delivered to, it is tried again at ${until}: ${reason}`, {
        until,
        retryAfterMs: waitMs,
      });
    },
  };
}
