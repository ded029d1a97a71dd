import { ConfigError, PermanentError } from '../core/errors.ts';
import { createHttpClient, type HttpClient } from '../core/http.ts';
import type { Entity } from '../core/types.ts';
import type { ConnectorContext } from './connector.ts';
import { mesFields } from './fields.ts';
import { type ConnectorSettings, readTls } from './settings.ts';

/** What every protocol's definition of a stream says, whatever else it needs. */
interface Definition {
  name: string;
  entity: Entity;
}

/** MES fields that an operator's own mapping of one of these streams may set: `Connector.fieldsOf`. */
export function fieldsOf(definitions: readonly Definition[]): (stream: string) => readonly string[] | undefined {
  const entities = new Map(definitions.map(({ name, entity }) => [name, entity]));
  return (stream) => {
    const entity = entities.get(stream);
    return entity === undefined ? undefined : Object.keys(mesFields[entity]);
  };
}

/** The streams that run, each with its settings; `unchanged` are those of a stream that the config file does not mention. */
export function enabledOf<Known extends Definition, Own extends { enabled: boolean }>(
  definitions: readonly Known[],
  streams: Readonly<Record<string, Own | undefined>>,
  unchanged: Own,
): { definition: Known; own: Own }[] {
  return definitions
    .map((definition) => ({ definition, own: streams[definition.name] ?? unchanged }))
    .filter(({ own }) => own.enabled);
}

/** The ERP's clock as its answers showed it. Throws PermanentError where they never did. */
export function requireClock(now: Date | undefined, { name, url }: { name: string; url: string }): Date {
  if (now !== undefined) return now;
  throw new PermanentError(`${name}: ${url} sends no Date header, so windows cannot be cut by its clock.`);
}

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

/** Prepares stream by stream; what is wrong with the config of any is thrown of all of them at once. */
export async function prepareEach(
  streams: readonly { prepare(signal: AbortSignal): Promise<unknown> }[],
  signal: AbortSignal,
): Promise<void> {
  const problems: ConfigError['problems'][number][] = [];
  for (const stream of streams) {
    try {
      await stream.prepare(signal);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
