import { describe, expect, it } from 'vitest';
import { createResults } from '../../../src/push/eryxon/results.ts';
import type { SinkResult } from '../../../src/push/sink.ts';
import { ready, record } from '../../support/push-builders.ts';

const changes = ['a', 'b', 'c', 'd'].map((id) => ready(record('job', id)));
const refused = (reason: string): SinkResult => ({ kind: 'refused', reason });
const unproven: SinkResult = { kind: 'unproven' };

/** Tells these of the batch, by place, each with what is said. */
function told(...places: readonly (readonly [place: number, reason: string])[]) {
  const results = createResults(changes);
  for (const [place, reason] of places) {
    const change = changes[place];
    if (change !== undefined) results.report(change, refused(reason));
  }
  return results;
}

describe('what is known of a batch', () => {
  it('is nothing at first', () => {
    const results = told();
    expect(results.count()).toBe(0);
    expect(results.open()).toEqual(changes);
    expect(results.inOrder()).toEqual(changes.map(() => unproven));
  });

  const orders = [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [2, 0, 3, 1],
    [1, 2, 3, 0],
  ];
  it.each(orders)('stands at its place when it is told in the order %i %i %i %i', (...places) => {
    const results = told(...places.map((place) => [place, `reason ${place}`] as const));
    expect(results.inOrder()).toEqual(changes.map((_, place) => refused(`reason ${place}`)));
    expect(results.open()).toEqual([]);
    expect(results.count()).toBe(4);
  });

  it('is what was told last, and counts once', () => {
    const results = told([0, 'first'], [2, 'other'], [0, 'second']);
    expect(results.inOrder()).toEqual([refused('second'), unproven, refused('other'), unproven]);
    expect(results.count()).toBe(2);
    expect(results.open()).toEqual([changes[1], changes[3]]);
  });

  it('takes nothing of a record that is not of the batch', () => {
    const stranger = ready(record('job', 'a'));
    expect(() => createResults(changes).report(stranger, refused('none'))).toThrow('a is not of this batch');
  });
});
