import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DatedKind, shiftStamp, stampAt } from '../../src/core/stamp.ts';
import type { Watermark, Window } from '../../src/core/types.ts';
import {
  advanceWatermark,
  beliefLimit,
  cutWindow,
  isAheadOfSource,
  isDueAgain,
  laterStamp,
} from '../../src/scheduler/watermark.ts';

const kinds = ['timestamp', 'second', 'char14', 'date'] as const satisfies DatedKind[];
const zones = ['UTC', 'Europe/Amsterdam', 'America/Chicago', 'Asia/Kolkata', 'Pacific/Auckland'];
const startMs = Date.UTC(2026, 0, 1);
const yearMs = 366 * 86_400_000;

const kind = fc.constantFrom(...kinds);
const zone = fc.constantFrom(...zones);
const instant = fc.integer({ min: 0, max: yearMs }).map((ms) => new Date(startMs + ms));
const settle = fc.integer({ min: 0, max: 600 });

/** The stamp that a source writes at an instant: what it shows, in the grain of the kind. */
function written(of: DatedKind, at: Date, timeZone: string): string {
  const stamp = stampAt(of, at, timeZone);
  return of === 'second' ? `${stamp.slice(0, 19)}.000Z` : stamp;
}

/** What the walk over a window asks the source for. */
function covers({ mode, from = '', to, future }: Window, stamp: string): boolean {
  if (mode === 'full') return true;
  return (stamp >= from && (to === undefined || stamp < to)) || (future !== undefined && stamp >= future);
}

interface Row {
  stamp: string;
  visibleMs: number;
}

/** Polls a source at the given times; resolves to the rows that no window has brought, and every watermark on the way. */
function poll(options: {
  kind: DatedKind;
  stampZone: string;
  overlapSeconds: number;
  settleSeconds: number;
  rows: readonly Row[];
  timesMs: readonly number[];
}): { missed: Row[]; marks: Watermark[] } {
  const { rows, timesMs, kind: of, stampZone } = options;
  const brought = new Set<Row>();
  const marks: Watermark[] = [];
  let watermark: Watermark | null = null;
  for (const timeMs of timesMs) {
    const sourceNow = new Date(timeMs);
    const { window, target } = cutWindow({ ...options, watermark, sourceNow, full: false });
    const visible = rows.filter((row) => row.visibleMs <= timeMs && covers(window, row.stamp));
    for (const row of visible) brought.add(row);
    const limit = beliefLimit(of, sourceNow, stampZone);
    const believed = visible.map((row) => row.stamp).filter((stamp) => stamp <= limit);
    const reached = target ?? believed.reduce<string | null>(laterStamp, null);
    watermark = advanceWatermark(of, watermark, reached) ?? watermark;
    if (watermark !== null) marks.push(watermark);
  }
  return { missed: rows.filter((row) => !brought.has(row)), marks };
}

/** Rows written at random moments, each visible up to `latenessMs` later, and polls with one at the very end. */
function history(latenessMs: number) {
  const row = fc.record({
    writtenMs: fc.integer({ min: 0, max: 3 * 86_400_000 }),
    lateMs: fc.integer({ min: 0, max: latenessMs }),
  });
  return fc.record({
    rows: fc.array(row, { maxLength: 30 }),
    pausesMs: fc.array(fc.integer({ min: 1, max: 6 * 3_600_000 }), { maxLength: 20 }),
    baseMs: fc.integer({ min: 0, max: yearMs }).map((ms) => startMs + ms),
  });
}

function timesOf({ pausesMs, baseMs }: { pausesMs: readonly number[]; baseMs: number }): number[] {
  let at = baseMs;
  const times = pausesMs.map((pause) => {
    at += pause;
    return at;
  });
  return [baseMs, ...times, at + 10 * 86_400_000];
}

describe('windows of successive polls', () => {
  const lateness: Record<DatedKind, number> = { timestamp: 600, second: 600, char14: 3600, date: 86_400 };

  it.each(kinds)('bring every row that becomes visible within the overlap (%s)', (of) => {
    const latenessSeconds = lateness[of];
    // char14 and date clocks repeat an hour in autumn, and a day holds up to 25 of them.
    const overlapSeconds = of === 'char14' ? 7200 : of === 'date' ? 172_800 : 600;
    fc.assert(
      fc.property(history(latenessSeconds * 1000 - 1), zone, settle, (drawn, stampZone, settleSeconds) => {
        const rows = drawn.rows.map(({ writtenMs, lateMs }) => ({
          stamp: written(of, new Date(drawn.baseMs + writtenMs), stampZone),
          visibleMs: drawn.baseMs + writtenMs + lateMs,
        }));
        const timesMs = timesOf(drawn);
        const { missed } = poll({ kind: of, stampZone, overlapSeconds, settleSeconds, rows, timesMs });
        expect(missed).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('leave no gap without overlap either: one begins where the last ended', () => {
    fc.assert(
      fc.property(instant, fc.integer({ min: 1, max: 86_400_000 }), settle, (now, pause, settleSeconds) => {
        const options = { kind: 'timestamp', stampZone: 'UTC', overlapSeconds: 0, settleSeconds, full: false } as const;
        const watermark = { kind: 'timestamp', value: new Date(startMs).toISOString() } as const;
        const first = cutWindow({ ...options, watermark, sourceNow: now });
        const mark = advanceWatermark('timestamp', null, first.target);
        const second = cutWindow({ ...options, watermark: mark, sourceNow: new Date(now.getTime() + pause) });
        expect(second.window.from).toBe(first.window.to);
      }),
    );
  });

  it('ask for rows of the far future too, whatever the kind', () => {
    fc.assert(
      fc.property(fc.tuple(kind, zone, instant, settle), ([of, stampZone, sourceNow, settleSeconds]) => {
        const watermark: Watermark = { kind: of, value: written(of, sourceNow, stampZone) };
        const base = { kind: of, watermark, sourceNow, stampZone, overlapSeconds: 0, settleSeconds, full: false };
        const { window } = cutWindow(base);
        expect(window.mode).toBe('delta');
        expect(covers(window, written(of, new Date('2999-12-31T23:59:59Z'), stampZone))).toBe(true);
      }),
    );
  });

  it('have no filter on the first load, when everything is asked for, and when the kind of stamp has changed', () => {
    fc.assert(
      fc.property(kind, zone, instant, (of, stampZone, sourceNow) => {
        const base = { kind: of, sourceNow, stampZone, overlapSeconds: 600, settleSeconds: 0, full: false };
        const own: Watermark = { kind: of, value: written(of, sourceNow, stampZone) };
        expect(cutWindow({ ...base, watermark: null }).window).toEqual({ mode: 'full' });
        expect(cutWindow({ ...base, watermark: own, full: true }).window).toEqual({ mode: 'full' });
        const other: Watermark = { kind: 'full', value: sourceNow.toISOString() };
        expect(cutWindow({ ...base, watermark: other }).window).toEqual({ mode: 'full' });
      }),
    );
  });

  it('of a stream without stamps are whole, and the watermark is the time of the source at their start', () => {
    const sourceNow = new Date('2026-05-01T10:00:00.000Z');
    const base = { kind: 'none', sourceNow, stampZone: 'UTC', overlapSeconds: 0, settleSeconds: 60 } as const;
    const watermark = { kind: 'full', value: '2026-04-01T00:00:00.000Z' } as const;
    const plan = cutWindow({ ...base, watermark, full: false });
    expect(plan).toEqual({ window: { mode: 'full' }, target: '2026-05-01T10:00:00.000Z' });
    expect(advanceWatermark('none', watermark, plan.target)).toEqual({ kind: 'full', value: plan.target });
  });
});

describe('a watermark', () => {
  it('never moves back, whatever the source says of its clock and its rows', () => {
    const jump = fc.integer({ min: -7_200_000, max: 7_200_000 });
    fc.assert(
      fc.property(fc.tuple(history(0), kind, zone, fc.array(jump, { minLength: 1 })), (parts) => {
        const [drawn, of, stampZone, jumps] = parts;
        const rows = drawn.rows.map(({ writtenMs }, index) => ({
          stamp: written(of, new Date(drawn.baseMs + writtenMs + (jumps[index % jumps.length] ?? 0)), stampZone),
          visibleMs: drawn.baseMs + writtenMs,
        }));
        const timesMs = timesOf(drawn).map((ms, index) => ms + (jumps[index % jumps.length] ?? 0));
        const { marks } = poll({ kind: of, stampZone, overlapSeconds: 600, settleSeconds: 0, rows, timesMs });
        for (const [index, mark] of marks.entries()) {
          expect(mark.value >= (marks[index - 1]?.value ?? '')).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never moves beyond the clock of the source plus five minutes', () => {
    const ahead = fc.integer({ min: -86_400_000, max: 1000 * yearMs });
    fc.assert(
      fc.property(fc.tuple(kind, zone, instant, fc.array(ahead), settle), (parts) => {
        const [of, stampZone, now, offsets, settleSeconds] = parts;
        const rows = offsets.map((ms) => ({
          stamp: written(of, new Date(Math.min(now.getTime() + ms, Date.UTC(2999, 11, 31))), stampZone),
          visibleMs: 0,
        }));
        const timesMs = [now.getTime()];
        const { marks } = poll({ kind: of, stampZone, overlapSeconds: 0, settleSeconds, rows, timesMs });
        const limit = written(of, new Date(now.getTime() + 300_000), stampZone);
        for (const { value } of marks) expect(value <= limit).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('stays where it is when a pass has reached nothing, or less than before', () => {
    const before: Watermark = { kind: 'char14', value: '20260401120000' };
    expect(advanceWatermark('char14', before, null)).toBeNull();
    expect(advanceWatermark('char14', before, '20260401115959')).toBeNull();
    expect(advanceWatermark('char14', before, '20260401120000')).toBeNull();
    expect(advanceWatermark('char14', before, '20260401120001')?.value).toBe('20260401120001');
  });

  it('of another kind is replaced, not compared', () => {
    const before: Watermark = { kind: 'timestamp', value: '2026-04-01T12:00:00.000Z' };
    expect(advanceWatermark('char14', before, '20260401120000')).toEqual({ kind: 'char14', value: '20260401120000' });
  });
});

describe('stamps', () => {
  it('sort as the times they stand for, and shift by what was asked', () => {
    fc.assert(
      fc.property(kind, instant, fc.integer({ min: 0, max: 500_000 }), (of, at, seconds) => {
        const stamp = written(of, at, 'UTC');
        const back = shiftStamp(of, stamp, -seconds);
        expect(back <= stamp).toBe(true);
        const exact = written(of, new Date(at.getTime() - seconds * 1000), 'UTC');
        expect(back <= exact || of !== 'date').toBe(true);
        if (of !== 'date') expect(back).toBe(exact);
      }),
    );
  });

  it('that are missing never count as the later one', () => {
    expect(laterStamp(null, null)).toBeNull();
    expect(laterStamp(null, '20260101000000')).toBe('20260101000000');
    expect(laterStamp('20260101000000', null)).toBe('20260101000000');
    expect(laterStamp('20260101000001', '20260101000000')).toBe('20260101000001');
  });
});

describe("a watermark that is ahead of the source's clock", () => {
  const settleSeconds = 120;

  it.each([...kinds, 'none'] as const)('of kind %s is told, and no other', (of) => {
    fc.assert(
      fc.property(instant, zone, fc.integer({ min: -400 * 86_400, max: 400 * 86_400 }), (sourceNow, stampZone, off) => {
        const set = new Date(sourceNow.getTime() + off * 1000);
        const value = of === 'none' ? set.toISOString() : stampAt(of, set, stampZone);
        const watermark = { kind: of === 'none' ? 'full' : of, value } as const;
        const ahead = isAheadOfSource({ kind: of, watermark, sourceNow, stampZone, settleSeconds });
        // A day, for dates and the hour that local clocks are set back by.
        if (off > 2 * 86_400) expect(ahead).toBe(true);
        if (off <= -settleSeconds) expect(ahead).toBe(false);
        if (of === 'timestamp') expect(ahead).toBe(off > 10 - settleSeconds);
        if (of === 'char14' && off <= 300) expect(ahead).toBe(false);
      }),
    );
  });

  it('is one of the same kind', () => {
    const sourceNow = new Date('2026-10-01T08:00:00Z');
    const watermark = { kind: 'date', value: '2026-12-01' } as const;
    expect(isAheadOfSource({ kind: 'char14', watermark, sourceNow, stampZone: 'UTC', settleSeconds })).toBe(false);
    expect(isAheadOfSource({ kind: 'date', watermark: null, sourceNow, stampZone: 'UTC', settleSeconds })).toBe(false);
  });
});

describe('what is done from time to time', () => {
  const sourceNow = new Date('2026-10-01T08:00:00Z');

  it.each([
    [null, true],
    ['2026-10-01T06:59:00Z', true],
    ['2026-10-01T07:01:00Z', false],
    ['2026-10-01T08:00:10Z', false],
    ['2026-10-01T08:00:11Z', true],
    ['2026-10-31T08:00:00Z', true],
  ])('and was done at %s, is due: %s', (last, due) => {
    expect(isDueAgain(last, 3600, sourceNow)).toBe(due);
  });
});
