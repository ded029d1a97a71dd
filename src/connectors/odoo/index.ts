import { z } from 'zod';
import type { HttpClient } from '../../core/http.ts';
import { createTokenBucket } from '../../core/token-bucket.ts';
import type { Finding } from '../../core/types.ts';
import type { CompanionSource } from '../companions.ts';
import type { Connector, ConnectorContext, ConnectorSession } from '../connector.ts';
import { createOdooClient, type OdooClient } from '../protocols/odoo/client.ts';
import { createOdooModels } from '../protocols/odoo/model.ts';
import { odooChildStreamSchema, odooStreamSchema, openOdooStream } from '../protocols/odoo/stream.ts';
import { enabledOf, fieldsOf, openErpHttp, prepareEach, requireClock } from '../session.ts';
import { type Advice, checkSession } from '../session-check.ts';
import { aboutStreams, baseUrlSchema, connectorShape, numberPrefixSchema, secretSchema } from '../settings.ts';
import { createKeyWatch } from './key.ts';
import type { OdooContext } from './rows.ts';
import { odooStreams } from './streams.ts';
import { checkZone } from './zone.ts';

const usernameSchema = z.string().min(1).meta({ description: 'Login of the account, also with an API key' });

const shape = z.strictObject({
  ...connectorShape,
  type: z.literal('odoo').meta({ description: 'The kind of ERP' }),
  url: baseUrlSchema.meta({ description: 'Where Odoo is, e.g. https://plant.odoo.com' }),
  database: z.string().min(1).meta({ description: 'Name of the database' }),
  auth: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('apiKey'),
      username: usernameSchema,
      key: secretSchema.meta({ description: 'API key of that account' }),
      name: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Name that the key has in Odoo, where the account has several: to watch its expiry' }),
    }),
    z.strictObject({
      kind: z.literal('password'),
      username: usernameSchema,
      password: secretSchema.meta({ description: 'Its password' }),
    }),
  ]),
  protocol: z
    .enum(['auto', 'json2', 'jsonrpc'])
    .default('auto')
    .meta({ description: 'auto takes JSON-2 (19 and later, with an API key) where it is offered, else JSON-RPC' }),
  allowedCompanyIds: z
    .array(z.int().min(1))
    .min(1)
    .optional()
    .meta({
      description: 'Companies to read, by id; those that the account has when the daemon starts when absent',
      examples: [[1]],
    }),
  language: z
    .string()
    .regex(/^[a-z]{2,3}_[A-Z]{2}(@[a-z]+)?$/, 'must be a locale such as en_US')
    .default('en_US')
    .meta({ description: 'Language of names that Odoo translates' }),
  numberPrefix: numberPrefixSchema,
  streams: z
    .strictObject({
      'work-centers': odooStreamSchema.optional(),
      equipment: odooStreamSchema.optional(),
      'sales-orders': odooStreamSchema.optional(),
      'manufacturing-orders': odooStreamSchema.optional(),
      'work-orders': odooChildStreamSchema.optional(),
    })
    .default({})
    .meta(aboutStreams),
});

const settings = shape.refine(({ auth, protocol }) => protocol !== 'json2' || auth.kind !== 'password', {
  path: ['protocol'],
  message: 'json2 takes API keys only, and auth names a password: use auth.kind apiKey, or auto or jsonrpc',
});

export type OdooSettings = z.output<typeof settings>;

/** Odoo 14 to 21, Community and Enterprise: JSON-2 and JSON-RPC. */
export const odoo: Connector<OdooSettings> = {
  type: 'odoo',
  settings,
  needs: { 'manufacturing-orders': ['sales-orders'], 'work-orders': ['manufacturing-orders', 'work-centers'] },
  fieldsOf: fieldsOf(odooStreams),
  open: openOdoo,
};

/** Settings of a stream that the config file does not mention. */
const unchanged = odooStreamSchema.parse({});

function openOdoo(config: OdooSettings, context: ConnectorContext): ConnectorSession {
  const { name, clock, events } = context;
  const { auth, externalSource: source, numberPrefix } = config;
  const http = openErpHttp(config, context, new URL(config.url).origin);
  const client = openClient(config, context, http);
  const models = createOdooModels(client, name);
  const odooContext: OdooContext = { source, numberPrefix };
  const others = new Map<string, CompanionSource>();
  const opened = enabledOf(odooStreams, config.streams, unchanged).map(({ definition, own }) => {
    const id = `${name}/${definition.name}`;
    const basis = basisOf(config);
    const stream = openOdooStream({ id, definition, own, config, models, context: odooContext, basis, others });
    others.set(definition.name, stream.companionSource);
    return stream;
  });
  const key = auth.kind === 'apiKey' ? createKeyWatch({ models, connector: name, keyName: auth.name, events }) : null;
  const sources = opened.map(({ source }) => source);
  const session = {
    name,
    source,
    streams: opened.map(({ stream }) => stream),
    prepare: (signal: AbortSignal) => prepareEach(sources, signal),
    async clock(signal: AbortSignal) {
      if (client.now() === undefined) await client.server(signal);
      const now = requireClock(client.now(), { name, url: config.url });
      await key?.look(now, signal);
      return now;
    },
    close: () => http.close(),
  };
  const probes = opened.map(({ stream: { name: stream }, source: { sample, lacking, doubts } }) => ({
    name: stream,
    sample,
    lacking,
    doubts,
  }));
  return {
    ...session,
    async check(signal) {
      const findings = await checkSession({ session, probes, clock, advice }, signal);
      if (!findings.some(({ level }) => level === 'ok')) return findings;
      const now = await session.clock(signal);
      const ownKey = (await key?.check(now, signal)) ?? [];
      const zone = await checkZone({ client, where: name, timeZone: config.timeZone, now }, signal);
      return [...findings, ...(await describeServer(name, client, signal)), ...ownKey, ...zone];
    },
  };
}

function openClient(config: OdooSettings, context: ConnectorContext, http: HttpClient): OdooClient {
  const { auth, database, protocol, language, allowedCompanyIds: companies } = config;
  const secret = auth.kind === 'apiKey' ? auth.key : auth.password;
  const { name, clock, events, random, attempts } = context;
  return createOdooClient({
    name,
    http,
    prefix: new URL(config.url).pathname.replace(/\/$/, ''),
    account: { database, username: auth.username, secret },
    secretIsKey: auth.kind === 'apiKey',
    protocol,
    context: { lang: language, tz: 'UTC', active_test: false },
    companies,
    bucket: createTokenBucket(config.rate, clock),
    clock,
    events,
    random,
    attempts,
  });
}

/** Changes when the built-in mapping of any stream changes what it makes of a row. */
const mappingVersion = 2;

/** Language and companies decide what Odoo sends, the rest what is made of it. */
function basisOf({
  externalSource,
  database,
  language,
  allowedCompanyIds,
  numberPrefix,
  timeZone,
}: OdooSettings): unknown {
  return { mappingVersion, externalSource, database, language, allowedCompanyIds, numberPrefix, timeZone };
}

const advice: Partial<Advice> = {
  credentials:
    'Correct database and auth in the config file; a key may have expired (Odoo: Preferences, Account Security).',
  refused: 'Give the account the rights listed in docs/connectors/odoo.md.',
  malformed: 'Check that url leads to Odoo itself and not to a portal or logon page.',
  empty:
    'If Odoo holds such records, record rules hide them: Sales needs All Documents, equipment the Equipment Manager, and every company must be allowed to the account.',
};

async function describeServer(name: string, client: OdooClient, signal: AbortSignal): Promise<Finding[]> {
  const { protocol, version } = await client.server(signal);
  const text = `Odoo ${version}, by ${protocol === 'json2' ? 'JSON-2' : 'JSON-RPC'}.`;
  return [{ code: 'server-found', level: 'ok', where: name, text, todo: '' }];
}
