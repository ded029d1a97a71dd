import { anyText } from '../random-values.ts';
import { buildResource, locations } from './build.ts';
import { type Event, pickRow, written } from './world.ts';

export const resourceCreated: Event = (world) => {
  const { random, numbers, clock } = world;
  const row = buildResource(random, numbers.resource, clock.stamp());
  numbers.resource += 1;
  const pool = random.chance(0.6) ? pickRow(world, 'resource', isTop)?.name : undefined;
  return written('resource', [{ ...row, owner: pool ?? null }], 'created');
};

export const resourceChanged: Event = (world) => {
  const row = pickRow(world, 'resource');
  if (row === undefined) return undefined;
  const { random, clock } = world;
  const changed = { description: anyText(random), location: random.pick([...locations, null]) };
  return written('resource', [{ ...row, ...changed, lastmodified: clock.stamp() }], 'changed');
};

/** The time of an operation changes for all orders that use it; their own stamps stay as they are. */
export const operationChanged: Event = (world) => {
  const row = pickRow(world, 'operation', ({ type }) => type !== 'routing');
  if (row === undefined) return undefined;
  const { random, clock } = world;
  const duration = random.pick(['00:05:00', '00:45:30', '02:00:00', '1 00:00:00']);
  return written('operation', [{ ...row, duration, lastmodified: clock.stamp() }], 'changed');
};

/** With the option `deletes` only: the member of a pool, which no operation names. */
export const resourceDeleted: Event = (world) => {
  const row = pickRow(world, 'resource', ({ owner }) => owner !== null);
  if (row === undefined) return undefined;
  return { label: `resource ${row.name} deleted`, locks: [], changes: [{ table: 'resource', row, gone: true }] };
};

function isTop({ owner, subcategory }: { owner: string | null; subcategory: string | null }): boolean {
  return owner === null && subcategory !== 'tool';
}
