import { type Clock, wallOf } from './clock.ts';
import type { Database } from './database.ts';
import { isDone, type Json, type Order, type Row, type Status } from './model.ts';

/** What saving an order needs to know. */
export interface Saving {
  database: Database;
  clock: Clock;
  /** Work orders are a table's type of their own (since 9.13). */
  splits: boolean;
  /** The tree of resources is numbered: a plan run or an import does it. Without it no resource can be swapped. */
  treeNumbered: boolean;
}

/** A status that the server cannot save: it answers 500. */
export class ServerError extends Error {}

/**
 * Saves an order as the real one does, side effects included. What it writes to other orders leaves their
 * `lastmodified` as it was (`save(update_fields=...)`).
 */
export function saveOrder(values: Row, before: Order | undefined, saving: Saving): Order {
  const { resources, materials: _materials, ...columns } = values;
  const merged = { ...(before ?? freshOrder(values)), ...columns } as Order;
  if (!merged.status) throw new ServerError('An order without a status.');
  if (before === undefined && saving.splits && merged.owner !== null) merged.type = 'WO';
  if (isDone(merged) && values['status'] !== undefined) finish(merged, saving);
  const saved = { ...merged, lastmodified: saving.clock.stamp() };
  saving.database.apply({ table: 'operationplan', row: saved });
  if (saved.owner !== null) liftOwner(saved, saving.database);
  if (resources !== undefined) swapResources(saved, resources, saving);
  return saved;
}

function freshOrder(values: Row): Order {
  return {
    reference: String(values['reference'] ?? ''),
    type: 'MO',
    status: values['status'] as Status,
    operation: null,
    quantity: '0.00000000',
    quantity_completed: null,
    startdate: null,
    enddate: null,
    batch: null,
    criticality: null,
    delay: null,
    plan: {},
    owner: null,
    source: null,
    lastmodified: '',
    demand: null,
    forecast: null,
  };
}

/** Clamps dates of the future to now, drops the loads, and carries the status to the other orders of the routing. */
function finish(order: Order, { database, clock }: Saving): void {
  let stamp: string | undefined;
  const now = (): string => {
    stamp ??= clock.stamp();
    return stamp;
  };
  const wall = wallOf(clock.zone, clock.now());
  const clamp = (each: Order): void => {
    if (each.startdate !== null && each.startdate > wall) each.startdate = now();
    if (each.enddate !== null && each.enddate > wall) each.enddate = now();
  };
  clamp(order);
  dropLoads(order, database);
  const carry = (each: Order, status: Status): void => {
    const changed = { ...each, status };
    clamp(changed);
    dropLoads(changed, database);
    database.apply({ table: 'operationplan', row: changed });
  };
  if (order.owner === null) {
    finishSteps(order, database, carry);
    return;
  }
  const [steps, place] = [stepsOf(order.owner, database), placeOf(order, database)];
  for (const step of steps) {
    if (step.reference !== order.reference && placeOf(step, database) < place && !isDone(step))
      carry(step, order.status);
  }
  const open = stepsOf(order.owner, database).some((step) => step.reference !== order.reference && !isDone(step));
  const owner = database.table('operationplan').get(order.owner);
  if (!open && owner !== undefined && !isDone(owner)) carry(owner, 'completed');
}

/** Ending a routing ends its open steps; they in turn set it to completed, whatever it was to be (the real one does). */
function finishSteps(order: Order, database: Database, carry: (each: Order, status: Status) => void): void {
  for (const step of stepsOf(order.reference, database)) {
    if (isDone(step)) continue;
    carry(step, order.status);
    order.status = 'completed';
  }
}

/** The steps of a routing's order, first to last. */
export function stepsOf(reference: string, database: Database): Order[] {
  const steps = database.table('operationplan').by('owner', reference);
  return steps.sort((left, right) => placeOf(left, database) - placeOf(right, database));
}

function placeOf({ operation }: Order, database: Database): number {
  return database.table('operation').get(operation ?? '')?.priority ?? 0;
}

/** Releasing a step releases its order. */
function liftOwner({ owner, status }: Order, database: Database): void {
  const order = database.table('operationplan').get(owner ?? '');
  if (order?.status !== 'proposed' || status === 'proposed') return;
  database.apply({ table: 'operationplan', row: { ...order, status: 'approved' } });
}

function dropLoads({ reference }: Order, database: Database): void {
  const table = 'operationplanresource';
  for (const row of database.table(table).by('operationplan', reference)) database.apply({ table, row, gone: true });
}

/** Exchanges a load for another resource of the same pool; every other wish is answered 200 and forgotten. */
function swapResources(order: Order, wanted: Json, { database, treeNumbered }: Saving): void {
  if (!treeNumbered) return;
  const loads = database.table('operationplanresource').by('operationplan', order.reference);
  for (const entry of wanted as Row[]) {
    const resource = String(entry['resource']);
    const load = loads.find((each) => topOf(each.resource, database) === topOf(resource, database));
    if (load === undefined || load.resource === resource) continue;
    database.apply({ table: 'operationplanresource', row: { ...load, resource } });
  }
}

/** The top of a resource's hierarchy: itself, or its pool. */
export function topOf(name: string, database: Database): string {
  const owner = database.table('resource').get(name)?.owner ?? null;
  return owner === null ? name : topOf(owner, database);
}
