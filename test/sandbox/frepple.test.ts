import { afterEach, describe, expect, it } from 'vitest';
import { webtokenOf } from '../../sandbox/frepple/access.ts';
import { type FreppleOptions, type FreppleSimulator, startFrepple } from '../../sandbox/frepple/index.ts';
import { localInstant } from '../../sandbox/local-time.ts';
import type { MesImage } from '../../sandbox/types.ts';
import { administer, ask, isPlanning, Reader, type Row, rows } from './frepple-reader.ts';

const minute = 60_000;
let running: FreppleSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.map((erp) => erp.stop()));
  running = [];
});

async function start(options: Partial<FreppleOptions> = {}): Promise<FreppleSimulator> {
  const erp = await startFrepple({ seed: 7, records: 600, ...options });
  running.push(erp);
  return erp;
}

function sizeOf(image: MesImage): number {
  return Object.values(image).reduce((sum, table) => sum + table.size, 0);
}

/** Plays until an event of that kind happened; returns its line. */
function playUntil(erp: FreppleSimulator, pattern: RegExp): string {
  for (let turn = 0; turn < 5000; turn += 1) {
    const [line = ''] = erp.play(1);
    if (pattern.test(line)) return line;
  }
  throw new Error(`Nothing like ${pattern} happened.`);
}

async function finishRun(erp: FreppleSimulator): Promise<void> {
  for (let turn = 0; turn < 100 && (await isPlanning(erp)); turn += 1) erp.advance(minute / 4);
}

const released = 'status__in=approved,confirmed';
const orders = '/api/input/manufacturingorder/';
const patch = (body: object): RequestInit => ({ method: 'PATCH', body: JSON.stringify(body) });

describe('the initial state', () => {
  it.each([20, 21, 57, 1000, 4321])('holds exactly %i MES records', async (records) => {
    const erp = await start({ records });
    expect(sizeOf(erp.expected())).toBe(records);
  });

  it('refuses fewer than 20 records', async () => {
    await expect(startFrepple({ seed: 1, records: 19 })).rejects.toThrow(RangeError);
  });

  it('is the same for the same seed, and so is the history', async () => {
    const [one, other] = [await start({ seed: 3 }), await start({ seed: 3 })];
    expect(one.play(200)).toEqual(other.play(200));
    expect(await rows(one, 'manufacturingorder')).toEqual(await rows(other, 'manufacturingorder'));
    expect(one.expected()).toEqual(other.expected());
  });

  it('lists 20 000 records in some seconds', async () => {
    const erp = await start({ records: 20_000 });
    const [parts, steps] = [await rows(erp, 'manufacturingorder', released), await rows(erp, 'workorder', released)];
    expect(parts).toHaveLength(erp.expected().parts.size);
    expect(steps.length).toBeGreaterThan(8000);
    erp.startPlanRun();
    await finishRun(erp);
    expect((await rows(erp, 'manufacturingorder')).length).toBeGreaterThan(3000);
  }, 20_000);
});

describe('logon', () => {
  it('knows a user by name or by e-mail', async () => {
    const erp = await start();
    const { email, password } = erp.credentials;
    const authorization = `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`;
    expect((await ask(erp, orders, { headers: { authorization } })).status).toBe(200);
  });

  it('takes API keys and web tokens, in a header or in the query', async () => {
    const erp = await start();
    const { apiKey, webtoken } = erp.credentials;
    for (const token of [apiKey, webtoken]) {
      expect((await ask(erp, orders, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    }
    expect((await fetch(`${erp.url}${orders}?webtoken=${webtoken}`)).status).toBe(200);
  });

  it('sends an expired web token to the login page, and refuses one with a wrong signature', async () => {
    const erp = await start();
    const { username, webtokenKey } = erp.credentials;
    const bearer = (key: string, exp: number): RequestInit => ({
      headers: { authorization: `Bearer ${webtokenOf({ user: username, exp }, key)}` },
    });
    const expired = await ask(erp, orders, bearer(webtokenKey, 1_600_000_000));
    expect([expired.status, expired.headers.get('location')]).toEqual([302, '/data/login/']);
    const forged = await ask(erp, orders, bearer('another', 4_000_000_000));
    expect([forged.status, await forged.text()]).toEqual([403, 'Invalid API key: Key not found']);
  });

  it('lets the user of the connector read what he may, and write nothing', async () => {
    const erp = await start({ denied: ['demand'] });
    const denied = { detail: 'You do not have permission to perform this action.' };
    expect((await ask(erp, '/api/input/resource/')).status).toBe(200);
    const demand = await ask(erp, '/api/input/demand/');
    expect([demand.status, await demand.json()]).toEqual([403, denied]);
    expect((await ask(erp, orders, { method: 'POST', body: '{}' })).status).toBe(403);
    expect(erp.writes()).toBe(1);
  });

  it('refuses an account that is switched off', async () => {
    const erp = await start();
    const { username, password } = erp.credentials.inactive;
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const answer = await ask(erp, orders, { headers: { authorization } });
    expect([answer.status, await answer.json()]).toEqual([401, { detail: 'User inactive or deleted.' }]);
  });
});

describe('addresses', () => {
  it.each(['/api/input/resource', '/api/input/nothing/', '/resource/', '/api/input/'])(
    'answers %s with 302',
    async (path) => {
      const answer = await ask(await start(), path);
      expect([answer.status, answer.headers.get('location')]).toEqual([302, '/']);
    },
  );

  it('leads whoever follows a redirect to HTML with status 200', async () => {
    const answer = await ask(await start(), '/api/input/resource', { redirect: 'follow' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  });

  it('answers HTML to whoever asks for it first, and JSON to ?format=json in any case', async () => {
    const erp = await start();
    const accept = { headers: { accept: 'text/html,application/xhtml+xml' } };
    expect((await ask(erp, orders, accept)).headers.get('content-type')).toContain('text/html');
    expect((await ask(erp, `${orders}?format=json`, accept)).headers.get('content-type')).toBe('application/json');
  });

  it('shows the simulated clock in the Date header, and the zone of the server nowhere', async () => {
    const erp = await start({ startAt: new Date('2026-10-01T08:00:00.900Z'), timeZone: 'America/Chicago' });
    erp.advance(90_000);
    const answer = await administer(erp, '/api/input/resource/', { method: 'POST', body: '{"name":"new"}' });
    expect(answer.headers.get('date')).toBe('Thu, 01 Oct 2026 08:01:30 GMT');
    expect(((await answer.json()) as Row)['lastmodified']).toMatch(/^2026-10-01T03:01:30\.900\d{3}$/);
  });

  it('has no list of work orders before 9.13: steps stand among the orders, with their owner', async () => {
    const [newer, older] = [await start(), await start({ version: '9.12' })];
    expect((await ask(older, '/api/input/workorder/?reference=__probe__')).status).toBe(302);
    expect(await rows(newer, 'workorder', 'reference=__probe__')).toEqual([]);
    const steps = (await rows(older, 'manufacturingorder')).filter(({ owner }) => owner !== null);
    expect(steps.map(({ reference }) => reference)).toEqual(
      (await rows(newer, 'workorder')).map((row) => row.reference),
    );
    expect((await rows(newer, 'manufacturingorder')).every(({ owner }) => owner === null)).toBe(true);
  });
});

describe('lists', () => {
  it('are whole, in the order of the key, and know no pages', async () => {
    const erp = await start();
    const all = await rows(erp, 'manufacturingorder');
    expect(await rows(erp, 'manufacturingorder', 'limit=1&offset=2&page=3&ordering=-reference')).toEqual(all);
    const references = all.map(({ reference }) => reference);
    expect(references).toEqual([...references].sort());
  });

  it('ignore unknown filters, and those of a model without the column', async () => {
    const erp = await start();
    const [all, future] = [await rows(erp, 'demand'), 'lastmodified__gte=2099-01-01T00:00:00'];
    expect(await rows(erp, 'demand', future)).toEqual(all);
    expect(await rows(erp, 'manufacturingorder', future)).toEqual([]);
    expect(Object.keys(all[0] ?? {})).not.toContain('lastmodified');
  });

  it('can be cut into windows, out of which rows without a start fall', async () => {
    const erp = await start({ records: 2000 });
    const [before, after] = [
      await rows(erp, 'manufacturingorder', 'startdate__lt=2026-08-01'),
      await rows(erp, 'manufacturingorder', 'startdate__gte=2026-08-01'),
    ];
    const all = await rows(erp, 'manufacturingorder');
    expect(before.length + after.length).toBe(all.filter(({ startdate }) => startdate !== null).length);
    expect(before.length + after.length).toBeLessThan(all.length);
  });

  it('compare a filter with an offset in the zone of the server, which proves the zone', async () => {
    const erp = await start({ timeZone: 'America/Chicago' });
    const [row] = (await rows(erp, 'resource')).filter((each) => String(each['lastmodified']).includes('.'));
    const stamp = String(row?.['lastmodified']);
    const asked = async (zone: string): Promise<number> => {
      const instant = localInstant(zone, stamp.slice(0, 10), stamp.slice(11, 19)).replace(
        '.000Z',
        `${stamp.slice(19)}Z`,
      );
      return (await rows(erp, 'resource', `name=${encodeURIComponent(row?.name ?? '')}&lastmodified=${instant}`))
        .length;
    };
    expect([await asked('America/Chicago'), await asked('Europe/Brussels')]).toEqual([1, 0]);
  });

  it('take a comma in a reference for two references', async () => {
    const erp = await start({ records: 2000 });
    expect(await rows(erp, 'manufacturingorder', 'reference=MO,28')).toHaveLength(1);
    expect(await rows(erp, 'manufacturingorder', 'reference__in=MO,28')).toEqual([]);
  });
});

describe('what a delta does not show', () => {
  it('a step and an order that were completed by a later step keep their stamps', async () => {
    const erp = await start();
    const all = await rows(erp, 'workorder', released);
    const owner = all.find((row) => all.filter((other) => other['owner'] === row['owner']).length === 2)?.['owner'];
    const query = `owner=${encodeURIComponent(String(owner))}`;
    const before = await rows(erp, 'workorder', query);
    const stamps = before.map(({ lastmodified }) => lastmodified);
    const last = String(before.at(-1)?.reference);
    await administer(erp, `/api/input/workorder/${encodeURIComponent(last)}/`, patch({ status: 'completed' }));
    const after = await rows(erp, 'workorder', query);
    expect(after.map(({ status }) => status)).toEqual(['completed', 'completed']);
    expect(after.map((row, place) => row['lastmodified'] === stamps[place])).toEqual([true, false]);
    const [order] = await rows(erp, 'manufacturingorder', `reference=${encodeURIComponent(String(owner))}`);
    expect(order).toMatchObject({ status: 'completed' });
  });

  it('an import by SQL leaves the stamp of its row', async () => {
    const erp = await start();
    for (let turn = 0; turn < 2000; turn += 1) {
      const before = new Map((await rows(erp, 'manufacturingorder')).map((row) => [row.reference, row]));
      const [line = ''] = erp.play(1);
      const reference = /^operationplan (.*) quantity changed by SQL$/.exec(line)?.[1];
      if (reference === undefined) continue;
      const after = (await rows(erp, 'manufacturingorder')).find((row) => row.reference === reference);
      expect(after?.['lastmodified']).toBe(before.get(reference)?.['lastmodified']);
      return;
    }
    throw new Error('Nothing was imported by SQL.');
  });

  it('a transaction that commits late has an early stamp', async () => {
    const erp = await start();
    const line = playUntil(erp, /operationplan \S+ rescheduled \(visible/);
    const [, reference = '', visible = ''] = /operationplan (\S+) .*at (\S+)\)/.exec(line) ?? [];
    const stamp = erp.now().getTime();
    const read = async (): Promise<unknown> =>
      (await rows(erp, 'manufacturingorder', `reference=${encodeURIComponent(reference)}`))[0]?.['lastmodified'];
    const before = await read();
    erp.advance(Date.parse(visible) - stamp);
    const after = String(await read());
    expect(after > String(before)).toBe(true);
    expect(Date.parse(`${after.slice(0, 19)}Z`)).toBeLessThan(erp.now().getTime() + 2 * 60 * minute - minute);
  });

  it('stamps go back an hour in the hour that autumn repeats', async () => {
    const erp = await start({ startAt: new Date('2026-10-25T00:59:00Z') });
    const stampOf = async (): Promise<string> => {
      const answer = await administer(erp, '/api/input/resource/', { method: 'POST', body: '{"name":"new"}' });
      return String(((await answer.json()) as Row)['lastmodified']);
    };
    const before = await stampOf();
    erp.advance(2 * minute);
    expect((await stampOf()) < before).toBe(true);
  });
});

describe('a plan run', () => {
  it('shows in the task list while it lasts, and by its number afterwards', async () => {
    const erp = await start({ startAt: new Date('2026-10-01T08:00:00.900Z') });
    expect(erp.startPlanRun()).toBe(true);
    expect(erp.startPlanRun()).toBe(false);
    const running = (await (await ask(erp, '/execute/api/status/')).json()) as Record<string, Row>;
    expect(running['1']).toMatchObject({ name: 'runplan', status: '0%', finished: 'None' });
    expect(running['1']?.['started']).toMatch(/^2026-10-01 10:00:00\.9/);
    await finishRun(erp);
    expect(await isPlanning(erp)).toBe(false);
    const done = (await (await ask(erp, '/execute/api/status/?id=1')).json()) as Record<string, Row>;
    expect(done['1']?.status).toBe('Done');
    expect(await (await ask(erp, '/execute/api/status/?id=2')).text()).toBe('{}');
  });

  it('writes every order with its own start, which is minutes old by then', async () => {
    const erp = await start({ startAt: new Date('2026-10-01T08:00:00.900Z') });
    erp.startPlanRun();
    await finishRun(erp);
    const stamps = new Set((await rows(erp, 'manufacturingorder')).map(({ lastmodified }) => lastmodified));
    expect([...stamps]).toEqual(['2026-10-01T10:00:00']);
  });

  it('shows neither proposals nor loads for a while', async () => {
    const erp = await start();
    const count = async (): Promise<[number, number]> => [
      (await rows(erp, 'manufacturingorder', 'status=proposed')).length,
      (await rows(erp, 'operationplanresource')).length,
    ];
    const before = await count();
    erp.startPlanRun();
    for (let turn = 0; turn < 100 && (await count())[1] > 0; turn += 1) erp.advance(5000);
    expect([before[0] > 0, before[1] > 0, await count()]).toEqual([true, true, [0, 0]]);
    await finishRun(erp);
    expect((await count()).every((found) => found > 0)).toBe(true);
  });

  it('uses the references of proposals again, for other orders', async () => {
    const erp = await start();
    const proposals = async (): Promise<Map<string, unknown>> => {
      erp.startPlanRun();
      await finishRun(erp);
      const found = await rows(erp, 'manufacturingorder', 'status=proposed');
      return new Map(found.map((row) => [row.reference, row['operation']]));
    };
    const [first, second] = [await proposals(), await proposals()];
    const again = [...second].filter(([reference]) => first.has(reference));
    expect(again.length).toBeGreaterThan(0);
    expect(again.some(([reference, operation]) => first.get(reference) !== operation)).toBe(true);
  });

  it('undoes what was changed meanwhile, and deletes what was posted meanwhile or is closed', async () => {
    const erp = await start();
    const [victim] = (await rows(erp, 'manufacturingorder', 'status=confirmed')).filter(
      (row) => !/[/#,]/.test(row.reference),
    );
    const closed = await rows(erp, 'manufacturingorder', 'status=closed');
    erp.startPlanRun();
    const path = `${orders}${victim?.reference}/`;
    expect((await administer(erp, path, patch({ quantity: 77 }))).status).toBe(200);
    const posted = { reference: 'MO-NEW', operation: victim?.['operation'], status: 'approved', quantity: 1 };
    expect((await administer(erp, orders, { method: 'POST', body: JSON.stringify(posted) })).status).toBe(201);
    expect([...erp.expected().parts.keys()]).toContain('MO-NEW');
    await finishRun(erp);
    expect((await ask(erp, `${orders}MO-NEW/`)).status).toBe(404);
    expect(await (await ask(erp, path)).json()).toMatchObject({ quantity: victim?.['quantity'] });
    expect([closed.length > 0, await rows(erp, 'manufacturingorder', 'status=closed')]).toEqual([true, []]);
    expect(erp.expected().parts.get('MO-NEW')).toMatchObject({ onHold: true });
    expect(erp.optional().has('parts/MO-NEW')).toBe(true);
  });

  it('pegs new orders to demands: the part moves, and its STOCK job is put on hold', async () => {
    const erp = await start();
    const before = erp.expected().jobs;
    for (let turn = 0; turn < 3; turn += 1) {
      erp.startPlanRun();
      await finishRun(erp);
    }
    const moved = [...erp.expected().jobs].filter(([id, { onHold }]) => id.startsWith('STOCK-') && onHold === true);
    expect(moved.length).toBeGreaterThan(0);
    const [id = ''] = moved[0] ?? [];
    expect(before.get(id)?.onHold).toBeUndefined();
    expect(erp.expected().parts.get(id.replace('STOCK-', ''))?.fields['job_external_id']).not.toBe(id);
  });
});

describe('done orders', () => {
  it('stay in the MES when a run has deleted them', async () => {
    const erp = await start();
    erp.checkpoint();
    erp.checkpoint();
    const [order] = (await rows(erp, 'manufacturingorder', released)).filter((row) => !/[/#,]/.test(row.reference));
    const path = `${orders}${order?.reference}/`;
    await administer(erp, path, patch({ status: 'completed' }));
    await administer(erp, path, patch({ status: 'closed' }));
    erp.startPlanRun();
    await finishRun(erp);
    expect((await ask(erp, path)).status).toBe(404);
    const part = erp.expected().parts.get(String(order?.reference));
    expect([part?.onHold, part?.fields['part_number']]).toEqual([undefined, expect.stringMatching(/\|/)]);
  });

  it('are no longer what a client holds that has read only once', async () => {
    const erp = await start();
    const reader = new Reader(erp, false);
    await reader.pass();
    expect(reader.image()).toEqual(erp.expected());
    erp.play(100);
    erp.settle();
    expect(reader.image()).not.toEqual(erp.expected());
  });
});
