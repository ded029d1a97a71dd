import { RecordError } from '../../core/errors.ts';

/** ERP codes for units of time, English, German and ISO. */
const minutesPerUnit: Readonly<Record<string, number>> = {
  S: 1 / 60,
  SEC: 1 / 60,
  MIN: 1,
  H: 60,
  HR: 60,
  STD: 60,
  HUR: 60,
  D: 1440,
  DAY: 1440,
  TAG: 1440,
};

/** A quantity of time in minutes. Nothing of an unknown unit is still nothing; something of it is an error of the row. */
export function toMinutes(quantity: number, unit: string, what: string): number {
  if (quantity === 0) return 0;
  const minutes = Object.hasOwn(minutesPerUnit, unit) ? minutesPerUnit[unit] : undefined;
  if (minutes !== undefined) return quantity * minutes;
  throw new RecordError(`${what} is not a unit of time that is known: ${JSON.stringify(unit)}.`);
}
