import { createHttpClient, type HttpClient } from '../core/http.ts';
import type { ConnectorContext } from './connector.ts';
import { type ConnectorSettings, readTls } from './settings.ts';

/** A client for one origin of an ERP, within the limits that the config sets. */
export function openErpHttp(config: ConnectorSettings, context: ConnectorContext, origin: string): HttpClient {
  const open = context.openHttp ?? createHttpClient;
  return open({
    origin,
    system: 'erp',
    name: context.name,
    tls: readTls(config.tls),
    proxy: config.proxy,
    deadlineMs: config.timeoutSeconds * 1000,
    maxBytes: config.maxResponseMegabytes * 1_048_576,
    clock: context.clock,
    events: context.events,
    ...(context.redact && { redact: context.redact }),
  });
}
