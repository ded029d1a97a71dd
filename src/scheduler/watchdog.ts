import type { Clock } from '../core/clock.ts';
import { TransientError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';

export interface Watchdog {
  /** Runs one connector's task under a signal that also aborts when the task makes no progress. */
  watch<T>(run: WatchedRun, task: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Why the last run was given up, until one ends that was not. */
  stalled(connector: string): string | undefined;
}

export interface WatchedRun {
  connector: string;
  /** A single request may take this long, so a run may stay silent for twice as long. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface WatchdogOptions {
  clock: Clock;
  events: EventBus;
}

/** Without progress for longer than this, or than three runs usually take if that is less, a run is given up. */
const longestMs = 15 * 60_000;
/** A connector whose runs take a second may still have an answer to wait for, with its retries. */
const shortestMs = 5 * 60_000;
/** Runs from which the usual time of a run is taken: the longest of them. */
const remembered = 5;

interface Progress {
  atMs: number;
  /** What it was, for people. */
  what: string;
}

/**
 * Gives up runs that hang. What counts is progress, never how long a run takes: an ERP or MES that answers, a page whose outcomes
 * are durable, a stream that ends. Requests to the MES name no connector, so an answer of the MES counts for every run under way.
 */
export function createWatchdog({ clock, events }: WatchdogOptions): Watchdog {
  const running = new Map<string, Progress>();
  const durations = new Map<string, number[]>();
  const reasons = new Map<string, string>();

  followProgress(running, { clock, events });

  function limitOf({ connector, timeoutMs }: WatchedRun): number {
    const usual = durations.get(connector);
    const wanted = usual === undefined ? longestMs : 3 * Math.max(...usual);
    return Math.max(Math.min(longestMs, Math.max(wanted, shortestMs)), 2 * timeoutMs);
  }

  function giveUp(run: WatchedRun, silentMs: number, aborter: AbortController): void {
    const after = running.get(run.connector)?.what ?? 'the start';
    const minutes = Math.round(silentMs / 60_000);
    const reason =
      `the run was given up after ${minutes} minutes without progress (the last: ${after}). ` +
      'The next one goes on behind the last page. If this comes again, look at the answers of the ERP and of the MES at that time.';
    reasons.set(run.connector, reason);
    events.emit('run:stalled', { connector: run.connector, silentSeconds: Math.round(silentMs / 1000), after });
    aborter.abort(new TransientError(`${run.connector}: ${reason}`));
  }

  /** Looks again when the present silence would have lasted too long; returns what ends that. */
  function guard(run: WatchedRun, progress: Progress, aborter: AbortController): () => void {
    const limitMs = limitOf(run);
    let cancel = clock.after(limitMs, look);
    function look(): void {
      const silentMs = clock.monotonicMs() - progress.atMs;
      if (silentMs >= limitMs) giveUp(run, silentMs, aborter);
      else cancel = clock.after(limitMs - silentMs, look);
    }
    return () => cancel();
  }

  function remember(connector: string, ms: number): void {
    durations.set(connector, [...(durations.get(connector) ?? []), ms].slice(-remembered));
    reasons.delete(connector);
  }

  return {
    stalled: (connector) => reasons.get(connector),
    async watch(run, task) {
      const startedMs = clock.monotonicMs();
      const progress = { atMs: startedMs, what: 'the start' };
      const aborter = new AbortController();
      const stop = () => aborter.abort(run.signal.reason);
      if (run.signal.aborted) stop();
      run.signal.addEventListener('abort', stop, { once: true });
      running.set(run.connector, progress);
      const endGuard = guard(run, progress, aborter);
      try {
        return await task(aborter.signal);
      } finally {
        endGuard();
        run.signal.removeEventListener('abort', stop);
        running.delete(run.connector);
        if (!aborter.signal.aborted) remember(run.connector, clock.monotonicMs() - startedMs);
      }
    },
  };
}

function followProgress(running: ReadonlyMap<string, Progress>, { clock, events }: WatchdogOptions): void {
  function note(connector: string, what: string): void {
    const progress = running.get(connector);
    if (progress !== undefined) Object.assign(progress, { atMs: clock.monotonicMs(), what });
  }
  events.on('request:done', ({ system, name, status }) => {
    if (status === 0 || status === 429 || status >= 500) return;
    if (system === 'erp') note(name, 'the ERP answered');
    else for (const connector of running.keys()) note(connector, 'the MES answered');
  });
  events.on('request:retried', ({ system, name, waitMs }) => {
    // To wait before the next try is not to hang: it was asked for, and the number of tries is bounded.
    for (const [connector, progress] of running) if (system === 'mes' || name === connector) progress.atMs += waitMs;
  });
  events.on('page:committed', ({ stream }) => note(connectorOf(stream), `a page of ${stream} was delivered`));
  events.on('stream:finished', ({ result }) => note(result.connector, `the pass of ${result.stream} ended`));
}

function connectorOf(stream: string): string {
  return stream.split('/', 1)[0] ?? stream;
}
