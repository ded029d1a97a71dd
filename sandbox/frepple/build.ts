import type { Random } from '../random.ts';
import { anyQuantity, anyText } from '../random-values.ts';
import type { Demand, Operation, Order, Plan, Resource, Status } from './model.ts';
import { decimal } from './world.ts';

/** Items by name, which is their key: some as other systems number them, some with odd characters. */
export const items = [
  ...Array.from({ length: 24 }, (_, index) => `FG${101 + index}`),
  '00004711',
  "TUBE-O'NEIL",
  'RAL 7035 50%',
  'BØLT/8"',
  'A&B+C, left',
  '数控 座',
] as const;

export const locations = ['factory', 'Halle 2', "St. Niklaas' depot"] as const;
export const customers = ['Acme, Inc.', 'Müller & Söhne', "O'Hara", '株式会社', 'Customer near shop 1'] as const;
export const forecasts = ['FG101 @ shop 1 @ All customers', 'FG110 forecast'] as const;

const dayMs = 86_400_000;
/** Times that a clock change skips or repeats, in Europe and in the United States, and the midnights beside them. */
const clockChanges = [
  '2026-03-29T02:30:00',
  '2026-10-25T02:30:00',
  '2027-03-28T02:00:00',
  '2026-10-25T00:00:00',
  '2026-11-01T01:30:00',
  '2026-03-08T02:30:00',
] as const;

/** A naive local time some weeks around `today` (`YYYY-MM-DD...`); now and then none at all, or one in a clock change. */
export function anyTime(random: Random, today: string): string | null {
  if (random.chance(0.03)) return null;
  if (random.chance(0.04)) return random.pick(clockChanges);
  const day = new Date(Date.parse(`${today.slice(0, 10)}T00:00:00Z`) + random.int(-20, 70) * dayMs);
  const hour = String(random.pick([0, 6, 7, 10, 14, 22, 23])).padStart(2, '0');
  const fraction = random.chance(0.1) ? '.047126' : '';
  return `${day.toISOString().slice(0, 10)}T${hour}:${random.pick(['00', '15', '30', '59'])}:00${fraction}`;
}

/** `hours` later on the same wall clock. */
export function later(time: string | null, hours: number): string | null {
  if (time === null) return null;
  const wall = new Date(Date.parse(`${time.slice(0, 19)}Z`) + hours * 3_600_000).toISOString().slice(0, 19);
  return wall + time.slice(19);
}

/** A resource; a name is a key, so its number is in it. */
export function buildResource(random: Random, number: number, lastmodified: string): Resource {
  return {
    name: `${random.pick(['saw', 'CNC', 'Schweißplatz', 'paint line', 'assembly', 'robot'])} ${number}`,
    description: anyText(random),
    category: random.pick(['production', 'assembling', null]),
    subcategory: random.pick(['machine', 'human', null]),
    type: random.pick(['default', 'default', 'buckets_day', 'infinite']),
    location: random.pick([...locations, null]),
    owner: null,
    lastmodified,
  };
}

/** An operation without steps, or a step of a routing (then `owner` is named). */
export function buildOperation(random: Random, name: string, at: Partial<Operation>): Operation {
  const type = random.pick(['time_per', 'time_per', 'fixed_time'] as const);
  const perPiece = random.pick(['00:00:30', '00:20:00', '01:00:00', '00:00:07.500000', null]);
  return {
    name,
    type,
    item: null,
    location: random.pick(locations),
    owner: null,
    priority: 1,
    duration: random.pick(['00:00:00', '00:30:00', '06:00:00', '1 02:30:00', null]),
    duration_per: type === 'time_per' ? perPiece : null,
    lastmodified: '',
    ...at,
  };
}

/** A line of a sales order, `number` counted from 0: two lines an order. */
export function buildDemand(random: Random, number: number, today: string): Demand {
  const order = `SO-${10_001 + Math.floor(number / 2)}`;
  const quantity = decimal(Math.max(1, anyQuantity(random)));
  return {
    name: number % 17 === 16 ? `${order}/${10 + (number % 2) * 10} ü&c` : `${order}-${10 + (number % 2) * 10}`,
    description: anyText(random),
    category: null,
    subcategory: null,
    item: random.pick(items),
    customer: random.chance(0.92) ? random.pick(customers) : null,
    location: random.pick(locations),
    due: anyTime(random, today),
    status: random.pick(['open', 'open', 'open', 'quote'] as const),
    operation: null,
    quantity,
    priority: random.int(1, 20),
    batch: null,
    delay: null,
    plannedquantity: null,
    deliverydate: null,
    plan: {},
    minshipment: null,
    maxlateness: null,
    owner: order,
    policy: 'independent',
  };
}

/** What is known of an order besides what chance decides. */
export interface OrderSeed {
  reference: string;
  status: Status;
  operation: string | null;
  plan: Plan;
  today: string;
  lastmodified: string;
}

/** A manufacturing order. */
export function buildOrder(random: Random, seed: OrderSeed): Order {
  const { reference, status, operation, plan, today, lastmodified } = seed;
  const startdate = anyTime(random, today);
  return {
    reference,
    type: 'MO',
    status,
    operation,
    quantity: decimal(anyQuantity(random)),
    quantity_completed: null,
    startdate,
    enddate: later(startdate, random.int(1, 200)),
    batch: null,
    criticality: null,
    delay: null,
    plan,
    owner: null,
    source: random.pick(['ERP', null]),
    lastmodified,
    demand: null,
    forecast: null,
  };
}

/** The reference that an ERP gives its `number`-th order. */
export function referenceOf(number: number): string {
  if (number % 23 === 22) return `A/B ${number}`;
  if (number % 29 === 28) return `MO,${number}`;
  return number % 31 === 30 ? `Ø#${number}?&%` : `MO-${1001 + number}`;
}

/** The pegging of an order for one demand: often some of it for another, and a forecast that is bigger than either. */
export function peggingOf(random: Random, names: readonly string[]): Plan {
  const [first, second] = names;
  if (first === undefined) return random.chance(0.5) ? {} : { pegging: { [random.pick(forecasts)]: 12 } };
  const share = random.int(1, 400) / 4;
  const pegging: Record<string, number> = random.chance(0.2) ? { [random.pick(forecasts)]: share + 500 } : {};
  if (second !== undefined && second !== first && random.chance(0.25))
    pegging[second] = random.chance(0.3) ? share : share / 2;
  pegging[first] = share;
  return { pegging, upstream_opplans: [], downstream_opplans: [], unavailable: random.int(0, 9) * 3600 };
}
