import { z } from 'zod';
import { createTokenBucket } from '../../core/token-bucket.ts';
import type { Connector, ConnectorContext, ConnectorSession } from '../connector.ts';
import type { Mapping } from '../mapping.ts';
import { createDrfClient } from '../protocols/drf/client.ts';
import { enabledOf, fieldsOf, openErpHttp, requireClock } from '../session.ts';
import { checkSession } from '../session-check.ts';
import {
  aboutStreams,
  baseUrlSchema,
  connectorShape,
  numberPrefixSchema,
  rateSchema,
  timeZoneSchema,
} from '../settings.ts';
import { authSchema, openAuth } from './auth.ts';
import { createOrderLists } from './lists.ts';
import type { IsCell } from './look-ups.ts';
import { createPlanRuns, type PlanRuns } from './plan-runs.ts';
import { checkServer } from './server-check.ts';
import {
  type FreppleStreamOpening,
  freppleStampedStreamSchema,
  freppleStreamSchema,
  type OpenedFreppleStream,
  openStream,
} from './stream.ts';
import { freppleStreams } from './streams.ts';
import { createTaskList } from './tasks.ts';
import { createServerTimes } from './times.ts';
import { createZoneGuard, type ZoneGuard } from './zone.ts';

const settings = z.strictObject({
  ...connectorShape,
  type: z.literal('frepple').meta({ description: 'The kind of ERP' }),
  url: baseUrlSchema.meta({ description: 'Address of the FrePPLe web server' }),
  auth: authSchema,
  scenario: z
    .string()
    .regex(/^\w+$/, 'must be the name of a scenario, such as scenario1')
    .optional()
    .meta({ description: 'The production scenario when absent', examples: ['scenario1'] }),
  timeZone: timeZoneSchema.meta({
    description: "The server's zone: FREPPLE_TIME_ZONE, else that of its system. No answer names it",
    examples: ['Europe/Brussels'],
  }),
  numberPrefix: numberPrefixSchema,
  cells: z
    .strictObject({
      categories: z.array(z.string()).optional().meta({ description: 'Resources of these categories are cells' }),
      subcategories: z.array(z.string()).optional().meta({ description: 'Resources of these subcategories are cells' }),
      otherwise: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Name of the cell of operations that need no resource that is one, such as drying' }),
    })
    .prefault({})
    .meta({
      description: 'Which resources are cells; those at the top of their hierarchy, tools aside, when nothing is said',
    }),
  planTasks: z
    .array(z.string().min(1))
    .default([
      'runplan',
      'frepple_run',
      'scheduletasks',
      'importfromfolder',
      'importworkbook',
      'loadxml',
      'loaddata',
      'empty',
      'frepple_flush',
      'restore',
      'scenario_copy',
    ])
    .meta({ description: 'Tasks that rewrite tables: nothing is read meanwhile, and everything afterwards' }),
  longestPlanHours: z
    .number()
    .positive()
    .max(168)
    .default(12)
    .meta({ description: 'A task that runs for longer has died, and is not waited for' }),
  // It has no limit of its own, and one request at a time is all it gets.
  rate: rateSchema.default({ requestsPerSecond: 10, burst: 20 }),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(600)
    .meta({ description: 'A request with its whole answer takes no longer; 1 000 orders take FrePPLe some 1.5 s' }),
  maxResponseMegabytes: z.int().min(1).max(512).default(256).meta({ description: 'Larger answers are refused' }),
  streams: z
    .strictObject({
      resources: freppleStreamSchema.optional(),
      demands: freppleStreamSchema.optional(),
      'manufacturing-orders': freppleStampedStreamSchema.optional(),
      'work-orders': freppleStampedStreamSchema.optional(),
    })
    .default({})
    .meta(aboutStreams),
});

export type FreppleSettings = z.output<typeof settings>;

/** FrePPLe: its REST API, which has no pages, no order, and no change stamps to rely upon. */
export const frepple: Connector<FreppleSettings> = {
  type: 'frepple',
  settings,
  needs: { 'manufacturing-orders': ['demands'], 'work-orders': ['manufacturing-orders', 'resources'] },
  fieldsOf: fieldsOf(freppleStreams),
  open: openFrepple,
};

/** Settings of a stream that the config file does not mention. */
const unchanged = freppleStreamSchema.parse({});

function openFrepple(config: FreppleSettings, context: ConnectorContext): ConnectorSession {
  const { name, clock, events } = context;
  const closing = new AbortController();
  const { http, client } = openClient(config, context);
  const times = createServerTimes(config.timeZone);
  const lists = createOrderLists(client, times);
  const tasks = createTaskList(client, name);
  const { planTasks, longestPlanHours: longestHours } = config;
  const proof = { client, times, timeZone: config.timeZone, name };
  const zone = createZoneGuard(proof, { events, clock });
  const tracked = createPlanRuns({ name, tasks, events, clock, serverNow: client.now, times, planTasks, longestHours });
  const runs = behindZone(tracked, zone);
  const isCell = cellRule(config.cells);
  const { externalSource: source, numberPrefix, cells } = config;
  const mapping = { source, numberPrefix, times, isCell, otherwise: cells.otherwise };
  const shared = {
    config,
    reader: { client, lists, isCell, otherwise: cells.otherwise },
    runs,
    mapping,
    clock,
    closed: closing.signal,
  };
  const opened = openStreams(config, shared);
  const session = {
    name,
    source,
    streams: opened.map(({ stream }) => stream),
    async prepare(signal: AbortSignal) {
      await lists.splitsSteps(signal);
      await zone.require(signal);
    },
    edition: runs.edition,
    async clock(signal: AbortSignal) {
      if (client.now() === undefined) await lists.splitsSteps(signal);
      return requireClock(client.now(), { name, url: config.url });
    },
    close() {
      closing.abort();
      http.close();
    },
  };
  const probes = opened.map(({ stream: { name: stream }, sample, doubts }) => ({ name: stream, sample, doubts }));
  async function check(signal: AbortSignal) {
    const findings = await checkSession({ session, probes, clock, advice }, signal);
    const reached = findings.some(({ level }) => level === 'ok');
    return reached ? [...findings, ...(await checkServer(proof, tasks, signal))] : findings;
  }
  return { ...session, check };
}

const advice = {
  refused: 'Check url and scenario, and grant the user the rights listed in docs/connectors/frepple.md.',
};

/** No pass and no read begins before the zone is proven: an ERP that could not be asked at the start is asked by them. */
function behindZone(runs: PlanRuns, zone: ZoneGuard): PlanRuns {
  return {
    ...runs,
    async edition(signal) {
      const edition = await runs.edition(signal);
      await zone.require(signal);
      return edition;
    },
  };
}

function openStreams(
  config: FreppleSettings,
  shared: Omit<FreppleStreamOpening, 'definition' | 'own' | 'basis' | 'demands'>,
): OpenedFreppleStream[] {
  const opened: OpenedFreppleStream[] = [];
  let demands: Mapping | undefined;
  for (const { definition, own } of enabledOf(freppleStreams, config.streams, unchanged)) {
    const stream = openStream({ ...shared, definition, own, basis: basisOf(config), demands });
    if (definition.name === 'demands') demands = stream.mapping;
    opened.push(stream);
  }
  return opened;
}

function openClient(config: FreppleSettings, context: ConnectorContext) {
  const { name, clock, events, random, attempts } = context;
  const { origin, pathname } = new URL(config.url);
  const http = openErpHttp(config, context, origin);
  const root = pathname.replace(/\/$/, '') + (config.scenario === undefined ? '' : `/${config.scenario}`);
  const bucket = createTokenBucket(config.rate, clock);
  const auth = openAuth(config.auth, clock);
  return { http, client: createDrfClient({ name, http, root, auth, bucket, clock, events, random, attempts }) };
}

/** What is at the top of its hierarchy, tools aside, or what the config says. */
function cellRule({ categories, subcategories }: FreppleSettings['cells']): IsCell {
  if (categories === undefined && subcategories === undefined) {
    return ({ owner, subcategory }) => !owner && subcategory !== 'tool';
  }
  return ({ category, subcategory }) =>
    categories?.includes(category ?? '') === true || subcategories?.includes(subcategory ?? '') === true;
}

/** Changes when the built-in mapping of any stream changes what it makes of a row. */
const mappingVersion = 3;

function basisOf({ externalSource, scenario, timeZone, numberPrefix, cells }: FreppleSettings): unknown {
  return { mappingVersion, externalSource, scenario, timeZone, numberPrefix, cells };
}
