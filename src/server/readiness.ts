import { messageOf } from '../core/errors.ts';
import type { Store } from '../state/store.ts';
import type { Activity } from './activity.ts';

/** One stream that is to complete its passes. */
export interface ExpectedStream {
  id: string;
  /** True when more than three of the stream's intervals have gone by between the two times. */
  overdue(since: Date, now: Date): boolean;
  /** Set while it waits for a human. */
  pause(): { reason: string; until: string } | undefined;
  /** Set when its last run hung and was given up. */
  stalled?(): string | undefined;
}

export interface Readiness {
  ready: boolean;
  /** Why it is not; empty when it is. */
  reasons: string[];
}

export interface ReadinessOptions {
  streams: readonly ExpectedStream[];
  activity: Activity;
  store: Pick<Store, 'probe'>;
  now: () => Date;
}

/**
 * Ready means that the work gets done, not that the process runs: every stream has completed a pass within three of its intervals,
 * the state can be written, and no credentials are refused.
 */
export function createReadiness({ streams, activity, store, now }: ReadinessOptions): () => Promise<Readiness> {
  const startedAt = now();
  const stateReasonNow = rarely(() => probe(store), now);
  return async () => {
    const reasons: string[] = [];
    for (const stream of streams) {
      const reason = streamReason(stream, activity, { startedAt, now: now() });
      if (reason !== undefined) reasons.push(reason);
    }
    for (const [stream, count] of activity.withheld()) {
      reasons.push(
        `${stream}: ${count} records vanished at once and are withheld. If that is right: erp-puller ${activity.releasedBy(stream)} ${stream} --release.`,
      );
    }
    const stateReason = await stateReasonNow();
    if (stateReason !== undefined) reasons.push(`The state cannot be written: ${stateReason}`);
    return { ready: reasons.length === 0, reasons };
  };
}

function streamReason(
  stream: ExpectedStream,
  activity: Activity,
  times: { startedAt: Date; now: Date },
): string | undefined {
  const pause = stream.pause();
  if (pause !== undefined) return `${stream.id}: waits for a human until ${pause.until}: ${pause.reason}`;
  const stalled = stream.stalled?.();
  if (stalled !== undefined) return `${stream.id}: ${stalled}`;
  const own = activity.streams().get(stream.id);
  const last = own?.lastSuccess ?? null;
  if (!stream.overdue(last === null ? times.startedAt : new Date(last), times.now)) return undefined;
  const since = last === null ? 'no pass has completed since the start' : `no pass has completed since ${last}`;
  return `${stream.id}: ${since}${own?.lastError == null ? '' : `: ${own.lastError}`}`;
}

const probeEveryMs = 10_000;

/** A probe writes to the disk; whoever asks for the page often gets the last answer. */
function rarely<T>(ask: () => Promise<T>, now: () => Date): () => Promise<T> {
  let asked: { answer: Promise<T>; atMs: number } | undefined;
  return () => {
    const atMs = now().getTime();
    if (asked === undefined || Math.abs(atMs - asked.atMs) >= probeEveryMs) asked = { answer: ask(), atMs };
    return asked.answer;
  };
}

async function probe(store: Pick<Store, 'probe'>): Promise<string | undefined> {
  try {
    await store.probe();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
