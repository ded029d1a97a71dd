import type { EventBus } from '../core/events.ts';

/** Counts the requests to a connector's ERP from now on. */
export function countErpRequests(events: EventBus, connector: string): () => number {
  let count = 0;
  events.on('request:done', ({ system, name }) => {
    if (system === 'erp' && name === connector) count += 1;
  });
  return () => count;
}
