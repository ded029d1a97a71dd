import { afterEach, describe, expect, it } from 'vitest';
import { type OdooOptions, type OdooSimulator, startOdoo } from '../../sandbox/odoo/index.ts';
import type { MesImage } from '../../sandbox/types.ts';

type Row = Record<string, unknown> & { id: number };
interface Reply {
  status: number;
  result?: unknown;
  error?: { code: number; data: { name: string; message: string } };
}

let running: OdooSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.map((odoo) => odoo.stop()));
  running = [];
});

async function start(options: Partial<OdooOptions> = {}): Promise<OdooSimulator> {
  const odoo = await startOdoo({ seed: 7, records: 600, ...options });
  running.push(odoo);
  return odoo;
}

interface Call {
  model: string;
  method: string;
  named?: Record<string, unknown>;
  secret?: string;
}

async function rpc(odoo: OdooSimulator, { model, method, named = {}, secret }: Call): Promise<Reply> {
  const { database, apiKey } = odoo.credentials;
  const args = [database, 9, secret ?? apiKey, model, method, [], named];
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'call',
    params: { service: 'object', method: 'execute_kw', args },
  });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${odoo.url}/jsonrpc`, { method: 'POST', headers, body });
  return { status: response.status, ...((await response.json()) as object) };
}

async function json2(
  odoo: OdooSimulator,
  { model, method, named = {}, secret }: Call,
): Promise<{ status: number; body: unknown }> {
  const headers = { 'content-type': 'application/json', authorization: `bearer ${secret ?? odoo.credentials.apiKey}` };
  const init = { method: 'POST', headers, body: JSON.stringify(named) };
  const response = await fetch(`${odoo.url}/json/2/${model}/${method}`, init);
  return { status: response.status, body: await response.json() };
}

async function rows(odoo: OdooSimulator, model: string, named: Record<string, unknown> = {}): Promise<Row[]> {
  const context = { active_test: false };
  const reply = await rpc(odoo, {
    model,
    method: 'search_read',
    named: { context, domain: [], order: 'id', ...named },
  });
  if (reply.error !== undefined) throw new Error(reply.error.data.message);
  return reply.result as Row[];
}

function sizeOf(image: MesImage): number {
  return Object.values(image).reduce((sum, table) => sum + table.size, 0);
}

/** Plays until an event of that kind happened (at once, not late unless asked for); returns its line. */
function playUntil(odoo: OdooSimulator, pattern: RegExp): string {
  for (let turn = 0; turn < 6000; turn += 1) {
    const [line = ''] = odoo.play(1);
    if (pattern.test(line)) return line;
  }
  throw new Error(`Nothing like ${pattern} happened.`);
}

function numbersOf(line: string): string[] {
  return line.match(/\d+/g) ?? [];
}

describe('the initial state', () => {
  it.each([20, 21, 57, 1000, 4321])('holds exactly %i MES records', async (records) => {
    expect(sizeOf((await start({ records })).expected())).toBe(records);
    expect(sizeOf((await start({ records, version: 17, absent: ['sale', 'maintenance'] })).expected())).toBe(records);
  });

  it('refuses fewer than 20 records', async () => {
    await expect(startOdoo({ seed: 1, records: 19 })).rejects.toThrow(RangeError);
  });

  it.each([17, 19] as const)('shows by RPC of %i what it expects in the MES', async (version) => {
    const odoo = await start({ version });
    const { cells, resources, jobs, parts, operations } = odoo.expected();
    const made = [['state', 'not in', ['draft', 'cancel']]];
    expect((await rows(odoo, 'mrp.workcenter')).map(({ id }) => String(id))).toEqual([...cells.keys()]);
    expect((await rows(odoo, 'maintenance.equipment')).map(({ id }) => String(id))).toEqual([...resources.keys()]);
    expect((await rows(odoo, 'mrp.production', { domain: made })).map(({ id }) => String(id))).toEqual([
      ...parts.keys(),
    ]);
    const sales = await rows(odoo, 'sale.order', { domain: [['state', '=', 'sale']] });
    const numbers = [...jobs.keys()].filter((id) => !id.startsWith('STOCK-'));
    expect(sales.map(({ id }) => String(id)).sort()).toEqual(numbers.sort());
    const domain = [['production_id.state', 'not in', ['draft', 'cancel']]];
    expect(await rows(odoo, 'mrp.workorder', { domain })).toHaveLength(operations.size);
  });

  it('links every part by its stock move, or has a STOCK job', async () => {
    const odoo = await start();
    const moves = await rows(odoo, 'stock.move', { fields: ['created_production_id', 'sale_line_id'], load: '' });
    const lines = new Map(
      (await rows(odoo, 'sale.order.line', { load: '' })).map((line) => [line.id, line['order_id']]),
    );
    const jobs = new Map(
      moves.map((move) => [String(move['created_production_id']), String(lines.get(move['sale_line_id'] as number))]),
    );
    for (const [id, part] of odoo.expected().parts) {
      expect(part.fields['job_external_id']).toBe(jobs.get(id) ?? `STOCK-${id}`);
    }
  });
});

describe('who may read what', () => {
  it('refuses a wrong, revoked or expired secret in each protocol', async () => {
    const odoo = await start({ keyDays: 10 });
    const count = { model: 'mrp.production', method: 'search_count' };
    const wrong = await rpc(odoo, { ...count, secret: 'nope' });
    expect([wrong.status, wrong.error?.code, wrong.error?.data.name]).toEqual([200, 0, 'odoo.exceptions.AccessDenied']);
    expect((await json2(odoo, { ...count, secret: 'nope' })).status).toBe(401);
    expect((await json2(odoo, { ...count, secret: odoo.credentials.password })).status).toBe(401);
    expect((await rpc(odoo, { ...count, secret: odoo.credentials.password })).error).toBeUndefined();
    expect((await json2(odoo, count)).status).toBe(200);
    odoo.advance(10 * 86_400_000);
    expect((await json2(odoo, count)).body).toMatchObject({ message: 'Invalid apikey' });
    const revoked = await start({ version: 17 });
    revoked.revokeKey();
    expect((await rpc(revoked, count)).error?.code).toBe(200);
  });

  it('shows the expiry of its own key in 19, and knows no such field in 17', async () => {
    const [key] = await rows(await start({ startAt: new Date('2026-10-01T08:00:00Z') }), 'res.users.apikeys');
    expect(key?.['expiration_date']).toBe('2026-11-30 08:00:00');
    const fields = { model: 'res.users.apikeys', method: 'fields_get', named: { allfields: ['expiration_date'] } };
    expect((await rpc(await start({ version: 17 }), fields)).result).toEqual({});
  });

  it('answers a missing right by an error, and a record rule by nothing at all', async () => {
    const odoo = await start();
    const count = { model: 'mrp.production', method: 'search_count', named: { domain: [] } };
    odoo.setRights('mrp.production', 'none');
    expect((await json2(odoo, count)).status).toBe(403);
    odoo.setRights('mrp.production', 'hidden');
    expect(await json2(odoo, count)).toEqual({ status: 200, body: 0 });
    odoo.setRights('mrp.production', 'all');
    expect((await json2(odoo, count)).body).toBeGreaterThan(0);
  });

  it('hides the rows of other companies from searches, with their work orders', async () => {
    const odoo = await start();
    const all = await rows(odoo, 'mrp.workorder');
    odoo.setCompanies([1]);
    const some = await rows(odoo, 'mrp.workorder');
    expect(some.length).toBeLessThan(all.length);
    const context = { allowed_company_ids: [2] };
    const reply = await rpc(odoo, { model: 'mrp.workorder', method: 'search', named: { context } });
    expect(reply.error?.data).toMatchObject({ message: 'Access to unauthorized or invalid companies.' });
  });

  it.each([17, 19] as const)('lacks the models and fields of absent modules in %i', async (version) => {
    const odoo = await start({ version, absent: ['maintenance', 'sale'] });
    const equipment = await rpc(odoo, { model: 'maintenance.equipment', method: 'search' });
    expect(equipment.error?.data.message).toBe("Object maintenance.equipment doesn't exist");
    await expect(rows(odoo, 'stock.move', { fields: ['sale_line_id'] })).rejects.toThrow(
      "Invalid field 'sale_line_id'",
    );
    expect([...odoo.expected().jobs.keys()].every((id) => id.startsWith('STOCK-'))).toBe(true);
  });

  it('refuses to write, and counts the attempts', async () => {
    const odoo = await start();
    const write = { model: 'mrp.production', method: 'write', named: { vals: {} } };
    expect((await json2(odoo, write)).status).toBe(403);
    expect(odoo.writes()).toBe(1);
  });

  it('fails a call that another transaction got in the way of, and answers the next', async () => {
    const odoo = await start();
    odoo.failNext(2);
    const count = { model: 'mrp.production', method: 'search_count' };
    expect((await rpc(odoo, count)).error?.data.name).toBe('psycopg2.errors.SerializationFailure');
    expect((await json2(odoo, count)).status).toBe(500);
    expect((await json2(odoo, count)).status).toBe(200);
  });

  it('has no JSON-2 in 17', async () => {
    const odoo = await start({ version: 17 });
    expect((await fetch(`${odoo.url}/json/version`)).status).toBe(404);
  });
});

describe('conditions on write_date', () => {
  // The stored stamp is S.628796; the table was measured on both releases.
  it.each([
    ['>', 'S', true, false],
    ['>=', 'S', true, true],
    ['=', 'S', false, true],
    ['<', 'S', false, false],
    ['<=', 'S', false, true],
    ['>', 'S.000000', true, false],
    ['>', 'S.999999', false, false],
    ['>=', 'S.999999', false, true],
    ['>', 'T', true, false],
    ['>=', 'S+02:00', true, 'ValueError'],
    ['>', 'TZ', true, 'ValueError'],
    ['>=', 'D', true, true],
    ['>', 'D', false, false],
    ['in', '[S]', false, true],
    ['>=', '-1d', 'InvalidDatetimeFormat', true],
  ])('%s %s finds the row in 17: %s, in 19: %s', async (...given) => {
    const [operator, pattern, in17, in19] = given;
    for (const [version, wanted] of [
      [17, in17],
      [19, in19],
    ] as const) {
      const odoo = await start({ version });
      const [, id = ''] = /^work order (\d+) renamed$/.exec(playUntil(odoo, /^work order \d+ renamed$/)) ?? [];
      const second = odoo.now().toISOString().slice(0, 19);
      const stamp = second.replace('T', ' ');
      const value = pattern
        .replace('[S]', stamp)
        .replace('S', stamp)
        .replace('T', second)
        .replace(/^D$/, stamp.slice(0, 10));
      const right = operator === 'in' ? [value] : value;
      const domain = [
        ['write_date', operator, right],
        ['id', '=', Number(id)],
      ];
      const reply = await rpc(odoo, { model: 'mrp.workorder', method: 'search', named: { domain } });
      if (typeof wanted === 'string') expect(reply.error?.data.name).toContain(wanted);
      else expect(reply.result).toEqual(wanted ? [Number(id)] : []);
    }
  });

  it('put rows without a stamp first when the newest are asked for, and rows from 2999 next', async () => {
    const odoo = await start({ records: 2000 });
    const newest = await rows(odoo, 'sale.order', { order: 'write_date desc', limit: 2, fields: ['write_date'] });
    expect(newest.map((row) => row['write_date'])).toEqual([false, '2999-12-31 23:59:59']);
    const last = await rows(odoo, 'sale.order', { order: 'write_date desc nulls last', limit: 1 });
    expect(last[0]?.['write_date']).toBe('2999-12-31 23:59:59');
  });
});

describe('the history', () => {
  it('is the same for the same seed, and another for another', async () => {
    const [one, same, other] = [await start(), await start(), await start({ seed: 8 })];
    const script = one.play(300);
    await rows(one, 'mrp.workorder', { order: 'name' });
    same.play(100);
    expect(one.play(50)).toEqual(same.play(250).slice(200));
    expect(one.expected()).toEqual(same.expected());
    expect(other.play(300)).not.toEqual(script);
  });

  it('keeps a long transaction invisible until it commits, with the stamp of its beginning', async () => {
    const odoo = await start();
    const line = playUntil(odoo, /^manufacturing order \d+ created to stock \(visible at/);
    const [id = ''] = numbersOf(line);
    const began = odoo.now().toISOString().slice(0, 19).replace('T', ' ');
    const visibleAt = Date.parse(/visible at (.*)\)/.exec(line)?.[1] ?? '');
    const domain = [['id', '=', Number(id)]];
    odoo.advance(visibleAt - odoo.now().getTime() - 1);
    expect(await rows(odoo, 'mrp.production', { domain })).toEqual([]);
    expect(odoo.expected().parts.has(id)).toBe(false);
    odoo.advance(1);
    expect((await rows(odoo, 'mrp.production', { domain }))[0]?.['write_date']).toBe(began);
    expect(odoo.expected().parts.has(id)).toBe(true);
  });

  it('holds back what was deleted or cancelled, and moves the manufacturing order of a lost work order', async () => {
    const odoo = await start();
    odoo.checkpoint();
    odoo.checkpoint();
    const [id = ''] = numbersOf(playUntil(odoo, /^work order \d+ deleted$/));
    expect(odoo.expected().operations.get(id)).toEqual({ externalId: id, fields: {}, onHold: true });
    const stamp = odoo.now().toISOString().slice(0, 19).replace('T', ' ');
    const [order] = await rows(odoo, 'mrp.production', {
      domain: [
        ['write_date', '>=', stamp],
        ['write_date', '<', '2999-01-01 00:00:00'],
      ],
    });
    expect(order?.['workorder_ids']).not.toContain(Number(id));
    const [sale = ''] = numbersOf(playUntil(odoo, /^sales order \d+ cancelled$/));
    expect(odoo.expected().jobs.get(sale)?.onHold).toBe(true);
  });

  it('moves a part whose order found a customer, and closes its STOCK job', async () => {
    const odoo = await start();
    const [id = '', sale] = numbersOf(playUntil(odoo, /^manufacturing order \d+ linked to sales order \d+$/));
    const { jobs, parts } = odoo.expected();
    expect(jobs.get(`STOCK-${id}`)).toMatchObject({ onHold: true });
    expect(parts.get(id)?.fields['job_external_id']).toBe(sale);
  });

  it('renames an order that is closed in part, and gives the rest the same job', async () => {
    const odoo = await start();
    const jobs = (id: string): unknown => odoo.expected().parts.get(id)?.fields['job_external_id'];
    for (let round = 0; round < 3; round += 1) {
      const [id = '', rest = ''] = numbersOf(playUntil(odoo, /^manufacturing order \d+ split, rest is \d+$/));
      expect(odoo.expected().parts.get(id)?.fields['part_number']).toMatch(/-\d{3}$/);
      if (!String(jobs(id)).startsWith('STOCK')) expect(jobs(rest)).toBe(jobs(id));
    }
  });

  it('calls a record optional only if it came and went within less than two checkpoints', async () => {
    const [watched, unwatched] = [await start(), await start()];
    for (let turn = 0; turn < 600; turn += 1) {
      unwatched.play(1);
      watched.play(1);
      watched.checkpoint();
      watched.checkpoint();
    }
    expect(watched.optional().size).toBe(0);
    expect(unwatched.optional().size).toBeGreaterThan(0);
  });

  it('deletes without a trace when it is told to', async () => {
    const odoo = await start({ physicalDeletes: true });
    const [id = ''] = numbersOf(playUntil(odoo, /^equipment \d+ deleted$/));
    expect(await rows(odoo, 'maintenance.equipment', { domain: [['id', '=', Number(id)]] })).toEqual([]);
    expect(odoo.expected().resources.get(id)?.fields).toEqual({ active: false });
  });

  it('finds by id, page after page, what a reader of everything finds', async () => {
    const odoo = await start({ records: 2000 });
    odoo.play(200);
    const all = (await rows(odoo, 'mrp.workorder', { domain: [['write_date', '>=', '2026-01-01 00:00:00']] })).map(
      ({ id }) => id,
    );
    const seen: number[] = [];
    for (let page = [0]; page.length > 0; ) {
      const domain = [
        ['write_date', '>=', '2026-01-01 00:00:00'],
        ['id', '>', seen.at(-1) ?? 0],
      ];
      page = (await rows(odoo, 'mrp.workorder', { domain, limit: 50 })).map(({ id }) => id);
      seen.push(...page);
    }
    expect(seen).toEqual(all);
  });
});
