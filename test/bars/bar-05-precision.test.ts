import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../sandbox/random.ts';
import { start } from '../support/pass-rig.ts';
import { type Tale, tell } from '../support/polled-history.ts';

/** Bar 5: nanoseconds in the source; V2 shows them cut to milliseconds, V4 in full. */
const seeds = Number(process.env['SEEDS'] ?? 40);

/** Changes within a few milliseconds around each poll, told apart by nanoseconds only. */
function taleOf(version: 'v2' | 'v4', random: Random): Tale {
  const pollsMs = Array.from({ length: 6 }, (_, poll) => start.getTime() + poll * 1000);
  const written = Array.from({ length: random.int(5, 80) }, (_, index) => {
    const nanos = random.pick([0, 1, 499_999, 500_000, 999_999, random.int(0, 999_999)]);
    const ms = random.pick(pollsMs) + random.int(-2, 2);
    const Stamp = new Date(ms).toISOString().slice(0, 23) + String(nanos).padStart(6, '0');
    const Item = String(index % 30);
    return { row: { Group: 'G', Item, Stamp, Text: `version ${index}` }, visibleMs: ms + nanos / 1_000_000 };
  });
  return {
    version,
    kind: 'timestamp',
    zone: 'UTC',
    pageSize: random.pick([1, 2, 3, 10, 100]),
    // None, so that only the boundary of the windows itself protects what lies on it.
    overlapSeconds: 0,
    settleSeconds: 1,
    written,
    pollsMs: [...pollsMs, start.getTime() + 20_000],
    failing: random.chance(0.2) ? [random.int(1, 5)] : [],
  };
}

describe.each(['v2', 'v4'] as const)('stamps of nanoseconds (%s)', (version) => {
  it(`lose no row at the boundary of windows and pages, over ${seeds} histories`, { timeout: 600_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { missed } = await tell(taleOf(version, createRandom(seed).fork('precision')));
      expect(missed, `seed ${seed}`).toEqual([]);
    }
  });
});
