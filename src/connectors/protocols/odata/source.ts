import { ConfigError } from '../../../core/errors.ts';
import { chunks } from '../../../core/groups.ts';
import type { DatedKind } from '../../../core/stamp.ts';
import type { Window } from '../../../core/types.ts';
import type { ChildPage, KeyReader, MappedRow, Page } from '../../connector.ts';
import type { NameReading } from '../../mapping.ts';
import { nameDoubts, requireNames } from '../../mapping-names.ts';
import { normalizeId } from '../../values.ts';
import { createODataKeys } from './keys.ts';
import type { PropertyTypes } from './metadata.ts';
import { literal } from './values.ts';
import { conjunction, readStamp, stampLiteral, type WalkCursor, type WalkTarget, walk, walkByKey } from './walk.ts';

/** What one entity set is and how its changes are found; names are the service's own. */
export interface ODataSourceOptions extends Omit<WalkTarget, 'types' | 'select'> {
  /** Stream id, for error texts. */
  name: string;
  /** Property behind which a row is no longer valid: such rows are history and not read. */
  validTo: string | undefined;
  /** Property by which children name their parent. */
  parent: string | undefined;
  /** Properties that the built-in mapping reads. */
  properties: readonly string[];
  /** Properties that the operator's own mapping may read; what may not be meant as one is left out where the service lacks it. */
  extraProperties(): Promise<readonly string[]>;
  /** What each setting of that mapping reads. */
  readings(): Promise<readonly NameReading[]>;
  /** Properties that tell a row's records and whether they are wanted. */
  keyProperties(): Promise<readonly string[]>;
  /** Maps rows of these properties into records that are but their ids. */
  mapKeys(rows: readonly unknown[]): Promise<MappedRow[]>;
  maxConcurrency: number;
}

export interface ODataSource {
  /** Reads `$metadata`; throws ConfigError naming service and property where something mapped is missing. */
  prepare(signal: AbortSignal): Promise<void>;
  read(window: Window, cursor: unknown, signal: AbortSignal): AsyncIterable<Page>;
  newest(limit: string, signal: AbortSignal): Promise<string | null>;
  /** `$count` of the set; null where the service has none. */
  count(signal: AbortSignal): Promise<number | null>;
  keys: KeyReader;
  readChildren(parents: readonly string[], signal: AbortSignal): AsyncIterable<ChildPage>;
  /** Rows that a query for one row brings: 0 looks like "no authorisation" as much as "no data". */
  sample(signal: AbortSignal): Promise<number>;
  /** What cannot be told of the operator's own mapping. */
  doubts(signal: AbortSignal): Promise<string[]>;
  keyOf(row: unknown): string | undefined;
  parentOf(row: unknown): string | undefined;
  stampOf(row: unknown): string | null;
}

/** Parents a request: `or` lists run into URL limits of gateways and proxies, some as low as 2 KB. */
const parentsPerRequest = 30;

export function createODataSource(options: ODataSourceOptions): ODataSource {
  const { client, path } = options;
  const cut = path.lastIndexOf('/');
  let prepared: Promise<WalkTarget> | undefined;

  async function prepare(signal: AbortSignal): Promise<WalkTarget> {
    const types = await client.propertyTypes(path.slice(0, cut), path.slice(cut + 1), signal);
    const own = [options.stamp, options.validTo, options.parent].filter((name) => name !== undefined);
    const needed = [...new Set([...options.key, ...own, ...options.properties])];
    const missing = needed.filter((name) => !types.has(name));
    if (missing.length > 0) throw new ConfigError(missing.map((name) => ({ text: missingText(options, name) })));
    assertStampType(options, types);
    await requireNames({ ...namesOf(options, types), todo: () => 'Write it as $metadata of the service does.' });
    const extra = (await options.extraProperties()).filter((name) => types.has(name));
    return { ...options, types, select: [...new Set([...needed, ...extra])] };
  }

  /** Prepared once; a failure is forgotten, so that the next poll tries again. */
  async function target(signal: AbortSignal): Promise<WalkTarget> {
    prepared ??= prepare(signal);
    prepared.catch(() => {
      prepared = undefined;
    });
    const ready = await prepared;
    return { ...ready, filter: conjunction(options.filter, validFilter(ready, options.validTo)) };
  }

  return {
    async prepare(signal) {
      await target(signal);
    },
    async *read(window, cursor, signal) {
      yield* walk(await target(signal), window, cursor as WalkCursor | undefined)(signal);
    },
    async newest(limit, signal) {
      const ready = await target(signal);
      const filter = conjunction(ready.filter, `${ready.stamp} le ${stampLiteral(ready, limit)}`);
      const rows = await client.rows(
        { path, filter, orderBy: `${ready.stamp} desc`, top: 1, select: ready.select },
        signal,
      );
      return rows.length === 0 ? null : readStamp(ready, rows[0]);
    },
    async count(signal) {
      return client.count({ path, filter: (await target(signal)).filter }, signal);
    },
    keys: createODataKeys({ target, properties: options.keyProperties, map: options.mapKeys }),
    async *readChildren(parents, signal) {
      yield* readChildren(await target(signal), { options, parents }, signal);
    },
    async sample(signal) {
      const ready = await target(signal);
      return (await client.rows({ path, filter: ready.filter, top: 1, select: ready.select }, signal)).length;
    },
    doubts: async (signal) => nameDoubts(namesOf(options, (await target(signal)).types)),
    keyOf: (row) => keyTextOf(options.key, row),
    parentOf(row) {
      const id = options.parent === undefined ? undefined : (row as Record<string, unknown> | null)?.[options.parent];
      return typeof id === 'string' || typeof id === 'number' ? normalizeId(id) : undefined;
    },
    stampOf: (row) => readStamp(options, row),
  };
}

function keyTextOf(names: readonly string[], row: unknown): string | undefined {
  if (typeof row !== 'object' || row === null) return undefined;
  let key: string | undefined;
  for (const name of names) {
    const value = (row as Record<string, unknown>)[name];
    if (typeof value !== 'string' && typeof value !== 'number') return undefined;
    key = key === undefined ? String(value) : `${key},${value}`;
  }
  return key;
}

function namesOf({ name: stream, path, readings }: ODataSourceOptions, types: PropertyTypes) {
  // Every row of V2 has metadata of its own, and of V4 annotations, which no type names.
  const has = (name: string) => types.has(name) || name === '__metadata' || name.startsWith('@');
  return { stream, mapping: { readings }, has, where: path };
}

/** Today's and future segments of a record that is kept in segments of time, by the server's clock. */
function validFilter(target: WalkTarget, validTo: string | undefined): string | undefined {
  const now = target.client.now();
  if (validTo === undefined || now === undefined) return undefined;
  const today = `${now.toISOString().slice(0, 10)}T00:00:00Z`;
  return `${validTo} ge ${literal(target.version, target.types.get(validTo) ?? 'Edm.DateTime', today)}`;
}

interface ChildRead {
  options: ODataSourceOptions;
  parents: readonly string[];
}

async function* readChildren(
  target: WalkTarget,
  { options, parents }: ChildRead,
  signal: AbortSignal,
): AsyncGenerator<ChildPage> {
  const { parent = '', maxConcurrency } = options;
  const type = target.types.get(parent) ?? 'Edm.String';
  const readChunk = async (chunk: readonly string[]): Promise<ChildPage> => {
    const base = chunk.map((id) => `${parent} eq ${literal(target.version, type, id)}`).join(' or ');
    const rows: unknown[] = [];
    for await (const page of walkByKey(target, { base, cursor: undefined }, signal)) rows.push(...page.rows);
    return { rows, parents: chunk };
  };
  const requests = chunks(parents, parentsPerRequest);
  for (const sideBySide of chunks(requests, maxConcurrency)) yield* await Promise.all(sideBySide.map(readChunk));
}

/** EDM types that a kind of stamp can be compared with: a filter on any other finds nothing, for ever and without an error. */
const stampTypes: Record<DatedKind, readonly string[]> = {
  timestamp: ['Edm.DateTimeOffset', 'Edm.DateTime'],
  second: ['Edm.DateTimeOffset', 'Edm.DateTime'],
  char14: ['Edm.String'],
  date: ['Edm.Date', 'Edm.DateTime', 'Edm.DateTimeOffset'],
};

function assertStampType({ name, stamp, stampKind }: ODataSourceOptions, types: PropertyTypes): void {
  if (stamp === undefined || stampKind === 'none') return;
  const type = types.get(stamp) ?? '';
  if (stampTypes[stampKind].includes(type)) return;
  throw new ConfigError(
    `${name}: stampKind ${stampKind} does not fit ${stamp}, which is ${type} on this system. ` +
      'Set the stampKind that fits, or none to read the stream whole.',
  );
}

function missingText(options: ODataSourceOptions, property: string): string {
  return (
    `${options.name}: ${options.path} has no property ${property} on this system. ` +
    `Name the property that holds it under streams.<stream>.properties, or set it to null there to leave it out.`
  );
}
