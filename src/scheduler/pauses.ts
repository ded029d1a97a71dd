import type { Clock } from '../core/clock.ts';
import { ConfigError, PermanentError } from '../core/errors.ts';
import { PushFailedError } from './push-failed.ts';

export interface Pause {
  reason: string;
  /** When the next try is due, ISO-8601. */
  until: string;
}

/** What a human has to mend is tried again rarely: repeated logons with a wrong password lock accounts. */
const firstPauseMs = 15 * 60_000;
const longestPauseMs = 4 * 3_600_000;

export interface Pauses {
  add(stream: string, error: unknown): void;
  clear(stream: string): void;
  /** The pause that still holds a stream back. */
  current(stream: string): Pause | undefined;
  /** The streams of these that have not gone well since they were set aside. */
  of(streams: readonly string[]): ReadonlyMap<string, Pause>;
}

/** Credentials are shared: once they are refused no stream tries them, because an ERP locks an account after a few wrong logons. */
const everyStream = '*';

/** Streams set aside after errors that nothing but a human mends, for longer each time. */
export function createPauses(clock: Clock): Pauses {
  const pauses = new Map<string, Pause & { times: number; endsMs: number }>();
  return {
    add(stream, thrown) {
      const error = thrown instanceof PushFailedError ? thrown.cause : thrown;
      if (!(error instanceof PermanentError || error instanceof ConfigError)) return;
      const credentials = error instanceof PermanentError && error.credentials;
      const held = credentials ? everyStream : stream;
      const times = (pauses.get(held)?.times ?? 0) + 1;
      const forMs = Math.min(firstPauseMs * 2 ** (times - 1), longestPauseMs);
      const until = new Date(clock.now().getTime() + forMs).toISOString();
      pauses.set(held, { reason: error.message, until, times, endsMs: clock.monotonicMs() + forMs });
    },
    clear(stream) {
      pauses.delete(stream);
      pauses.delete(everyStream);
    },
    current: (stream) =>
      [pauses.get(everyStream), pauses.get(stream)].find(
        (pause) => pause !== undefined && clock.monotonicMs() < pause.endsMs,
      ),
    of: (streams) =>
      new Map(
        streams.flatMap((stream) => {
          const pause = pauses.get(everyStream) ?? pauses.get(stream);
          return pause === undefined ? [] : [[stream, pause] as const];
        }),
      ),
  };
}
