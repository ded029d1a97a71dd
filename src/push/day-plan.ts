/** Who asks for a request: a pass by schedule, or a person. Only a person may use the reserve. */
export type Caller = 'scheduled' | 'operator';

/** The used part of the MES's day budget; kept in the state so that a restart does not forget it. */
export interface QuotaState {
  /** Start of the window under way, ISO-8601; null before its first request. */
  windowStart: string | null;
  /** Requests booked in the window, by whomever. */
  used: number;
  /** Those of them that a person asked for. */
  byOperator: number;
  /** The MES asked for silence until then, ISO-8601. */
  blockedUntil: string | null;
}

/** The MES counts over 24 hours from the first request, not from midnight. */
export const windowMs = 86_400_000;

/** Kept back for a person: what polls have used up must not keep anybody from a look or a repair. */
const reserveShare = 0.05;
/** May leave at once, before the rest accrues: a morning's changes. */
const burstShare = 0.15;
/** A first load goes further ahead, because nothing else can be fresh before it is done; a quarter stays for the day's changes. */
const firstLoadShare = 0.75;

export function reserveOf(limit: number): number {
  return Math.floor(limit * reserveShare);
}

/** What is left of the reserve. */
export function reserveLeft({ used, byOperator }: QuotaState, limit: number): number {
  return Math.max(0, Math.min(reserveOf(limit) - byOperator, limit - used));
}

/** Requests that the caller can still book in this window, whatever the plan says. */
export function leftFor(state: QuotaState, limit: number, caller: Caller): number {
  const left = Math.max(0, limit - state.used);
  return caller === 'operator' ? left : Math.max(0, left - reserveLeft(state, limit));
}

export interface Need {
  /** Requests wanted. */
  requests: number;
  /** The stream is loaded for the first time. */
  firstLoad: boolean;
}

/**
 * Requests that the plan has free for scheduled passes at a time: a burst at the start of the window, the rest evenly over its 24
 * hours. What is not used accrues; what a pass took beyond it (a pass is not cut in the middle of a page) counts below zero.
 */
export function roomAt(state: QuotaState, limit: number, { atMs, firstLoad }: { atMs: number; firstLoad: boolean }) {
  const elapsedMs = state.windowStart === null ? 0 : atMs - Date.parse(state.windowStart);
  const { cap, burst } = planOf(limit, firstLoad);
  const accrued = burst + (cap - burst) * Math.min(1, Math.max(0, elapsedMs / windowMs));
  return accrued - usedByPasses(state, limit);
}

/** Until the plan has that many requests free, milliseconds; at the end of the window everything is free again. */
export function waitForRoom(state: QuotaState, limit: number, { atMs, requests, firstLoad }: Need & { atMs: number }) {
  if (state.windowStart === null || roomAt(state, limit, { atMs, firstLoad }) >= requests) return 0;
  const { cap, burst } = planOf(limit, firstLoad);
  const missing = usedByPasses(state, limit) + requests - burst;
  const share = cap > burst ? Math.min(1, missing / (cap - burst)) : 1;
  return Math.ceil(Date.parse(state.windowStart) + share * windowMs - atMs);
}

const shortestSampleMs = 600_000;

/**
 * When the budget will be used up if requests go on as in this window so far, Unix time in milliseconds; null when it lasts until
 * the window ends. The first ten minutes tell little and count as ten.
 */
export function exhaustionMs(state: QuotaState, limit: number, atMs: number): number | null {
  if (state.windowStart === null || state.used === 0) return null;
  if (state.used >= limit) return atMs;
  const startMs = Date.parse(state.windowStart);
  const perMs = state.used / Math.max(atMs - startMs, shortestSampleMs);
  const exhaustedMs = atMs + (limit - state.used) / perMs;
  return exhaustedMs < startMs + windowMs ? Math.round(exhaustedMs) : null;
}

/** The part of the budget that passes share, and how much of it may leave at once. */
function planOf(limit: number, firstLoad: boolean): { cap: number; burst: number } {
  const cap = limit - reserveOf(limit);
  return { cap, burst: Math.max(1, Math.round(cap * (firstLoad ? firstLoadShare : burstShare))) };
}

/** What a person asked for comes out of the reserve first. */
function usedByPasses({ used, byOperator }: QuotaState, limit: number): number {
  return used - Math.min(byOperator, reserveOf(limit));
}
