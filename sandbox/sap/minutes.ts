import type { Operation } from './model.ts';

/** Seconds in each unit of time that SAP writes, in German and in English. */
const secondsOf: Record<string, bigint> = {
  S: 1n,
  SEC: 1n,
  MIN: 60n,
  H: 3600n,
  HR: 3600n,
  STD: 3600n,
  HUR: 3600n,
  D: 86_400n,
  DAY: 86_400n,
  TAG: 86_400n,
};

/**
 * Setup (slot 1) plus a piece (slot 2) times the planned quantity, in whole minutes rounded half up.
 * In whole numbers throughout: quantities have three decimals, and half a minute must be exactly half.
 */
export function estimatedMinutes(row: Operation): number {
  const setup = milliseconds(row.WorkCenterStandardWorkQty1, row.WorkCenterStandardWorkQtyUnit1);
  const piece = milliseconds(row.WorkCenterStandardWorkQty2, row.WorkCenterStandardWorkQtyUnit2);
  const microseconds = setup * 1000n + piece * thousandths(row.OpPlannedTotalQuantity);
  return Number((microseconds + 30_000_000n) / 60_000_000n);
}

function milliseconds(quantity: number, unit: string): bigint {
  return thousandths(quantity) * (secondsOf[unit] ?? 0n);
}

function thousandths(quantity: number): bigint {
  return BigInt(Math.round(quantity * 1000));
}
