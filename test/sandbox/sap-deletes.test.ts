import { afterEach, describe, expect, it } from 'vitest';
import { type SapOptions, type SapSimulator, startSap } from '../../sandbox/sap/index.ts';
import type { MesImage } from '../../sandbox/types.ts';

const service = '/sap/opu/odata/sap';
const sets = {
  workCenters: `${service}/API_WORK_CENTERS/A_WorkCenters`,
  equipment: `${service}/API_EQUIPMENT/Equipment`,
  salesOrders: `${service}/API_SALES_ORDER_SRV/A_SalesOrder`,
  orders: `${service}/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrder_2`,
  operations: `${service}/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrderOperation_2`,
};
type Row = Record<string, unknown>;

let sap: SapSimulator;
afterEach(() => sap.stop());

/** A system whose first state has been read twice, so that nothing that goes is optional. */
async function start(options: Partial<SapOptions> = {}): Promise<void> {
  sap = await startSap({ seed: 11, records: 600, deletes: true, ...options });
  seen();
}

function seen(): void {
  sap.checkpoint();
  sap.checkpoint();
}

async function rows(path: string, filter?: string): Promise<Row[]> {
  const { username, password, client } = sap.credentials;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const query = `$top=5000&$format=json${filter === undefined ? '' : `&$filter=${encodeURIComponent(filter)}`}`;
  const answer = await fetch(`${sap.url}${path}?${query}&sap-client=${client}`, { headers: { authorization } });
  return ((await answer.json()) as { d: { results: Row[] } }).d.results;
}

/** Plays until that happened, everything before it read; returns what the MES held before and the number in the line. */
function playUntil(pattern: RegExp): { before: MesImage; number: string } {
  for (let turn = 0; turn < 20_000; turn += 1) {
    seen();
    const before = sap.expected();
    const number = pattern.exec(sap.play(1)[0] ?? '')?.[1];
    if (number !== undefined) return { before, number };
  }
  throw new Error(`Nothing like ${pattern} happened.`);
}

/** The records of a production order: its part, its STOCK job, its operations. */
function recordsOf(image: MesImage, table: keyof MesImage, number: string): [string, object][] {
  const id = table === 'jobs' ? `STOCK-${number}` : number;
  return [...image[table]].filter(([held]) => held === id || held.startsWith(`${id}-`));
}

describe('a history with deletes', () => {
  it('takes whole sales orders away without a trace, and expects their jobs on hold as they were', async () => {
    await start();
    const { before, number } = playUntil(/^sales order (\d+) deleted$/);
    expect(await rows(sets.salesOrders, `SalesOrder eq '${number}'`)).toEqual([]);
    expect(sap.expected().jobs.get(number)).toEqual({ ...before.jobs.get(number), onHold: true });
    expect(sap.optional()).not.toContain(`jobs/${number}`);
  });

  it('takes production orders away with all their operations, and expects part, stock job and operations on hold', async () => {
    await start();
    const { before, number } = playUntil(/^production order (\d+) deleted$/);
    const filter = `ManufacturingOrder eq '${number}'`;
    expect([...(await rows(sets.orders, filter)), ...(await rows(sets.operations, filter))]).toEqual([]);
    for (const table of ['jobs', 'parts', 'operations'] as const) {
      const held = recordsOf(before, table, number).map(([id, record]) => [id, { ...record, onHold: true }]);
      expect(recordsOf(sap.expected(), table, number)).toEqual(held);
      if (table !== 'jobs') expect(held.length).toBeGreaterThan(0);
    }
  });

  it('takes equipment with all its validity segments, and expects the resource inactive', async () => {
    await start();
    const { before, number } = playUntil(/^equipment (\S+) deleted$/);
    expect(await rows(sets.equipment, `Equipment eq '${number}'`)).toEqual([]);
    const fields = before.resources.get(number)?.fields;
    expect(sap.expected().resources.get(number)?.fields).toEqual({ ...fields, active: false });
  });

  it('takes a work center once its operations are elsewhere, and expects the cell inactive', async () => {
    await start();
    const { before, number: name } = playUntil(/^work center (\S+) deleted$/);
    const [plant, center] = [name.slice(0, 4), name.slice(5)];
    expect(await rows(sets.workCenters, `Plant eq '${plant}' and WorkCenter eq '${center}'`)).toEqual([]);
    expect(await rows(sets.operations, `ProductionPlant eq '${plant}' and WorkCenter eq '${center}'`)).toEqual([]);
    const fields = before.cells.get(name)?.fields;
    expect(sap.expected().cells.get(name)?.fields).toEqual({ ...fields, active: false });
  });

  it.each(['parts', 'operations', 'jobs'] as const)(
    'archives closed production orders, and expects their %s as they were',
    async (table) => {
      await start();
      const { before, number } = playUntil(/^production order (\d+) archived$/);
      expect(recordsOf(sap.expected(), table, number)).toEqual(recordsOf(before, table, number));
      expect(await rows(sets.orders, `ManufacturingOrder eq '${number}'`)).toEqual([]);
    },
  );

  it('archives completed sales orders, and expects their jobs as they were', async () => {
    await start();
    const { before, number } = playUntil(/^sales order (\d+) archived$/);
    expect(before.jobs.has(number)).toBe(true);
    expect(sap.expected().jobs.get(number)).toEqual(before.jobs.get(number));
    expect(await rows(sets.salesOrders, `SalesOrder eq '${number}'`)).toEqual([]);
  });

  it.each([
    { table: 'jobs', pattern: /^sales order (\S+) created again/, set: sets.salesOrders, key: 'SalesOrder' },
    {
      table: 'parts',
      pattern: /^production order (\S+) created again[^(]*$/,
      set: sets.orders,
      key: 'ManufacturingOrder',
    },
    { table: 'resources', pattern: /^equipment (\S+) created again[^(]*$/, set: sets.equipment, key: 'Equipment' },
  ] as const)(
    'uses the number of one of the deleted $table again for another document',
    async ({ table, pattern, set, key }) => {
      await start();
      const { before, number } = playUntil(pattern);
      sap.settle();
      const old = before[table].get(number);
      expect(old).toMatchObject(table === 'resources' ? { fields: { active: false } } : { onHold: true });
      expect(await rows(set, `${key} eq '${number}'`)).toHaveLength(1);
      expect(sap.expected()[table].get(number)?.fields).not.toEqual(old?.fields);
      expect(sap.optional()).not.toContain(`${table}/${number}`);
    },
  );

  it('gives a work center that is created again the old name and another internal id', async () => {
    await start();
    const { before, number: name } = playUntil(/^work center (\S+) created again[^(]*$/);
    expect(before.cells.get(name)?.fields['active']).toBe(false);
    expect(sap.expected().cells.get(name)?.fields['active']).toBe(true);
    const found = await rows(sets.workCenters, `Plant eq '${name.slice(0, 4)}' and WorkCenter eq '${name.slice(5)}'`);
    expect(found).toHaveLength(1);
    expect(Number(found[0]?.['WorkCenterInternalID'])).toBeGreaterThan(10_000_018);
  });

  it('leaves no visible row that names a document which is gone', async () => {
    await start();
    sap.play(6000);
    sap.settle();
    const [centers, orders, jobs, operations] = await Promise.all(
      [sets.workCenters, sets.orders, sets.salesOrders, sets.operations].map((set) => rows(set)),
    );
    const visible = new Set(centers?.map((row) => row['WorkCenterInternalID']));
    const numbers = new Set(orders?.map((row) => row['ManufacturingOrder']));
    const sales = new Set(jobs?.map((row) => row['SalesOrder']));
    expect(operations?.filter((row) => !visible.has(row['WorkCenterInternalID']))).toEqual([]);
    expect(operations?.filter((row) => !numbers.has(row['ManufacturingOrder']))).toEqual([]);
    expect(orders?.filter((row) => Number(row['SalesOrder']) > 0 && !sales.has(row['SalesOrder']))).toEqual([]);
    const { cells, resources, parts, operations: held } = sap.expected();
    for (const { fields } of held.values()) {
      expect(parts.has(String(fields['part_external_id']))).toBe(true);
      expect(fields['cell_name']).toEqual(expect.any(String));
    }
    const names = [...cells.values(), ...resources.values()].map(({ fields }) => fields['name']);
    expect(new Set(names).size).toBe(names.length);
  });

  it('is rare: at most one event in twenty takes a record away, and without the option none does', async () => {
    await start();
    const gone = sap
      .play(4000)
      .filter((line) => /(deleted|archived)$/.test(line) && !/flagged|to be/.test(line)).length;
    expect(gone).toBeGreaterThan(40);
    expect(gone).toBeLessThan(200);
    await sap.stop();
    sap = await startSap({ seed: 11, records: 600 });
    expect(sap.play(4000).filter((line) => /(archived|created again)/.test(line))).toEqual([]);
  });

  it('calls a record optional that went before anybody could have read it twice', async () => {
    sap = await startSap({ seed: 11, records: 600, deletes: true });
    const lines = sap.play(2000);
    const deleted = lines.flatMap((line) => /^sales order (\d+) deleted$/.exec(line)?.[1] ?? []);
    const gone = deleted.filter(
      (number) => !lines.some((line) => line.startsWith(`sales order ${number} created again`)),
    );
    expect(gone.length).toBeGreaterThan(5);
    for (const number of gone) expect(sap.optional()).toContain(`jobs/${number}`);
  });
});

describe('authorisations that are taken away', () => {
  it('leave rows out of every list and count, the same ones every time, until they are given back', async () => {
    await start();
    const all = await rows(sets.orders);
    sap.narrow(0.5);
    const some = await rows(sets.orders);
    expect(some.length).toBeGreaterThan(all.length * 0.3);
    expect(some.length).toBeLessThan(all.length * 0.7);
    expect(await rows(sets.orders)).toEqual(some);
    const shown = new Set(some.map((row) => row['ManufacturingOrder']));
    const operations = await rows(sets.operations);
    expect(new Set(operations.map((row) => row['ManufacturingOrder']))).toEqual(shown);
    sap.narrow(0);
    expect(await rows(sets.workCenters)).toEqual([]);
    sap.narrow(1);
    expect(await rows(sets.orders)).toEqual(all);
  });

  it('change nothing of what the MES has to hold', async () => {
    await start();
    const before = sap.expected();
    sap.narrow(0.2);
    expect(sap.expected()).toEqual(before);
  });
});
