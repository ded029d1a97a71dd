import type { Random } from '../random.ts';
import { anyTime, buildOrder, later, peggingOf } from './build.ts';
import { stampOf, wallOf } from './clock.ts';
import type { Database } from './database.ts';
import { isDone, type Order, type Plan } from './model.ts';
import { assignLoads, stepsFor } from './steps.ts';
import { running, type Task, type Tasks } from './tasks.ts';
import type { World } from './world.ts';

const minute = 60_000;
/** How long a run takes; its phases become visible at these shares of it. */
const duration = { min: 2 * minute, max: 6 * minute };
const phases = { erase: 0.7, update: 0.8, proposals: 0.9 } as const;

/** One run on its way. */
interface Run {
  world: World;
  task: Task;
  /** What the engine loaded when it started: all orders that are neither proposed nor closed. */
  loaded: ReadonlyMap<string, Order>;
  /** The start of the run in whole seconds: the `lastmodified` of every row that it writes minutes later. */
  stamp: string;
}

/**
 * A plan run. It is no transaction: first the proposals and all loads are gone, then the orders are written as they were
 * when the run started (edits made meanwhile are undone, orders created meanwhile or closed are deleted), then there are
 * new proposals, whose references mean something else than before, and at last loads again.
 */
export function startPlanRun(world: World, tasks: Tasks): boolean {
  if (running(tasks).length > 0) return false;
  const { database, clock, random } = world;
  const start = clock.now();
  const end = start + random.int(duration.min, duration.max);
  const at = (share: number): number => Math.floor(start + (end - start) * share);
  const orders = [...database.table('operationplan').rows()].filter(
    ({ status }) => status !== 'proposed' && status !== 'closed',
  );
  const loaded = new Map(orders.map((order) => [order.reference, order]));
  const run: Run = { world, task: taskOf(tasks, clock.stamp()), loaded, stamp: wallOf(clock.zone, start) };
  tasks.set(run.task.id, run.task);
  const phase = (time: number, status: string, action: () => void): void =>
    database.schedule({
      at: time,
      locks: [],
      run: () => {
        run.task.status = status;
        action();
      },
    });
  phase(at(phases.erase), '84%', () => erase(database));
  phase(at(phases.update), '90%', () => update(run));
  phase(at(phases.proposals), '95%', () => propose(run));
  phase(end, 'Done', () => {
    assignLoads(world, run.stamp);
    promise(run);
    run.task.finished = stampOf(clock.zone, end, 0).replace('T', ' ');
  });
  return true;
}

function taskOf(tasks: Tasks, stamp: string): Task {
  const started = stamp.replace('T', ' ');
  return {
    id: tasks.size + 1,
    name: 'runplan',
    submitted: started,
    started,
    finished: null,
    arguments: '--constraint=capa,mfg_lt,po_lt --plantype=1 --env=supply',
    status: '0%',
    message: null,
    user: 'admin',
    logfile: `frepple-${started.replace(/\D/g, '').slice(0, 14)}.log`,
  };
}

function erase(database: Database): void {
  for (const row of [...database.table('operationplanresource').rows()]) {
    database.apply({ table: 'operationplanresource', row, gone: true });
  }
  deleteOrders(database, ({ status }) => status === 'proposed');
}

/** Steps go before their orders, as foreign keys demand. */
function deleteOrders(database: Database, fits: (order: Order) => boolean): void {
  const gone = [...database.table('operationplan').rows()].filter(fits);
  gone.sort((left, right) => Number(left.owner === null) - Number(right.owner === null));
  for (const row of gone) database.apply({ table: 'operationplan', row, gone: true });
}

function update({ world, loaded, stamp }: Run): void {
  const { database, random } = world;
  const names = openDemands(database);
  const changes = new Map<string, Partial<Order>>();
  for (const order of loaded.values()) {
    if (order.owner === null && order.operation !== null) {
      changes.set(order.reference, planned(order, { random, names, database, stamp }));
    }
  }
  for (const order of loaded.values()) {
    const change = changes.get(order.owner ?? order.reference) ?? {};
    const { plan, startdate } = change;
    const moved = startdate === undefined || order.status !== 'approved' ? {} : datesOf(order, startdate);
    const row = { ...order, ...(plan === undefined ? {} : { plan }), ...moved, lastmodified: stamp };
    database.apply({ table: 'operationplan', row });
  }
  // Orders without an operation are rejected; what came after the start was never loaded, and what is closed is not either.
  deleteOrders(database, ({ reference, operation, owner, status }) => {
    const known = loaded.has(reference) && (owner === null || loaded.has(owner));
    return status !== 'proposed' && (!known || operation === null);
  });
}

function openDemands(database: Database): string[] {
  const rows = [...database.table('demand').rows()];
  return rows.filter(({ status }) => status === 'open' || status === 'quote').map(({ name }) => name);
}

interface Planning {
  random: Random;
  names: readonly string[];
  database: Database;
  stamp: string;
}

/** What a run makes of an order: mostly nothing new. Done orders keep their plan. */
function planned(order: Order, { random, names, database, stamp }: Planning): Partial<Order> {
  if (isDone(order)) return {};
  const valid = Object.keys(order.plan?.pegging ?? {}).some((name) => {
    const status = database.table('demand').get(name)?.status;
    return status === 'open' || status === 'quote';
  });
  const again = random.chance(valid ? 0.04 : 0.3);
  const moved = order.status === 'approved' && random.chance(0.1) ? { startdate: anyTime(random, stamp) } : {};
  if (again && names.length > 0) return { ...moved, plan: peggingOf(random, [random.pick(names), random.pick(names)]) };
  return valid ? moved : { ...moved, plan: forecastOnly(order.plan) };
}

/** The plan without demands that are over: an order that nobody waits for any more goes to stock. */
function forecastOnly(plan: Plan | null): Plan {
  const forecasts = Object.entries(plan?.pegging ?? {}).filter(([name]) => name.includes('FG1'));
  return forecasts.length === 0 ? {} : { ...plan, pegging: Object.fromEntries(forecasts) };
}

function datesOf(order: Order, startdate: string | null): Partial<Order> {
  const hours =
    order.startdate === null || order.enddate === null
      ? 8
      : Math.round(
          (Date.parse(`${order.enddate.slice(0, 19)}Z`) - Date.parse(`${order.startdate.slice(0, 19)}Z`)) / 3_600_000,
        );
  return { startdate, enddate: later(startdate, hours) };
}

/** New proposals. The engine counts references on from the largest numeric one that is not proposed: they are used again. */
function propose({ world, stamp }: Run): void {
  const { database, random } = world;
  let counter = 0;
  for (const { reference } of database.table('operationplan').rows()) {
    if (/^\d{1,9}$/.test(reference)) counter = Math.max(counter, Number(reference));
  }
  const next = (): string => {
    counter += 1;
    return String(counter);
  };
  const names = openDemands(database);
  const wanted = Math.max(2, Math.round(database.table('operationplan').size / 40));
  for (let number = 0; number < wanted; number += 1) {
    const operation = random.pick(random.chance(0.5) ? world.singles : (world.routings.get(random.pick([2, 3])) ?? []));
    const plan = peggingOf(random, names.length === 0 ? [] : [random.pick(names)]);
    const seed = { reference: next(), status: 'proposed', operation, plan, today: stamp, lastmodified: stamp } as const;
    const order: Order = { ...buildOrder(random, seed), source: null };
    const steps = stepsFor(world, order).map((step): Order => ({ ...step, reference: next() }));
    for (const row of [order, ...steps]) database.apply({ table: 'operationplan', row });
  }
}

/** The planned fields of demands are written by SQL: nothing shows that they changed. */
function promise({ world }: Run): void {
  const { database, random } = world;
  for (const row of [...database.table('demand').rows()]) {
    if (row.status !== 'open' || !random.chance(0.3)) continue;
    database.apply({ table: 'demand', row: { ...row, plannedquantity: row.quantity, deliverydate: row.due } });
  }
}
