import { z } from 'zod';
import { RecordError } from '../../core/errors.ts';
import { createTokenBucket } from '../../core/token-bucket.ts';
import type { CompanionSource } from '../companions.ts';
import type { Connector, ConnectorContext, ConnectorSession } from '../connector.ts';
import { createSuiteQlClient } from '../protocols/suiteql/client.ts';
import {
  openSuiteQlStream,
  suiteQlChildStreamSchema,
  suiteQlStampedStreamSchema,
  suiteQlStreamSchema,
} from '../protocols/suiteql/stream.ts';
import { enabledOf, fieldsOf, openErpHttp, prepareEach } from '../session.ts';
import { aboutStreams, baseUrlSchema, connectorShape, numberPrefixSchema } from '../settings.ts';
import { dayToInstant } from '../values.ts';
import { accountOf, authSchema, openAuth } from './auth.ts';
import { checkNetSuite, createExpiryWatch } from './check.ts';
import type { NetSuiteContext } from './rows.ts';
import { netSuiteStreams } from './streams.ts';

const settings = z.strictObject({
  ...connectorShape,
  type: z.literal('netsuite').meta({ description: 'The kind of ERP' }),
  accountId: z
    .string()
    .regex(/^[A-Za-z0-9]+([_-][A-Za-z0-9]+)?$/, 'must be an account ID, such as 1234567 or 1234567_SB1')
    .meta({ description: 'Account ID, as Company Information shows it', examples: ['1234567', '1234567_SB1'] }),
  baseUrl: baseUrlSchema.optional().meta({
    description: 'SuiteTalk URL from Company Information > Company URLs, where it is not the usual one of the account',
  }),
  auth: authSchema,
  maxConcurrency: z.int().min(1).max(4).default(1).meta({
    description: 'Requests to NetSuite at one time; all integrations of an account share one small pool',
  }),
  numberPrefix: numberPrefixSchema,
  streams: z
    .strictObject({
      'work-centers': suiteQlStreamSchema.optional(),
      'sales-orders': suiteQlStampedStreamSchema.optional(),
      'work-orders': suiteQlStampedStreamSchema.optional(),
      'operation-tasks': suiteQlChildStreamSchema.optional(),
    })
    .default({})
    .meta(aboutStreams),
});

type NetSuiteSettings = z.output<typeof settings>;

/** Oracle NetSuite: SuiteQL over REST. */
export const netsuite: Connector<NetSuiteSettings> = {
  type: 'netsuite',
  settings,
  needs: { 'work-orders': ['sales-orders'], 'operation-tasks': ['work-orders', 'work-centers'] },
  fieldsOf: fieldsOf(netSuiteStreams),
  open: openNetSuite,
};

/** Settings of a stream that the config file does not mention. */
const unchanged = suiteQlStreamSchema.parse({});

function openNetSuite(config: NetSuiteSettings, context: ConnectorContext): ConnectorSession {
  const account = accountOf(config.accountId, config.baseUrl);
  const { origin, pathname } = new URL(account.url);
  const http = openErpHttp(config, context, origin);
  const { auth, expiry } = openAuth(config.auth, { account, http, context });
  const { name, clock, events, random, attempts } = context;
  const bucket = createTokenBucket(config.rate, clock);
  const basePath = pathname.replace(/\/$/, '');
  const client = createSuiteQlClient({ name, http, basePath, auth, bucket, clock, events, random, attempts });
  const others = new Map<string, CompanionSource>();
  const opened = enabledOf(netSuiteStreams, config.streams, unchanged).map(({ definition, own }) => {
    const id = `${name}/${definition.name}`;
    const stream = openSuiteQlStream({
      id,
      definition,
      own,
      config,
      client,
      events,
      context: createContext(config),
      basis: basisOf(config),
      others,
    });
    others.set(definition.name, stream.companionSource);
    return stream;
  });
  const watch = createExpiryWatch({ name, clock, expiry }, events);
  const session = {
    name,
    source: config.externalSource,
    streams: opened.map(({ stream }) => stream),
    async prepare(signal: AbortSignal) {
      const asserting = opened.map(({ assertNames }) => ({ prepare: assertNames }));
      await prepareEach(asserting, signal);
      await client.now(signal);
    },
    clock(signal: AbortSignal) {
      watch();
      return client.now(signal);
    },
    close: () => http.close(),
  };
  const checking = { session, opened, client, clock, expiry, timeZone: config.timeZone };
  return { ...session, check: (signal) => checkNetSuite(checking, signal) };
}

/** Changes when the built-in mapping of any stream changes what it makes of a row. */
const mappingVersion = 2;

function basisOf({ externalSource, timeZone, numberPrefix }: NetSuiteSettings): unknown {
  return { mappingVersion, externalSource, timeZone, numberPrefix };
}

const dayForm = /^\d{4}-\d{2}-\d{2}$/;
const maxRemembered = 20_000;

function createContext({ externalSource, numberPrefix, timeZone }: NetSuiteSettings): NetSuiteContext {
  // Converting days is most of the cost of a mapping, and a page holds few different ones.
  const remembered = new Map<string, string>();
  return {
    source: externalSource,
    numberPrefix,
    dayAt(day) {
      if (!day) return null;
      if (!dayForm.test(day))
        throw new RecordError(`A day was expected as YYYY-MM-DD, but got ${JSON.stringify(day)}.`);
      const known = remembered.get(day) ?? dayToInstant(day, timeZone);
      if (remembered.size >= maxRemembered) remembered.clear();
      remembered.set(day, known);
      return known;
    },
  };
}
