import type { Random } from '../random.ts';
import { anyText } from '../random-values.ts';
import {
  buildDemand,
  buildOperation,
  buildOrder,
  buildResource,
  customers,
  items,
  locations,
  peggingOf,
  referenceOf,
} from './build.ts';
import type { Operation, Order, Plan, Status } from './model.ts';
import { assignLoads, stepsFor } from './steps.ts';
import { decimal, type World } from './world.ts';

/** How many rows of each kind make exactly the wanted number of MES records. */
export interface Records {
  cells: number;
  resources: number;
  demands: number;
  stockOrders: number;
  orders: number;
  operations: number;
}

/**
 * Splits `records` into cells, resources, jobs, parts and operations (jobs : parts : operations about 1 : 1 : 3).
 * An order without a demand counts twice, as a part and as its STOCK job. Throws below 20, where there is nothing to split.
 */
export function planRecords(records: number): Records {
  if (!Number.isInteger(records) || records < 20)
    throw new RangeError('A simulated FrePPLe needs at least 20 records.');
  const share = Math.max(1, Math.round(records * 0.03));
  const [cells, resources] = [Math.min(40, share), Math.min(150, share)];
  const rest = records - cells - resources;
  const orders = Math.round(rest / 5);
  const stockOrders = Math.round(orders / 4);
  return { cells, resources, demands: orders - stockOrders, stockOrders, orders, operations: rest - 2 * orders };
}

/** Fills an empty database with the state before the first event; `moment` draws a `lastmodified` of the past. */
export function fill(world: World, records: Records, moment: () => string): void {
  fillNames(world, moment);
  fillResources(world, records, moment);
  const counts = stepCounts(world.random, records);
  fillOperations(world, counts, moment);
  const today = world.clock.stamp();
  for (let number = 0; number < records.demands; number += 1) {
    world.database.apply({ table: 'demand', row: buildDemand(world.random, number, today) });
  }
  world.numbers.demand = records.demands;
  fillOrders(world, { records, counts, today, moment });
  fillOthers(world, today, moment);
  assignLoads(world, today);
}

function fillNames({ database }: World, moment: () => string): void {
  const put = (table: string, name: string): void =>
    database.apply({ table, row: { name, description: null, source: null, lastmodified: moment() } });
  for (const name of items) put('item', name);
  for (const name of locations) put('location', name);
  for (const name of customers) put('customer', name);
}

/** Machines and pools become cells; the members of pools, and tools, become resources. */
function fillResources({ random, database, numbers }: World, records: Records, moment: () => string): void {
  const cells: string[] = [];
  for (let number = 0; number < records.cells + records.resources; number += 1) {
    const row = buildResource(random, number + 1, moment());
    const tool = number >= records.cells && random.chance(0.2);
    if (number < records.cells) cells.push(row.name);
    else if (!tool) row.owner = random.pick(cells);
    database.apply({ table: 'resource', row: tool ? { ...row, subcategory: 'tool' } : row });
  }
  numbers.resource = records.cells + records.resources + 1;
}

/** One step for each order first, the others wherever chance puts them. */
function stepCounts(random: Random, { orders, operations }: Records): number[] {
  const counts = Array.from({ length: orders }, () => 1);
  for (let left = operations - orders; left > 0; left -= 1) {
    const position = random.int(0, counts.length - 1);
    counts[position] = (counts[position] ?? 0) + 1;
  }
  return counts;
}

function fillOperations(world: World, counts: readonly number[], moment: () => string): void {
  const { random, database } = world;
  const put = (row: Operation): void => {
    database.apply({ table: 'operation', row });
    if (row.type !== 'routing') giveResources(world, row.name, moment());
  };
  for (let number = 1; number <= 12; number += 1) {
    const item = random.pick(items);
    const name = `Make ${item} ${number}`;
    put(buildOperation(random, name, { item, lastmodified: moment() }));
    world.singles.push(name);
  }
  for (const steps of new Set([...counts, 2, 3])) {
    for (let variant = 1; variant <= 2 && steps > 1; variant += 1) {
      const name = `Route ${steps}.${variant}`;
      const routing = { type: 'routing', item: random.pick(items), duration: null, duration_per: null } as const;
      put(buildOperation(random, name, { ...routing, lastmodified: moment() }));
      const spread = random.pick([1, 10]);
      for (let step = 1; step <= steps; step += 1) {
        const label = `${anyText(random)} ${name}/${step}`.trim();
        put(buildOperation(random, label, { owner: name, priority: step * spread, lastmodified: moment() }));
      }
      world.routings.set(steps, [...(world.routings.get(steps) ?? []), name]);
    }
  }
}

/** A machine or a pool, sometimes with a tool, listed first, beside it, or with a second one of lower priority. */
function giveResources({ random, database }: World, operation: string, lastmodified: string): void {
  const resources = [...database.table('resource').rows()];
  const tops = resources.filter(({ owner, subcategory }) => owner === null && subcategory !== 'tool');
  const tools = resources.filter(({ subcategory }) => subcategory === 'tool');
  const give = (resource: string, priority: number): void => {
    const quantity = decimal(1);
    const row = {
      id: database.serial(),
      operation,
      resource,
      priority,
      quantity,
      lastmodified,
      skill: null,
      source: null,
    };
    database.apply({ table: 'operationresource', row });
  };
  if (tools.length > 0 && random.chance(0.3)) give(random.pick(tools).name, 1);
  if (random.chance(0.2)) give(random.pick(tops).name, 2);
  give(random.pick(tops).name, 1);
}

interface Filling {
  records: Records;
  counts: readonly number[];
  today: string;
  moment: () => string;
}

function fillOrders(world: World, { records, counts, today, moment }: Filling): void {
  const { random, database } = world;
  let stock = records.stockOrders;
  const demands = [...database.table('demand').rows()].map(({ name }) => name);
  for (const [number, steps] of counts.entries()) {
    // Draws without replacement: exactly as many orders without a demand as planned, in no pattern.
    const forStock = random.int(1, counts.length - number) <= stock;
    if (forStock) stock -= 1;
    const plan = peggingOf(random, forStock ? [] : [random.pick(demands), random.pick(demands)]);
    const reference = number % 19 === 18 ? String(number) : referenceOf(number);
    const status = random.pick(['approved', 'approved', 'confirmed'] as const);
    put(world, steps, { reference, status, plan, today, lastmodified: moment() });
  }
  world.numbers.order = counts.length;
}

type OrderPlan = { reference: string; status: Status; plan: Plan | null; today: string; lastmodified: string };

function put(world: World, steps: number, { plan, ...seed }: OrderPlan): void {
  const { random, database } = world;
  const operation = steps === 1 ? random.pick(world.singles) : random.pick(world.routings.get(steps) ?? []);
  const order: Order = { ...buildOrder(random, { ...seed, operation, plan: plan ?? {} }), plan };
  for (const row of [order, ...stepsFor(world, order)]) database.apply({ table: 'operationplan', row });
}

/** What no MES has to hold: orders that are done, proposals, and demands that are over or no more than a question. */
function fillOthers(world: World, today: string, moment: () => string): void {
  const { random, database, numbers } = world;
  const share = Math.max(2, Math.round(numbers.order / 10));
  for (let number = 0; number < share; number += 1) {
    const status = random.pick(['completed', 'closed', 'proposed', 'proposed'] as const);
    const reference = status === 'proposed' ? String(1_000_000 + number) : `OLD-${number}`;
    // The engine empties the plan of what is closed.
    const plan = status === 'closed' ? null : {};
    put(world, random.pick([1, 2, 3]), { reference, status, plan, today, lastmodified: moment() });
    const row = buildDemand(random, numbers.demand + number, today);
    const over = random.pick(['closed', 'canceled', 'inquiry'] as const);
    database.apply({ table: 'demand', row: { ...row, name: `History ${number}`, status: over } });
  }
}
