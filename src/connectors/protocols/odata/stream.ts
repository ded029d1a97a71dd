import { z } from 'zod';
import { defaultOverlapSeconds } from '../../../core/stamp.ts';
import type { Entity, MesRecord, RecordRef, RecordSet, StampKind } from '../../../core/types.ts';
import type { MappedRow, Stream } from '../../connector.ts';
import { createMapping, fingerprintOf, type Mapping } from '../../mapping.ts';
import { type ConnectorSettings, streamShape, sweepSchema } from '../../settings.ts';
import type { ODataClient } from './client.ts';
import { createODataSource, type ODataSource } from './source.ts';
import type { ODataVersion } from './values.ts';

/** How the records that a row makes are told from its key alone. */
export interface StreamKeys {
  /** What of the row schema the ids are made of. */
  keySchema: z.ZodObject;
  /** The ids of the row's records, each as `toRecords` makes it. */
  toKeys(row: never): RecordRef[];
  /** The records of the source that the stream's rows make. */
  owns: readonly RecordSet[];
}

/** One stream of an ERP's standard OData services; `Context` is what its mapping needs beside the row. */
export interface ODataStreamDefinition<Context> extends StreamKeys {
  name: string;
  entity: Entity;
  /** Entities of further records that its rows make. */
  otherEntities?: readonly Entity[];
  /** Paths of the entity set; null where the ERP has no such service. */
  path: { v2: string; v4: string | null };
  key: readonly string[];
  stamp: string | null;
  stampKind: Record<ODataVersion, StampKind>;
  fullReadEverySeconds: number | null;
  /** Property behind which a row is history; null where rows have no validity. */
  validTo: string | null;
  /** Property that names the parent part, where rows are read by parent too. */
  parentProperty: string | null;
  childStream: string | null;
  schema: z.ZodObject;
  toRecords(row: never, context: Context): MesRecord[];
}

/** Ties a row schema to the mapping that reads it. */
export function defineODataStream<Schema extends z.ZodObject, Context>(
  definition: Omit<ODataStreamDefinition<Context>, 'schema' | 'toRecords'> & {
    schema: Schema;
    toRecords(row: z.output<Schema>, context: Context): MesRecord[];
  },
): ODataStreamDefinition<Context> {
  return definition;
}

/** What an operator may change about an OData stream. */
export const odataStreamShape = {
  ...streamShape,
  path: z
    .string()
    .regex(/^\/\S+\/\S+$/, 'must begin with / and end with the name of the entity set')
    .optional()
    .meta({ description: 'Path of the entity set, for ECC or custom services' }),
  odata: z
    .enum(['v2', 'v4'])
    .optional()
    .meta({ description: 'Protocol of the service; told from the path when absent' }),
  key: z.array(z.string().min(1)).min(1).optional().meta({ description: 'Key properties of the entity set' }),
  stamp: z.string().min(1).optional().meta({ description: 'Property that holds the change stamp' }),
  filter: z.string().min(1).optional().meta({
    description:
      'OData $filter that always applies; only over properties that never change, because a row that leaves it is never read again (else use when)',
  }),
  properties: z.record(z.string(), z.string().min(1).nullable()).default({}).meta({
    description: "Standard property name -> this service's name of it, or null when it has none",
  }),
};

export const odataStreamSchema = z.strictObject(odataStreamShape);
const sweepSeconds = 3600;
/** The same of one whose rows are also read by their parents. */
export const odataChildStreamSchema = odataStreamSchema.extend({ sweepEverySeconds: sweepSchema(sweepSeconds) });
export type ODataStreamSettings = z.output<typeof odataStreamSchema> & { sweepEverySeconds?: number };

export interface ODataStreamOpening<Context> {
  /** Stream id. */
  id: string;
  definition: ODataStreamDefinition<Context>;
  own: ODataStreamSettings;
  config: ConnectorSettings & { url: string; odata: ODataVersion };
  client: ODataClient;
  context: Context;
  /** What the context was made of: part of the fingerprint. */
  basis: unknown;
}

export interface OpenedODataStream {
  stream: Stream;
  source: ODataSource;
}

export function openODataStream<Context>(opening: ODataStreamOpening<Context>): OpenedODataStream {
  const { definition, own, config, context } = opening;
  const cursor = chooseCursor(opening);
  const source: ODataSource = openSource(opening, cursor, {
    names: () => mapping.names(),
    readings: () => mapping.readings(),
    keyNames: () => keyMapping.names(),
    mapKeys: (rows) => keyMapping.map(rows),
  });
  const { entity } = definition;
  const { keyOf, stampOf } = source;
  const { properties, fields, when } = own;
  const { timeZone, externalSource } = config;
  const basis = { entity, keyOf, stampOf, properties, when, timeZone };
  const toRecords = (row: unknown) => definition.toRecords(row as never, context);
  const mapping: Mapping = createMapping({ ...basis, schema: definition.schema, toRecords, fields });
  const toKeys = (row: unknown) =>
    definition.toKeys(row as never).map((ref) => ({ ...ref, ...bare, source: externalSource }));
  const keyMapping: Mapping = createMapping({ ...basis, schema: definition.keySchema, toRecords: toKeys, fields: {} });
  const { stampKind } = cursor;
  const defaultOverlap = stampKind === 'none' ? 0 : defaultOverlapSeconds[stampKind];
  const { sweepEverySeconds = sweepSeconds } = own;
  const stream: Stream = {
    name: definition.name,
    entity: definition.entity,
    otherEntities: definition.otherEntities ?? [],
    stampKind,
    stampZone: config.timeZone,
    overlapSeconds: own.overlapSeconds ?? config.overlapSeconds ?? defaultOverlap,
    settleSeconds: own.settleSeconds ?? config.settleSeconds,
    fullReadEverySeconds: own.fullReadEverySeconds ?? (stampKind === 'none' ? 3600 : definition.fullReadEverySeconds),
    fingerprint: fingerprintOf([cursor, own.fields, own.when, own.filter, own.properties, own.key, opening.basis]),
    children:
      definition.parentProperty === null
        ? null
        : { parent: 'part', markEverySeconds: sweepEverySeconds, parentOf: source.parentOf, read: source.readChildren },
    childStream: definition.childStream,
    selective: when !== undefined,
    owns: definition.owns,
    keys: source.keys,
    read: source.read,
    newest: source.newest,
    count: source.count,
    map: mapping.map,
  };
  return { stream, source };
}

/** A record of which only the id is known. */
const bare = { parents: {}, fields: {}, lifecycle: 'active' } as const;

interface Cursor {
  path: string;
  version: ODataVersion;
  stamp: string | undefined;
  stampKind: StampKind;
}

function chooseCursor<Context>({ definition, own, config }: ODataStreamOpening<Context>): Cursor {
  const path = own.path ?? definition.path[config.odata] ?? definition.path.v2;
  const version = own.odata ?? (path.includes('/odata4/') ? 'v4' : 'v2');
  const stamp = own.stamp ?? definition.stamp ?? undefined;
  const stampKind = own.stampKind ?? (stamp === undefined ? 'none' : definition.stampKind[version]);
  return { path, version, stamp: stampKind === 'none' ? undefined : stamp, stampKind };
}

/** What the source needs of the mappings that read its rows. */
interface Mappings {
  names: Mapping['names'];
  readings: Mapping['readings'];
  keyNames(): Promise<readonly string[]>;
  mapKeys(rows: readonly unknown[]): Promise<MappedRow[]>;
}

function openSource<Context>(
  { id, definition, own, config, client }: ODataStreamOpening<Context>,
  cursor: Cursor,
  mappings: Mappings,
): ODataSource {
  /** The service's name of a standard property; undefined when it has none. */
  const rename = (property: string | null) => {
    if (property === null) return undefined;
    const theirs = own.properties[property];
    return theirs === undefined ? property : (theirs ?? undefined);
  };
  const serviceNames = (schema: z.ZodObject) =>
    Object.keys(schema.shape)
      .map(rename)
      .filter((property) => property !== undefined);
  return createODataSource({
    ...cursor,
    name: id,
    client,
    path: new URL(config.url).pathname.replace(/\/$/, '') + cursor.path,
    key: own.key ?? definition.key,
    pageSize: own.pageSize,
    filter: own.filter,
    validTo: rename(definition.validTo),
    parent: rename(definition.parentProperty),
    properties: serviceNames(definition.schema),
    extraProperties: mappings.names,
    readings: mappings.readings,
    keyProperties: async () => [...serviceNames(definition.keySchema), ...(await mappings.keyNames())],
    mapKeys: mappings.mapKeys,
    maxConcurrency: config.maxConcurrency ?? 1,
  });
}
