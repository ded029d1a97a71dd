import { beforeEach, describe, expect, it } from 'vitest';
import type { ConnectorSession, Stream } from '../../../src/connectors/connector.ts';
import { frepple } from '../../../src/connectors/frepple/index.ts';
import { ConfigError, TransientError, WaitError } from '../../../src/core/errors.ts';
import type { HttpRequest, HttpResponse, OpenHttp } from '../../../src/core/http.ts';
import type { Window } from '../../../src/core/types.ts';
import { createHastyClock, createStrictBus, type HastyClock, never } from '../../support/connector-context.ts';

let clock: HastyClock;
let asked: string[];
/** How long each answer takes, milliseconds. */
let takesMs: number;
/** Runs before the request is answered. */
let before: (path: string) => void;
let lists: Record<string, object[]>;
/** undefined: the list of tasks is refused. */
let tasks: Record<string, object> | undefined;
/** Before 9.13 there is no list of work orders. */
let splits: boolean;
/** Why what is read may be half of a plan run, where that was said. */
let said: unknown[];
/** Whether a proxy answers 404 in place of FrePPLe. */
let isDown: boolean;

const order = (reference: string, rest: object = {}) => ({
  reference,
  status: 'approved',
  operation: 'Cut',
  quantity: '1.00000000',
  owner: null,
  lastmodified: '2026-10-01T09:59:00.000001',
  ...rest,
});

function answerTo({ path }: HttpRequest): Pick<HttpResponse, 'status' | 'text'> {
  const { pathname, searchParams } = new URL(path, 'http://server');
  if (pathname.endsWith('/execute/api/status/'))
    return { status: tasks ? 200 : 404, text: JSON.stringify(tasks ?? {}) };
  const model = pathname.split('/').at(-2) ?? '';
  const rows = (lists[model] ?? []) as Record<string, string | null>[];
  const since = searchParams.get('lastmodified__gte') ?? '';
  const of = (name: string) => searchParams.get(`${name}__in`)?.split(',');
  const fits = rows.filter(
    (row) =>
      String(row['lastmodified'] ?? '~') >= since &&
      ['status', 'reference', 'owner'].every((name) => of(name)?.includes(String(row[name])) ?? true),
  );
  return { status: 200, text: JSON.stringify(searchParams.get('reference') === '__none__' ? [] : fits) };
}

const openHttp: OpenHttp = () => ({
  async request(request) {
    before(request.path);
    asked.push(decodeURIComponent(request.path));
    clock.pass(takesMs);
    const headers = { 'content-type': 'application/json', date: 'Thu, 01 Oct 2026 08:00:00 GMT' };
    if (isDown) return { status: 404, headers: { ...headers, 'content-type': 'text/html' }, text: '<html></html>' };
    if (!splits && request.path.includes('/workorder/')) return { status: 404, headers, text: '{}' };
    return { ...answerTo(request), headers };
  },
  close: () => undefined,
});

async function open(rest: object = {}): Promise<{ session: ConnectorSession; streamOf(name: string): Stream }> {
  const settings = await frepple.settings.parseAsync({
    type: 'frepple',
    url: 'https://frepple.example.com/planning/',
    timeZone: 'Europe/Brussels',
    externalSource: 'FREPPLE',
    auth: { kind: 'apiKey', key: 'canary' },
    ...rest,
  });
  const events = createStrictBus();
  events.on('stream:degraded', (fields) => said.push(fields));
  const context = { name: 'plant', clock, events, random: () => 0, attempts: 1, openHttp };
  const session = frepple.open(settings, context);
  return { session, streamOf: (name) => session.streams.find((stream) => stream.name === name) as Stream };
}

const full: Window = { mode: 'full' };

async function read(stream: Stream, window: Window = full): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const page of stream.read(window, undefined, never)) rows.push(...page.rows);
  return rows;
}

const referencesOf = (rows: unknown[]) => rows.map((row) => (row as { reference: string }).reference);

beforeEach(() => {
  clock = createHastyClock();
  asked = [];
  takesMs = 0;
  before = () => undefined;
  tasks = {};
  splits = true;
  isDown = false;
  said = [];
  lists = {
    operation: [{ name: 'Cut', type: 'time_per' }],
    manufacturingorder: [order('MO-1'), order('MO-2')],
    workorder: [order('WO-1', { owner: 'MO-1' }), order('WO-2', { owner: 'MO-2' })],
  };
});

describe('a session', () => {
  it('asks behind the path and the scenario of the config', async () => {
    const { streamOf } = await open({ scenario: 'scenario1' });
    await read(streamOf('demands'));
    expect(asked).toContain('/planning/scenario1/api/input/demand/?format=json');
    expect(asked.every((path) => path.startsWith('/planning/scenario1/'))).toBe(true);
  });

  it('leaves proposals where they are, and goes without filters that it does not need', async () => {
    const { streamOf } = await open();
    expect(referencesOf(await read(streamOf('work-orders')))).toEqual(['WO-1', 'WO-2', 'MO-1', 'MO-2']);
    const orders = asked.filter((path) => path.includes('order/') && !path.includes('__none__'));
    expect(orders).toEqual([
      '/planning/api/input/workorder/?format=json&status__in=approved,confirmed,completed,closed',
      '/planning/api/input/manufacturingorder/?format=json&status__in=approved,confirmed,completed,closed',
    ]);
  });

  it('reads everything again as often as that takes no more than a twentieth of the time, and once an hour', async () => {
    const { streamOf } = await open();
    const stream = streamOf('manufacturing-orders');
    expect(stream.fullReadEverySeconds).toBe(0);
    takesMs = 2000;
    await read(stream);
    // The orders, their operations and the demands.
    expect(stream.fullReadEverySeconds).toBeGreaterThanOrEqual(20 * 6);
    expect(stream.fullReadEverySeconds).toBeLessThan(20 * 20);
    takesMs = 200_000;
    await read(stream);
    expect(stream.fullReadEverySeconds).toBe(3600);
    const own = await open({ streams: { 'manufacturing-orders': { fullReadEverySeconds: 77 } } });
    expect(own.streamOf('manufacturing-orders').fullReadEverySeconds).toBe(77);
  });

  it('gives nothing away of what it read while a plan run began or came and went', async () => {
    const done = { name: 'runplan', started: '2026-10-01 09:50:00', finished: '2026-10-01 09:55:00', status: 'Done' };
    for (const task of [{ ...done, finished: 'None', status: '5%' }, done]) {
      const { streamOf } = await open();
      tasks = {};
      before = (path) => {
        if (path.includes('/api/input/operation/')) tasks = { 7: task };
      };
      await expect(read(streamOf('manufacturing-orders'))).rejects.toThrow(WaitError);
    }
  });
});

describe('a list of tasks that is refused once', () => {
  it('is said once, and asked again by the next pass, which waits for the plan run that it shows', async () => {
    lists['resource'] = [{ name: 'saw', lastmodified: '2026-10-01T09:59:00.000001' }];
    lists['demand'] = [{ name: 'SO-1', status: 'open' }];
    const { session, streamOf } = await open();
    tasks = undefined;
    await session.edition?.(never);
    expect(await read(streamOf('demands'))).toHaveLength(1);
    expect(await read(streamOf('manufacturing-orders'))).toHaveLength(2);
    expect(said).toEqual([
      { stream: 'plant', reason: expect.stringMatching(/status\/ answered HTTP 404.*middle of a plan run/) },
    ]);
    tasks = { 7: { name: 'runplan', started: '2026-10-01 09:50:00', finished: 'None', status: '5%' } };
    clock.pass(10_000);
    await expect(session.edition?.(never)).rejects.toThrow(WaitError);
    await expect(read(streamOf('manufacturing-orders'))).rejects.toThrow(WaitError);
  });
});

describe('a zone that nothing proves', () => {
  it('is asked for again a minute later, and refused by the row that tells', async () => {
    const { session, streamOf } = await open({ timeZone: 'America/Chicago' });
    const demands = streamOf('demands');
    await session.prepare(never);
    const before = asked.length;
    expect(await read(demands)).toEqual([]);
    expect(asked.slice(before).filter((path) => path.includes('/operation/'))).toEqual([]);
    lists['operation'] = [{ name: 'Cut', type: 'time_per', lastmodified: '2026-10-01T09:59:00.000001' }];
    await read(demands);
    clock.pass(60_000);
    await expect(read(demands)).rejects.toThrow(/what it stamped 2026-10-01T09:59:00.000001 was not stamped at/);
    await expect(session.edition?.(never)).rejects.toThrow(ConfigError);
  });
});

describe('a zone that is not proven yet', () => {
  const stamped = () => [{ name: 'saw', lastmodified: '2026-10-01T09:59:00.000001' }];

  it('lets nothing be read while a proxy answers for a server that is down, and right behind that', async () => {
    const { session, streamOf } = await open({ timeZone: 'America/Chicago' });
    const demands = streamOf('demands');
    lists = { ...lists, resource: stamped(), demand: [{ name: 'SO-1', status: 'open' }] };
    isDown = true;
    await expect(session.prepare(never)).rejects.toThrow(/HTTP 404/);
    await expect(read(demands)).rejects.toThrow(/HTTP 404/);
    isDown = false;
    await expect(read(demands)).rejects.toThrow(/FrePPLe's times are not those of America\/Chicago/);
  });

  it('is asked for again when the row that tells is changed meanwhile', async () => {
    const { streamOf } = await open({ timeZone: 'America/Chicago' });
    const rows = stamped();
    lists['resource'] = rows;
    before = (path) => {
      if (path.includes('&name=saw')) rows[0] = { name: 'saw', lastmodified: '2026-10-01T10:00:00.000001' };
    };
    const error = await read(streamOf('demands')).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toHaveProperty('message', expect.stringMatching(/resource\/ "saw" was changed while/));
    before = () => undefined;
    await expect(read(streamOf('demands'))).rejects.toThrow(ConfigError);
  });
});

it('check tells of all streams, also where the zone cannot be asked for', async () => {
  lists['resource'] = [{ name: 'saw', lastmodified: '2026-10-01T09:59:00.000001' }];
  const { session } = await open();
  before = (path) => {
    isDown = path.includes('/resource/') && path.includes('lastmodified__gte');
  };
  const findings = await session.check(never);
  expect(findings).toContainEqual(
    expect.objectContaining({ code: 'stream-refused', where: 'plant', text: expect.stringMatching(/HTTP 404/) }),
  );
  const codes = findings.map(({ code, where }) => `${code} ${where}`);
  expect(codes).toEqual(
    expect.arrayContaining([
      'stream-readable plant/work-orders',
      'stream-empty plant/demands',
      'plan-runs-visible plant',
    ]),
  );
});

describe('an order that is pegged to a demand which is not open', () => {
  const fields = { customer: 'description', notes: '$uppercase(category)' };
  const demand = {
    name: 'SO-9',
    due: '2026-11-22T00:00:00',
    customer: 'Acme',
    description: 'for Bob',
    category: 'spare',
  };
  const plan = { pegging: { 'SO-9': 1 } };
  type Case = { demand?: object; status?: string; settings?: object };

  it.each([
    ['canceled', 'cancelled'],
    ['inquiry', 'cancelled'],
    ['closed', 'closed'],
  ])('%s brings its job companion, as the demand itself would be told', async (status, lifecycle) => {
    lists['demand'] = [{ ...demand, status }];
    lists['manufacturingorder'] = [order('MO-1', { plan })];
    const { streamOf } = await open({ streams: { demands: { fields } } });
    const [told] = await streamOf('demands').map(await read(streamOf('demands')));
    const [row] = await streamOf('manufacturing-orders').map(await read(streamOf('manufacturing-orders')));
    const [job, , part] = row?.kind === 'good' ? row.records : [];
    expect(job).toMatchObject({
      entity: 'job',
      externalId: 'SO-9',
      lifecycle,
      fields: { customer: 'for Bob', notes: 'SPARE' },
    });
    expect(told?.kind === 'good' && told.records).toEqual([{ ...job, onlyIfKnown: true }]);
    expect(part?.parents).toEqual({ job: 'SO-9' });
  });

  it.each([
    ['open', { demand: { status: 'open' } }],
    ['left out', { settings: { when: "category != 'spare'" } }],
    ['of an order that is done', { status: 'completed' }],
    ['of a proposal', { status: 'proposed' }],
  ] as [string, Case][])(
    'brings none that is %s',
    async (_what, { demand: own = { status: 'canceled' }, status = 'approved', settings = {} }: Case) => {
      lists['demand'] = [{ ...demand, ...own }];
      lists['manufacturingorder'] = [order('MO-1', { plan })];
      const { streamOf } = await open({ streams: { demands: settings } });
      await read(streamOf('manufacturing-orders'));
      const [row] = await streamOf('manufacturing-orders').map([order('MO-1', { plan, status })]);
      expect(row?.kind === 'good' && row.records.map(({ externalId }) => externalId)).toEqual(['STOCK-MO-1', 'MO-1']);
    },
  );
});

describe('what changed', () => {
  const since: Window = { mode: 'delta', from: '2026-10-01T07:58:00.000Z' };

  it('is asked for by the wall clock of the server', async () => {
    const { session, streamOf } = await open();
    await session.clock(never);
    await read(streamOf('manufacturing-orders'), since);
    expect(asked).toContain(
      '/planning/api/input/manufacturingorder/?format=json&lastmodified__gte=2026-10-01T09:58:00',
    );
  });

  it('is read with its whole family, whichever of it shows the change', async () => {
    lists['manufacturingorder'] = [
      order('MO-1', { lastmodified: '2026-09-01T00:00:00' }),
      order('MO-2', { lastmodified: '2026-09-01T00:00:00' }),
    ];
    lists['workorder'] = [
      order('WO-1', { owner: 'MO-1' }),
      order('WO-1b', { owner: 'MO-1', lastmodified: '2026-09-01T00:00:00' }),
      order('WO-2', { owner: 'MO-2', lastmodified: '2026-09-01T00:00:00' }),
    ];
    const { streamOf } = await open();
    expect(referencesOf(await read(streamOf('manufacturing-orders'), since))).toEqual(['MO-1']);
    expect(referencesOf(await read(streamOf('work-orders'), since))).toEqual(['MO-1', 'WO-1', 'WO-1b']);
  });

  it.each([
    ['many', Array.from({ length: 301 }, (_, index) => order(`MO-${index}`))],
    ['named with a comma', [order('MO,28'), order('')]],
  ])('is read with all there is where the orders are %s', async (_what, orders) => {
    lists['manufacturingorder'] = orders;
    const { streamOf } = await open();
    const found = referencesOf(await read(streamOf('manufacturing-orders'), since));
    expect(found).toEqual(orders.map(({ reference }) => reference));
    const steps = referencesOf(await read(streamOf('work-orders'), since));
    expect(new Set(steps).size).toBe(steps.length);
    expect(asked.filter((path) => path.includes('reference__in'))).toEqual([]);
  });

  it('brings what is a proposal again', async () => {
    lists['manufacturingorder'] = [order('MO-1', { status: 'proposed' })];
    const { streamOf } = await open();
    expect(referencesOf(await read(streamOf('manufacturing-orders'), since))).toEqual(['MO-1']);
  });
});
