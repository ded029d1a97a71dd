import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import { type DatedKind, defaultOverlapSeconds, stampAt } from '../../src/core/stamp.ts';
import { start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';
import { storedStamp, type Tale, tell, type Written } from '../support/polled-history.ts';

/** Bar 4. */
const zone = 'Europe/Amsterdam';
const kinds = ['timestamp', 'second', 'char14', 'date'] as const satisfies DatedKind[];
const minuteMs = 60_000;

/** A row a minute, and among them one of the year 2999 and, before the first load, one without a stamp. */
function taleOf(kind: DatedKind, pageSize: number): Tale {
  const row = (item: string, minute: number, stampedMinute: number | null): Written => {
    const at = stampedMinute === null ? null : new Date(start.getTime() + stampedMinute * minuteMs);
    const Stamp = at === null ? null : storedStamp(kind, at, { zone });
    return { row: { Group: 'G', Item: item, Stamp, Text: item }, visibleMs: start.getTime() + minute * minuteMs };
  };
  const minutesTo2999 = Math.floor((Date.parse('2999-12-30T12:00:00Z') - start.getTime()) / minuteMs);
  const ordinary = Array.from({ length: 40 }, (_, minute) => row(String(minute), minute, minute));
  return {
    version: 'v2',
    kind,
    zone,
    pageSize,
    overlapSeconds: defaultOverlapSeconds[kind],
    settleSeconds: 0,
    written: [
      row('never stamped', 0, null),
      row('future at first', 0, minutesTo2999),
      ...ordinary,
      row('future later', 20, minutesTo2999 + 1),
    ],
    pollsMs: Array.from({ length: 9 }, (_, poll) => start.getTime() + poll * 5 * minuteMs + 500),
    failing: [],
  };
}

describe.each(kinds)('rows of the year 2999 and without a stamp (%s)', (kind) => {
  it.each([1, 7, 100])(
    'are delivered and named, move no watermark, and hold nothing up (pages of %i)',
    async (size) => {
      const tale = taleOf(kind, size);
      let named: unknown[] = [];
      let behind = 0;
      const { missed, rig } = await tell({
        ...tale,
        async before(opened, poll) {
          if (poll === 0) {
            named = collect(opened.events, 'stamp:in-future');
            opened.events.on('stream:finished', ({ result }) => {
              const limit = stampAt(kind, new Date(opened.sourceNow.at.getTime() + 5 * minuteMs), zone);
              expect((result.watermark.after ?? '') <= limit).toBe(true);
            });
          } else {
            // Everything up to the poll before is there: the row of the future holds nothing up.
            const due = Array.from({ length: (poll - 1) * 5 }, (_, minute) => `job/G,${minute}`);
            behind += due.filter((key) => !opened.sink.held.has(key)).length;
          }
          return {};
        },
      });
      expect(missed).toEqual([]);
      expect(behind).toBe(0);
      expect(named.length).toBeGreaterThan(0);
      expect(rig.sink.held.has('job/G,never stamped')).toBe(true);
      expect(rig.sink.held.has('job/G,future later')).toBe(true);
    },
  );
});
