import type { ConnectorSettings } from '../connectors/settings.ts';
import type { Schedule } from '../scheduler/engine.ts';
import { createIsDue } from '../scheduler/overdue.ts';
import type { ReconcilerOptions } from '../scheduler/reconcile.ts';

const defaultEverySeconds = 300;

/** When a connector is polled. */
export function scheduleOf({ schedule, everySeconds, timeZone }: ConnectorSettings): Schedule {
  if (schedule !== undefined) return { cron: schedule, timeZone };
  return { everySeconds: everySeconds ?? defaultEverySeconds };
}

const defaultReconcileSeconds = 86_400;

/** When a connector's streams are compared with the ledger, and which are not. */
export function reconcilingOf(settings: ConnectorSettings): Omit<ReconcilerOptions, 'mes'> {
  const { reconcile, timeZone, streams = {} } = settings;
  const { schedule: cron, everySeconds = defaultReconcileSeconds } = reconcile;
  const off = Object.keys(streams).filter((stream) => streams[stream]?.reconcile === false);
  const isDue = createIsDue(cron === undefined ? { everySeconds } : { cron, timeZone });
  return { isDue, off: new Set(off), withMes: reconcile.mes };
}
