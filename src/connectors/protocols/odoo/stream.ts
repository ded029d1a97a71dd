import { z } from 'zod';
import { defaultOverlapSeconds } from '../../../core/stamp.ts';
import type { Entity, MesRecord, RecordRef, RecordSet } from '../../../core/types.ts';
import { type CompanionRule, type CompanionSource, type Companions, openCompanions } from '../../companions.ts';
import type { Stream } from '../../connector.ts';
import { type Companion, createMapping, fingerprintOf, type Mapping, withdrawn } from '../../mapping.ts';
import { type ConnectorSettings, streamShape, sweepSchema } from '../../settings.ts';
import type { LookUp } from './look-ups.ts';
import type { OdooModels, OdooRow } from './model.ts';
import { createOdooSource, type OdooSource } from './source.ts';
import { readOdooTime, stampWithMembers } from './times.ts';
import type { ByParent } from './walk.ts';

/** One stream over a model of Odoo; `Context` is what its mapping needs beside the row. */
export interface OdooStreamDefinition<Context> {
  name: string;
  entity: Entity;
  /** Entities of further records that its rows make. */
  otherEntities?: readonly Entity[];
  model: string;
  /** App that brings the model, and whether the plant may do without. */
  app: string;
  mayBeAbsent: boolean;
  /** Relations of the row whose own stamps show a change that the row's does not. */
  watches: readonly string[];
  parent?: ByParent;
  /** Relation to the rows that `childStream` reads: the row's stamp moves with it. */
  members?: string;
  childStream: string | null;
  fullReadEverySeconds: number;
  /** Names in the row schema that `complete` and the parent bring; the others are fields of the model. */
  laid: readonly string[];
  /** Fields that `refs`, `isTold` and `complete` need. */
  keyFields: readonly string[];
  /** The records of the source that its rows make. */
  owns: readonly RecordSet[];
  /** A field that may be undefined here need not exist in every release. */
  schema: z.ZodObject;
  /** Lays what stands on other models into the rows. */
  complete?(rows: readonly OdooRow[], models: OdooModels, signal: AbortSignal): Promise<void>;
  /** What `complete` reads: `check` asks for it. */
  lookUps?: readonly LookUp[];
  companion?: CompanionRule;
  /** The MES is to have it; what ceases to be told is cancelled there. */
  isTold(row: never): boolean;
  /** The records of a row that is told. */
  refs(row: never): RecordRef[];
  toRecords(row: never, context: Context): MesRecord[];
}

/** Ties a row schema to the functions that read it. */
export function defineOdooStream<Schema extends z.ZodObject, Context>(
  definition: Omit<OdooStreamDefinition<Context>, 'schema' | 'isTold' | 'refs' | 'toRecords'> & {
    schema: Schema;
    isTold(row: z.output<Schema>): boolean;
    refs(row: z.output<Schema>): RecordRef[];
    toRecords(row: z.output<Schema>, context: Context): MesRecord[];
  },
): OdooStreamDefinition<Context> {
  return definition;
}

const { stampKind: _stampKind, ...shape } = streamShape;

export const odooStreamSchema = z.strictObject({
  ...shape,
  domain: z
    .array(z.union([z.enum(['&', '|', '!']), z.tuple([z.string().min(1), z.string().min(1), z.unknown()])]))
    .default([])
    .meta({
      description:
        'Odoo domain that always applies; only over fields that never change, because a row that leaves it is never read again (else use when)',
      examples: [[['company_id', '=', 1]]],
    }),
});

const sweepSeconds = 3600;
/** The same of one whose rows are also read by their parents. */
export const odooChildStreamSchema = odooStreamSchema.extend({ sweepEverySeconds: sweepSchema(sweepSeconds) });
export type OdooStreamSettings = z.output<typeof odooStreamSchema> & { sweepEverySeconds?: number };

export interface OdooStreamOpening<Context> {
  /** Stream id. */
  id: string;
  definition: OdooStreamDefinition<Context>;
  own: OdooStreamSettings;
  config: ConnectorSettings;
  models: OdooModels;
  context: Context;
  /** What the context was made of: part of the fingerprint. */
  basis: unknown;
  /** The streams before this one, by name. */
  others: ReadonlyMap<string, CompanionSource>;
}

export interface OpenedOdooStream {
  stream: Stream;
  source: OdooSource;
  companionSource: CompanionSource;
}

export function openOdooStream<Context>(opening: OdooStreamOpening<Context>): OpenedOdooStream {
  const { definition, own, config } = opening;
  const companions = openCompanions(definition.companion, opening.others);
  const { mapping, keyMapping } = createMappings(opening, companions?.companion);
  const source = openSource(opening, { mapping, keyMapping, companions });
  const { sweepEverySeconds = sweepSeconds, domain, fields, when } = own;
  const { parent, model } = definition;
  const stream: Stream = {
    name: definition.name,
    entity: definition.entity,
    otherEntities: definition.otherEntities ?? [],
    stampKind: 'second',
    stampZone: 'UTC',
    overlapSeconds: own.overlapSeconds ?? config.overlapSeconds ?? defaultOverlapSeconds.second,
    settleSeconds: own.settleSeconds ?? config.settleSeconds,
    fullReadEverySeconds: own.fullReadEverySeconds ?? definition.fullReadEverySeconds,
    fingerprint: fingerprintOf([model, fields, when, domain, opening.basis]),
    children:
      parent === undefined
        ? null
        : {
            parent: 'part',
            markEverySeconds: sweepEverySeconds,
            parentOf: (row) => parentOf(row, parent.field),
            read: source.readChildren,
          },
    childStream: definition.childStream,
    selective: when !== undefined,
    owns: definition.owns,
    keys: source.keys,
    read: source.read,
    newest: source.newest,
    count: source.count,
    map: mapping.map,
  };
  return { stream, source, companionSource: { bring: mapping.bring, keyOf, rowsOf: source.rowsOf } };
}

interface Mappings {
  mapping: Mapping;
  keyMapping: Mapping;
}

function createMappings<Context>(
  { definition, own, config, context }: OdooStreamOpening<Context>,
  companion: Companion | undefined,
): Mappings {
  const { entity, schema, isTold, refs } = definition;
  const { when } = own;
  const stampOf = (row: unknown) => stampIn(row as Partial<OdooRow> | null, definition.members);
  const basis = { entity, keyOf, stampOf, properties: {}, when, timeZone: config.timeZone };
  const unlessTold = (row: unknown, records: MesRecord[]) => (isTold(row as never) ? records : records.map(withdrawn));
  const toRecords = (row: unknown) => unlessTold(row, definition.toRecords(row as never, context));
  const toKeys = (row: unknown) =>
    unlessTold(
      row,
      refs(row as never).map((ref) => ({ ...ref, ...bare, source: config.externalSource })),
    );
  const keySchema = schema.partial();
  return {
    mapping: createMapping({ ...basis, schema, toRecords, fields: own.fields, companion }),
    keyMapping: createMapping({ ...basis, schema: keySchema, toRecords: toKeys, fields: {} }),
  };
}

/** A record of which only the id is known. */
const bare = { parents: {}, fields: {}, lifecycle: 'active' } as const;

function openSource<Context>(
  { id, definition, own, models }: OdooStreamOpening<Context>,
  { mapping, keyMapping, companions }: Mappings & { companions: Companions | undefined },
): OdooSource {
  const { schema, laid, complete } = definition;
  const fields = Object.keys(schema.shape).filter((name) => !laid.includes(name));
  return createOdooSource({
    name: id,
    models,
    model: definition.model,
    app: definition.app,
    mayBeAbsent: definition.mayBeAbsent,
    fields,
    required: fields.filter((name) => !schema.shape[name]?.safeParse(undefined).success),
    keyFields: definition.keyFields,
    extraFields: mapping.names,
    readings: mapping.readings,
    laid,
    watches: definition.watches,
    lookUps: definition.lookUps ?? [],
    parent: definition.parent,
    domain: own.domain,
    pageSize: own.pageSize,
    complete: async (rows, signal) => {
      if (rows.length === 0) return;
      await complete?.(rows, models, signal);
      await companions?.complete(rows, signal);
    },
    mapKeys: keyMapping.map,
  });
}

function keyOf(row: unknown): string | undefined {
  const id = (row as Partial<OdooRow> | null)?.id;
  return typeof id === 'number' ? String(id) : undefined;
}

function stampIn(row: Partial<OdooRow> | null, members: string | undefined): string | null {
  const stamp = readOdooTime(row?.['write_date']);
  return members === undefined ? stamp : stampWithMembers(stamp, row?.[members]);
}

function parentOf(row: unknown, field: string): string | undefined {
  const value = (row as Partial<OdooRow> | null)?.[field];
  const id = Array.isArray(value) ? value[0] : value;
  return typeof id === 'number' ? String(id) : undefined;
}
