import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { messageOf, RecordError } from '../core/errors.ts';
import type { Entity, FieldValue, MesRecord, RecordRef } from '../core/types.ts';
import type { GoodRow, MappedRow, RefusedRow, Wanted } from './connector.ts';
import { compileExpression, type Expression, isPropertyPath } from './expression.ts';
import type { ExpressionNames } from './expression-names.ts';
import { convertField, type FieldKind, mesFields } from './fields.ts';

/** How the rows of one stream become records: the connector's own mapping, and what the operator laid over it. */
export interface MappingOptions<Row> {
  entity: Entity;
  /** Names only what the mapping uses; other properties are ignored. */
  schema: z.ZodType<Row>;
  /** Throws RecordError for values that cannot become a record. */
  toRecords(row: Row): MesRecord[];
  /** The raw row's key as text. */
  keyOf(row: unknown): string | undefined;
  /** The records that the raw row makes, where its key alone tells. */
  refsOf?(row: unknown): RecordRef[] | undefined;
  /** The raw row's change stamp; null when it has none. */
  stampOf(row: unknown): string | null;
  /** Service property by the name that the mapping knows it under, where the two differ. */
  properties: Readonly<Record<string, string | null>>;
  /** The operator's own: MES field -> property path or JSONata. */
  fields: Readonly<Record<string, string>>;
  /** The operator's own: rows for which this is false are left out, and cancelled when already delivered. */
  when: string | undefined;
  timeZone: string;
  companion?: Companion | undefined;
}

/** A row of another stream that a row brings along, because its own records need those of that one. */
export interface Companion {
  /** The other stream's raw row; undefined where none is needed. */
  rowOf(row: unknown): unknown;
  bring: Mapping['bring'];
}

export interface Mapping {
  map(rows: readonly unknown[], wanted?: Wanted): Promise<MappedRow[]>;
  /**
   * The records of a row that a row of another stream brings along: the same as `map` makes of it, but told whether the MES has them or
   * not. None of a row that is refused, or left out by `when`: its own stream says so.
   */
  bring(row: unknown): Promise<MesRecord[]>;
  /** Service properties that the operator's own mapping may read. */
  names(): Promise<readonly string[]>;
  /** What each setting of the operator's own mapping reads of a row. */
  readings(): Promise<readonly NameReading[]>;
}

export interface NameReading extends ExpressionNames {
  /** Of the stream: `when`, or `fields.` and the name of the field. */
  setting: string;
}

interface Overlay {
  name: string;
  kind: FieldKind;
  read(row: unknown): unknown | Promise<unknown>;
  names: ExpressionNames;
}

interface Compiled {
  overlays: readonly Overlay[];
  when: Expression | undefined;
}

export function createMapping<Row>(options: MappingOptions<Row>): Mapping {
  const { entity, companion } = options;
  const rename = createRenamer(options.properties);
  let compiled: Promise<Compiled> | undefined;
  const compile = () => (compiled ??= compileOptions(options));
  const readings = async () => readingsOf(await compile());
  return {
    async map(rows, { stamps } = { stamps: true }) {
      const { overlays, when } = await compile();
      const plain = overlays.length === 0 && when === undefined;
      const mapped: MappedRow[] = [];
      for (const row of rows) {
        const parsed = parseRow(row, { options, rename, stamps });
        const laid =
          plain || parsed.kind === 'refused' ? parsed : await layOver(parsed, row, { overlays, when, options });
        if (laid.kind === 'refused') mapped.push(withRefs(laid, options.refsOf?.(row)));
        else mapped.push(companion === undefined ? laid : await withCompanions(laid, row, { entity, companion }));
      }
      return mapped;
    },
    async bring(row) {
      const { overlays, when } = await compile();
      const parsed = parseRow(row, { options, rename, stamps: false });
      if (parsed.kind === 'refused' || (when !== undefined && !(await passes(when, row)))) return [];
      const laid = await layOver(parsed, row, { overlays, when: undefined, options });
      return laid.kind === 'refused' ? [] : laid.records.map(anyway);
    },
    async names() {
      return [...new Set((await readings()).flatMap(({ all }) => all))];
    },
    readings,
  };
}

function readingsOf({ overlays, when }: Compiled): NameReading[] {
  const ofFields = overlays.map(({ name, names }) => ({ setting: `fields.${name}`, ...names }));
  return when === undefined ? ofFields : [...ofFields, { setting: 'when', ...when.names }];
}

/** Rows that are no news to the MES bring nothing along. */
async function withCompanions(
  mapped: GoodRow,
  row: unknown,
  { entity, companion }: { entity: Entity; companion: Companion },
): Promise<GoodRow> {
  const other = companion.rowOf(row);
  const isNews = mapped.records.some((record) => record.entity === entity && record.onlyIfKnown !== true);
  if (other === undefined || !isNews) return mapped;
  return { ...mapped, records: [...(await companion.bring(other)), ...mapped.records] };
}

function anyway({ onlyIfKnown: _known, onlyIfActive: _active, ...record }: MesRecord): MesRecord {
  return record;
}

/** What cannot be told is told by the stream of the row itself. */
async function passes(when: Expression, row: unknown): Promise<boolean> {
  try {
    return Boolean(await when.evaluate(row));
  } catch {
    return false;
  }
}

function withRefs(row: RefusedRow, refs: RecordRef[] | undefined): RefusedRow {
  return refs === undefined ? row : { ...row, refs };
}

interface Parsing<Row> {
  options: MappingOptions<Row>;
  rename: (row: unknown) => unknown;
  stamps: boolean;
}

function parseRow<Row>(row: unknown, { options, rename, stamps }: Parsing<Row>): MappedRow {
  const stamp = stamps ? options.stampOf(row) : null;
  const key = options.keyOf(row);
  const parsed = options.schema.safeParse(rename(row));
  if (key === undefined || !parsed.success) {
    const issues = parsed.success
      ? []
      : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    const reason = `The row does not have the expected form (${key === undefined ? 'its key is missing' : issues.join('; ')}).`;
    return { kind: 'refused', key: key ?? fingerprintOf(row), stamp, stage: 'parse', reason, row };
  }
  try {
    return { kind: 'good', key, stamp, records: options.toRecords(parsed.data) };
  } catch (error) {
    return { kind: 'refused', key, stamp, stage: 'map', reason: messageOf(error), row };
  }
}

interface Laying {
  overlays: readonly Overlay[];
  when: Expression | undefined;
  options: { entity: Entity; timeZone: string };
}

async function layOver(parsed: MappedRow & { kind: 'good' }, row: unknown, laying: Laying): Promise<MappedRow> {
  try {
    if (laying.when !== undefined && !(await laying.when.evaluate(row))) {
      return { ...parsed, records: parsed.records.map(withdrawn), leftOut: true };
    }
    const own: Record<string, FieldValue> = {};
    for (const overlay of laying.overlays) {
      const { name, kind } = overlay;
      own[name] = convertField(kind, await overlay.read(row), { name, timeZone: laying.options.timeZone });
    }
    const lay = (record: MesRecord): MesRecord =>
      record.entity === laying.options.entity ? { ...record, fields: { ...record.fields, ...own } } : record;
    return { ...parsed, records: parsed.records.map(lay) };
  } catch (error) {
    const reason = error instanceof RecordError ? error.message : `The configured mapping failed: ${describe(error)}.`;
    return { kind: 'refused', key: parsed.key, stamp: parsed.stamp, stage: 'map', reason, row };
  }
}

/** A row that no longer passes `when`: cancelled where the MES holds it, no news elsewhere. */
/** Left out by the mapping: cancelled where the MES holds it, no news elsewhere. */
export function withdrawn(record: MesRecord): MesRecord {
  return { ...record, lifecycle: 'cancelled', onlyIfKnown: true };
}

async function compileOptions<Row>(options: MappingOptions<Row>): Promise<Compiled> {
  const kinds: Readonly<Record<string, FieldKind>> = mesFields[options.entity];
  const overlays: Overlay[] = [];
  // In the order of the table, not of the config file: the order of fields is part of the sync hash.
  for (const [name, kind] of Object.entries(kinds)) {
    const source = options.fields[name];
    if (source !== undefined) overlays.push(await compileOverlay(name, kind, source));
  }
  return { overlays, when: options.when === undefined ? undefined : await compileExpression(options.when) };
}

async function compileOverlay(name: string, kind: FieldKind, source: string): Promise<Overlay> {
  if (!isPropertyPath(source)) {
    const expression = await compileExpression(source);
    return { name, kind, read: (row) => expression.evaluate(row), names: expression.names };
  }
  const path = source.split('.');
  const first = path.slice(0, 1);
  const names = { all: first, ofRow: first, doubtful: [], takesRow: false };
  return { name, kind, read: (row) => path.reduce(readProperty, row), names };
}

function readProperty(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

/** Lets a mapping read a service that names its properties otherwise. */
function createRenamer(properties: Readonly<Record<string, string | null>>): (row: unknown) => unknown {
  const renames = Object.entries(properties);
  if (renames.length === 0) return (row) => row;
  return (row) => {
    const renamed: Record<string, unknown> = { ...(row as Record<string, unknown>) };
    for (const [ours, theirs] of renames) renamed[ours] = theirs === null ? null : readProperty(row, theirs);
    return renamed;
  };
}

/** A short text that changes with everything given to it, but not with the order in which an object names its properties. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortProperties)).digest('hex').slice(0, 16);
}

function sortProperties(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** JSONata throws plain objects. */
function describe(error: unknown): string {
  return (error as { message?: unknown }).message === undefined ? String(error) : String((error as Error).message);
}
