import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../sandbox/random.ts';
import { type DatedKind, defaultOverlapSeconds } from '../../src/core/stamp.ts';
import { start } from '../support/pass-rig.ts';
import { storedStamp, type Tale, tell, type Written } from '../support/polled-history.ts';

/** Bar 1. `SEEDS=10000 npx vitest run test/bars/bar-01` tells ten thousand tales. */
const seeds = Number(process.env['SEEDS'] ?? 50);
const kinds = ['timestamp', 'second', 'char14', 'date'] as const satisfies DatedKind[];

interface Tie {
  kind: DatedKind;
  size: number;
  /** How many polls see a part of it. */
  runs: number;
}

/** Rows of one stamp that become visible in several runs, between rows with stamps of their own. */
function tied({ kind, size, runs }: Tie, random: Random): Written[] {
  const zone = 'Europe/Amsterdam';
  const own = (index: number): Written => {
    const at = new Date(start.getTime() + index * 7000);
    return { row: { Group: 'own', Item: String(index), Stamp: storedStamp(kind, at, { zone }) }, visibleMs: +at };
  };
  const one = (index: number): Written => {
    // A service that shows milliseconds ties what it stores by tenths of a microsecond.
    const ticks = random.int(0, 9999);
    const Stamp = storedStamp(kind, start, { zone, ticks });
    // Keys in no order of arrival.
    const Item = String((index * 7919) % 10_007).padStart(5, '0');
    return {
      row: { Group: `G${index % 3}`, Item, Stamp },
      visibleMs: start.getTime() + random.int(0, runs - 1) * 60_000,
    };
  };
  return [...Array.from({ length: 9 }, (_, index) => own(index)), ...Array.from({ length: size }, (_, i) => one(i))];
}

function taleOf(tie: Tie, pageSize: number, random: Random): Tale {
  const { kind, runs } = tie;
  return {
    version: random.pick(['v2', 'v4'] as const),
    kind,
    zone: 'Europe/Amsterdam',
    pageSize,
    overlapSeconds: defaultOverlapSeconds[kind],
    settleSeconds: random.pick([0, 0, 30]),
    written: tied(tie, random),
    pollsMs: Array.from({ length: runs + 2 }, (_, run) => start.getTime() + run * 60_000 + 500),
    failing: random.chance(0.3) ? [random.int(1, 4)] : [],
  };
}

async function expectAllOnce(tale: Tale): Promise<void> {
  const { missed, sent, versions } = await tell(tale);
  expect(missed).toEqual([]);
  // What was sent in a batch that failed had no effect; nothing else is sent twice, however often the tie is read.
  expect(sent).toBe(versions);
}

describe('rows that share one stamp, over pages and runs', () => {
  it(`are all delivered, each once, over ${seeds} histories`, { timeout: 600_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const random = createRandom(seed).fork('ties');
      const large = random.chance(0.05);
      const size = large ? random.int(100, 700) : random.int(2, 60);
      const tie = { kind: random.pick(kinds), size, runs: random.int(1, 5) };
      await expectAllOnce(taleOf(tie, random.pick(large ? [20, 100] : [1, 2, 3, 5, 7, 20, 100]), random)).catch(
        (error: Error) => {
          throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
        },
      );
    }
  });

  it.each(kinds)('are all delivered when they are ten thousand (%s)', { timeout: 60_000 }, async (kind) => {
    await expectAllOnce(taleOf({ kind, size: 10_000, runs: 3 }, 1000, createRandom(1)));
  });
});
