import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  odooTime,
  odooTimeAfter,
  readOdooTime,
  stampWithMembers,
} from '../../../../src/connectors/protocols/odoo/times.ts';

const instants = fc.date({ min: new Date('1990-01-01'), max: new Date('2999-12-31'), noInvalidDate: true });

describe("Odoo's times", () => {
  it('are UTC without saying so', () => {
    expect(readOdooTime('2026-11-20 22:09:24')).toBe('2026-11-20T22:09:24.000Z');
    expect(readOdooTime('2026-11-20')).toBe('2026-11-20T00:00:00.000Z');
  });

  it.each([false, null, undefined, '', 'soon', 7, '2026-13-40 00:00:00'])('%j is none', (value) => {
    expect(readOdooTime(value)).toBeNull();
  });

  it('as lower bounds lose nothing, as upper bounds neither, and both are whole seconds', () => {
    fc.assert(
      fc.property(instants, (at) => {
        const low = odooTime(at.toISOString());
        const high = odooTimeAfter(at.toISOString());
        expect(low).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
        const [from, to] = [low, high].map((text) => Date.parse(readOdooTime(text) ?? ''));
        expect(from).toBeLessThanOrEqual(at.getTime());
        expect(to).toBeGreaterThanOrEqual(at.getTime());
        expect((to ?? 0) - (from ?? 0)).toBeLessThanOrEqual(1000);
      }),
    );
  });
});

describe('a stamp with members', () => {
  const stamp = '2026-11-20T22:09:24.000Z';
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 1_000_000 }), { maxLength: 12 });

  it('stays within its second', () => {
    fc.assert(
      fc.property(ids, (members) => {
        expect(stampWithMembers(stamp, members)?.slice(0, 19)).toBe(stamp.slice(0, 19));
      }),
    );
  });

  it('moves when a member comes or goes, but for one time in hundreds', () => {
    const same = fc
      .sample(ids, { numRuns: 2000, seed: 1 })
      .filter((members) => members.length > 0)
      .filter((members) => stampWithMembers(stamp, members) === stampWithMembers(stamp, members.slice(1)));
    expect(same.length).toBeLessThan(10);
  });

  it('is the stamp alone where there are none to tell', () => {
    expect(stampWithMembers(stamp, undefined)).toBe(stamp);
    expect(stampWithMembers(null, [1])).toBeNull();
  });
});
