import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../sandbox/random.ts';
import type { DatedKind } from '../../src/core/stamp.ts';
import type { ModelRow } from '../support/odata-model.ts';
import { type Rig, start } from '../support/pass-rig.ts';
import { storedStamp, type Tale, tell } from '../support/polled-history.ts';

/** Bar 11. `SEEDS=10000 npx vitest run test/bars/bar-11` tells ten thousand tales. */
const seeds = Number(process.env['SEEDS'] ?? 40);
const minuteMs = 60_000;
const polls = 8;
const keys = 6;
const kinds = ['timestamp', 'second', 'char14'] as const satisfies DatedKind[];

/** Watches what arrives in the MES, which refuses some records now and says of others that their parent is missing. */
function watchVersions({ sink }: Rig, random: Random): { regressions: string[] } {
  const latest = new Map<string, number>();
  const regressions: string[] = [];
  sink.verdict = ({ record: { externalId, fields } }) => {
    if (random.chance(0.15)) return { kind: 'refused', reason: 'it is locked' };
    if (externalId !== 'G,0' && random.chance(0.15))
      return { kind: 'waiting', waitsFor: { entity: 'job', externalId: 'G,0' } };
    const version = Number(fields['customer']);
    if (version < (latest.get(externalId) ?? 0)) regressions.push(`${externalId}: ${version}`);
    latest.set(externalId, version);
    return undefined;
  };
  return { regressions };
}

interface Watched extends Tale {
  regressions(): string[];
}

/** Whole reads beside deltas of records that change all the time, between pages too. */
function taleOf(random: Random): Watched {
  const kind = random.pick(kinds);
  let version = 0;
  const writtenAt = (ms: number): ModelRow => {
    version += 1;
    const Stamp = storedStamp(kind, new Date(ms), { zone: 'UTC' });
    return { Group: 'G', Item: String(random.int(0, keys - 1)), Stamp, Text: String(version) };
  };
  const atMs = (poll: number) => start.getTime() + poll * minuteMs;
  let regressions: string[] = [];
  return {
    version: random.pick(['v2', 'v4'] as const),
    kind,
    zone: 'UTC',
    pageSize: random.pick([1, 2, 3]),
    overlapSeconds: 600,
    settleSeconds: 0,
    written: Array.from({ length: keys }, () => ({ row: writtenAt(start.getTime()), visibleMs: start.getTime() })),
    pollsMs: Array.from({ length: polls + 2 }, (_, poll) => atMs(poll) + 500),
    failing: [random.int(1, 10), random.int(1, 10)],
    regressions: () => regressions,
    async before(rig, poll) {
      if (poll === 0) ({ regressions } = watchVersions(rig, random));
      // What is parked and what is set aside comes due.
      rig.clock.jump(random.int(0, 30) * minuteMs);
      if (poll >= polls) rig.sink.verdict = keepWatching(rig);
      if (random.chance(0.4) || poll >= polls) await rig.store.retryDeadLetters({});
      return { full: random.chance(0.4) };
    },
    between(model, poll) {
      // Seconds of its own each, so that stamps tell which is newer.
      if (poll < polls && random.chance(0.5)) model.put(writtenAt(atMs(poll) + 1000 + (version % 50) * 1000));
    },
  };

  /** The MES takes everything again, and is watched as before. */
  function keepWatching({ sink }: Rig): Rig['sink']['verdict'] {
    const { verdict } = sink;
    return (change) => {
      for (;;) if (verdict(change) === undefined) return undefined;
    };
  }
}

describe('whole reads beside deltas, dead letters and parked records', () => {
  it(`never put an older version over a newer one, over ${seeds} histories`, { timeout: 900_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const tale = taleOf(createRandom(seed).fork('versions'));
      const { missed } = await tell(tale);
      expect(tale.regressions(), `seed ${seed}`).toEqual([]);
      expect(missed, `seed ${seed}`).toEqual([]);
    }
  });
});
