import type { Clock } from '../core/clock.ts';
import type { Ledger } from './ledger.ts';
import { holdMs } from './pass-end.ts';
import { historyLength } from './passes.ts';
import type { Run } from './store.ts';

/** The history of passes, with those that are not on the disk yet. */
export interface RunLog {
  record(stream: string, run: Run): Promise<void>;
  /** Newest first. */
  history(stream: string): Run[];
  /** The last of each stream that has any. */
  last(): Map<string, Run>;
  /** Hands to the ledger what is held. */
  flush(): Promise<void>;
}

/** Of many streams with short intervals. */
const mostHeld = 500;

/**
 * A pass that did nothing is kept in memory, as its end is, while the last one on the disk is younger than a quarter of an hour: such a
 * poll writes nothing at all.
 */
export function createRunLog(ledger: Pick<Ledger, 'passes' | 'jot'>, clock: Pick<Clock, 'monotonicMs'>): RunLog {
  const { passes, jot } = ledger;
  let held: { stream: string; run: Run }[] = [];
  let writtenAt = Number.NEGATIVE_INFINITY;

  async function flush(): Promise<void> {
    const going = held;
    held = [];
    writtenAt = clock.monotonicMs();
    if (going.length === 0) return;
    try {
      await jot(() => {
        for (const [stream, noted] of Map.groupBy(going, ({ stream }) => stream)) {
          passes.record(
            stream,
            noted.map(({ run }) => run),
          );
        }
      });
    } catch (error) {
      held = [...going, ...held].slice(-mostHeld);
      throw error;
    }
  }

  return {
    flush,
    async record(stream, run) {
      held.push({ stream, run });
      const due = clock.monotonicMs() - writtenAt >= holdMs || held.length >= mostHeld;
      if (due || !didNothing(run)) await flush();
    },
    history(stream) {
      const ofStream = held.filter((each) => each.stream === stream).map(({ run }) => run);
      return [...ofStream.reverse(), ...passes.history(stream)].slice(0, historyLength);
    },
    last: () => new Map([...passes.last(), ...held.map(({ stream, run }): [string, Run] => [stream, run])]),
  };
}

function didNothing({ outcome, read, requests }: Run): boolean {
  return outcome === 'ok' && read === 0 && requests.mes === 0;
}
