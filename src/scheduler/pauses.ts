import type { Clock } from '../core/clock.ts';
import { ConfigError, PermanentError } from '../core/errors.ts';
import { PushFailedError } from './delivery.ts';

export interface Pause {
  reason: string;
  /** When the next try is due, ISO-8601. */
  until: string;
  /** The credentials were refused. */
  credentials: boolean;
}

/** What a human has to mend is tried again rarely: repeated logons with a wrong password lock accounts. */
const firstPauseMs = 15 * 60_000;
const longestPauseMs = 4 * 3_600_000;

export interface Pauses {
  add(stream: string, error: unknown): void;
  clear(stream: string): void;
  /** The pause that still holds a stream back. */
  current(stream: string): Pause | undefined;
  all(): ReadonlyMap<string, Pause>;
}

/** Streams set aside after errors that nothing but a human mends, for longer each time. */
export function createPauses(clock: Clock): Pauses {
  const pauses = new Map<string, Pause & { times: number; endsMs: number }>();
  return {
    add(stream, thrown) {
      const error = thrown instanceof PushFailedError ? thrown.cause : thrown;
      if (!(error instanceof PermanentError || error instanceof ConfigError)) return;
      const times = (pauses.get(stream)?.times ?? 0) + 1;
      const forMs = Math.min(firstPauseMs * 2 ** (times - 1), longestPauseMs);
      const until = new Date(clock.now().getTime() + forMs).toISOString();
      const credentials = error instanceof PermanentError && error.credentials;
      pauses.set(stream, { reason: error.message, until, credentials, times, endsMs: clock.monotonicMs() + forMs });
    },
    clear: (stream) => void pauses.delete(stream),
    current(stream) {
      const pause = pauses.get(stream);
      return pause !== undefined && clock.monotonicMs() < pause.endsMs ? pause : undefined;
    },
    all: () => pauses,
  };
}
