import { afterEach, describe, expect, it } from 'vitest';
import { type SapOptions, type SapSimulator, startSap } from '../../sandbox/sap/index.ts';
import type { MesImage } from '../../sandbox/types.ts';

const v2 = '/sap/opu/odata/sap';
const v4 = '/sap/opu/odata4/sap';
const sets = {
  workCenters: `${v2}/API_WORK_CENTERS/A_WorkCenters`,
  equipment: `${v2}/API_EQUIPMENT/Equipment`,
  salesOrders: `${v2}/API_SALES_ORDER_SRV/A_SalesOrder`,
  orders: `${v2}/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrder_2`,
  operations: `${v2}/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrderOperation_2`,
  salesOrders4: `${v4}/api_salesorder/srvd_a2x/sap/salesorder/0001/SalesOrder`,
  orders4: `${v4}/api_productionorder/srvd_a2x/sap/productionorder/0001/ProductionOrder`,
  operations4: `${v4}/api_productionorder/srvd_a2x/sap/productionorder/0001/ProductionOrderOperation`,
  ecc: `${v2}/ZMES_SRV/SalesOrders`,
};

type Row = Record<string, string | number | boolean | null>;
interface Body {
  d?: { results: Row[]; __next?: string; __count?: string };
  value?: Row[];
  '@odata.nextLink'?: string;
  '@odata.count'?: number;
  error?: { code: string; message: string | { value: string } };
}

let running: SapSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.map((sap) => sap.stop()));
  running = [];
});

async function start(options: Partial<SapOptions> = {}): Promise<SapSimulator> {
  const sap = await startSap({ seed: 7, records: 600, ...options });
  running.push(sap);
  return sap;
}

interface Call {
  method?: string;
  headers?: Record<string, string>;
  client?: string;
}

async function ask(sap: SapSimulator, path: string, call: Call = {}): Promise<Response> {
  const { username, password, client } = sap.credentials;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const url = `${sap.url}${path}${path.includes('?') ? '&' : '?'}sap-client=${call.client ?? client}`;
  const headers = { authorization, accept: 'application/json', ...call.headers };
  return await fetch(url, { method: call.method ?? 'GET', headers });
}

async function body(sap: SapSimulator, path: string, options: Record<string, string> = {}): Promise<Body> {
  const query = Object.entries(options).map(([name, value]) => `$${name}=${encodeURIComponent(value)}`);
  const response = await ask(sap, `${path}?${query.join('&')}`);
  return (await response.json()) as Body;
}

async function rows(sap: SapSimulator, path: string, options: Record<string, string> = {}): Promise<Row[]> {
  const answer = await body(sap, path, { top: '5000', ...options });
  return answer.d?.results ?? answer.value ?? [];
}

function sizeOf(image: MesImage): number {
  return Object.values(image).reduce((sum, table) => sum + table.size, 0);
}

function msOf(shown: unknown): number {
  return Number(/-?\d+/.exec(String(shown))?.[0]);
}

/** Plays until an event of that kind happened (at once, not late); returns its line. */
function playUntil(sap: SapSimulator, pattern: RegExp): string {
  for (let turn = 0; turn < 5000; turn += 1) {
    const [line = ''] = sap.play(1);
    if (pattern.test(line)) return line;
  }
  throw new Error(`Nothing like ${pattern} happened.`);
}

describe('the initial state', () => {
  it.each([20, 21, 57, 1000, 4321])('holds exactly %i MES records', async (records) => {
    const sap = await start({ records });
    expect(sizeOf(sap.expected())).toBe(records);
  });

  it('refuses fewer than 20 records', async () => {
    await expect(startSap({ seed: 1, records: 19 })).rejects.toThrow(RangeError);
  });

  it('shows by HTTP the orders, operations and work centers that it expects in the MES', async () => {
    const sap = await start();
    const { cells, parts, operations } = sap.expected();
    expect((await rows(sap, sets.workCenters)).map((row) => `${row['Plant']}-${row['WorkCenter']}`).sort()).toEqual(
      [...cells.keys()].sort(),
    );
    expect((await rows(sap, sets.orders)).map((row) => row['ManufacturingOrder'])).toEqual([...parts.keys()]);
    expect(await rows(sap, sets.operations)).toHaveLength(operations.size);
  });

  it('has work centers without a stamp, which no filter on the stamp finds', async () => {
    const sap = await start({ records: 2000 });
    const all = await rows(sap, sets.workCenters);
    const stamped = await rows(sap, sets.workCenters, {
      filter: "WorkCenterLastChangeDateTime ge datetimeoffset'1900-01-01T00:00:00Z'",
    });
    expect(stamped.length).toBeLessThan(all.length);
    expect(stamped).toEqual(all.filter((row) => row['WorkCenterLastChangeDateTime'] !== null));
  });

  it('has several validity segments of some equipment, one of them current', async () => {
    const sap = await start({ records: 2000 });
    const all = await rows(sap, sets.equipment);
    const current = await rows(sap, sets.equipment, { filter: "ValidityEndDate eq datetime'9999-12-31T00:00:00'" });
    expect(all.length).toBeGreaterThan(current.length);
    expect(new Set(current.map((row) => row['Equipment']))).toEqual(new Set(sap.expected().resources.keys()));
  });
});

describe('logon and addresses', () => {
  it('answers a wrong password with 401 and HTML', async () => {
    const answer = await ask(await start(), sets.orders, { headers: { authorization: 'Basic eDp5' } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8']);
  });

  it('answers a wrong sap-client with 200 and an HTML logon page', async () => {
    const answer = await ask(await start(), sets.orders, { client: '200' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  });

  it('answers an unknown service with 404 and /IWFND/MED/170, as XML whatever was asked', async () => {
    const answer = await ask(await start(), `${v2}/API_NOTHING/Set`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('<code>/IWFND/MED/170</code>');
  });

  it('refuses to write, and counts the attempts', async () => {
    const sap = await start();
    expect((await ask(sap, sets.orders, { method: 'POST' })).status).toBe(405);
    expect(sap.writes()).toBe(1);
  });

  it('refuses a URL of more than 8 KB', async () => {
    expect((await ask(await start(), `${sets.orders}?x=${'a'.repeat(8200)}`)).status).toBe(414);
  });

  it('serves one protocol only when told so, and equipment by V2 in any case', async () => {
    const [older, newer] = [await start({ protocol: 'v2' }), await start({ protocol: 'v4' })];
    expect((await ask(older, sets.orders4)).status).toBe(404);
    expect((await ask(newer, sets.orders)).status).toBe(404);
    expect((await ask(newer, sets.orders4)).status).toBe(200);
    expect((await ask(newer, sets.equipment)).status).toBe(200);
  });

  it('shows the simulated clock in the Date header', async () => {
    const sap = await start({ startAt: new Date('2026-10-01T08:00:00.900Z') });
    sap.advance(90_000);
    const answer = await ask(sap, sets.orders);
    expect(answer.headers.get('date')).toBe('Thu, 01 Oct 2026 08:01:30 GMT');
  });

  it.each(Object.values(sets))('names every property of a row of %s in $metadata', async (path) => {
    const sap = await start();
    const metadata = await (await ask(sap, path.replace(/[^/]+$/, '$metadata'))).text();
    const answer = (await (await ask(sap, `${path}?$top=1`)).json()) as {
      d?: Row[] | { results: Row[] };
      value?: Row[];
    };
    const [row = {}] = answer.value ?? (Array.isArray(answer.d) ? answer.d : (answer.d?.results ?? []));
    const names = Object.keys(row).filter((name) => !/^(__metadata|@)/.test(name));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(metadata).toContain(`<Property Name="${name}" Type="Edm.`);
  });
});

describe('V2 rows', () => {
  it('come as Atom unless JSON is asked for', async () => {
    const sap = await start();
    const atom = await ask(sap, `${sets.orders}?$top=1`, { headers: { accept: '*/*' } });
    expect(atom.headers.get('content-type')).toContain('application/atom+xml');
    expect(await atom.text()).toContain('<d:ManufacturingOrder>1000000</d:ManufacturingOrder>');
    const json = await ask(sap, `${sets.orders}?$top=1&$format=json`, { headers: { accept: '*/*' } });
    expect(json.headers.get('content-type')).toContain('application/json');
  });

  it('show ids without zeros, decimals as text, flags as X, dates and times in their own ways', async () => {
    const [row] = await rows(await start(), sets.orders, {
      filter: "OrderIsReleased eq 'X' and MfgOrderScheduledEndDate ne null",
    });
    expect(row).toMatchObject({
      ManufacturingOrder: expect.stringMatching(/^1000\d{3}$/),
      OrderIsReleased: 'X',
      OrderIsConfirmed: '',
      TotalQuantity: expect.stringMatching(/^\d+\.\d{3}$/),
      LastChangeDateTime: expect.stringMatching(/^\d{14}$/),
      MfgOrderScheduledEndDate: expect.stringMatching(/^\/Date\(\d+00000\)\/$/),
      MfgOrderScheduledEndTime: expect.stringMatching(/^PT\d\dH\d\dM\d\dS$/),
    });
    expect(row?.['__metadata']).toMatchObject({
      type: 'API_PRODUCTION_ORDER_2_SRV.A_ProductionOrder_2Type',
      etag: `W/"'${row?.['LastChangeDateTime']}'"`,
    });
  });

  it('leave the offset of some stamps out', async () => {
    const stamps = (await rows(await start(), sets.salesOrders)).map((row) => String(row['LastChangeDateTime']));
    expect(stamps.some((stamp) => stamp.endsWith('+0000)/'))).toBe(true);
    expect(stamps.some((stamp) => /\d{13}\)\/$/.test(stamp) && !stamp.includes('+'))).toBe(true);
  });

  it('show stamps cut to the millisecond, so that what was shown finds nothing by eq but something by a millisecond', async () => {
    const sap = await start();
    const [row] = await rows(sap, sets.salesOrders, { top: '1', orderby: 'SalesOrder desc' });
    const shown = msOf(row?.['LastChangeDateTime']);
    const literal = (ms: number): string => `datetimeoffset'${new Date(ms).toISOString()}'`;
    const number = `SalesOrder eq '${row?.['SalesOrder']}' and LastChangeDateTime`;
    expect(await rows(sap, sets.salesOrders, { filter: `${number} eq ${literal(shown)}` })).toEqual([]);
    expect(
      await rows(sap, sets.salesOrders, {
        filter: `${number} ge ${literal(shown)} and LastChangeDateTime lt ${literal(shown + 1)}`,
      }),
    ).toHaveLength(1);
  });

  it('can be read one by one under the address they name', async () => {
    const sap = await start();
    const [row] = await rows(sap, sets.equipment, { top: '1' });
    const { uri = '' } = Object(row?.['__metadata']) as { uri?: string };
    const one = (await (await ask(sap, new URL(uri).pathname)).json()) as { d: Row };
    expect(one.d).toEqual(row);
  });
});

describe('V4 rows', () => {
  it('show padded ids, numbers, Booleans, ISO dates and seven digits', async () => {
    const sap = await start();
    const [order] = await rows(sap, sets.orders4, {
      filter: 'OrderIsReleased eq true and MfgOrderScheduledEndDate ne null',
    });
    expect(order).toMatchObject({
      ManufacturingOrder: expect.stringMatching(/^000001\d{6}$/),
      OrderIsReleased: true,
      TotalQuantity: expect.any(Number),
      LastChangeDateTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/),
      MfgOrderScheduledEndDate: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      MfgOrderScheduledEndTime: expect.stringMatching(/^\d\d:\d\d:\d\d$/),
    });
    const [sales] = await rows(sap, sets.salesOrders4, { count: 'true' });
    expect(sales).toHaveProperty('OverallDeliveryStatus');
    expect(sales).not.toHaveProperty('OverallTotalDeliveryStatus');
  });

  it('find by the stamp they show', async () => {
    const sap = await start();
    const [row] = await rows(sap, sets.orders4, { top: '1' });
    const found = await rows(sap, sets.orders4, { filter: `LastChangeDateTime eq ${row?.['LastChangeDateTime']}` });
    expect(found).toContainEqual(row);
  });
});

describe('the ECC service', () => {
  it('sends bare collections with padded numbers and a day as change stamp', async () => {
    const sap = await start();
    const answer = (await (await ask(sap, sets.ecc)).json()) as { d: Row[] };
    expect(answer.d).toHaveLength([...sap.expected().jobs.keys()].filter((id) => !id.startsWith('STOCK-')).length);
    expect(answer.d[0]).toMatchObject({ Vbeln: '0001000001', Aedat: expect.stringMatching(/^\/Date\(\d+00000\)\/$/) });
  });
});

describe('filters', () => {
  it.each([
    [sets.orders, "Unknown eq 'x'"],
    [sets.orders, "LastChangeDateTime ge datetimeoffset'2026-01-01T00:00:00Z'"],
    [sets.orders, "CustomerName eq 'x'"],
    [sets.orders, "ManufacturingOrder eq '1"],
    [sets.orders, 'ManufacturingOrder eq 1'],
    [sets.orders, "(ManufacturingOrder eq '1'"],
    [sets.salesOrders, "LastChangeDateTime ge '2026-01-01'"],
    [sets.salesOrders, "LastChangeDateTime ge datetimeoffset'2026-13-01T00:00:00Z'"],
    [sets.salesOrders, "LastChangeDateTime ge datetimeoffset'2026-01-01T00:00:00'"],
    [sets.salesOrders, 'LastChangeDateTime ge 2026-01-01T00:00:00Z'],
    [sets.salesOrders4, "LastChangeDateTime ge datetimeoffset'2026-01-01T00:00:00Z'"],
    [sets.salesOrders4, "LastChangeDateTime ge '2026-01-01T00:00:00Z'"],
  ])('of %s refuse %s', async (path, filter) => {
    const answer = await ask(await start(), `${path}?$filter=${encodeURIComponent(filter)}`);
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as Body;
    expect(typeof error?.message).toBe(path.startsWith(v4) ? 'string' : 'object');
  });

  it('refuse an unknown property in $select and $orderby, and an unknown option', async () => {
    const sap = await start();
    for (const option of ['$select=Nothing', '$orderby=Nothing', '$expand=to_Item', '$top=-1']) {
      expect((await ask(sap, `${sets.orders}?${option}`)).status).toBe(400);
    }
  });

  it('compare ids as numbers, padded or not', async () => {
    const sap = await start();
    const all = await rows(sap, sets.orders);
    expect(await rows(sap, sets.orders, { filter: "ManufacturingOrder gt '999'" })).toEqual(all);
    const padded = await rows(sap, sets.orders, { filter: "ManufacturingOrder eq '000001000003'" });
    expect(padded).toEqual(await rows(sap, sets.orders, { filter: "ManufacturingOrder eq '1000003'" }));
    expect(padded).toHaveLength(1);
    const routings = await rows(sap, sets.orders, {
      orderby: 'OrderInternalBillOfOperations',
      select: 'OrderInternalBillOfOperations',
    });
    expect(routings.map((row) => Number(row['OrderInternalBillOfOperations']))).toEqual(
      all.map((_, position) => position + 1),
    );
  });

  it('understand and, or, not, parentheses and doubled quotes', async () => {
    const sap = await start();
    const all = await rows(sap, sets.salesOrders);
    const odd = await rows(sap, sets.salesOrders, {
      filter:
        "not (PurchaseOrderByCustomer ne 'O''Brien') or PurchaseOrderByCustomer eq '100% \"steel\" <x>' and SalesOrder gt '1000001'",
    });
    const wanted = all.filter(
      ({ PurchaseOrderByCustomer: text, SalesOrder }) =>
        text === "O'Brien" || (text === '100% "steel" <x>' && Number(SalesOrder) > 1_000_001),
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(odd).toEqual(wanted);
  });

  it('find by index what a reader of everything would find', async () => {
    const sap = await start({ records: 3000 });
    const all = await rows(sap, sets.orders);
    const stamps = all.map((row) => String(row['LastChangeDateTime'])).sort();
    const low = stamps[Math.floor(stamps.length * 0.9)] ?? '';
    for (const orderby of [
      'ManufacturingOrder',
      'LastChangeDateTime,ManufacturingOrder',
      'LastChangeDateTime desc,ManufacturingOrder desc',
    ]) {
      const filter = `(LastChangeDateTime gt '${low}' or LastChangeDateTime eq '${low}' and ManufacturingOrder gt '1000100') and ProductionPlant eq '1710'`;
      const found = await rows(sap, sets.orders, { filter, orderby });
      const wanted = all.filter(
        (row) =>
          (String(row['LastChangeDateTime']) > low ||
            (row['LastChangeDateTime'] === low && Number(row['ManufacturingOrder']) > 1_000_100)) &&
          row['ProductionPlant'] === '1710',
      );
      const keyOf = (row: Row): string =>
        (orderby.startsWith('L') ? `${row['LastChangeDateTime']}` : '') + row['ManufacturingOrder'];
      wanted.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1) * (orderby.includes('desc') ? -1 : 1));
      expect(found).toEqual(wanted);
    }
  });
});

describe('paging', () => {
  it('cuts at 100 rows without $top, at 5000 with it, and counts all', async () => {
    const sap = await start({ records: 12_000 });
    const plain = await body(sap, sets.operations, { inlinecount: 'allpages' });
    expect(plain.d?.results).toHaveLength(100);
    expect(plain.d?.__next).toContain('$skiptoken=');
    expect(Number(plain.d?.__count)).toBe(sap.expected().operations.size);
    const large = await body(sap, sets.operations4, { top: '5100', count: 'true' });
    expect(large.value).toHaveLength(5000);
    expect(large['@odata.nextLink']).toMatch(/^ProductionOrderOperation\?.*\$top=100&/);
    const exact = await body(sap, sets.operations, { top: '500' });
    expect(exact.d).not.toHaveProperty('__next');
  });

  it('continues by value under an internal host name, and loses no row that stays while others change', async () => {
    const sap = await start({ serverPageSize: 7 });
    const before = (await sap.expected()).parts;
    const seen: unknown[] = [];
    let path: string | undefined = `${sets.orders}?$orderby=ManufacturingOrder`;
    while (path !== undefined) {
      const page = (await (await ask(sap, path)).json()) as Body;
      expect(page.d?.results.length).toBeLessThanOrEqual(7);
      seen.push(...(page.d?.results.map((row) => row['ManufacturingOrder']) ?? []));
      sap.play(2);
      const next: string | undefined = page.d?.__next;
      if (next !== undefined) expect(next).toMatch(/^http:\/\/internal\.s4\.local:8000\/sap\//);
      path = next?.replace('http://internal.s4.local:8000', '').replace(/&?sap-client=100/, '');
    }
    expect(seen).toEqual(expect.arrayContaining([...before.keys()]));
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('the history', () => {
  it('is the same for the same seed, and another for another', async () => {
    const [one, same, other] = [await start(), await start(), await start({ seed: 8 })];
    const script = one.play(300);
    await rows(one, sets.operations, { orderby: 'MfgOrderOperationText' });
    same.play(100);
    expect(one.play(50)).toEqual(same.play(250).slice(200));
    expect(one.expected()).toEqual(same.expected());
    expect(one.now()).toEqual(same.now());
    expect(other.play(300)).not.toEqual(script);
  });

  it('shows the rows it stamped at the simulated time', async () => {
    const sap = await start();
    const [, number] = /^sales order (\d+) changed$/.exec(playUntil(sap, /^sales order \d+ changed$/)) ?? [];
    const [row] = await rows(sap, sets.salesOrders, { filter: `SalesOrder eq '${number}'` });
    expect(msOf(row?.['LastChangeDateTime'])).toBe(sap.now().getTime());
  });

  it('makes mass changes share one millisecond', async () => {
    const sap = await start();
    const [, count] = /(\d+)/.exec(playUntil(sap, /^mass change of \d+ sales orders$/)) ?? [];
    const found = await rows(sap, sets.salesOrders, {
      filter: `LastChangeDateTime ge datetimeoffset'${sap.now().toISOString()}' and LastChangeDateTime lt datetimeoffset'2998-01-01T00:00:00Z'`,
    });
    expect(new Set(found.map((row) => msOf(row['LastChangeDateTime']))).size).toBe(1);
    expect(found.length).toBeGreaterThanOrEqual(Number(count));
  });

  it('keeps a late commit invisible until the clock passes it, and its stamp old', async () => {
    const sap = await start();
    const line = playUntil(sap, /^sales order \d+ created \(visible at/);
    const stampedAt = sap.now().getTime();
    const number = /\d+/.exec(line)?.[0] ?? '';
    const visibleAt = Date.parse(/visible at (.*)\)/.exec(line)?.[1] ?? '');
    const filter = `SalesOrder eq '${number}'`;
    sap.advance(visibleAt - stampedAt - 1);
    expect(await rows(sap, sets.salesOrders, { filter })).toEqual([]);
    expect(sap.expected().jobs.has(number)).toBe(false);
    sap.advance(1);
    expect(msOf((await rows(sap, sets.salesOrders, { filter }))[0]?.['LastChangeDateTime'])).toBe(stampedAt);
    expect(visibleAt - stampedAt).toBeLessThan(600_000);
    expect(sap.expected().jobs.has(number)).toBe(true);
  });

  it('commits everything pending when it is settled', async () => {
    const sap = await start();
    const number = /\d+/.exec(playUntil(sap, /^sales order \d+ created \(visible at/))?.[0] ?? '';
    sap.settle();
    expect(sap.expected().jobs.has(number)).toBe(true);
  });

  it('keeps a vanished operation on hold with its last values, and moves the stamp of the order', async () => {
    const sap = await start();
    sap.checkpoint();
    sap.checkpoint();
    const before = sap.expected().operations;
    const line = playUntil(sap, /^production order \d+ lost operation \d+$/);
    const [, order, operation] = /order (\d+) lost operation (\d+)/.exec(line) ?? [];
    const after = sap.expected().operations;
    const shown = new Set(
      (await rows(sap, sets.operations, { filter: `ManufacturingOrder eq '${order}'` })).map(
        (row) => row['ManufacturingOrderOperation'],
      ),
    );
    const gone = [...after.values()].filter(
      (record) => record.externalId.startsWith(`${order}-`) && !shown.has(record.externalId.split('-')[2] ?? ''),
    );
    expect(gone.map((record) => record.externalId)).toContainEqual(expect.stringContaining(`-${operation}`));
    for (const { externalId, fields, onHold } of gone) {
      expect(onHold).toBe(true);
      if (!sap.optional().has(`operations/${externalId}`)) expect(before.get(externalId)?.fields).toEqual(fields);
    }
    const [header] = await rows(sap, sets.orders, { filter: `ManufacturingOrder eq '${order}'` });
    expect(header?.['LastChangeDateTime']).toBe(sap.now().toISOString().slice(0, 19).replace(/\D/g, ''));
  });

  it('keeps the STOCK job of an order that got its sales order, on hold, and moves the part', async () => {
    const sap = await start();
    const line = playUntil(sap, /^production order \d+ linked to sales order \d+$/);
    const [, order, job] = /order (\d+) linked to sales order (\d+)/.exec(line) ?? [];
    const { jobs, parts } = sap.expected();
    expect(jobs.get(`STOCK-${order}`)).toMatchObject({ onHold: true, fields: { customer: null } });
    expect(parts.get(String(order))?.fields['job_external_id']).toBe(job);
  });

  it('calls a record optional only if it came and went within less than two checkpoints', async () => {
    const [watched, unwatched] = [await start(), await start()];
    for (let turn = 0; turn < 400; turn += 1) {
      unwatched.play(1);
      watched.play(1);
      watched.checkpoint();
      watched.checkpoint();
    }
    expect(unwatched.optional().size).toBeGreaterThan(0);
    expect([...watched.optional()]).toEqual([]);
    expect(watched.expected()).toEqual(unwatched.expected());
  });
});

describe('the oracle', () => {
  it('maps a row as the table of fields says', async () => {
    const sap = await start();
    const { parts, jobs, operations, cells, resources } = sap.expected();
    const filter = "SalesOrder ne '' and SalesOrder ne '0' and Material ne '' and OrderIsMarkedForDeletion eq ''";
    const [row] = await rows(sap, sets.orders, { filter });
    expect(parts.get(String(row?.['ManufacturingOrder']))).toMatchObject({
      fields: {
        part_number: `${row?.['Material']}|${row?.['ManufacturingOrder']}`,
        material: row?.['Material'],
        quantity: Math.max(1, Math.ceil(Number(row?.['TotalQuantity']))),
        job_external_id: row?.['SalesOrder'],
      },
    });
    const [step] = await rows(sap, sets.operations, { filter: "ManufacturingOrderSequence eq '0'" });
    const id = `${step?.['ManufacturingOrder']}-0-${step?.['ManufacturingOrderOperation']}`;
    expect(operations.get(id)?.fields).toMatchObject({
      sequence: Number(step?.['ManufacturingOrderOperation']),
      part_external_id: step?.['ManufacturingOrder'],
      cell_name: cells.get(`${step?.['ProductionPlant']}-${step?.['WorkCenter']}`)?.fields['name'],
    });
    for (const { fields, externalId } of operations.values()) {
      expect(fields['cell_name'], externalId).toEqual(expect.any(String));
      expect(parts.has(String(fields['part_external_id'])), externalId).toBe(true);
    }
    for (const { fields } of parts.values()) expect(jobs.has(String(fields['job_external_id']))).toBe(true);
    const names = [...cells.values(), ...resources.values()].map(({ fields }) => fields['name']);
    expect(new Set(names).size).toBe(names.length);
  });
});
