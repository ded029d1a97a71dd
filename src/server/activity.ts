import { type Counts, type EventBus, zeroCounts } from '../core/events.ts';

/** What one stream has done since the daemon started. */
export interface StreamActivity {
  counts: Counts;
  /** When its last pass completed; null when none has. */
  lastSuccess: string | null;
  lastError: string | null;
  /** Rows that showed up behind the watermark. */
  lateRows: number;
}

export interface Activity {
  /** By stream id. */
  streams(): ReadonlyMap<string, StreamActivity>;
  /** Streams whose vanished records are withheld, with the count. */
  withheld(): ReadonlyMap<string, number>;
  /** The verb that releases what a stream withholds. */
  releasedBy(stream: string): 'sync' | 'reconcile';
}

/** Follows the events for everything that shows health: log line and readiness. */
export function followActivity(events: EventBus, now: () => Date): Activity {
  const streams = new Map<string, StreamActivity>();
  const withheld = new Map<string, number>();
  const verbs = new Map<string, 'sync' | 'reconcile'>();

  const entry = (id: string) => {
    const known = streams.get(id) ?? { counts: zeroCounts(), lastSuccess: null, lastError: null, lateRows: 0 };
    streams.set(id, known);
    return known;
  };
  events.on('page:committed', ({ stream, counts }) => {
    const { counts: sums } = entry(stream);
    for (const name of Object.keys(counts) as (keyof Counts)[]) sums[name] += counts[name];
  });
  events.on('rows:late', ({ stream, rows }) => {
    entry(stream).lateRows += rows;
  });
  events.on('stream:finished', ({ result }) => {
    const activity = entry(`${result.connector}/${result.stream}`);
    activity.lastError = result.error ?? null;
    if (result.outcome === 'ok' || result.outcome === 'refused') activity.lastSuccess = now().toISOString();
  });
  events.on('absence:withheld', ({ stream, vanished, verb = 'sync' }) => {
    withheld.set(stream, vanished);
    verbs.set(stream, verb);
  });
  events.on('absence:settled', ({ stream }) => void withheld.delete(stream));
  return { streams: () => streams, withheld: () => withheld, releasedBy: (stream) => verbs.get(stream) ?? 'sync' };
}
