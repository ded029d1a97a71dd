import type { Config } from '../config/schema.ts';
import type { AnyConnector, ConnectorSession } from '../connectors/connector.ts';
import { connectors } from '../connectors/index.ts';
import { type ConnectorSettings, readTls } from '../connectors/settings.ts';
import type { Clock } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import { createHttpClient, type OpenHttp } from '../core/http.ts';
import type { Redactor } from '../core/redact.ts';
import { createTokenBucket } from '../core/token-bucket.ts';
import type { Caller } from '../push/day-plan.ts';
import type { Booking } from '../push/day-quota.ts';
import { createAnswerRules } from '../push/eryxon/answers.ts';
import { createOutage, type Outage } from '../push/outage.ts';
import { createPace, type Pace } from '../push/pace.ts';
import { type CountedTransport, createTransport } from '../push/transport.ts';

/** What the ways to the ERPs and to the MES are opened with. */
export interface SystemOptions {
  config: Config;
  clock: Clock;
  events: EventBus;
  /** Between 0 and 1, for jitter. */
  random: () => number;
  /** Tries a request; 5 when absent. */
  attempts?: number;
  /** Takes secrets out of what other systems say. */
  redact?: Redactor;
  /** The way to the network; sockets when absent. */
  openHttp?: OpenHttp;
  /** Records a request to the MES at first; a hundred when absent. */
  firstBatch?: number | undefined;
  /** The connectors that there are; those of this build when absent. */
  connectors?: readonly AnyConnector[];
}

export interface Mes {
  pace: Pace;
  outage: Outage;
  openTransport(signal: AbortSignal, caller: Caller): CountedTransport;
  close(): void;
}

/** A thousand records of 16 kB each; a server that sends more and more takes no more memory than this. */
const mesAnswerBytes = 16 * 1_048_576;

/** Everything that all requests to the MES share: connections, token bucket, day budget. */
export function openMes(options: SystemOptions, quota: Booking): Mes {
  const { clock, events, random, attempts = defaultAttempts, openHttp = createHttpClient } = options;
  const { mes } = options.config;
  const http = openHttp({
    origin: new URL(mes.url).origin,
    system: 'mes',
    name: 'mes',
    tls: readTls(mes.tls),
    proxy: mes.proxy,
    deadlineMs: mes.timeoutSeconds * 1000,
    maxBytes: mesAnswerBytes,
    headers: { Authorization: `Bearer ${mes.apiKey}` },
    clock,
    events,
    ...redaction(options),
  });
  const bucket = createTokenBucket(mes.rate, clock, 'empty');
  const { batchSize, maxConcurrency, timeoutSeconds, longestWaitSeconds } = mes;
  const answers = createAnswerRules(clock, longestWaitSeconds * 1000);
  const pace = createPace({ batchSize, maxConcurrency, slowMs: timeoutSeconds * 500, firstBatch: options.firstBatch });
  const outage = createOutage(clock, random);
  const shared = { http, bucket, quota, pace, outage, answers, clock, events, random, attempts };
  return {
    pace,
    outage,
    openTransport: (signal, caller) => createTransport({ ...shared, caller }, signal),
    close: http.close,
  };
}

const defaultAttempts = 5;

export function redaction({ redact }: SystemOptions): { redact?: Redactor } {
  return redact === undefined ? {} : { redact };
}

export function openSession(name: string, settings: ConnectorSettings, options: SystemOptions): ConnectorSession {
  const connector = (options.connectors ?? connectors).find(({ type }) => type === settings.type);
  if (connector === undefined) throw new ConfigError(`connectors.${name}.type ${settings.type} is not known.`);
  const { clock, events, random, attempts = defaultAttempts } = options;
  const network = options.openHttp === undefined ? {} : { openHttp: options.openHttp };
  const context = { name, clock, events, random, attempts, ...network, ...redaction(options) };
  return connector.open(settings as never, context);
}
