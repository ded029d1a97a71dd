import type { Clock } from '../core/clock.ts';
import { WaitError } from '../core/errors.ts';
import {
  type Caller,
  exhaustionMs,
  leftFor,
  type Need,
  type QuotaState,
  reserveLeft,
  roomAt,
  waitForRoom,
  windowMs,
} from './day-plan.ts';

export interface QuotaStore {
  readQuota(): Promise<QuotaState>;
  /** Reads, changes and writes in one transaction; the change may run more than once. Durable when it resolves. */
  updateQuota<T>(change: (quota: QuotaState) => { quota: QuotaState; answer: T }): Promise<T>;
}

/** The day budget as people see it. */
export interface BudgetReport {
  /** Requests a day; null without a budget. The other figures are null with it. */
  budget: number | null;
  budgetLeft: number | null;
  /** Requests of these that only a person's calls may use. */
  reserveLeft: number | null;
  /** ISO-8601; null before the first request of a window. */
  windowEndsAt: string | null;
  /** When nothing is left if it goes on like this, ISO-8601; null when the budget lasts for the window. */
  exhaustedAt: string | null;
  /** The MES asked for silence until then, ISO-8601; null when it did not. */
  blockedUntil: string | null;
}

/** What the plan says to a scheduled pass. */
export interface Room {
  /** Requests free by plan; below zero when passes have taken more. Infinite without a budget. */
  requests: number;
  /** How long until so many are free, milliseconds. */
  waitMs(requests: number): number;
}

export interface DayQuota {
  /** Books one request; throws WaitError when the budget is used up for this caller or the MES asked for silence. */
  take(caller?: Caller): Promise<void>;
  /** Gives a booking back: the request never reached the MES. */
  giveBack(caller?: Caller): Promise<void>;
  /** The MES asked for silence; `windowEnds`: it said that its day is used up and begins anew after that. */
  block(forMs: number, windowEnds?: boolean): Promise<void>;
  /** What scheduled passes may begin. Throws WaitError while the MES wants silence. */
  room(need: Pick<Need, 'firstLoad'>): Promise<Room>;
  report(): Promise<BudgetReport>;
}

/** What sending requests needs of the budget. */
export type Booking = Pick<DayQuota, 'take' | 'giveBack' | 'block'>;

/** Plans the MES's day budget over every connector; the state is the only memory, so that a restart or a second process knows it. */
export function createDayQuota(limit: number | undefined, store: QuotaStore, clock: Clock): DayQuota {
  const change = (edit: (quota: QuotaState, now: Date) => QuotaState) =>
    store.updateQuota((before) => {
      const now = clock.now();
      return { quota: edit(asOf(before, now.getTime()), now), answer: undefined };
    });
  const current = async () => asOf(await store.readQuota(), clock.now().getTime());
  return {
    async take(caller = 'scheduled') {
      const refused = await store.updateQuota((before) => {
        const now = clock.now();
        const quota = asOf(before, now.getTime());
        // Also when refused: what a wrong clock wrote is put right for good, else a wait from now would never end.
        const answer = refusalOf(quota, limit, { caller, atMs: now.getTime() });
        return { quota: answer === undefined && limit !== undefined ? book(quota, caller, now) : quota, answer };
      });
      if (refused !== undefined) throw refused;
    },
    giveBack: (caller = 'scheduled') =>
      change((quota) => (limit === undefined || quota.used === 0 ? quota : unbook(quota, caller))),
    block: (forMs, windowEnds = false) =>
      change((quota, now) => {
        const untilMs = now.getTime() + Math.min(forMs, windowMs);
        const blocked = { ...quota, blockedUntil: new Date(untilMs).toISOString() };
        if (!windowEnds || limit === undefined) return blocked;
        const windowStart = new Date(untilMs - windowMs).toISOString();
        return { ...blocked, windowStart, used: Math.max(limit, quota.used) };
      }),
    async room({ firstLoad }) {
      const quota = await current();
      const atMs = clock.now().getTime();
      const silence = waitUntil(quota.blockedUntil, atMs, askedForSilence);
      if (silence !== undefined) throw silence;
      if (limit === undefined) return { requests: Number.POSITIVE_INFINITY, waitMs: () => 0 };
      return {
        requests: roomAt(quota, limit, { atMs, firstLoad }),
        waitMs: (requests) => waitForRoom(quota, limit, { atMs, requests, firstLoad }),
      };
    },
    report: async () => describe(await current(), limit, clock.now().getTime()),
  };
}

const askedForSilence = 'The MES asked for silence';

/** Why a request must not leave now; undefined when it may. */
function refusalOf(
  quota: QuotaState,
  limit: number | undefined,
  { caller, atMs }: { caller: Caller; atMs: number },
): WaitError | undefined {
  const silence = waitUntil(quota.blockedUntil, atMs, askedForSilence);
  if (silence !== undefined || limit === undefined || leftFor(quota, limit, caller) > 0) return silence;
  const but = quota.used < limit ? ' but for what is kept for a person' : '';
  const endMs = quota.windowStart === null ? atMs : Date.parse(quota.windowStart) + windowMs;
  return waitUntil(new Date(endMs).toISOString(), atMs, `The day budget of ${limit} requests is used up${but}`);
}

function book(quota: QuotaState, caller: Caller, now: Date): QuotaState {
  const byOperator = quota.byOperator + (caller === 'operator' ? 1 : 0);
  return { ...quota, windowStart: quota.windowStart ?? now.toISOString(), used: quota.used + 1, byOperator };
}

function unbook(quota: QuotaState, caller: Caller): QuotaState {
  const byOperator = Math.max(0, quota.byOperator - (caller === 'operator' ? 1 : 0));
  return { ...quota, used: quota.used - 1, byOperator };
}

/**
 * The state at a time: windows and silences that are over are gone. What was written while the wall clock was wrong is put right: no
 * window begins after now, no silence lasts longer than a day.
 */
function asOf(written: QuotaState, nowMs: number): QuotaState {
  const { windowStart, blockedUntil } = written;
  let quota = written;
  if (windowStart !== null) {
    const startMs = Date.parse(windowStart);
    if (startMs > nowMs) quota = { ...quota, windowStart: new Date(nowMs).toISOString() };
    else if (nowMs - startMs >= windowMs) quota = { ...quota, windowStart: null, used: 0, byOperator: 0 };
  }
  if (blockedUntil !== null) {
    const untilMs = Date.parse(blockedUntil);
    if (nowMs >= untilMs) quota = { ...quota, blockedUntil: null };
    else if (untilMs > nowMs + windowMs) quota = { ...quota, blockedUntil: new Date(nowMs + windowMs).toISOString() };
  }
  return quota;
}

function describe(quota: QuotaState, limit: number | undefined, atMs: number): BudgetReport {
  const { windowStart, blockedUntil } = quota;
  const none = { budget: null, budgetLeft: null, reserveLeft: null, windowEndsAt: null, exhaustedAt: null };
  if (limit === undefined) return { ...none, blockedUntil };
  const exhausted = exhaustionMs(quota, limit, atMs);
  return {
    budget: limit,
    budgetLeft: leftFor(quota, limit, 'operator'),
    reserveLeft: reserveLeft(quota, limit),
    windowEndsAt: windowStart === null ? null : new Date(Date.parse(windowStart) + windowMs).toISOString(),
    exhaustedAt: exhausted === null ? null : new Date(exhausted).toISOString(),
    blockedUntil,
  };
}

function waitUntil(until: string | null, atMs: number, why: string): WaitError | undefined {
  if (until === null || Date.parse(until) <= atMs) return undefined;
  return new WaitError(`${why} until ${until}.`, { until, retryAfterMs: Date.parse(until) - atMs });
}
