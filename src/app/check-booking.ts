import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import { BusyError, ConfigError, messageOf, TransientError, WaitError } from '../core/errors.ts';
import { type Booking, createDayQuota } from '../push/day-quota.ts';
import { openIdleBudget } from '../state/booking.ts';
import { hasLedger } from '../state/ledger.ts';
import { callControl } from './control.ts';

/** A daemon that starts holds the state for a moment before it can be asked. */
const startingMs = 5000;
const pauseMs = 250;

/**
 * Books what a check sends where the day budget is kept: at the daemon when one runs, else in the state, which is held for no longer
 * than each booking takes. Where that cannot be done (no state yet, one that cannot be written, another verb that holds it) a check goes on
 * without booking.
 */
export function createCheckBooking(
  { config, clock }: { config: Pick<Config, 'state' | 'mes'>; clock: Clock },
  signal: AbortSignal,
): Booking {
  const { directory } = config.state;
  const own = createDayQuota(config.mes.rate.requestsPerDay, openIdleBudget(directory), clock);
  const untilMs = clock.monotonicMs() + startingMs;
  let bookable = hasLedger(directory);

  async function askDaemon(verb: 'budget-take' | 'budget-give-back'): Promise<boolean> {
    try {
      return (await callControl(directory, { verb, args: {} }, signal)) !== undefined;
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof WaitError ? error : new TransientError(messageOf(error), { cause: error });
    }
  }

  async function bookHere(book: () => Promise<void>): Promise<'booked' | 'busy'> {
    try {
      if (bookable) await book();
    } catch (error) {
      if (error instanceof WaitError) throw error;
      if (error instanceof BusyError && clock.monotonicMs() < untilMs) return 'busy';
      if (!isUnusable(error)) throw error;
      bookable = false;
    }
    return 'booked';
  }

  async function book(verb: 'budget-take' | 'budget-give-back', alone: () => Promise<void>): Promise<void> {
    while (!(await askDaemon(verb)) && (await bookHere(alone)) === 'busy') await clock.sleep(pauseMs, signal);
  }

  return {
    take: () => book('budget-take', () => own.take('operator')),
    giveBack: () => book('budget-give-back', () => own.giveBack('operator')),
    // A daemon is told the same when it next asks.
    block: async (forMs, windowEnds) => void (await bookHere(() => own.block(forMs, windowEnds))),
  };
}

function isUnusable(error: unknown): boolean {
  return error instanceof BusyError || error instanceof ConfigError || error instanceof TransientError;
}
