import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../src/core/http.ts';

const now = new Date('2026-03-01T08:00:00.000Z');
const dayMs = 86_400_000;

describe('the wait that an answer asks for', () => {
  it.each<[what: string, headers: Record<string, string>, ms: number | undefined]>([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['seconds with blanks around', { 'retry-after': ' 120 ' }, 120_000],
    ['parts of a second', { 'retry-after': '0.5' }, 500],
    ['no seconds', { 'retry-after': '0' }, 0],
    ['an HTTP date', { 'retry-after': 'Sun, 01 Mar 2026 08:00:30 GMT' }, 30_000],
    ['an HTTP date that has passed', { 'retry-after': 'Sun, 01 Mar 2026 07:00:00 GMT' }, 0],
    ['an HTTP date of the oldest form', { 'retry-after': 'Sun Mar  1 08:00:30 2026 GMT' }, 30_000],
    ['an ISO time', { 'retry-after': '2026-03-01T08:01:00.000Z' }, 60_000],
    ['the ISO reset of Eryxon', { 'x-ratelimit-reset': '2026-03-01T09:00:00.000Z' }, 3_600_000],
    ['both, of which the seconds count', { 'retry-after': '5', 'x-ratelimit-reset': '2026-03-01T09:00:00.000Z' }, 5000],
    ['nonsense beside a reset', { 'retry-after': 'soon', 'x-ratelimit-reset': '2026-03-01T09:00:00.000Z' }, 3_600_000],
    ['NaN', { 'retry-after': 'NaN' }, undefined],
    ['Infinity', { 'retry-after': 'Infinity' }, undefined],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['nothing', {}, undefined],
    ['an empty text', { 'retry-after': '' }, undefined],
    ['a number with a sign', { 'retry-after': '+5' }, undefined],
    ['a list of numbers', { 'retry-after': '5, 10' }, undefined],
    ['a number with a comma', { 'retry-after': '1,5' }, undefined],
    ['a number with a unit', { 'retry-after': '10 seconds' }, undefined],
    ['a reset in seconds since 1970', { 'x-ratelimit-reset': '1772355600' }, undefined],
    ['ten years in seconds', { 'retry-after': String(10 * 365 * 86_400) }, dayMs],
    ['ten years as a date', { 'retry-after': 'Sat, 01 Mar 2036 08:00:00 GMT' }, dayMs],
    ['ten years as a reset', { 'x-ratelimit-reset': '2036-03-01T08:00:00.000Z' }, dayMs],
    ['more digits than a number holds', { 'retry-after': '9'.repeat(400) }, dayMs],
  ])('is read from %s', (_what, headers, ms) => {
    expect(retryAfterMs(headers, now)).toBe(ms);
  });

  it('is never negative, longer than a day, or no number, whatever stands in the headers', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (asked, reset) => {
        const ms = retryAfterMs({ 'retry-after': asked, 'x-ratelimit-reset': reset }, now);
        if (ms === undefined) return;
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(dayMs);
      }),
    );
  });

  it('is at least what was asked, for any number of seconds up to a day', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400 }), (seconds) => {
        expect(retryAfterMs({ 'retry-after': String(seconds) }, now)).toBe(seconds * 1000);
      }),
    );
  });
});
