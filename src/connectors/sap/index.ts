import { z } from 'zod';
import type { HttpClient } from '../../core/http.ts';
import { createTokenBucket } from '../../core/token-bucket.ts';
import type { Connector, ConnectorContext, ConnectorSession } from '../connector.ts';
import { authSchema, createAuthenticator } from '../protocols/auth.ts';
import { createODataClient } from '../protocols/odata/client.ts';
import { odataChildStreamSchema, odataStreamSchema, openODataStream } from '../protocols/odata/stream.ts';
import { checkODataStream } from '../protocols/odata/stream-rules.ts';
import { createODataTimes } from '../protocols/odata/times.ts';
import { enabledOf, fieldsOf, openErpHttp, prepareEach, requireClock } from '../session.ts';
import { checkSession } from '../session-check.ts';
import { aboutStreams, baseUrlSchema, connectorShape, numberPrefixSchema, timeZoneSchema } from '../settings.ts';
import type { SapContext } from './rows.ts';
import { sapStreams } from './streams.ts';

const slotSchema = z.int().min(1).max(6);

const settings = z.strictObject({
  ...connectorShape,
  type: z.literal('sap').meta({ description: 'The kind of ERP' }),
  url: baseUrlSchema.meta({ description: 'Origin of the SAP gateway' }),
  auth: authSchema,
  sapClient: z
    .string()
    .regex(/^\d{3}$/, 'must be three digits in quotes, such as "100"')
    .optional()
    .meta({ description: 'sap-client of every request', examples: ['100'] }),
  language: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be two capital letters, such as EN')
    .default('EN')
    .meta({ description: 'sap-language of every request' }),
  odata: z
    .enum(['v2', 'v4'])
    .default('v2')
    .meta({ description: 'Which of the standard services to use where both exist' }),
  maxConcurrency: z.int().min(1).max(16).default(1).meta({ description: 'Requests to the ERP at one time' }),
  numberPrefix: numberPrefixSchema,
  plantTimeZones: z
    .record(z.string(), timeZoneSchema)
    .default({})
    .meta({ description: 'Zones of plants that differ from timeZone' }),
  standardValues: z
    .strictObject({
      setup: slotSchema.nullable().default(1).meta({ description: 'Slot of the set-up time' }),
      perPiece: z.array(slotSchema).default([2]).meta({ description: 'Slots of the times a piece' }),
      baseQuantity: z
        .number()
        .positive()
        .default(1)
        .meta({ description: 'Pieces that the times a piece are given for' }),
    })
    .prefault({}),
  streams: z
    .strictObject({
      'work-centers': odataStreamSchema.optional(),
      equipment: odataStreamSchema.optional(),
      'sales-orders': odataStreamSchema.optional(),
      'production-orders': odataStreamSchema.optional(),
      operations: odataChildStreamSchema.optional(),
    })
    .default({})
    .meta(aboutStreams),
});

export type SapSettings = z.output<typeof settings>;
/** SAP S/4HANA, and ECC through custom services: OData V2 and V4. */
export const sap: Connector<SapSettings> = {
  type: 'sap',
  settings,
  needs: { 'production-orders': ['sales-orders'], operations: ['production-orders', 'work-centers'] },
  fieldsOf: fieldsOf(sapStreams),
  checkStream(name, own) {
    const definition = sapStreams.find((stream) => stream.name === name);
    return definition === undefined ? [] : checkODataStream(definition, own);
  },
  open: openSap,
};

/** Settings of a stream that the config file does not mention. */
const unchanged = odataStreamSchema.parse({});

function openSap(config: SapSettings, context: ConnectorContext): ConnectorSession {
  const http = openErpHttp(config, context, new URL(config.url).origin);
  const clients: HttpClient[] = [http];
  const client = createODataClient({
    name: context.name,
    http,
    auth: createAuthenticator(config.auth, {
      clock: context.clock,
      tokenClient(origin) {
        const tokenHttp = openErpHttp(config, context, origin);
        clients.push(tokenHttp);
        return tokenHttp;
      },
    }),
    bucket: createTokenBucket(config.rate, context.clock),
    always: { ...(config.sapClient && { 'sap-client': config.sapClient }), 'sap-language': config.language },
    clock: context.clock,
    events: context.events,
    random: context.random,
    attempts: context.attempts,
  });
  const sapContext = createContext(config);
  const opened = enabledOf(sapStreams, config.streams, unchanged).map(({ definition, own }) => {
    const id = `${context.name}/${definition.name}`;
    return openODataStream({ id, definition, own, config, client, context: sapContext, basis: basisOf(config) });
  });
  const sources = opened.map(({ source }) => source);
  const session = {
    name: context.name,
    source: config.externalSource,
    streams: opened.map(({ stream }) => stream),
    prepare: (signal: AbortSignal) => prepareEach(sources, signal),
    async clock(signal: AbortSignal) {
      if (client.now() === undefined) await opened[0]?.source.sample(signal);
      return requireClock(client.now(), { name: context.name, url: config.url });
    },
    close() {
      for (const each of clients) each.close();
    },
  };
  const probes = opened.map(({ stream: { name }, source: { sample, doubts } }) => ({ name, sample, doubts }));
  return { ...session, check: (signal) => checkSession({ session, probes, clock: context.clock, advice }, signal) };
}

const advice = {
  malformed: 'Check sapClient, and that url leads to the gateway and not to a portal or logon page.',
};

/** Changes when the built-in mapping of any stream changes what it makes of a row. */
const mappingVersion = 2;

/** Language and client decide what the ERP sends, the rest what is made of it. */
function basisOf(config: SapSettings): unknown {
  const { externalSource, sapClient, language, timeZone, plantTimeZones, numberPrefix, standardValues } = config;
  return {
    mappingVersion,
    externalSource,
    sapClient,
    language,
    timeZone,
    plantTimeZones,
    numberPrefix,
    standardValues,
  };
}

function createContext(config: SapSettings): SapContext {
  const { timeZone, plantTimeZones, numberPrefix, standardValues } = config;
  return {
    source: config.externalSource,
    numberPrefix,
    timeZone,
    standardValues,
    zoneOf: (plant) => plantTimeZones[plant] ?? timeZone,
    ...createODataTimes(),
  };
}
