import { describe, expect, it } from 'vitest';
import { localInstant } from '../../sandbox/local-time.ts';
import { estimatedMinutes } from '../../sandbox/sap/minutes.ts';
import type { Operation } from '../../sandbox/sap/model.ts';

describe('the arithmetic of the SAP oracle', () => {
  it.each([
    ['skipped in spring', 'Europe/Amsterdam', '2026-03-29', '02:30:00', '2026-03-29T01:30:00.000Z'],
    ['twice in autumn', 'Europe/Amsterdam', '2026-10-25', '02:30:00', '2026-10-25T00:30:00.000Z'],
    ['skipped in spring', 'America/Chicago', '2026-03-08', '02:30:00', '2026-03-08T08:30:00.000Z'],
    ['twice in autumn', 'America/Chicago', '2026-11-01', '01:30:00', '2026-11-01T06:30:00.000Z'],
    ['after the gap', 'Europe/Amsterdam', '2026-03-29', '03:00:00', '2026-03-29T01:00:00.000Z'],
    ['after both', 'America/Chicago', '2026-11-01', '02:00:00', '2026-11-01T08:00:00.000Z'],
    ['in winter', 'Europe/Amsterdam', '2026-12-31', '00:00:00', '2026-12-30T23:00:00.000Z'],
    ['skipped at midnight', 'America/Santiago', '2026-09-06', '00:00:00', '2026-09-06T04:00:00.000Z'],
  ])('places a wall-clock time %s in %s', (...given) => {
    const [, zone, date, time, instant] = given;
    expect(localInstant(zone, date, time)).toBe(instant);
  });

  it.each([
    [0.5, 'MIN', 0, 'MIN', 1, 1],
    [29, 'S', 0, 'H', 1, 0],
    [10, 'MIN', 0.5, 'STD', 3, 100],
    [1, 'TAG', 0, '', 5, 1440],
    [0, 'KWH', 1.5, 'SEC', 20, 1],
    [0, '', 1.499, 'SEC', 20, 0],
  ])('estimates %d %s setup and %d %s a piece for %d pieces as %d minutes', (...given) => {
    const [setup, setupUnit, piece, pieceUnit, quantity, minutes] = given;
    const row = {
      WorkCenterStandardWorkQty1: setup,
      WorkCenterStandardWorkQtyUnit1: setupUnit,
      WorkCenterStandardWorkQty2: piece,
      WorkCenterStandardWorkQtyUnit2: pieceUnit,
      OpPlannedTotalQuantity: quantity,
    };
    expect(estimatedMinutes(row as Operation)).toBe(minutes);
  });
});
