import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DatedKind,
  defaultOverlapSeconds,
  fromLocal,
  isInstant,
  isStamp,
  readStamp,
  shiftStamp,
  stampAt,
  zoneOffsetMs,
} from '../../src/core/stamp.ts';

/** The instant that a stamp stands for; text and day stamps are read in `timeZone`. */
function stampInstant(kind: DatedKind, stamp: string, timeZone: string): Date {
  const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6Z');
  return kind === 'char14' || kind === 'date' ? fromLocal(new Date(iso), timeZone) : new Date(iso);
}

const kinds: DatedKind[] = ['timestamp', 'second', 'char14', 'date'];
const instants = fc.date({
  min: new Date('1971-01-01T00:00:00Z'),
  max: new Date('2999-12-31T00:00:00Z'),
  noInvalidDate: true,
});
const minuteMs = 60_000;

/** Smallest step of a kind's texts. */
const stepMs: Record<DatedKind, number> = { timestamp: 1, second: 1, char14: 1000, date: 86_400_000 };

describe.each(kinds)('stamps of kind %s', (kind) => {
  it('sort as the times they stand for', () => {
    fc.assert(
      fc.property(instants, instants, (a, b) => {
        const [first, second] = [stampAt(kind, a, 'UTC'), stampAt(kind, b, 'UTC')];
        if (first < second) expect(a.getTime()).toBeLessThan(b.getTime());
        if (first === second) expect(Math.abs(a.getTime() - b.getTime())).toBeLessThan(stepMs[kind]);
      }),
    );
  });

  it('keep their form and are recognised as stamps of that kind', () => {
    fc.assert(fc.property(instants, (at) => isStamp(kind, stampAt(kind, at, 'UTC'))));
  });

  it('move by the seconds given; days are taken whole and rounded towards the past', () => {
    const seconds = fc.integer({ min: -10_000_000, max: 10_000_000 });
    fc.assert(
      fc.property(instants, seconds, (at, by) => {
        const stamp = stampAt(kind, at, 'UTC');
        const movedMs = stampInstant(kind, stamp, 'UTC').getTime() + by * 1000;
        const expected = Math.floor(movedMs / stepMs[kind]) * stepMs[kind];
        expect(stampInstant(kind, shiftStamp(kind, stamp, by), 'UTC').getTime()).toBe(expected);
      }),
    );
  });

  it('never come to lie after the start when moved back by the overlap, in any order of stamps', () => {
    fc.assert(
      fc.property(instants, instants, (a, b) => {
        const [early, late] = [stampAt(kind, a, 'UTC'), stampAt(kind, b, 'UTC')].sort() as [string, string];
        const back = (stamp: string) => shiftStamp(kind, stamp, -defaultOverlapSeconds[kind]);
        expect(back(early) < early).toBe(true);
        expect(back(early) <= back(late)).toBe(true);
      }),
    );
  });

  it.each([
    '',
    ' ',
    "2026-03-01' or 1 eq 1",
    "20260301000000' or '1' eq '1",
    '2026-03-01T00:00:00.000Z) or (1 eq 1',
    '2026-03-01T00:00:00.000Z\n',
    '20260301000000\n',
    '2026-03-01\r\nX-Header: 1',
    '٢٠٢٦-٠٣-٠١',
    'Invalid Date',
    'null',
    '+2026-03-01',
    '2026-13-01',
    '2026-13-01T00:00:00.000Z',
    '20261301000000',
    '2026-02-30',
    '2026-02-30T00:00:00.000Z',
    '20260230000000',
    '2026-03-01T24:00:00.000Z',
    '20260301240000',
    '20260301006000',
    '99999999999999',
  ])('refuse %j', (text) => {
    expect(isStamp(kind, text)).toBe(false);
  });
});

describe('stamps', () => {
  it('are instants by themselves only with a zone of their own', () => {
    expect(kinds.filter(isInstant)).toEqual(['timestamp', 'second']);
  });

  it('of char14 and date show the wall clock of the zone of the source', () => {
    const at = new Date('2026-07-01T23:30:05.900Z');
    expect(stampAt('char14', at, 'Europe/Amsterdam')).toBe('20260702013005');
    expect(stampAt('date', at, 'Europe/Amsterdam')).toBe('2026-07-02');
    expect(stampAt('date', at, 'America/New_York')).toBe('2026-07-01');
    expect(stampAt('timestamp', at, 'Europe/Amsterdam')).toBe('2026-07-01T23:30:05.900Z');
  });

  it('of a zone without changes of offset come back to the second they were made of', () => {
    fc.assert(
      fc.property(instants, (at) => {
        const back = stampInstant('char14', stampAt('char14', at, 'Asia/Kolkata'), 'Asia/Kolkata');
        expect(back.getTime()).toBe(Math.floor(at.getTime() / 1000) * 1000);
      }),
    );
  });
});

/** Both nights of a year in which the clocks change: hours in UTC around which every minute is tried. */
const nights: [zone: string, spring: string, autumn: string][] = [
  ['Europe/Amsterdam', '2026-03-29T01:00Z', '2026-10-25T01:00Z'],
  ['Europe/London', '2026-03-29T01:00Z', '2026-10-25T01:00Z'],
  ['America/New_York', '2026-03-08T07:00Z', '2026-11-01T06:00Z'],
  ['America/St_Johns', '2026-03-08T05:30Z', '2026-11-01T04:30Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z', '2026-04-04T15:00Z'],
  ['America/Santiago', '2026-09-06T04:00Z', '2026-04-05T03:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00Z', '2011-04-02T14:00Z'],
  ['UTC', '2026-03-29T01:00Z', '2026-10-25T01:00Z'],
];

describe.each(nights)('local time of %s', (zone, spring, autumn) => {
  it.each([spring, autumn])('is taken as the first instant that shows it, around %s', (night) => {
    const middle = Date.parse(night);
    const shown = new Map<number, number>();
    for (let at = middle - 2880 * minuteMs; at <= middle + 2880 * minuteMs; at += minuteMs) {
      const wall = at + bruteOffsetMs(at, zone);
      if (!shown.has(wall)) shown.set(wall, at);
    }
    const before = bruteOffsetMs(middle - 720 * minuteMs, zone);
    for (let minute = -300; minute <= 300; minute += 1) {
      const wall = middle + before + minute * minuteMs;
      // A time that the clocks skipped counts on from before the change, which is after the gap.
      const expected = shown.get(wall) ?? wall - before;
      expect(fromLocal(new Date(wall), zone).getTime(), new Date(wall).toISOString()).toBe(expected);
    }
  });
});

describe('offsets', () => {
  it('agree with the wall clock that the platform prints, before 1970 too', () => {
    const past = fc.date({
      min: new Date('1950-01-01T00:00:00Z'),
      max: new Date('2037-12-31T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(past, fc.constantFrom(...nights.map(([zone]) => zone)), (at, zone) => {
        expect(zoneOffsetMs(at, zone)).toBe(bruteOffsetMs(at.getTime(), zone));
      }),
    );
  });
});

const printers = new Map<string, Intl.DateTimeFormat>();

/** By another road than the source: the Swedish locale prints ISO. */
function bruteOffsetMs(at: number, timeZone: string): number {
  const printer =
    printers.get(timeZone) ?? new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  printers.set(timeZone, printer);
  const second = Math.floor(at / 1000) * 1000;
  return Date.parse(`${printer.format(second).replace(' ', 'T')}Z`) - second;
}

describe('a stamp as people write it', () => {
  const zone = 'Europe/Amsterdam';
  it.each<[DatedKind, string, string | undefined]>([
    ['timestamp', '2026-01-31T08:00:00.000Z', '2026-01-31T08:00:00.000Z'],
    ['timestamp', '2026-01-31T08:00:00Z', '2026-01-31T08:00:00.000Z'],
    ['timestamp', '2026-01-31T09:00+01:00', '2026-01-31T08:00:00.000Z'],
    ['second', '2026-01-31 09:00:00 +0100', '2026-01-31T08:00:00.000Z'],
    ['second', '2026-01-31 08:00', '2026-01-31T08:00:00.000Z'],
    ['timestamp', '2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['char14', '20260131090000', '20260131090000'],
    ['char14', '2026-01-31T08:00:00Z', '20260131090000'],
    ['char14', '2026-07-31T08:00:00Z', '20260731100000'],
    ['char14', '2026-01-31 09:00', '20260131090000'],
    ['char14', '2026-01-31', '20260131000000'],
    ['date', '2026-01-31', '2026-01-31'],
    ['date', '2026-01-30T23:30:00Z', '2026-01-31'],
    ['timestamp', '2026-02-30', undefined],
    ['timestamp', '2026-02-30T08:00:00Z', undefined],
    ['timestamp', '2026-01-31T25:00Z', undefined],
    ['timestamp', '31.01.2026', undefined],
    ['char14', '20260230090000', undefined],
    ['date', 'yesterday', undefined],
  ])('%s: %s is %s', (kind, text, stamp) => {
    expect(readStamp(kind, text, zone)).toBe(stamp);
  });
});
