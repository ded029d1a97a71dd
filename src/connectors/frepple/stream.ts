import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Entity, MesRecord, RecordRef, RecordSet, Window } from '../../core/types.ts';
import type { Stream } from '../connector.ts';
import { createMapping, fingerprintOf, type Mapping, type NameReading } from '../mapping.ts';
import type { DrfList } from '../protocols/drf/client.ts';
import { type ConnectorSettings, streamShape } from '../settings.ts';
import type { OrderLists } from './lists.ts';
import { type CellReader, type DemandReader, demandSchema, type IsCell, type LookUps, noLookUps } from './look-ups.ts';
import type { PlanRuns } from './plan-runs.ts';
import type { ServerTimes } from './times.ts';

/** What mappings need beside the row; see docs/connectors/frepple.md for every field. */
export interface MappingContext {
  source: string;
  numberPrefix: string;
  times: ServerTimes;
  isCell: IsCell;
  /** Cell of operations that need no resource that is one. */
  otherwise: string | undefined;
  lookUps: LookUps;
}

/** What streams read by. */
export interface Reader extends CellReader, DemandReader {
  lists: OrderLists;
}

/** One list of FrePPLe, and what becomes of its rows. */
export interface StreamDefinition {
  name: string;
  entity: Entity;
  otherEntities: readonly Entity[];
  /** Property that holds the key, which is the record's id. */
  key: 'name' | 'reference';
  /** Rows show, more or less, when they were changed; others are read whole each time. */
  stamped: boolean;
  owns: readonly RecordSet[];
  schema: z.ZodObject;
  read(reader: Reader, window: Window, signal: AbortSignal): Promise<DrfList[]>;
  /** Read behind the rows, so that it knows all that they name. */
  lookUp(reader: Reader, signal: AbortSignal): Promise<LookUps>;
  toRecords(row: never, context: MappingContext): MesRecord[];
  /** The demand whose row a row brings along; undefined where it needs none. */
  demandOf?(row: unknown, lookUps: LookUps): string | undefined;
  /** The records that a row of this key can make. */
  refsOf(key: string): RecordRef[];
}

/** Ties a row schema to the mapping that reads it. */
export function defineStream<Schema extends z.ZodObject>(
  definition: Omit<StreamDefinition, 'schema' | 'toRecords'> & {
    schema: Schema;
    toRecords(row: z.output<Schema>, context: MappingContext): MesRecord[];
  },
): StreamDefinition {
  return definition;
}

const { stampKind: _stampKind, overlapSeconds, settleSeconds, ...ownShape } = streamShape;

/** What an operator may change about a stream. */
export const freppleStreamSchema = z.strictObject({
  ...ownShape,
  pageSize: ownShape.pageSize.meta({ description: 'Rows that are mapped and delivered together; lists have no pages' }),
});
/** The same of a list that shows when its rows were changed. */
export const freppleStampedStreamSchema = freppleStreamSchema.extend({ overlapSeconds, settleSeconds });
export type FreppleStreamSettings = z.output<typeof freppleStreamSchema> &
  Partial<z.output<typeof freppleStampedStreamSchema>>;

export interface FreppleStreamOpening {
  definition: StreamDefinition;
  own: FreppleStreamSettings;
  config: ConnectorSettings;
  reader: Omit<Reader, 'demandNames'>;
  /** How demands are mapped: orders bring them along. */
  demands: Pick<Mapping, 'bring' | 'names'> | undefined;
  runs: PlanRuns;
  mapping: Omit<MappingContext, 'lookUps'>;
  clock: Clock;
  /** Aborts when the session is closed. */
  closed: AbortSignal;
  /** What the mapping was made of: part of the fingerprint. */
  basis: unknown;
}

/** Reads back further than a plan run takes: it stamps all that it writes with the time that it began. */
const defaultOverlapSeconds = 7200;
/** Whole reads take no more than this share of the time. */
const share = 1 / 20;
const longestPauseSeconds = 3600;

/** Properties of a demand that the built-in mapping reads. */
const builtIn = Object.keys(demandSchema.shape);

export interface OpenedFreppleStream {
  stream: Stream;
  /** Reads everything once, whatever plan runs do; resolves to the number of rows. */
  sample(signal: AbortSignal): Promise<number>;
  /** Names of the operator's own mapping that no row of the last sample had. */
  doubts(): Promise<string[]>;
  mapping: Mapping;
}

export function openStream(opening: FreppleStreamOpening): OpenedFreppleStream {
  const { definition, own, config } = opening;
  const { stamped } = definition;
  const reading = createReading(opening);
  const stream: Stream = {
    name: definition.name,
    entity: definition.entity,
    otherEntities: definition.otherEntities,
    stampKind: stamped ? 'timestamp' : 'none',
    stampZone: config.timeZone,
    overlapSeconds: stamped ? (own.overlapSeconds ?? config.overlapSeconds ?? defaultOverlapSeconds) : 0,
    settleSeconds: own.settleSeconds ?? config.settleSeconds,
    get fullReadEverySeconds() {
      return own.fullReadEverySeconds ?? Math.min(longestPauseSeconds, Math.floor(reading.wholeSeconds() / share));
    },
    fingerprint: fingerprintOf([own.fields, own.when, opening.basis]),
    owns: definition.owns,
    keys: null,
    judgesAbsence: own.reconcile,
    children: null,
    childStream: null,
    selective: own.when !== undefined,
    read: reading.read,
    newest: async () => null,
    count: async () => null,
    map: reading.map,
  };
  const { sample, doubts, mapping } = reading;
  return { stream, sample, doubts, mapping };
}

interface Reading extends Pick<Stream, 'read' | 'map'>, Pick<OpenedFreppleStream, 'sample' | 'doubts' | 'mapping'> {
  /** How long the last whole read took. */
  wholeSeconds(): number;
}

function createReading(opening: FreppleStreamOpening): Reading {
  const { definition, own, config, runs, mapping, clock, closed, demands } = opening;
  let context: MappingContext | undefined;
  let wholeMs = 0;
  let doubts: string[] = [];
  const reader: Reader = {
    ...opening.reader,
    demandNames: async () => [...builtIn, ...((await demands?.names()) ?? [])],
  };

  async function lookUp(signal: AbortSignal): Promise<MappingContext> {
    return { ...mapping, lookUps: await definition.lookUp(reader, signal) };
  }

  async function fetch(window: Window, signal: AbortSignal): Promise<DrfList[]> {
    const lists = await definition.read(reader, window, signal);
    context = await lookUp(signal);
    return lists;
  }

  function demandRowOf(row: unknown): unknown {
    const { over } = context?.lookUps ?? noLookUps;
    return over.get(definition.demandOf?.(row, context?.lookUps ?? noLookUps) ?? '');
  }

  const { key, stamped } = definition;
  const rows = createMapping({
    entity: definition.entity,
    schema: definition.schema,
    toRecords: (row) => definition.toRecords(row as never, context ?? { ...mapping, lookUps: noLookUps }),
    keyOf: (row) => keyOf(row, key),
    refsOf: (row) => refsOf(definition, keyOf(row, key)),
    stampOf: (row) => (stamped ? mapping.times.stampOf(property(row, 'lastmodified')) : null),
    properties: {},
    fields: own.fields,
    when: own.when,
    timeZone: config.timeZone,
    companion: demands && { rowOf: demandRowOf, bring: demands.bring },
  });
  return {
    mapping: rows,
    wholeSeconds: () => wholeMs / 1000,
    async *read(window, _cursor, signal) {
      const edition = await runs.edition(signal);
      const startedMs = clock.monotonicMs();
      const lists = await fetch(window, signal);
      await runs.requireSame(edition, signal);
      if (window.mode === 'full') wholeMs = clock.monotonicMs() - startedMs;
      // Lists have no order to go on in: a pass that was interrupted reads them again.
      for (const list of lists) for (const page of list.pages(own.pageSize)) yield { rows: page, cursor: null };
    },
    async map(page, wanted) {
      // What was set aside is mapped before anything is read.
      context ??= await lookUp(closed);
      return rows.map(page, wanted);
    },
    async sample(signal) {
      const lists = await fetch({ mode: 'full' }, signal);
      doubts = lackedNames(await rows.readings(), lists);
      return lists.reduce((sum, { length }) => sum + length, 0);
    },
    doubts: async () => doubts,
  };
}

/** Nothing says what properties a list has but its rows; an empty one says nothing. */
function lackedNames(readings: readonly NameReading[], lists: readonly DrfList[]): string[] {
  const count = lists.reduce((sum, { length }) => sum + length, 0);
  const names = new Set(count === 0 ? [] : readings.flatMap(namesOf));
  const pages = names.size === 0 ? [] : lists.flatMap((list) => [list.pages(rowsAtOnce)]);
  for (const page of pages) for (const rows of page) leaveUnseen(names, rows);
  return readings.flatMap((reading) =>
    namesOf(reading)
      .filter((name) => names.has(name))
      .map((name) => `${reading.setting} reads ${name}, which none of ${count} rows has.`),
  );
}

const rowsAtOnce = 1000;

function namesOf({ ofRow, doubtful }: NameReading): string[] {
  return [...ofRow, ...doubtful];
}

function leaveUnseen(names: Set<string>, rows: readonly object[]): void {
  for (const row of rows) for (const name of names) if (name in row) names.delete(name);
}

function property(row: unknown, name: string): unknown {
  return (row as Record<string, unknown> | null)?.[name];
}

function keyOf(row: unknown, key: string): string | undefined {
  const value = property(row, key);
  return typeof value === 'string' ? value : undefined;
}

/** Nobody has an empty key: such a row makes no record. */
function refsOf(definition: StreamDefinition, key: string | undefined): RecordRef[] | undefined {
  if (key === '') return [];
  return key === undefined ? undefined : definition.refsOf(key);
}
