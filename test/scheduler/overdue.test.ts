import { describe, expect, it } from 'vitest';
import { createOverdue } from '../../src/scheduler/overdue.ts';

const at = (text: string) => new Date(text);

describe('a stream is overdue', () => {
  it('when more than three of its intervals have gone by', () => {
    const overdue = createOverdue({ everySeconds: 300 });
    const since = at('2026-03-02T08:00:00.000Z');
    expect(overdue(since, at('2026-03-02T08:15:00.000Z'))).toBe(false);
    expect(overdue(since, at('2026-03-02T08:15:00.001Z'))).toBe(true);
  });

  it('when more than three slots of its cron expression have gone by', () => {
    const overdue = createOverdue({ cron: '0 * * * *', timeZone: 'UTC' });
    const since = at('2026-03-02T08:30:00.000Z');
    expect(overdue(since, at('2026-03-02T11:59:00.000Z'))).toBe(false);
    expect(overdue(since, at('2026-03-02T12:01:00.000Z'))).toBe(true);
  });

  it('by its slots, not by the time between: a weekend without slots is no delay', () => {
    const overdue = createOverdue({ cron: '0 8-17 * * 1-5', timeZone: 'Europe/Amsterdam' });
    const friday = at('2026-03-06T16:00:30.000Z');
    expect(overdue(friday, at('2026-03-09T06:59:00.000Z'))).toBe(false);
    expect(overdue(friday, at('2026-03-09T10:30:00.000Z'))).toBe(true);
  });

  it('never before its first interval is over', () => {
    const overdue = createOverdue({ cron: '0 3 1 1 *', timeZone: 'UTC' });
    expect(overdue(at('2026-03-02T08:00:00.000Z'), at('2026-03-02T08:00:00.000Z'))).toBe(false);
    expect(overdue(at('2026-03-02T08:00:00.000Z'), at('2028-03-02T08:00:00.000Z'))).toBe(false);
  });
});
