import { z } from 'zod';
import type { AnyConnector } from '../connectors/connector.ts';
import { connectors } from '../connectors/index.ts';
import {
  baseUrlSchema,
  type ConnectorSettings,
  nameSchema,
  pathSchema,
  rateSchema,
  secretSchema,
  tlsSchema,
  urlSchema,
} from '../connectors/settings.ts';

const mesSchema = z.strictObject({
  url: baseUrlSchema.meta({
    description: 'Base URL of the Eryxon functions',
    examples: ['https://project.supabase.co/functions/v1'],
  }),
  apiKey: secretSchema.meta({ description: 'API key, ery_live_… or ery_test_…' }),
  rate: z
    .strictObject({
      ...rateSchema.shape,
      requestsPerSecond: rateSchema.shape.requestsPerSecond.default(5),
      burst: rateSchema.shape.burst.default(10),
      requestsPerDay: z
        .int()
        .min(1)
        .optional()
        .meta({ description: "The tenant's day quota: 100, 1 000 or 10 000 by plan" }),
    })
    .prefault({}),
  maxConcurrency: z
    .int()
    .min(1)
    .max(16)
    .default(2)
    .meta({ description: 'Requests to the MES at one time at most; fewer while it has trouble' }),
  batchSize: z.int().min(1).max(1000).default(1000).meta({
    description:
      'Records a request at most: it starts with 100, grows while the MES keeps up, and shrinks when it does not',
  }),
  verify: z
    .strictObject({
      sampleUpdates: z.number().min(0).max(1).default(0.05).meta({
        description:
          'Share of updates read back where the answer of the MES proves nothing; creates always are, and after one false answer everything is for a day',
      }),
    })
    .prefault({}),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(60)
    .meta({ description: 'A request with its whole answer takes no longer' }),
  longestWaitSeconds: z.int().min(60).max(86_400).default(86_400).meta({
    description: 'A wait that the MES asks for (Retry-After) is kept for so long at most',
  }),
  tls: tlsSchema.optional(),
  proxy: urlSchema.optional().meta({ description: 'Forward proxy; proxy variables of the environment are never used' }),
});

const stateSchema = z.strictObject({
  directory: pathSchema
    .default('./state')
    .meta({ description: "Where state is kept; relative to the config file's folder" }),
});

const healthSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .meta({ description: 'Address that /livez, /readyz and /metrics listen on' }),
  port: z.int().min(0).max(65_535).default(8686).meta({ description: 'Their port; 0 takes any free one' }),
  logEverySeconds: z.int().min(1).max(86_400).default(60).meta({ description: 'How often the health line is logged' }),
});

const logSchema = z.strictObject({
  level: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .meta({ description: 'The least important line that is logged' }),
  format: z
    .enum(['json', 'pretty'])
    .default('json')
    .meta({ description: 'One JSON object a line, or text for a person' }),
});

const [first, ...others] = connectors.map((connector: AnyConnector) => connector.settings);
if (first === undefined) throw new Error('No connector is registered in connectors/index.ts.');
export const connectorSchema = z.discriminatedUnion('type', [first, ...others] as [typeof first, ...typeof others]);

/** The config file: stitched together from what each connector says of itself. */
export const configSchema = z.strictObject({
  mes: mesSchema,
  state: stateSchema.prefault({}),
  health: healthSchema.prefault({}),
  log: logSchema.prefault({}),
  connectors: z.record(nameSchema, connectorSchema).meta({ description: 'One entry an ERP, by a name of your choice' }),
});

export type MesSettings = z.output<typeof mesSchema>;

export interface Config {
  mes: MesSettings;
  state: z.output<typeof stateSchema>;
  health: z.output<typeof healthSchema>;
  log: z.output<typeof logSchema>;
  connectors: Readonly<Record<string, ConnectorSettings>>;
}

/** The same schema for editors and for the settings page; secrets are marked `secret: true`. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  return { ...schema, title: 'erp-puller configuration' };
}
