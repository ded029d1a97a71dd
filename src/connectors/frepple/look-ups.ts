import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import type { DrfClient } from '../protocols/drf/client.ts';
import { listPath } from './lists.ts';

/** What mapping an order needs of other lists. All of it is held: a plant has few operations and resources beside its orders. */
export interface LookUps {
  operations: ReadonlyMap<string, Operation>;
  /** Name of the cell that an operation is done in. */
  cells: ReadonlyMap<string, string>;
  demands: ReadonlySet<string>;
  /** Rows of demands that are neither open nor quotes, with the properties that the mapping of demands reads. */
  over: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

export const noLookUps: LookUps = { operations: new Map(), cells: new Map(), demands: new Set(), over: new Map() };

const text = z.string().nullish();

const operationSchema = z.object({
  name: z.string(),
  type: text,
  item: text,
  owner: text,
  priority: z.number().nullish(),
  duration: text,
  duration_per: text,
});
export type Operation = z.output<typeof operationSchema>;

export const resourceSchema = z.object({
  name: z.string(),
  owner: text,
  category: text,
  subcategory: text,
  location: text,
});
export type Resource = z.output<typeof resourceSchema>;

const needSchema = z.object({
  id: z.number(),
  operation: text,
  resource: text,
  priority: z.number().nullish(),
});
type Need = z.output<typeof needSchema>;

export const demandSchema = z.object({ name: z.string(), customer: text, due: text, status: text });
/** Whole rows, for what an operator's own mapping reads. */
const demandRowSchema = z.looseObject({ name: z.string(), status: text });

/** Tells cells from other resources. */
export type IsCell = (resource: Resource) => boolean;

const rowsAtOnce = 1000;

export interface DemandReader {
  client: DrfClient;
  /** Properties of a demand that its mapping reads. */
  demandNames(): Promise<readonly string[]>;
}

/** What parts need: the items of operations, which demands there are, and what is known of those that are over. */
export async function readPartLookUps({ client, demandNames }: DemandReader, signal: AbortSignal): Promise<LookUps> {
  const operations = await readOperations(client, signal);
  const demands = new Set<string>();
  const over = new Map<string, Record<string, unknown>>();
  const names = await demandNames();
  for await (const row of rowsOf(client, { model: 'demand', schema: demandRowSchema }, signal)) {
    demands.add(row.name);
    if (isOpen(row)) continue;
    over.set(row.name, Object.fromEntries(names.filter((name) => name in row).map((name) => [name, row[name]])));
  }
  return { ...noLookUps, operations, demands, over };
}

/** Open to the MES; without a status it is. */
function isOpen({ status }: { status?: string | null | undefined }): boolean {
  return (status ?? 'open') === 'open' || status === 'quote';
}

export interface CellReader {
  client: DrfClient;
  isCell: IsCell;
  /** Name of the cell of operations that need none. */
  otherwise: string | undefined;
}

/** What operations need: their times and cells. */
export async function readStepLookUps(
  { client, isCell, otherwise }: CellReader,
  signal: AbortSignal,
): Promise<LookUps> {
  const operations = await readOperations(client, signal);
  const resources = new Map<string, Resource>();
  for await (const row of rowsOf(client, { model: 'resource', schema: resourceSchema }, signal)) {
    resources.set(row.name, row);
  }
  requireAnyCell(resources, isCell);
  requireCell(otherwise, cellAbove(otherwise, resources, isCell));
  const first = new Map<string, { need: Need; cell: string }>();
  for await (const need of rowsOf(client, { model: 'operationresource', schema: needSchema }, signal)) {
    const { operation } = need;
    const cell = cellAbove(need.resource, resources, isCell);
    if (typeof operation !== 'string' || cell === undefined) continue;
    const known = first.get(operation);
    if (known === undefined || isBefore(need, known.need)) first.set(operation, { need, cell });
  }
  return { ...noLookUps, operations, cells: new Map([...first].map(([operation, { cell }]) => [operation, cell])) };
}

function requireAnyCell(resources: ReadonlyMap<string, Resource>, isCell: IsCell): void {
  if (resources.size === 0 || [...resources.values()].some(isCell)) return;
  throw new ConfigError(
    `cells: none of the ${resources.size} resources that FrePPLe lists is a cell, so that no operation can be delivered. Set cells.categories or cells.subcategories to what cells have there.`,
  );
}

function requireCell(name: string | undefined, found: string | undefined): void {
  if (name === found) return;
  throw new ConfigError(`cells.otherwise names ${JSON.stringify(name)}, which FrePPLe does not list as a cell.`);
}

async function readOperations(client: DrfClient, signal: AbortSignal): Promise<Map<string, Operation>> {
  const operations = new Map<string, Operation>();
  for await (const row of rowsOf(client, { model: 'operation', schema: operationSchema }, signal)) {
    operations.set(row.name, row);
  }
  return operations;
}

/** Rows that are not as expected are passed over: what needs them is set aside when it is mapped. */
async function* rowsOf<Schema extends z.ZodObject>(
  client: DrfClient,
  { model, schema }: { model: string; schema: Schema },
  signal: AbortSignal,
): AsyncGenerator<z.output<Schema>> {
  const list = await client.list({ path: listPath(model) }, signal);
  for (const page of list.pages(rowsAtOnce)) {
    for (const row of page) {
      const parsed = schema.safeParse(row);
      if (parsed.success) yield parsed.data;
    }
  }
}

function isBefore(one: Need, other: Need): boolean {
  const [a, b] = [one.priority ?? 0, other.priority ?? 0];
  return a === b ? one.id < other.id : a < b;
}

/** The nearest cell: the resource itself, or a pool that it is a member of. */
function cellAbove(
  name: string | null | undefined,
  resources: ReadonlyMap<string, Resource>,
  isCell: IsCell,
): string | undefined {
  const passed = new Set<string>();
  let resource = resources.get(name ?? '');
  while (resource !== undefined && !passed.has(resource.name)) {
    if (isCell(resource)) return resource.name;
    passed.add(resource.name);
    resource = resources.get(resource.owner ?? '');
  }
  return undefined;
}
