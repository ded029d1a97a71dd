import type { Entity } from './types.ts';

/** Counters of one stream's pass; `deleted` counts records that became cancelled or inactive. */
export interface Counts {
  read: number;
  unchanged: number;
  created: number;
  updated: number;
  deleted: number;
  refused: number;
  parked: number;
}

export function zeroCounts(): Counts {
  return { read: 0, unchanged: 0, created: 0, updated: 0, deleted: 0, refused: 0, parked: 0 };
}

/**
 * How one pass of one stream ended. `refused` means done, but records were set aside; `waiting` that it did not begin or stopped between
 * two pages because requests to the MES are short.
 */
export interface StreamResult extends Counts {
  connector: string;
  stream: string;
  outcome: 'ok' | 'failed' | 'refused' | 'waiting';
  requests: { erp: number; mes: number };
  watermark: { before: string | null; after: string | null };
  durationMs: number;
  error?: string;
  /** Until when it waits, ISO-8601. */
  waitsUntil?: string;
}

/** How comparing one stream with the ledger ended. `withheld` means done, but more had vanished than is believed. */
export interface ReconcileResult {
  connector: string;
  stream: string;
  outcome: 'ok' | 'failed' | 'withheld';
  /** Records that the ERP lists. */
  checked: number;
  /** Delivered, because the MES did not hold them. */
  missing: number;
  /** Delivered, because the MES held them in an older state. */
  stale: number;
  /** Held by the MES although the ERP does not list them, or of this source and unknown to the ledger. */
  extra: number;
  /** Missing, stale and vanished records that the MES was told of. */
  repaired: number;
  /** Told to the MES as gone. */
  vanished: number;
  /** Missed by one sweep: the next one will tell. */
  pending: number;
  withheld: number;
  /** The MES did not list them although they were delivered. */
  lost: number;
  refused: number;
  requests: { erp: number; mes: number };
  durationMs: number;
  error?: string;
}

/** Everything the program tells of itself. Logs, metrics, readiness and the progress line subscribe; nothing else reports. */
export interface Events {
  /** A page's outcomes are durable. */
  'page:committed': { stream: string; counts: Counts };
  /** A row or record became a dead letter. */
  'record:refused': { stream: string; key: string; reason: string };
  /** The MES has no column for a field that records carry: they are delivered without. */
  'field:left-out': { entity: Entity; field: string };
  /** The tenant's plan has no room for new records of a kind; they wait. Told once until one is taken again. */
  'mes:full': { entity: Entity; reason: string };
  /** The state was kept for a MES at another address; what was delivered there is not sent again. */
  'mes:moved': { before: string; now: string };
  /** New jobs go without their parts and operations `until` then (ISO-8601), which takes a request for each operation. */
  'mes:nesting-rests': { until: string; reason: string };
  /** A cancelled record is active again in the ERP; its status in the MES stays on hold until somebody releases it there. */
  'record:left-on-hold': { stream: string; entity: Entity; externalId: string };
  /** A whole read begins, for a `reason` (`whyFull` in scheduler/pass); `total` rows where the ERP could say so. */
  'stream:full-read': { stream: string; reason: string; total: number | null };
  /** A stream, or a whole connector, does without something that the ERP does not let it read; `reason` names it, and what to do. */
  'stream:degraded': { stream: string; reason: string };
  'stream:finished': { result: StreamResult };
  /** More records vanished at once than the guard lets through; nothing was cancelled. */
  'absence:withheld': { stream: string; vanished: number; verb?: 'sync' | 'reconcile' };
  /** Every record that had vanished has been dealt with. */
  'absence:settled': { stream: string };
  /** Rows showed up with stamps behind the watermark, up to so many seconds; 0 when all are older than any overlap. */
  'rows:late': { stream: string; rows: number; seconds: number };
  /** From now on the polls of a stream read further back, because rows were late. */
  'overlap:grown': { stream: string; overlapSeconds: number; lateSeconds: number };
  /** A row is dated beyond the source's own clock; it was delivered, the watermark ignores it. */
  'stamp:in-future': { stream: string; stamp: string };
  'reconcile:finished': { result: ReconcileResult };
  'cycle:started': { connector: string };
  'cycle:finished': { connector: string; results: readonly StreamResult[]; durationMs: number };
  /** A cycle ended before its streams could run. */
  'cycle:failed': { connector: string; error: unknown };
  /** A run made no progress and was given up; `after` says what the last progress was. */
  'run:stalled': { connector: string; silentSeconds: number; after: string };
  /** What a connector proves itself with ends soon: a person must renew it. */
  'credentials:expiring': { connector: string; what: string; at: string };
  /** When a connector's credentials end cannot be known, because what the settings say of them fits nothing. */
  'credentials:unwatched': { connector: string; what: string; reason: string };
  /** A scheduled run did not happen in time and is made up for now. */
  'schedule:caught-up': { connector: string; missedAt: string };
  /** A request came back (or failed: status 0). */
  'request:done': { system: 'erp' | 'mes'; name: string; status: number; durationMs: number };
  /** A request is tried again after a pause. */
  'request:retried': { system: 'erp' | 'mes'; name: string; attempt: number; waitMs: number; error: string };
}

type Listener<Name extends keyof Events> = (event: Events[Name]) => void;

export interface EventBus {
  on<Name extends keyof Events>(name: Name, listener: Listener<Name>): void;
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void;
}

/** A listener that throws never hurts the sender: its error goes to `onListenerError`. */
export function createEventBus(onListenerError: (error: unknown) => void): EventBus {
  const listeners = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      set.add(listener);
      listeners.set(name, set);
    },
    emit(name, event) {
      for (const listener of listeners.get(name) ?? []) {
        try {
          listener(event as never);
        } catch (error) {
          onListenerError(error);
        }
      }
    },
  };
}
