import { z } from 'zod';
import { defaultOverlapSeconds } from '../../core/stamp.ts';
import type { Entity, MesRecord, StampKind } from '../../core/types.ts';
import type { Stream } from '../define.ts';
import { createMapping, fingerprintOf, type Mapping } from '../mapping.ts';
import { type ConnectorSettings, streamShape } from '../settings.ts';
import type { ODataClient } from './odata-client.ts';
import { createODataSource, type ODataSource } from './odata-source.ts';
import type { ODataVersion } from './odata-values.ts';

/** One stream of an ERP's standard OData services; `Context` is what its mapping needs beside the row. */
export interface ODataStreamDefinition<Context> {
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
  sweepEverySeconds: z.int().min(60).max(31_536_000).default(3600).meta({
    description: 'Where rows are read by their parents: how often those of all open parents are read again',
  }),
};

export const odataStreamSchema = z.strictObject(odataStreamShape);
export type ODataStreamSettings = z.output<typeof odataStreamSchema>;

export interface StreamOpening<Context> {
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

export interface OpenedStream {
  stream: Stream;
  source: ODataSource;
}

export function openODataStream<Context>(opening: StreamOpening<Context>): OpenedStream {
  const { definition, own, config, context } = opening;
  const cursor = chooseCursor(opening);
  const source: ODataSource = openSource(opening, cursor, () => mapping.names());
  const mapping: Mapping = createMapping({
    entity: definition.entity,
    schema: definition.schema,
    toRecords: (row) => definition.toRecords(row as never, context),
    keyOf: source.keyOf,
    stampOf: source.stampOf,
    properties: own.properties,
    fields: own.fields,
    when: own.when,
    timeZone: config.timeZone,
  });
  const { stampKind } = cursor;
  const defaultOverlap = stampKind === 'none' ? 0 : defaultOverlapSeconds[stampKind];
  const { sweepEverySeconds } = own;
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
        : { parent: 'part', sweepEverySeconds, parentOf: source.parentOf, read: source.readChildren },
    childStream: definition.childStream,
    read: source.read,
    newest: source.newest,
    count: source.count,
    map: mapping.map,
  };
  return { stream, source };
}

interface Cursor {
  path: string;
  version: ODataVersion;
  stamp: string | undefined;
  stampKind: StampKind;
}

function chooseCursor<Context>({ definition, own, config }: StreamOpening<Context>): Cursor {
  const path = own.path ?? definition.path[config.odata] ?? definition.path.v2;
  const version = own.odata ?? (path.includes('/odata4/') ? 'v4' : 'v2');
  const stamp = own.stamp ?? definition.stamp ?? undefined;
  const stampKind = own.stampKind ?? (stamp === undefined ? 'none' : definition.stampKind[version]);
  return { path, version, stamp: stampKind === 'none' ? undefined : stamp, stampKind };
}

function openSource<Context>(
  { id, definition, own, config, client }: StreamOpening<Context>,
  cursor: Cursor,
  extraProperties: () => Promise<readonly string[]>,
): ODataSource {
  /** The service's name of a standard property; undefined when it has none. */
  const rename = (property: string | null) => {
    if (property === null) return undefined;
    const theirs = own.properties[property];
    return theirs === undefined ? property : (theirs ?? undefined);
  };
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
    properties: Object.keys(definition.schema.shape)
      .map(rename)
      .filter((property) => property !== undefined),
    extraProperties,
    maxConcurrency: config.maxConcurrency,
  });
}
