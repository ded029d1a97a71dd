import { groupBy } from '../../core/groups.ts';
import { isHeld } from '../../core/records.ts';
import type { Entity } from '../../core/types.ts';
import type { Batch, ReadyChange } from '../sink.ts';
import type { Ability, ProofCost } from './ability.ts';
import { setsStatus } from './bodies.ts';

export const wayNames = [
  'classic-bulk',
  'classic-put',
  'erp-sync',
  'generic-bulk',
  'generic-put',
  'post-patch',
] as const;
export type WayName = (typeof wayNames)[number];

/** What is to be done with a record: `status` puts one that the MES holds on hold. */
export type Task = 'create' | 'update' | 'status';

/**
 * Which way serves when, the best first: answers that name each record, then few requests. A single record never pays for a
 * bulk-sync, which costs a look at the list as well; a change of status goes only where the answer or a list shows it.
 */
const order: Readonly<Record<Task, readonly WayName[]>> = {
  create: ['classic-bulk', 'classic-put', 'erp-sync', 'generic-bulk', 'generic-put', 'post-patch'],
  update: ['classic-bulk', 'classic-put', 'erp-sync', 'generic-bulk', 'generic-put', 'post-patch'],
  status: ['classic-bulk', 'classic-put', 'generic-bulk', 'generic-put', 'post-patch', 'erp-sync'],
};

/**
 * Of resources erp-sync makes the status "available" again, whoever has set it at the MES, for those too that only we take for new:
 * the last resort.
 */
function orderFor(entity: Entity, task: Task): readonly WayName[] {
  return entity === 'resource' ? order.status : order[task];
}

/** From so many on a bulk-sync with its read-back is cheaper than a request each. */
const bulkFrom = 3;

/** Columns that the function of erp-sync takes over; it drops all others. */
export const erpSyncColumns: Partial<Record<Entity, ReadonlySet<string>>> = {
  job: new Set(['job_number', 'customer', 'customer_name', 'due_date', 'notes', 'description', 'priority']),
  part: new Set(['part_number', 'material', 'quantity', 'notes']),
  resource: new Set(['name', 'type', 'description', 'identifier', 'location', 'active']),
};

export function taskOf(change: ReadyChange): Task {
  if (!isHeld(change.known)) return 'create';
  return setsStatus(change) ? 'status' : 'update';
}

export interface Choice {
  entity: Entity;
  ability: Ability;
  task: Task;
  /** Records of one task in the batch. */
  count: number;
  proof: ProofCost;
}

/**
 * The best way that works; undefined when this MES takes no records of the entity in any way. While not all is known of it, the best of
 * what is may lose something, as erp-sync does a status.
 */
export function chooseWay(choice: Choice): WayName | undefined {
  if (choice.ability.unknown !== undefined) return undefined;
  return orderFor(choice.entity, choice.task).find((way) => serves(way, choice));
}

function serves(way: WayName, { entity, ability, task, count, proof }: Choice): boolean {
  if (way === 'classic-bulk') return ability.classic === 'bulk';
  if (way === 'classic-put') return ability.classic === 'put';
  if (way === 'erp-sync') return ability.erpSync === 'all' || (ability.erpSync === 'updates' && task !== 'create');
  if (way === 'generic-put') return ability.put;
  if (way === 'post-patch') return ability.post;
  if (!ability.put || ability.lists !== true || count < bulkFrom) return false;
  // Nothing in the list of parts tells a new one from another source's of the same number, which would have kept it out.
  if (entity === 'part' && task === 'create') return false;
  return task === 'status' ? worthListing(proof.listPages, count) : !(proof.distrusted && task === 'update');
}

/** The list of all that is on hold is read to its end at worst, and tells of that many records. */
export function worthListing(pages: number, count: number): boolean {
  return pages * 2 <= count;
}

export const tasks: readonly Task[] = ['create', 'update', 'status'];

/** What the MES can do with records of an entity, whatever it costs; none while it takes them in no way. */
export function possibleTasks(entity: Entity, ability: Ability): Task[] {
  const proof = { distrusted: false, listPages: 1 };
  return tasks.filter((task) => chooseWay({ entity, ability, task, count: 1, proof }) !== undefined);
}

/** The changes of a batch by the way they take; those of none under undefined. */
export function planWays(
  ability: Ability,
  { entity, changes }: Batch,
  proof: ProofCost,
): Map<WayName | undefined, readonly ReadyChange[]> {
  const plan = new Map<WayName | undefined, readonly ReadyChange[]>();
  for (const [task, group] of groupBy(changes, taskOf)) {
    const [whole, other] = entity === 'resource' ? [group, []] : splitFor(ability, group);
    for (const [part, able] of [
      [whole, ability],
      [other, { ...ability, erpSync: 'no' }],
    ] as const) {
      if (part.length === 0) continue;
      const way = chooseWay({ entity, ability: able, task, count: part.length, proof });
      const others = plan.get(way);
      plan.set(way, others === undefined ? part : [...others, ...part]);
    }
  }
  return plan;
}

/** Where a way takes all columns, what erp-sync would lose goes there. */
function splitFor(ability: Ability, group: readonly ReadyChange[]): [readonly ReadyChange[], readonly ReadyChange[]] {
  if (ability.erpSync === 'no' || !(ability.put || ability.post)) return [group, []];
  const fits = (change: ReadyChange) => fitsErpSync(change);
  return [group.filter(fits), group.filter((change) => !fits(change))];
}

/** It says nothing of further columns. */
function fitsErpSync({ record: { entity, fields } }: ReadyChange): boolean {
  const taken = erpSyncColumns[entity];
  return Object.entries(fields).every(([name, value]) => value === null || taken?.has(name) === true);
}
