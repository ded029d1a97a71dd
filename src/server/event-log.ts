import { messageOf } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import type { Logger } from '../core/logger.ts';

/** Turns events into log lines: one line a stream and pass when all is well, more only when somebody may have to act. */
export function reportEvents(events: EventBus, logger: Logger): void {
  events.on('stream:finished', ({ result }) => {
    const { connector, stream, watermark, requests, error, ...rest } = result;
    const fields = { stream: `${connector}/${stream}`, ...rest, requests, watermark: watermark.after };
    if (result.outcome === 'failed') logger.error('Pass failed.', { ...fields, error });
    else if (result.outcome === 'waiting') logger.info('Pass waits; changes are gathered.', { ...fields, error });
    else logger.info('Pass finished.', fields);
  });
  events.on('cycle:failed', ({ connector, error }) =>
    logger.error('Cycle failed.', { connector, error: messageOf(error) }),
  );
  events.on('record:refused', (fields) => logger.warn('Record set aside.', fields));
  events.on('field:left-out', (fields) =>
    logger.warn('The MES has no column for a field; records are delivered without it.', fields),
  );
  events.on('mes:full', (fields) => logger.warn('New records wait: the plan of the MES has no room for them.', fields));
  events.on('mes:moved', (fields) =>
    logger.warn('The MES has another address than before; what was delivered there is not sent again.', fields),
  );
  events.on('mes:nesting-rests', (fields) =>
    logger.warn('New orders go to the MES record by record for a while.', fields),
  );
  events.on('record:left-on-hold', (fields) =>
    logger.warn('Record is active again in the ERP but stays on hold in the MES.', fields),
  );
  events.on('stream:degraded', (fields) => logger.warn('A stream does without what the ERP refuses it.', fields));
  events.on('stream:full-read', (fields) => {
    // What is due at every poll is no news.
    if (fields.reason === 'due') logger.debug('Reading everything.', fields);
    else logger.info('Reading everything.', fields);
  });
  events.on('absence:withheld', (fields) =>
    logger.error('Too many records vanished at once; nothing was cancelled.', fields),
  );
  events.on('reconcile:finished', ({ result: { connector, stream, ...rest } }) => {
    const fields = { stream: `${connector}/${stream}`, ...rest };
    if (rest.outcome === 'failed') logger.error('Reconciling failed.', fields);
    else logger.info('Reconciled.', fields);
  });
  events.on('rows:late', (fields) => logger.info('Rows showed up late.', fields));
  events.on('overlap:grown', (fields) => logger.warn('The overlap grows, because rows are late.', fields));
  // Such a row turns up in every pass from then on.
  const future = new Map<string, string>();
  events.on('stamp:in-future', (fields) => {
    const level = future.get(fields.stream) === fields.stamp ? 'debug' : 'warn';
    future.set(fields.stream, fields.stamp);
    logger[level]('A row is dated in the future; it is delivered but not believed.', fields);
  });
  events.on('run:stalled', (fields) => logger.error('A run made no progress and was given up.', fields));
  events.on('credentials:expiring', (fields) =>
    logger.warn('Credentials of the ERP end soon; renew them before they do.', fields),
  );
  events.on('credentials:unwatched', (fields) =>
    logger.warn('Nobody is told when these credentials of the ERP end.', fields),
  );
  events.on('schedule:caught-up', (fields) => logger.warn('A missed run is made up for.', fields));
  events.on('request:retried', (fields) => logger.debug('Request is tried again.', fields));
}
