import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { missedSlot, parseCron, shortestGapMs } from '../../src/scheduler/cron-slots.ts';

const amsterdam = 'Europe/Amsterdam';

function firstSlot(expression: string, timeZone: string, [after, until]: [string, string]): string | undefined {
  const span = { after: new Date(after), until: new Date(until) };
  return missedSlot(parseCron(expression), timeZone, span)?.toISOString();
}

function allSlots(expression: string, timeZone: string, [after, until]: [string, string]): string[] {
  const found: string[] = [];
  for (let slot = firstSlot(expression, timeZone, [after, until]); slot !== undefined; ) {
    found.push(slot);
    slot = firstSlot(expression, timeZone, [slot, until]);
  }
  return found;
}

function shifted(instant: string, minutes: number): string {
  return new Date(Date.parse(instant) + minutes * 60_000).toISOString();
}

describe('parseCron', () => {
  it('reads numbers, lists, ranges, steps and wildcards', () => {
    const slots = parseCron('0,30 8-18/5 1,15 */6 1-5');
    expect([...slots.seconds]).toEqual([0]);
    expect([...slots.minutes]).toEqual([0, 30]);
    expect([...slots.hours]).toEqual([8, 13, 18]);
    expect([...slots.daysOfMonth]).toEqual([1, 15]);
    expect([...slots.months]).toEqual([1, 7]);
    expect([...slots.daysOfWeek]).toEqual([1, 2, 3, 4, 5]);
  });

  it('reads a first field of six as seconds', () => {
    expect([...parseCron('*/20 * * * * *').seconds]).toEqual([0, 20, 40]);
  });

  it('reads names of months and days, whole or by three letters, in any case', () => {
    const slots = parseCron('0 6 * JAN,march-May mon-FRIDAY');
    expect([...slots.months]).toEqual([1, 3, 4, 5]);
    expect([...slots.daysOfWeek]).toEqual([1, 2, 3, 4, 5]);
  });

  it('takes 7 for Sunday', () => {
    expect([...parseCron('0 6 * * 5-7').daysOfWeek]).toEqual([5, 6, 0]);
    expect([...parseCron('0 6 * * *').daysOfWeek].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it.each([
    ['60 * * * * *', 'second "60"'],
    ['60 * * * *', 'minute "60"'],
    ['* 24 * * *', 'hour "24"'],
    ['* * 0 * *', 'day of month "0"'],
    ['* * L * *', 'day of month "L"'],
    ['* * * 13 *', 'month "13"'],
    ['* * * mon *', 'month "mon"'],
    ['* * * * 8', 'day of week "8"'],
    ['* * * * 1#2', 'day of week "1#2"'],
    ['5/10 * * * *', 'minute "5/10"'],
    ['*/0 * * * *', 'minute "*/0"'],
    ['*/90 * * * *', 'minute "*/90"'],
    ['*/ * * * *', 'minute "*/"'],
    ['1, * * * *', 'minute ""'],
    ['1-2-3 * * * *', 'minute "1-2-3"'],
    ['-5 * * * *', 'minute "-5"'],
    ['1.5 * * * *', 'minute "1.5"'],
    ['* 22-6 * * *', 'hour "22-6" runs backwards'],
    ['* * *', '5 or 6 fields'],
    ['', '5 or 6 fields'],
    ['@daily', '5 or 6 fields'],
  ])('refuses %j and names the field', (expression, text) => {
    expect(() => parseCron(expression)).toThrow(RangeError);
    expect(() => parseCron(expression)).toThrow(text);
  });

  it('refuses any other text with a RangeError and nothing else', () => {
    const word = fc.stringMatching(/^[0-9a-z*,/?#LW@-]{1,6}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 7 }), (words) => {
        try {
          parseCron(words.join(' '));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('shortestGapMs', () => {
  it.each([
    ['0 2 * * *', 60_000],
    ['*/15 * * * * *', 15_000],
    ['10,50 * * * * *', 20_000],
    ['* * * * * *', 1000],
  ])('of %j is %d', (expression, gapMs) => {
    expect(shortestGapMs(parseCron(expression))).toBe(gapMs);
  });
});

describe('missedSlot', () => {
  it('finds the first slot after the one instant, up to and including the other', () => {
    expect(firstSlot('*/15 * * * *', 'UTC', ['2027-06-01T10:00:00Z', '2027-06-01T10:14:59.999Z'])).toBeUndefined();
    expect(firstSlot('*/15 * * * *', 'UTC', ['2027-06-01T10:00:00Z', '2027-06-01T10:15:00Z'])).toBe(
      '2027-06-01T10:15:00.000Z',
    );
    expect(firstSlot('*/15 * * * *', 'UTC', ['2027-06-01T09:59:59.999Z', '2027-06-01T11:00:00Z'])).toBe(
      '2027-06-01T10:00:00.000Z',
    );
  });

  it('finds nothing in an empty or reversed span', () => {
    expect(firstSlot('* * * * * *', 'UTC', ['2027-06-01T10:00:00Z', '2027-06-01T10:00:00Z'])).toBeUndefined();
    expect(firstSlot('* * * * * *', 'UTC', ['2027-06-01T10:00:05Z', '2027-06-01T10:00:00Z'])).toBeUndefined();
  });

  it('finds seconds', () => {
    expect(firstSlot('7,40 * * * * *', 'UTC', ['2027-06-01T10:00:07Z', '2027-06-01T10:01:00Z'])).toBe(
      '2027-06-01T10:00:40.000Z',
    );
  });

  it('takes either day field when both are restricted, and both when one is a wildcard', () => {
    const june: [string, string] = ['2027-06-01T12:00:00Z', '2027-06-15T12:00:00Z'];
    expect(allSlots('0 6 13 * fri', 'UTC', june).map((slot) => slot.slice(8, 10))).toEqual(['04', '11', '13']);
    expect(allSlots('0 6 */2 * fri', 'UTC', june).map((slot) => slot.slice(8, 10))).toEqual(['11']);
  });

  it('finds the 29th of February years ahead', () => {
    expect(firstSlot('0 0 29 2 *', amsterdam, ['2025-01-01T00:00:00Z', '2030-01-01T00:00:00Z'])).toBe(
      '2028-02-28T23:00:00.000Z',
    );
  });

  it('finds nothing for a day that no year has', () => {
    expect(firstSlot('0 0 30 2 *', amsterdam, ['2027-01-01T00:00:00Z', '2028-01-02T00:00:00Z'])).toBeUndefined();
  });

  it.each([
    { zone: 'Europe/Amsterdam', cron: '30 2 * * *', due: '2027-03-28T01:00:00.000Z' },
    { zone: 'America/Chicago', cron: '30 2 * * *', due: '2027-03-14T08:00:00.000Z' },
    { zone: 'Australia/Lord_Howe', cron: '15 2 * * *', due: '2027-10-02T15:30:00.000Z' },
    { zone: 'America/Sao_Paulo', cron: '0 0 * * *', due: '2018-11-04T03:00:00.000Z' },
    { zone: 'Asia/Kathmandu', cron: '30 2 * * *', due: '2027-03-27T20:45:00.000Z' },
  ])('in $zone a time of day that spring skips is due once, at the first instant after the gap', (night) => {
    const { zone, cron, due } = night;
    expect(allSlots(cron, zone, [shifted(due, -720), shifted(due, 720)])).toEqual([due]);
    expect(firstSlot(cron, zone, [new Date(Date.parse(due) - 1).toISOString(), due])).toBe(due);
  });

  it.each([
    { zone: 'Europe/Amsterdam', cron: '30 2 * * *', due: '2027-10-31T00:30:00.000Z', backMinutes: 60 },
    { zone: 'America/Chicago', cron: '30 1 * * *', due: '2027-11-07T06:30:00.000Z', backMinutes: 60 },
    { zone: 'Australia/Lord_Howe', cron: '45 1 * * *', due: '2027-04-03T14:45:00.000Z', backMinutes: 30 },
    { zone: 'America/Sao_Paulo', cron: '30 23 * * *', due: '2019-02-17T01:30:00.000Z', backMinutes: 60 },
  ])('in $zone a time of day that autumn repeats is due in the first pass only', (night) => {
    const { zone, cron, due, backMinutes } = night;
    expect(allSlots(cron, zone, [shifted(due, -720), shifted(due, 720)])).toEqual([due]);
    expect(firstSlot(cron, zone, [shifted(due, backMinutes - 1), shifted(due, backMinutes + 1)])).toBeUndefined();
  });

  it.each(['*/15 * * * *', '*/15 0-12 * * *', '*/15 */1 * * *'])('%j is due in both passes', (cron) => {
    const slots = allSlots(cron, amsterdam, ['2027-10-31T00:00:00Z', '2027-10-31T02:00:00Z']);
    expect(slots.map((slot) => slot.slice(11, 16))).toEqual([
      '00:15',
      '00:30',
      '00:45',
      '01:00',
      '01:15',
      '01:30',
      '01:45',
      '02:00',
    ]);
  });

  it('agrees with a walk over every minute', () => {
    fc.assert(
      fc.property(expressions, fc.constantFrom(...nights), offsets, (expression, night, [startMinutes, lengthMs]) => {
        const after = new Date(Date.parse(night.change) + startMinutes * 60_000 + (lengthMs % 60_000));
        const until = new Date(after.getTime() + lengthMs);
        const expected = walk(expression, night.zone, { after, until });
        expect(missedSlot(parseCron(expression), night.zone, { after, until })).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

const nights = [
  { zone: 'Europe/Amsterdam', change: '2027-03-28T01:00:00Z' },
  { zone: 'Europe/Amsterdam', change: '2027-10-31T01:00:00Z' },
  { zone: 'America/Chicago', change: '2027-03-14T08:00:00Z' },
  { zone: 'America/Chicago', change: '2027-11-07T07:00:00Z' },
  { zone: 'Australia/Lord_Howe', change: '2027-04-03T15:00:00Z' },
  { zone: 'Australia/Lord_Howe', change: '2027-10-02T15:30:00Z' },
  { zone: 'America/Sao_Paulo', change: '2018-11-04T03:00:00Z' },
  { zone: 'America/Sao_Paulo', change: '2019-02-17T02:00:00Z' },
  { zone: 'America/Sao_Paulo', change: '2027-10-17T03:00:00Z' },
  { zone: 'Asia/Kathmandu', change: '2027-03-27T20:15:00Z' },
];

/** Minutes from the change at which the span starts, and its length in milliseconds. */
const offsets = fc.tuple(fc.integer({ min: -240, max: 150 }), fc.integer({ min: 0, max: 10 * 3_600_000 }));

const minutes = fc.constantFrom('*', '*/15', '*/40', '0', '30', '45', '5,50', '10-20');
const hours = fc.constantFrom('*', '*/2', '*/5', '0', '1', '2', '3', '23', '1,2', '0-3', '22,23,0,1');
const days = fc.constantFrom(
  '* * *',
  '* * sat',
  '* * sun',
  '17 * *',
  '28,31 * mon',
  '*/2 * sun',
  '* oct-nov *',
  '4 3,11 1-5',
);
const expressions = fc.tuple(minutes, hours, days).map((fields) => fields.join(' '));

/** The same answer by brute force: every minute of the span, against the wall clock before it. */
function walk(expression: string, timeZone: string, { after, until }: { after: Date; until: Date }): Date | undefined {
  const everyPass = !/^[\d,]+$/.test(expression.split(' ')[1] ?? '');
  const formatter = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  const wallAt = (ms: number) => Date.parse(`${formatter.format(ms).replace(' ', 'T')}Z`);
  const firstMs = Math.floor(after.getTime() / 60_000) * 60_000;
  const seen = new Set<number>();
  for (let ms = firstMs - 3 * 3_600_000; ms <= firstMs; ms += 60_000) seen.add(wallAt(ms));
  for (let ms = firstMs + 60_000; ms <= until.getTime(); ms += 60_000) {
    const wall = wallAt(ms);
    const before = wallAt(ms - 60_000);
    for (let skipped = before + 60_000; skipped < wall; skipped += 60_000) {
      if (matches(expression, new Date(skipped))) return new Date(ms);
    }
    if (matches(expression, new Date(wall)) && (everyPass || !seen.has(wall))) return new Date(ms);
    seen.add(wall);
  }
  return undefined;
}

function matches(expression: string, wall: Date): boolean {
  const [minute = '', hour = '', date = '', month = '', weekday = ''] = expression.split(' ');
  const byDate = listed(date, wall.getUTCDate(), 1);
  const byWeekday = listed(weekday, wall.getUTCDay(), 0);
  const either = !date.startsWith('*') && !weekday.startsWith('*');
  return (
    listed(minute, wall.getUTCMinutes(), 0) &&
    listed(hour, wall.getUTCHours(), 0) &&
    listed(month, wall.getUTCMonth() + 1, 1) &&
    (either ? byDate || byWeekday : byDate && byWeekday)
  );
}

function listed(field: string, value: number, min: number): boolean {
  const numeric = field.replace(/[a-z]{3}/g, (name) => String({ sun: 0, mon: 1, sat: 6, oct: 10, nov: 11 }[name]));
  return numeric.split(',').some((item) => {
    const [range = '', step = '1'] = item.split('/');
    const [from = min, to = from] = range === '*' ? [min, 99] : range.split('-').map(Number);
    return value >= from && value <= to && (value - from) % Number(step) === 0;
  });
}
