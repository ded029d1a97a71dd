import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prefetch } from '../../src/core/prefetch.ts';

/** A source that says what it has handed out and whether it was told to stop. */
function numbers(count: number, failAt = Number.POSITIVE_INFINITY) {
  const told = { made: 0, stopped: false };
  async function* generate() {
    try {
      for (let index = 0; index < count; index += 1) {
        await turn();
        if (index === failAt) throw new Error(`page ${index} cannot be read`);
        told.made = index + 1;
        yield index;
      }
    } finally {
      told.stopped = true;
    }
  }
  return { told, items: prefetch(generate()) };
}

async function turns(count: number): Promise<void> {
  for (let each = 0; each < count; each += 1) await turn();
}

describe('prefetching', () => {
  it('hands out every item once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 20 }), async (count) => {
        const seen: number[] = [];
        for await (const item of numbers(count).items) seen.push(item);
        expect(seen).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
      { numRuns: 21 },
    );
  });

  it('fetches the next item while the current one is worked on', async () => {
    const { told, items } = numbers(5);
    await items.next();
    await turns(3);
    expect(told.made).toBe(2);
  });

  it('holds two items at most, however long the work on one takes', async () => {
    const { told, items } = numbers(10);
    let worked = 0;
    for await (const _ of items) {
      await turns(5);
      worked += 1;
      expect(told.made - worked).toBeLessThanOrEqual(1);
    }
    expect(worked).toBe(10);
  });

  it('shows a failure only after all items before it', async () => {
    const { items } = numbers(5, 2);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const item of items) {
        await turns(5);
        seen.push(item);
      }
    })();
    await expect(reading).rejects.toThrow('page 2 cannot be read');
    expect(seen).toEqual([0, 1]);
  });

  it('stops the source when the reader stops', async () => {
    const { told, items } = numbers(10);
    for await (const item of items) if (item === 1) break;
    expect(told.stopped).toBe(true);
    expect(told.made).toBeLessThanOrEqual(3);
  });

  it('stops the source when the work on an item fails, and keeps that error', async () => {
    const { told, items } = numbers(10);
    const reading = (async () => {
      for await (const _ of items) throw new Error('the push failed');
    })();
    await expect(reading).rejects.toThrow('the push failed');
    expect(told.stopped).toBe(true);
  });

  it('raises no unhandled rejection when the item fetched ahead fails after the reader has gone', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const { items } = numbers(5, 1);
    for await (const _ of items) break;
    await turns(5);
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});
