import '../simulation/disk.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRandom, type Random } from '../../sandbox/random.ts';
import { type DatedKind, defaultOverlapSeconds } from '../../src/core/stamp.ts';
import { expectEqual, openPlant } from '../support/plant.ts';
import { storedStamp, type Tale, tell } from '../support/polled-history.ts';

// For machines with other work.
vi.setConfig({ testTimeout: 120_000 });

/** Bar 3. */
const seeds = Number(process.env['SEEDS'] ?? 40);
const hourMs = 3_600_000;
const kinds: readonly DatedKind[] = ['timestamp', 'second', 'char14', 'char14', 'date'];

/** A zone, and instants at which its clock changes. */
const changes = [
  ['Europe/Amsterdam', '2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z'],
  ['America/Chicago', '2026-03-08T08:00:00Z', '2026-11-01T07:00:00Z'],
  ['Pacific/Auckland', '2026-09-26T14:00:00Z', '2026-04-04T14:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z', '2026-04-04T15:00:00Z'],
  ['Asia/Kolkata', '2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z'],
] as const;

const machineZone = process.env['TZ'];
afterEach(() => {
  if (machineZone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = machineZone;
});

/** Changes by the minute around a change of the ERP's clock, polled by a machine whose own clock is wrong and is set meanwhile. */
function taleOf(random: Random): Tale {
  const [zone, spring, autumn] = random.pick(changes);
  process.env['TZ'] = random.pick(changes)[0];
  const kind = random.pick(kinds);
  const baseMs = Date.parse(random.pick([spring, autumn])) - 2 * hourMs;
  const written = Array.from({ length: random.int(1, 60) }, (_, index) => {
    const at = new Date(baseMs + random.int(0, 4 * hourMs));
    const Stamp = storedStamp(kind, at, { zone, ticks: random.int(0, 9999) });
    return {
      row: { Group: 'G', Item: String(index % 25), Stamp, Text: `version ${at.getTime()} ${index}` },
      visibleMs: at.getTime(),
    };
  });
  const skewMs = random.pick([-hourMs, 0, hourMs]);
  return {
    version: random.pick(['v2', 'v4'] as const),
    kind,
    zone,
    pageSize: random.pick([1, 3, 10, 100]),
    overlapSeconds: defaultOverlapSeconds[kind],
    settleSeconds: random.pick([0, 60]),
    written,
    pollsMs: Array.from({ length: 9 }, (_, poll) => baseMs + poll * 0.5 * hourMs + 1000).concat(baseMs + 5 * hourMs),
    failing: random.chance(0.3) ? [random.int(1, 5)] : [],
    before({ clock, sourceNow, events }, poll) {
      if (poll === 0) {
        clock.jump(sourceNow.at.getTime() + skewMs - clock.now().getTime());
        // Set while a pass is under way.
        events.on('page:committed', () => {
          if (random.chance(0.2)) clock.jump(random.pick([-hourMs, hourMs]));
        });
      } else clock.jump(0.5 * hourMs);
      return undefined;
    },
  };
}

describe('clocks that are wrong, set during a run, or change for summer time', () => {
  it(`lose nothing and stop nothing, over ${seeds} histories`, { timeout: 600_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { missed } = await tell(taleOf(createRandom(seed).fork('clocks')));
      expect(missed, `seed ${seed}`).toEqual([]);
    }
  });

  it.each([-hourMs, hourMs])('lose nothing of a plant when they jump by %i ms between pages', async (jumpMs) => {
    const plant = await openPlant({ seed: 3, records: 150 }, { streams: { all: { pageSize: 20 } } });
    let pages = 0;
    plant.events.on('page:committed', () => {
      pages += 1;
      if (pages % 3 === 0) plant.clock.skip(pages % 2 === 0 ? jumpMs : -jumpMs);
    });
    await plant.passUntilDone();
    for (let round = 0; round < 3; round += 1) {
      plant.sandbox.sap.play(30);
      plant.settle();
      await plant.passUntilDone();
      expectEqual(plant);
    }
    expect(pages).toBeGreaterThan(20);
  });
});

describe('the source', () => {
  it('reads no local time anywhere: every calculation is in UTC or in a zone that is named', () => {
    const local =
      /\.(get|set)(FullYear|Month|Date|Day|Hours|Minutes|Seconds|Milliseconds)\(|getTimezoneOffset|toLocale(Date|Time)String|new Date\([^()]*,/;
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((name) => local.test(readFileSync(join('src', name), 'utf8')))).toEqual([]);
  });
});
