import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { isLinkLocal } from '../core/egress.ts';
import type { TlsOptions } from '../core/http.ts';
import { stampKinds } from '../core/types.ts';
import { assertExpression } from './expression.ts';

/** A name that becomes part of stream ids, metrics and file names. */
export const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use lower-case letters, digits and hyphens');

export const timeZoneSchema = z
  .string()
  .refine(isTimeZone, 'is not a time zone; use an IANA name such as Europe/Amsterdam')
  .meta({ description: 'IANA time zone', examples: ['Europe/Amsterdam'] });

/** An http(s) origin, or a URL whose path is kept; never with credentials in it. */
export const urlSchema = z
  .url({ protocol: /^https?$/, error: 'is not an http or https URL' })
  .refine(
    (text) => !URL.canParse(text) || (new URL(text).username === '' && new URL(text).password === ''),
    'must not contain credentials; use auth',
  )
  .refine(
    (text) => !URL.canParse(text) || !isLinkLocal(new URL(text).hostname),
    'is a link-local address, where clouds keep credentials; nothing is sent there',
  );

/** One that paths are added behind. */
export const baseUrlSchema = urlSchema.refine(
  (text) => !/[?#]/.test(text),
  'must not have a query (?) or a fragment (#): what is asked for is added behind it',
);

export const secretSchema = z
  .string()
  .min(4, 'is too short for a secret (at least 4 characters)')
  .meta({ secret: true });

/** A file or directory; relative ones are taken from the config file's folder before this. */
export const pathSchema = z
  .string()
  .min(1)
  .refine((text) => !text.includes('\0'), 'must not have a NUL character, which no path has');

export const rateSchema = z.strictObject({
  requestsPerSecond: z.number().positive().max(1000).meta({ description: 'Sustained requests a second' }),
  burst: z.int().min(1).max(1000).default(1).meta({ description: 'Requests that may go out at once after a pause' }),
});

export const tlsSchema = z
  .strictObject({
    caFile: pathSchema.optional().meta({ description: 'PEM file of the CA to trust' }),
    certFile: pathSchema.optional().meta({ description: 'PEM file of the client certificate (mTLS)' }),
    keyFile: pathSchema.optional().meta({ description: 'PEM file of its private key' }),
  })
  .refine((tls) => (tls.certFile === undefined) === (tls.keyFile === undefined), 'certFile and keyFile go together');

export const expressionSchema = z
  .string()
  .min(1)
  .check(async (context) => {
    const problem = await assertExpression(context.value);
    if (problem !== undefined) context.issues.push({ code: 'custom', message: problem, input: context.value });
  });

/** Settings that every stream of every connector understands. */
export const streamShape = {
  enabled: z.boolean().default(true).meta({ description: 'Whether it is read at all' }),
  reconcile: z
    .boolean()
    .default(true)
    .meta({ description: 'Compare all its keys with the ledger when reconciling is due' }),
  pageSize: z.int().min(1).max(5000).default(500).meta({ description: 'Rows a request' }),
  overlapSeconds: z.int().min(0).max(31_536_000).optional().meta({
    description: 'How far every poll reads back behind the watermark; the default depends on the kind of stamp',
  }),
  settleSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .optional()
    .meta({ description: "How far a window ends behind the ERP's clock; stamps without a zone have the overlap only" }),
  fullReadEverySeconds: z
    .int()
    .min(1)
    .max(31_536_000)
    .optional()
    .meta({ description: 'A complete read at least this often' }),
  stampKind: z.enum(stampKinds).optional().meta({ description: 'How the ERP stamps changes' }),
  fields: z.record(z.string(), expressionSchema).default({}).meta({
    description: 'MES field: property path, or JSONata expression over the row; laid over the default mapping',
  }),
  when: expressionSchema.optional().meta({ description: 'JSONata: rows for which this is false are left out' }),
};

/** Tells the numbers of one ERP from those of another in the same MES. */
export const numberPrefixSchema = z
  .string()
  .max(20)
  .default('')
  .meta({ description: 'Put before every job number, and before the order in every part number' });

/** Of the section `streams`. */
export const aboutStreams = {
  description: 'What to change about a stream; every stream runs unless it says enabled: false',
};

/** How often what is read by its parents is read again for all open ones; only for streams that are. */
export function sweepSchema(seconds: number) {
  return z.int().min(1).max(31_536_000).default(seconds).meta({
    description: 'How often the rows of all open parents are read again',
  });
}

const reconcileSchema = z.strictObject({
  everySeconds: z
    .int()
    .min(60)
    .max(31_536_000)
    .optional()
    .meta({ description: 'Compare all keys with the ledger this often; 86 400 when no schedule is given' }),
  schedule: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Compare by this cron expression instead', examples: ['0 3 * * *'] }),
  mes: z
    .boolean()
    .default(true)
    .meta({ description: 'Look also in the lists of the MES for what it has lost, where it has lists' }),
});

const deletePolicySchema = z.enum(['mark', 'delete', 'ignore']).default('mark');

const deletesSchema = z.strictObject({
  cell: deletePolicySchema.meta({ description: 'mark makes it inactive, delete deletes it, ignore leaves it' }),
  resource: deletePolicySchema.meta({ description: 'mark makes it inactive, delete deletes it, ignore leaves it' }),
  job: deletePolicySchema.meta({
    description: 'mark puts it on hold with a note, delete deletes it, ignore leaves it',
  }),
  part: deletePolicySchema.meta({
    description: 'mark puts it on hold with a note, delete deletes it, ignore leaves it',
  }),
  operation: deletePolicySchema.meta({
    description: 'mark puts it on hold with a note, delete deletes it, ignore leaves it',
  }),
});

/** Settings that every connector understands, whatever the ERP. */
export const connectorShape = {
  everySeconds: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .meta({ description: 'Poll this often; 300 when no schedule is given' }),
  schedule: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Poll by this cron expression instead', examples: ['*/5 * * * *'] }),
  timeZone: timeZoneSchema
    .default('UTC')
    .meta({ description: 'Zone of cron slots, of days without a plant, and of stamps that name no zone' }),
  externalSource: z
    .string()
    .regex(/^[\w .:-]{1,64}$/, 'use letters, digits, space and _ . : -')
    .meta({
      description: "The MES's external_source for all records of this connector; unique per connector",
    }),
  tls: tlsSchema.optional(),
  proxy: urlSchema.optional().meta({ description: 'Forward proxy; proxy variables of the environment are never used' }),
  rate: rateSchema.default({ requestsPerSecond: 2, burst: 4 }),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(120)
    .meta({ description: 'A request with its whole answer takes no longer' }),
  maxResponseMegabytes: z.int().min(1).max(512).default(32).meta({ description: 'Larger answers are refused' }),
  settleSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(120)
    .meta({ description: "How far a window ends behind the ERP's clock; stamps without a zone have the overlap only" }),
  overlapSeconds: z.int().min(0).max(31_536_000).optional().meta({
    description:
      'How far every poll of its streams reads back behind the watermark; the default depends on the kind of stamp',
  }),
  reconcile: reconcileSchema
    .prefault({})
    .meta({ description: 'Looking for what the polls cannot see: deleted and missed records' }),
  deletes: deletesSchema.prefault({}).meta({
    description:
      'What becomes of records that are gone from the ERP; what it still shows and flags as deleted, rejected or cancelled is put on hold (cells and resources inactive) in any case',
  }),
};

const commonSchema = z.object({ ...connectorShape, type: z.string() });

/** What the rest of the program knows of any connector's settings. */
export type ConnectorSettings = z.output<typeof commonSchema> & {
  /** Requests to the ERP at one time, for protocols that ask side by side. */
  maxConcurrency?: number;
  streams?: Readonly<Record<string, { enabled: boolean; reconcile: boolean } | undefined>> | undefined;
};

type TlsSettings = z.output<typeof tlsSchema>;

/** Reads the PEM files; undefined when none are named. */
export function readTls(tls: TlsSettings | undefined): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const named = { ca: tls.caFile, cert: tls.certFile, key: tls.keyFile };
  const read = Object.entries(named).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, readFileSync(file, 'utf8')]],
  );
  return Object.fromEntries(read);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
