import { anyText } from '../random-values.ts';
import { anyTime, buildDemand, customers } from './build.ts';
import type { Demand } from './model.ts';
import { type Event, pickRow, type World, written } from './world.ts';

/** Changes a demand that fits. No column of the API tells that it did. */
function change(
  verb: string,
  fits: (row: Demand) => boolean,
  edit: (row: Demand, world: World) => Partial<Demand>,
): Event {
  return (world) => {
    const row = pickRow(world, 'demand', fits);
    return row === undefined ? undefined : written('demand', [{ ...row, ...edit(row, world) }], verb);
  };
}

const isOpen = ({ status }: Demand): boolean => status === 'open' || status === 'quote';

export const demandCreated: Event = (world) => {
  const row = buildDemand(world.random, world.numbers.demand, world.clock.stamp());
  world.numbers.demand += 1;
  return written('demand', [row], 'created');
};

export const inquiryCreated: Event = (world) => {
  const row = buildDemand(world.random, world.numbers.demand, world.clock.stamp());
  world.numbers.demand += 1;
  return written('demand', [{ ...row, status: 'inquiry' }], 'asked for');
};

export const demandChanged = change('changed', isOpen, (row, { random, clock }) => ({
  description: anyText(random),
  due: random.chance(0.5) ? anyTime(random, clock.stamp()) : row.due,
  customer: random.chance(0.2) ? random.pick(customers) : row.customer,
}));

export const inquiryOrdered = change(
  'ordered',
  ({ status }) => status === 'inquiry' || status === 'quote',
  () => ({ status: 'open' }),
);

export const demandCanceled = change('canceled', isOpen, () => ({ status: 'canceled' }));
export const demandReopened = change(
  'reopened',
  ({ status }) => status === 'canceled' || status === 'closed',
  () => ({ status: 'open' }),
);
export const demandClosed = change('closed', isOpen, () => ({ status: 'closed' }));

/** With the option `deletes` only: nothing remains of it. */
export const demandDeleted: Event = (world) => {
  const row = pickRow(world, 'demand');
  if (row === undefined) return undefined;
  return { label: `demand ${row.name} deleted`, locks: [], changes: [{ table: 'demand', row, gone: true }] };
};
