import { RecordError } from '../../core/errors.ts';
import type { Operation } from './look-ups.ts';

const minute = 60_000_000n;
/** Decimals come with eight digits. */
const one = 100_000_000n;

const durationForm = /^(?:(\d+) )?(\d+):(\d{2}):(\d{2})(?:\.(\d{1,6}))?$/;
const decimalForm = /^(\d+)(?:\.(\d{1,8})0*)?$/;

/**
 * How long a step takes for a quantity, in whole minutes rounded half up: its fixed time, and its time a piece where it has one. In whole
 * numbers, because half a minute must be exactly half.
 */
export function minutesOf({ type, duration, duration_per }: Operation, quantity: string | number): number {
  const piece = type === 'fixed_time' ? 0n : microseconds(duration_per);
  const total = microseconds(duration) * one + piece * hundredMillionths(quantity);
  const unit = minute * one;
  return Number((2n * total + unit) / (2n * unit));
}

/** `[D ]HH:MM:SS[.ffffff]`. */
function microseconds(text: string | null | undefined): bigint {
  if (text === null || text === undefined) return 0n;
  const [, days = '0', hours, minutes = '', seconds = '', fraction = ''] = durationForm.exec(text) ?? [];
  if (hours === undefined) throw new RecordError(`Its operation lasts no known time: ${JSON.stringify(text)}.`);
  const whole = ((BigInt(days) * 24n + BigInt(hours)) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  return whole * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

function hundredMillionths(quantity: string | number): bigint {
  const [, whole, fraction = ''] = decimalForm.exec(String(quantity)) ?? [];
  if (whole === undefined) throw new RecordError(`quantity is not a number: ${JSON.stringify(quantity)}.`);
  return BigInt(whole) * one + BigInt(fraction.padEnd(8, '0'));
}
