import type { ReadyChange, SinkResult } from '../sink.ts';
import type { Report } from './request.ts';

/** What has been found out about the records of one batch. */
export interface Results {
  report: Report;
  /** Records of which something is known. */
  count(): number;
  /** Those of which nothing is. */
  open(): readonly ReadyChange[];
  /** One result a change, in the order of the batch. */
  inOrder(): SinkResult[];
}

export function createResults(changes: readonly ReadyChange[]): Results {
  const results: (SinkResult | undefined)[] = changes.map(() => undefined);
  let count = 0;
  let next = 0;
  let places: Map<ReadyChange, number> | undefined;

  /** Mostly told in order; to find a thousand by a map takes as long as to write what is sent of them. */
  function placeOf(change: ReadyChange): number | undefined {
    if (changes[next] === change) return next++;
    places ??= new Map(changes.map((each, place) => [each, place]));
    return places.get(change);
  }

  return {
    report(change, result) {
      const place = placeOf(change);
      if (place === undefined) throw new Error(`${change.record.externalId} is not of this batch.`);
      if (results[place] === undefined) count += 1;
      results[place] = result;
    },
    count: () => count,
    open: () => (count === 0 ? changes : changes.filter((_, place) => results[place] === undefined)),
    inOrder: () => results.map((result) => result ?? { kind: 'unproven' }),
  };
}
