import type { Clock } from '../core/clock.ts';
import { TransientError } from '../core/errors.ts';

/** The used part of the MES's day budget; kept in the state so that a restart does not forget it. */
export interface QuotaState {
  windowStart: string | null;
  used: number;
  blockedUntil: string | null;
}

export interface QuotaStore {
  readQuota(): Promise<QuotaState>;
  writeQuota(quota: QuotaState): Promise<void>;
}

export interface DayQuota {
  /** Books one request; throws TransientError with the time to wait when the budget is used up or the MES asked for silence. */
  take(): Promise<void>;
  /** Gives a booking back: the request never reached the MES. */
  giveBack(): Promise<void>;
  /** The MES asked for silence. */
  block(forMs: number): Promise<void>;
  /** Requests left in the current window; null without a budget. */
  left(): Promise<number | null>;
}

/** The MES counts over 24 hours from the first request, not from midnight. */
const windowMs = 86_400_000;

export function createDayQuota(limit: number | undefined, store: QuotaStore, clock: Clock): DayQuota {
  let loaded: QuotaState | undefined;
  /** Bookings follow one another, so that two requests at once cannot both take the last place. */
  let queue: Promise<unknown> = Promise.resolve();

  async function current(): Promise<QuotaState> {
    loaded ??= await store.readQuota();
    const now = clock.now().getTime();
    const sane = withinADay(loaded, now);
    if (sane !== loaded) await save(sane);
    const { windowStart, blockedUntil } = sane;
    if (windowStart !== null && now - Date.parse(windowStart) >= windowMs)
      loaded = { ...loaded, windowStart: null, used: 0 };
    if (blockedUntil !== null && now >= Date.parse(blockedUntil)) loaded = { ...loaded, blockedUntil: null };
    return loaded;
  }

  async function save(state: QuotaState): Promise<void> {
    await store.writeQuota(state);
    loaded = state;
  }

  async function book(): Promise<void> {
    const state = await current();
    const now = clock.now();
    refuseUntil(state.blockedUntil, now, 'The MES asked for silence');
    if (limit === undefined) return;
    const windowStart = state.windowStart ?? now.toISOString();
    if (state.used >= limit) {
      refuseUntil(
        new Date(Date.parse(windowStart) + windowMs).toISOString(),
        now,
        `The day budget of ${limit} requests is used up`,
      );
    }
    await save({ ...state, windowStart, used: state.used + 1 });
  }

  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = queue.then(task);
    queue = turn.catch(() => undefined);
    return turn;
  }

  return {
    take: () => inTurn(book),
    giveBack: () =>
      inTurn(async () => {
        const state = await current();
        if (limit !== undefined && state.used > 0) await save({ ...state, used: state.used - 1 });
      }),
    block: (forMs) =>
      inTurn(async () =>
        save({ ...(await current()), blockedUntil: new Date(clock.now().getTime() + forMs).toISOString() }),
      ),
    left: () => inTurn(async () => (limit === undefined ? null : Math.max(0, limit - (await current()).used))),
  };
}

/** What was written while the wall clock was wrong: no window begins after now, no silence lasts longer than a day. */
function withinADay(state: QuotaState, now: number): QuotaState {
  const { windowStart, blockedUntil } = state;
  const startsLater = windowStart !== null && Date.parse(windowStart) > now;
  const lastsLonger = blockedUntil !== null && Date.parse(blockedUntil) > now + windowMs;
  if (!startsLater && !lastsLonger) return state;
  return {
    ...state,
    windowStart: startsLater ? new Date(now).toISOString() : windowStart,
    blockedUntil: lastsLonger ? new Date(now + windowMs).toISOString() : blockedUntil,
  };
}

function refuseUntil(until: string | null, now: Date, why: string): void {
  if (until === null) return;
  const retryAfterMs = Date.parse(until) - now.getTime();
  if (retryAfterMs > 0) throw new TransientError(`${why} until ${until}.`, { retryAfterMs });
}
