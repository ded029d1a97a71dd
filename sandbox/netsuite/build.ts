import type { Random } from '../random.ts';
import type { Change, Database, Row, Value } from './database.ts';

/** What building a row needs: chance, the next id of its kind, the stamp of the save and the day it turns around. */
export interface Maker {
  random: Random;
  database: Database;
  /** Sales orders, work orders and purchase orders share one sequence. */
  nextId(table: string): number;
  /** Milliseconds of a whole second; null where a row has none. */
  stamp(): number | null;
  /** Milliseconds. */
  now(): number;
}

/** Texts that break careless encoders: quotes, markup, umlauts, characters beyond the basic plane, percent signs. */
const texts = [
  'Assembly',
  'Cut to length',
  'Final inspection',
  "O'Brien",
  'Müller & Söhne',
  '100% "steel" <x>',
  'Schweißen 🔩 Ø40',
  'a\\b/c?d=e&f#g',
  '数控加工中心',
  "''quoted''",
  '[brackets] | pipes',
];

const dayMs = 86_400_000;
const recordTypes: Record<string, string> = { SalesOrd: 'SO', WorkOrd: 'WO', PurchOrd: 'PO' };

/** A text for a required column. */
export function anyName(random: Random): string {
  return `${random.pick(texts)}${random.chance(0.5) ? ` ${random.int(1, 99)}` : ''}`;
}

export function anyRow({ random, database }: Maker, table: string): Row {
  return random.pick(database.table(table).ordered());
}

/** A day some weeks around now; now and then none. */
export function anyDay({ random, now }: Maker): string | null {
  return random.chance(0.1) ? null : dayOf(now() + random.int(-20, 70) * dayMs);
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** A minute some weeks around now, as planners enter it; now and then none. */
export function anyMinute({ random, now }: Maker): number | null {
  if (random.chance(0.1)) return null;
  return Math.floor((now() + random.int(-20 * 24, 70 * 24) * 3_600_000) / 60_000) * 60_000;
}

export function anyQuantity(random: Random): number {
  return random.chance(0.9) ? random.int(1, 250) : random.int(1, 2000) / 8;
}

/**
 * Minutes of setup, and minutes for each piece; some are missing, some add up to exactly half a minute. Quarters, and eighths
 * of pieces, so that no rounding error decides which minute it becomes.
 */
export function anyTimes(random: Random): { setuptime: number | null; runrate: number | null } {
  const setuptime = random.pick([null, 0, 0.5, 15, 30.5, random.int(1, 200), random.int(1, 800) / 4]);
  return { setuptime, runrate: random.pick([null, 0, 0.25, 1.5, random.int(1, 60), random.int(1, 120) / 4]) };
}

export function buildGroup(maker: Maker, isWorkCenter: boolean): Row {
  const id = maker.nextId('entitygroup');
  return {
    key: id,
    id,
    groupname: anyName(maker.random),
    isinactive: maker.random.chance(0.1) ? 'T' : 'F',
    ismanufacturingworkcenter: isWorkCenter ? 'T' : 'F',
  };
}

/** Persons have no company name. */
export function buildCustomer(maker: Maker): Row {
  const id = maker.nextId('customer');
  const company = maker.random.chance(0.2) ? null : `${anyName(maker.random)} Ltd ${id}`;
  return { key: id, id, entityid: `C-${id}`, companyname: company, isinactive: 'F', lastmodifieddate: maker.stamp() };
}

export function buildItem(maker: Maker): Row {
  const { random } = maker;
  const id = maker.nextId('item');
  return {
    key: id,
    id,
    itemid: `${random.pick(['FG', 'BRK-', 'RAL 7035/', "O'N"])}${id}`,
    displayname: anyName(random),
    description: null,
    itemtype: id % 3 === 0 ? 'InvtPart' : 'Assembly',
    isinactive: 'F',
    lastmodifieddate: maker.stamp(),
  };
}

/** The header of a sales order (`SalesOrd`), a work order (`WorkOrd`) or something that no MES is told of. */
export function buildTransaction(maker: Maker, type: string, values: Record<string, Value>): Row {
  const { random, now } = maker;
  const id = maker.nextId('transaction');
  const stamp = maker.stamp();
  return {
    key: id,
    id,
    type,
    tranid: random.chance(0.02) ? null : `${recordTypes[type] ?? type}-${id}`,
    externalid: null,
    entity: null,
    otherrefnum: random.chance(0.5) ? null : anyName(random),
    trandate: dayOf(now() - random.int(0, 40) * dayMs),
    duedate: null,
    shipdate: null,
    startdate: null,
    enddate: null,
    memo: null,
    createddate: stamp,
    lastmodifieddate: stamp,
    ...values,
  };
}

export function buildSale(maker: Maker, status: string): Row {
  const { random } = maker;
  const customer = random.chance(0.03) ? null : anyRow(maker, 'customer').key;
  const shipdate = random.chance(0.3) ? null : anyDay(maker);
  return buildTransaction(maker, 'SalesOrd', { status, entity: customer, shipdate, duedate: anyDay(maker) });
}

export function buildWorkOrder(maker: Maker, status: string): Row {
  const startdate = anyDay(maker);
  return buildTransaction(maker, 'WorkOrd', { status, duedate: anyDay(maker), startdate, enddate: anyDay(maker) });
}

/** The lines of a sales order: a main line without an item, and what is sold, which leaves stock and so is negative. */
export function saleLines(maker: Maker, sale: Row): Row[] {
  const { random } = maker;
  const sold = Array.from({ length: random.int(1, 2) }, (_, index) => {
    const values = {
      item: anyRow(maker, 'item').key,
      quantity: -random.int(1, 50),
      rate: random.int(100, 99_999) / 100,
    };
    return buildLine(maker, sale, { id: index + 1, mainline: 'F', ...values });
  });
  return [buildLine(maker, sale, { id: 0, mainline: 'T' }), ...sold];
}

/** The lines of a work order: the main line is what is made, the others are what goes into it. */
export function workOrderLines(maker: Maker, order: Row, createdfrom: number | null): Row[] {
  const { random } = maker;
  const item = random.chance(0.01) ? null : anyRow(maker, 'item').key;
  const main = buildLine(maker, order, { id: 0, mainline: 'T', item, quantity: anyQuantity(random), createdfrom });
  const component = { item: anyRow(maker, 'item').key, quantity: -random.int(1, 500) };
  return [main, buildLine(maker, order, { id: 1, mainline: 'F', ...component })];
}

function buildLine(maker: Maker, { key: transaction }: Row, values: Record<string, Value>): Row {
  const key = maker.nextId('transactionline');
  return {
    key,
    uniquekey: key,
    transaction,
    linesequencenumber: values['id'] ?? null,
    taxline: 'F',
    item: null,
    quantity: null,
    rate: null,
    quantityshiprecv: 0,
    quantitybilled: 0,
    isclosed: 'F',
    expectedshipdate: null,
    location: 1,
    createdfrom: null,
    memo: null,
    linelastmodifieddate: maker.stamp(),
    ...values,
  };
}

/** How a work order hangs on the sales order that it is made for, beside the reference on its main line. */
export function linkRows(maker: Maker, sale: number, order: number): Change[] {
  const key = maker.nextId('transactionlinelink');
  const row: Row = {
    key,
    previousdoc: sale,
    previousline: 1,
    previoustype: 'SalesOrd',
    nextdoc: order,
    nextline: 0,
    nexttype: 'WorkOrd',
    linktype: 'SpecOrd',
    lastmodifieddate: maker.stamp(),
  };
  return linkTables.map((table) => ({ table, row }));
}

export const linkTables = ['previoustransactionlinelink', 'nexttransactionlinelink'];

/** The work centers that a task may name: all but those that a save is about to delete. */
export function workCentersOf({ database }: Pick<Maker, 'database'>): Row[] {
  const going = database.pending().filter(({ table, gone }) => table === 'entitygroup' && gone === true);
  const isStaying = ({ key }: Row): boolean => going.every(({ row }) => row.key !== key);
  return database.table('entitygroup').by('ismanufacturingworkcenter', 'T').filter(isStaying);
}

/** The `position`-th task (from 0) of a work order. */
export function buildTask(
  maker: Maker,
  order: Row,
  { position, quantity }: { position: number; quantity: number },
): Row {
  const { random } = maker;
  const key = maker.nextId('manufacturingoperationtask');
  const centers = workCentersOf(maker);
  const closed = order['status'] === 'G' || order['status'] === 'H';
  const times = anyTimes(random);
  return {
    key,
    id: key,
    workorder: order.key,
    operationsequence: 10 * (position + 1),
    title: random.chance(0.02) ? null : anyName(random),
    manufacturingworkcenter: centers.length === 0 ? null : random.pick(centers).key,
    inputquantity: quantity,
    completedquantity: closed ? quantity : 0,
    ...times,
    // Hours in some accounts, minutes in others: nobody should look at it.
    estimatedwork: random.int(1, 900) / 10,
    actualwork: 0,
    remainingwork: 0,
    actualsetuptime: 0,
    status: closed ? 'COMPLETE' : random.pick(['NOTSTART', 'NOTSTART', 'PROGRESS']),
    laborresources: 1,
    machineresources: 1,
    startdatetime: anyMinute(maker),
    enddate: anyMinute(maker),
  };
}
