import { z } from 'zod';
import type { EventBus } from '../../../core/events.ts';
import { defaultOverlapSeconds } from '../../../core/stamp.ts';
import type { Entity, MesRecord, RecordRef, RecordSet } from '../../../core/types.ts';
import { type CompanionRule, type CompanionSource, openCompanions } from '../../companions.ts';
import type { Stream } from '../../connector.ts';
import { createMapping, fingerprintOf, type Mapping } from '../../mapping.ts';
import { nameDoubts, requireNames } from '../../mapping-names.ts';
import { type ConnectorSettings, streamShape, sweepSchema } from '../../settings.ts';
import type { SuiteQlClient } from './client.ts';
import { createGone } from './gone.ts';
import type { LookUp } from './look-up.ts';
import { createSuiteQlSource, type SuiteQlFinding, type SuiteQlSource } from './source.ts';
import { allOf, columnForm } from './text.ts';

/** One stream over tables of NetSuite; `Context` is what its mapping needs beside the row. `t` is the table's alias. */
export interface SuiteQlStreamDefinition<Context> extends SuiteQlFinding {
  name: string;
  entity: Entity;
  /** Entities of further records that its rows make. */
  otherEntities?: readonly Entity[];
  table: string;
  /** Which rows of the table the stream is; empty for all. */
  where: string;
  /** Row name -> SuiteQL expression; `id` is the key. */
  columns: Readonly<Record<string, string>>;
  lookUps: readonly LookUp[];
  companion?: CompanionRule;
  fullReadEverySeconds: number;
  childStream: string | null;
  /** The records of the source that its rows make. */
  owns: readonly RecordSet[];
  /** The records that the row of an id made, where NetSuite lists deletions of such rows; else null. */
  refsOf: ((id: string) => RecordRef[]) | null;
  /** Features and permissions without which NetSuite shows no such table, or not all of it. */
  requires: string;
  schema: z.ZodObject;
  toRecords(row: never, context: Context): MesRecord[];
}

/** Ties a row schema to the mapping that reads it. */
export function defineSuiteQlStream<Schema extends z.ZodObject, Context>(
  definition: Omit<SuiteQlStreamDefinition<Context>, 'schema' | 'toRecords'> & {
    schema: Schema;
    toRecords(row: z.output<Schema>, context: Context): MesRecord[];
  },
): SuiteQlStreamDefinition<Context> {
  return definition;
}

/** Rows an answer; NetSuite sends no more. */
const mostRows = 1000;

const { stampKind: _stampKind, overlapSeconds, settleSeconds, ...shape } = streamShape;

/** What an operator may change about a stream. */
export const suiteQlStreamSchema = z.strictObject({
  ...shape,
  pageSize: shape.pageSize.unwrap().max(mostRows).default(mostRows).meta({ description: 'Rows a request' }),
  filter: z
    .string()
    .min(1)
    .optional()
    .meta({
      description:
        'SuiteQL condition over t that always applies; only over columns that never change, because a row that leaves it is never read again (else use when)',
      examples: ['t.id > 100000'],
    }),
  columns: z
    .record(
      z.string().regex(columnForm, 'must be a name of letters, digits and underscores'),
      z.string().min(1).nullable(),
    )
    .default({})
    .meta({
      description:
        'Name in the row -> SuiteQL expression over t, for fields and when; null leaves a standard column out',
      examples: [{ custbody_due: "TO_CHAR(t.custbody_due, 'YYYY-MM-DD')" }],
    }),
});
/** The same of one whose rows have stamps. */
export const suiteQlStampedStreamSchema = suiteQlStreamSchema.extend({
  overlapSeconds,
  settleSeconds,
  stampKind: z
    .literal('none')
    .optional()
    .meta({ description: 'none: the stamps are not trusted, every read is whole' }),
  relatedChanges: z.boolean().default(true).meta({
    description:
      'Find rows also by what changed beside them (customer, main line, item); false where the account refuses those stamps: whole reads find it then',
  }),
});
const sweepSeconds = 900;
/** The same of one whose rows have none, and are also read by their parents. */
export const suiteQlChildStreamSchema = suiteQlStreamSchema.extend({ sweepEverySeconds: sweepSchema(sweepSeconds) });
export type SuiteQlStreamSettings = z.output<typeof suiteQlStreamSchema> &
  Partial<z.output<typeof suiteQlStampedStreamSchema> & z.output<typeof suiteQlChildStreamSchema>>;

export interface SuiteQlStreamOpening<Context> {
  /** Stream id. */
  id: string;
  definition: SuiteQlStreamDefinition<Context>;
  own: SuiteQlStreamSettings;
  config: ConnectorSettings;
  client: SuiteQlClient;
  events: EventBus;
  context: Context;
  /** What the context was made of: part of the fingerprint. */
  basis: unknown;
  /** The streams before this one, by name. */
  others: ReadonlyMap<string, CompanionSource>;
}

export interface OpenedSuiteQlStream {
  stream: Stream;
  source: SuiteQlSource;
  companionSource: CompanionSource;
  /** What must be there for the stream to be readable. */
  requires: string;
  /** Throws ConfigError for an operator's own mapping that reads what no row holds. */
  assertNames(): Promise<void>;
  /** What cannot be told of that mapping. */
  doubts(): Promise<string[]>;
}

export function openSuiteQlStream<Context>(opening: SuiteQlStreamOpening<Context>): OpenedSuiteQlStream {
  const { definition, own, config, client, context } = opening;
  const { entity, parent, requires, refsOf, schema } = definition;
  const { fields, when, pageSize, sweepEverySeconds = sweepSeconds } = own;
  const columns = columnsOf(definition, own);
  const where = allOf(definition.where, own.filter);
  const { lookUps, touched } = relatedOf(definition, own);
  const brought = openCompanions(definition.companion, opening.others);
  const target = {
    client,
    name: opening.id,
    table: definition.table,
    columns,
    where,
    lookUps,
    pageSize,
    complete: brought?.complete,
  };
  const source = createSuiteQlSource({ ...definition, touched, target, maxConcurrency: config.maxConcurrency ?? 1 });
  const { keyOf, stampOf } = source;
  const toRecords = (row: unknown) => definition.toRecords(row as never, context);
  const basis = { entity, schema, toRecords, keyOf, stampOf, properties: {}, fields, when, timeZone: config.timeZone };
  const mapping = createMapping({
    ...basis,
    companion: brought?.companion,
    refsOf: refsOfRow(definition.refsOf, keyOf),
  });
  const rhythm = rhythmOf(opening);
  const stream: Stream = {
    name: definition.name,
    entity,
    otherEntities: definition.otherEntities ?? [],
    ...rhythm,
    stampZone: 'UTC',
    fingerprint: fingerprintOf([rhythm.stampKind, columns, where, fields, when, opening.basis]),
    owns: definition.owns,
    // Keys alone would cost as many requests, and would not show what moves no stamp.
    keys: null,
    judgesAbsence: own.reconcile,
    ...(refsOf && {
      gone: createGone({ client, events: opening.events, name: opening.id, table: definition.table, refsOf }),
    }),
    children:
      parent === null
        ? null
        : { parent: 'part', markEverySeconds: sweepEverySeconds, parentOf: source.parentOf, read: source.readChildren },
    childStream: definition.childStream,
    selective: when !== undefined,
    read: source.read,
    newest: source.newest,
    count: source.count,
    map: mapping.map,
  };
  const known = new Set([...Object.keys(columns), ...lookUps.flatMap((each) => Object.keys(each.columns))]);
  const companionSource = { bring: mapping.bring, keyOf, rowsOf: source.rowsOf };
  return { stream, source, companionSource, requires, ...checkNames(opening.id, mapping, known) };
}

/** What a row that cannot be mapped stands for: it is there, whatever is wrong with it. */
function refsOfRow(refsOf: ((id: string) => RecordRef[]) | null, keyOf: (row: unknown) => string | undefined) {
  return (row: unknown): RecordRef[] | undefined => {
    const id = keyOf(row);
    return id === undefined ? undefined : refsOf?.(id);
  };
}

function checkNames(
  stream: string,
  mapping: Mapping,
  known: ReadonlySet<string>,
): Pick<OpenedSuiteQlStream, 'assertNames' | 'doubts'> {
  const names = { stream, mapping, has: (name: string) => known.has(name), where: 'the row' };
  const todo = (name: string) => `Name it under columns of the stream, as ${name}: t.${name}.`;
  return { assertNames: () => requireNames({ ...names, todo }), doubts: () => nameDoubts(names) };
}

/** Without a stamp everything is read whole, hourly unless the definition knows better. */
function rhythmOf<Context>({ definition, own, config }: SuiteQlStreamOpening<Context>) {
  const isStamped = definition.stamp !== null && own.stampKind !== 'none';
  const wholeEvery = isStamped || definition.stamp === null ? definition.fullReadEverySeconds : 3600;
  return {
    stampKind: isStamped ? ('second' as const) : ('none' as const),
    overlapSeconds: own.overlapSeconds ?? config.overlapSeconds ?? (isStamped ? defaultOverlapSeconds.second : 0),
    settleSeconds: own.settleSeconds ?? config.settleSeconds,
    fullReadEverySeconds: own.fullReadEverySeconds ?? wholeEvery,
  };
}

/** What is looked up, and by what beside them rows are found. */
function relatedOf<Context>(
  { lookUps, touched, stamps }: SuiteQlStreamDefinition<Context>,
  own: SuiteQlStreamSettings,
): Pick<SuiteQlStreamDefinition<Context>, 'lookUps' | 'touched'> {
  if (own.relatedChanges !== false) return { lookUps, touched };
  const withoutStamps = (columns: LookUp['columns']) =>
    Object.fromEntries(Object.entries(columns).filter(([name]) => !stamps.includes(name)));
  return { lookUps: lookUps.map((each) => ({ ...each, columns: withoutStamps(each.columns) })), touched: [] };
}

function columnsOf<Context>(
  { columns }: SuiteQlStreamDefinition<Context>,
  own: SuiteQlStreamSettings,
): Record<string, string> {
  const merged = Object.entries({ ...columns, ...own.columns });
  return Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null));
}
