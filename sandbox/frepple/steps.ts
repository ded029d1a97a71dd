import { later } from './build.ts';
import { isDone, type Load, type Operation, type Order } from './model.ts';
import { decimal, type World } from './world.ts';

/** The rows of an order's steps, in the order's own state; none for an operation that is no routing. */
export function stepsFor({ database, splits, random }: World, order: Order): Order[] {
  const routing = database.table('operation').get(order.operation ?? '');
  if (routing?.type !== 'routing') return [];
  const steps = database.table('operation').by('owner', routing.name);
  steps.sort((left, right) => left.priority - right.priority);
  return steps.map((step, index): Order => {
    const startdate = later(order.startdate, index * 2);
    const reference = stepReference(order, step);
    const enddate = later(startdate, random.int(1, 30));
    const type = splits ? 'WO' : 'MO';
    return { ...order, reference, type, operation: step.name, owner: order.reference, startdate, enddate };
  });
}

/** Proposals are numbered by the engine; the ERP names steps after their order. */
function stepReference(order: Order, { priority }: Operation): string {
  const { reference } = order;
  return /^\d+$/.test(reference) ? `${reference}${String(priority).padStart(3, '0')}` : `WO-${reference}-${priority}`;
}

/** What the engine does at the end of a run: a member of the pool, or the machine itself, for each order that is not done. */
export function assignLoads({ database, random }: World, lastmodified: string): void {
  const members = new Map<string, string[]>();
  for (const { name, owner } of database.table('resource').rows()) {
    if (owner !== null) members.set(owner, [...(members.get(owner) ?? []), name]);
  }
  for (const order of database.table('operationplan').rows()) {
    if (isDone(order) || order.operation === null) continue;
    for (const { resource } of database.table('operationresource').by('operation', order.operation)) {
      const pool = members.get(resource);
      const row: Load = {
        id: database.serial(),
        operationplan: order.reference,
        resource: pool === undefined ? resource : random.pick(pool),
        quantity: decimal(1),
        status: null,
        setup: null,
        source: null,
        lastmodified,
      };
      database.apply({ table: 'operationplanresource', row });
    }
  }
}
