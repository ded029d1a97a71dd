import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../sandbox/random.ts';
import { type DatedKind, defaultOverlapSeconds } from '../../src/core/stamp.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { type FakeRow, fakeStream, keysOf, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';
import { storedStamp, type Tale, tell } from '../support/polled-history.ts';

/** Bar 2. */
const seeds = Number(process.env['SEEDS'] ?? 40);
/** Up to the whole overlap; of stamps without a zone the overlap covers a change of the clock on top. */
const latest: Record<DatedKind, number> = { timestamp: 600, second: 600, char14: 3600, date: 86_400 };
const kinds = Object.keys(latest) as DatedKind[];
const zones = ['UTC', 'Europe/Amsterdam', 'America/Chicago', 'Asia/Kolkata', 'Pacific/Auckland'];

/** Rows that are stamped when their transaction begins and seen when it ends. */
function taleOf(random: Random): Tale {
  const kind = random.pick(kinds);
  const zone = random.pick(zones);
  const latenessMs = latest[kind] * 1000 - 1;
  const spanMs = 4 * latenessMs;
  const baseMs = start.getTime() + random.int(0, 365) * 86_400_000;
  const written = Array.from({ length: random.int(1, 40) }, (_, index) => {
    const at = new Date(baseMs + random.int(0, spanMs));
    const Stamp = storedStamp(kind, at, { zone, ticks: random.int(0, 9999) });
    const lateMs = random.chance(0.3) ? latenessMs : random.int(0, latenessMs);
    return { row: { Group: 'G', Item: String(index), Stamp }, visibleMs: at.getTime() + lateMs };
  });
  const pollsMs = Array.from({ length: random.int(2, 15) }, () => baseMs + random.int(0, spanMs + latenessMs));
  return {
    version: random.pick(['v2', 'v4'] as const),
    kind,
    zone,
    pageSize: random.pick([1, 3, 10, 100]),
    overlapSeconds: defaultOverlapSeconds[kind],
    settleSeconds: random.pick([0, 60]),
    written,
    pollsMs: [...pollsMs.sort((one, other) => one - other), baseMs + spanMs + latenessMs + 60_000],
    failing: [],
  };
}

describe('rows that become visible late', () => {
  it(`by up to the overlap are all delivered by the polls, over ${seeds} histories`, { timeout: 600_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { missed } = await tell(taleOf(createRandom(seed).fork('late')));
      expect(missed, `seed ${seed}`).toEqual([]);
    }
  });
});

const count = 40;
const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function job(id: string, minutes: number): FakeRow {
  const fields = { job_number: id };
  return {
    key: id,
    stamp: at(minutes),
    records: [{ entity: 'job', source, externalId: id, parents: {}, fields, lifecycle: 'active' }],
  };
}

async function openPolled(): Promise<{ rig: Rig; rows: FakeRow[]; poll(minute: number): Promise<void> }> {
  const rows = [job('first', -60)];
  const rig = await openRig([fakeStream(rows, { keys: keysOf(rows) })]);
  const poll = async (minute: number) => {
    rig.sourceNow.at = new Date(at(minute));
    await rig.run({ manual: false });
  };
  await poll(0);
  return { rig, rows, poll };
}

/** Counts as the metrics page shows them. */
function openCounter(rig: Rig): () => Promise<number> {
  const idle = { budgetLeft: null, reserveLeft: null, exhaustedAt: null, blockedUntil: null };
  const metrics = createMetrics(rig.events, {
    streams: async () => [],
    mes: async () => ({ ...idle, batchSize: 1, concurrency: 1 }),
    ready: async () => true,
  });
  return async () => Number(/late_rows_total{[^}]*} (\d+)/.exec(await metrics.render())?.[1] ?? 0);
}

describe('rows that become visible later than the overlap', () => {
  it('are all found by the next reconcile, and counted', async () => {
    const { rig, rows, poll } = await openPolled();
    const lateRows = openCounter(rig);
    const ids = Array.from({ length: count }, (_, index) => `late ${index}`);
    // From a minute behind the overlap of ten up to a day.
    for (const [index, id] of ids.entries()) put(rows, job(id, -11 - index * 30));
    await poll(5);
    await poll(10);
    const held = () => ids.filter((id) => rig.sink.held.has(`job/${id}`));
    expect(held()).toEqual([]);
    expect(await lateRows()).toBe(0);
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', missing: count, repaired: count }]);
    expect(held()).toEqual(ids);
    expect(await lateRows()).toBe(count);
  });

  it.each([13, 60, 600])('by %i minutes each are found by the polls themselves within three runs', async (minutes) => {
    const { rig, rows, poll } = await openPolled();
    const grown = collect(rig.events, 'overlap:grown');
    put(rows, job('late 0', 0 - minutes));
    await poll(1);
    await rig.reconcile();
    expect(grown).toHaveLength(1);
    for (const run of [1, 2, 3]) {
      const minute = 1 + run * 20;
      put(rows, job(`late ${run}`, minute - minutes));
      await poll(minute);
    }
    expect(rig.sink.held.has('job/late 3')).toBe(true);
    await poll(80);
    put(rows, job('late 4', 80 - minutes));
    await poll(81);
    expect(rig.sink.held.has('job/late 4')).toBe(true);
  });
});
