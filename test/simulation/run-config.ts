import { type Config, configSchema } from '../../src/config/schema.ts';
import { entities } from '../../src/core/types.ts';
import { streamSettings } from './model-erp.ts';
import type { Setting } from './world.ts';

export interface Credentials {
  username: string;
  password: string;
  client: string;
}

interface Around {
  directory: string;
  apiKey: string;
  credentials: Credentials;
}

export const connectorName = 'plant';
const streamNames = ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations'];
const rate = { requestsPerSecond: 1000, burst: 1000 };

/** By what is written of one stream, without the size of its pages, or of what is deleted: to parse a config costs more than a pass. */
const parsed = new Map<string, Config>();

/** As an operator would write it, put together of parts that are each parsed once. */
export async function configOf(setting: Setting, { directory, apiKey, credentials }: Around): Promise<Config> {
  const { erp, pageSize, batchSize, maxConcurrency, requestsPerDay, plansDay = false, provesAll = false } = setting;
  const deletes = setting.policy === undefined ? {} : policiesOf(setting.policy);
  const written = erp === 'sap' ? sapStreams(pageSize) : streamSettings(erp, pageSize);
  const whole = await parseOnce({ deletes }, credentials);
  const connector = connectorOf(whole);
  const streams: Record<string, object> = { ...connector.streams };
  for (const [name, own] of Object.entries(written)) {
    const known = connectorOf(await parseOnce({ streams: { [name]: { ...own, pageSize: 1 } } }, credentials)).streams[
      name
    ];
    streams[name] = { ...known, pageSize };
  }
  const limited = requestsPerDay === undefined || !plansDay ? {} : { requestsPerDay };
  const verify = provesAll ? { sampleUpdates: 1 } : whole.mes.verify;
  const rates = { ...whole.mes.rate, ...limited };
  return {
    ...whole,
    mes: { ...whole.mes, apiKey, batchSize, maxConcurrency, rate: rates, verify },
    state: { ...whole.state, directory },
    connectors: { [connectorName]: { ...connector, streams } as Config['connectors'][string] },
  };
}

function connectorOf({ connectors }: Config): { streams: Record<string, object> } {
  return connectors[connectorName] as unknown as { streams: Record<string, object> };
}

function sapStreams(pageSize: number): Record<string, object> {
  return Object.fromEntries(streamNames.map((name) => [name, { pageSize }]));
}

function policiesOf(policy: string): Record<string, string> {
  return Object.fromEntries(entities.map((entity) => [entity, policy]));
}

/** What is written of the connector. */
interface Written {
  streams?: Record<string, object>;
  deletes?: Record<string, string>;
}

async function parseOnce(written: Written, credentials: Credentials): Promise<Config> {
  const key = JSON.stringify([written, credentials]);
  const known = parsed.get(key) ?? (await parseConfig(written, credentials));
  parsed.set(key, known);
  return known;
}

async function parseConfig(written: Written, credentials: Credentials): Promise<Config> {
  const { username, password, client } = credentials;
  const plain = {
    mes: {
      url: 'http://mes.example/functions/v1',
      apiKey: 'ery_test_0',
      rate,
    },
    state: { directory: '.' },
    connectors: {
      [connectorName]: {
        type: 'sap',
        everySeconds: 60,
        timeZone: 'Europe/Amsterdam',
        plantTimeZones: { '1720': 'America/Chicago' },
        externalSource: 'SAP',
        url: 'http://erp.example',
        auth: { kind: 'basic', username, password },
        sapClient: client,
        rate,
        ...written,
      },
    },
  };
  return (await configSchema.parseAsync(plain)) as Config;
}
