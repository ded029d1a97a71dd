import { describe, expect, it } from 'vitest';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import type { StreamResult } from '../../src/core/events.ts';
import { collect, expectEqual, openPlant, type Plant, resultOf, type Settings } from '../support/plant.ts';

type Frepple = Plant<'frepple'>;

function open(options: Partial<SandboxOptions<'frepple'>> = {}, settings: Settings = {}): Promise<Frepple> {
  return openPlant({ erps: ['frepple'], seed: 1, records: 300, ...options }, settings);
}

/** Lets a plan run come to its end. */
function finishPlan({ sandbox }: Frepple): void {
  while (sandbox.frepple.isPlanning()) sandbox.frepple.advance(30_000);
}

/** Business goes on, with all the plan runs that belong to it. */
function play(plant: Frepple, events: number): void {
  plant.sandbox.frepple.play(events);
  finishPlan(plant);
}

/** Everything played is there to be read, and read: what one whole read has missed the next one cancels. */
async function settle(plant: Frepple): Promise<StreamResult[]> {
  plant.settle();
  await plant.passUntilDone();
  // Until the next whole read is due, however long this one took.
  plant.sandbox.frepple.advance(3_600_000);
  return plant.passUntilDone();
}

describe('the MES equals FrePPLe', () => {
  it.each([1, 2, 3, 4])('after a first load and a history with its plan runs (seed %i)', async (seed) => {
    const plant = await open({ seed });
    await plant.passUntilDone();
    expectEqual(plant);
    for (let round = 0; round < 6; round += 1) {
      play(plant, 25);
      await settle(plant);
      expectEqual(plant);
    }
    expect(plant.sandbox.frepple.writes()).toBe(0);
  });

  it.each([11, 12, 13])('although rows are deleted, and others come late (seed %i)', async (seed) => {
    const plant = await open({ seed, deletes: true }, { streams: { all: { pageSize: 40 } } });
    await plant.passUntilDone();
    for (let round = 0; round < 20; round += 1) {
      play(plant, 8);
      await plant.passUntilDone();
    }
    await settle(plant);
    expectEqual(plant);
  });

  it.each([
    [21, '9.12'],
    [22, '9.17'],
  ] as const)('in another zone, over the hour that autumn repeats (seed %i, %s)', async (seed, version) => {
    const zone = 'America/Chicago';
    const frepple = { version, timeZone: zone };
    const plant = await open({ seed, frepple, startAt: new Date('2026-11-01T05:10:00Z') });
    await plant.passUntilDone();
    for (let round = 0; round < 10; round += 1) {
      play(plant, 10);
      plant.sandbox.frepple.advance(10 * 60_000);
      await plant.passUntilDone();
    }
    await settle(plant);
    expectEqual(plant);
  });

  it.each([31, 32])('although half of its answers are faulty (seed %i)', { timeout: 120_000 }, async (seed) => {
    const plant = await open({ seed, records: 120 });
    plant.sandbox.frepple.setFaults({ serverError: 0.15, reset: 0.1, html: 0.1, truncate: 0.1, tooManyRequests: 0.05 });
    await plant.passUntilDone();
    for (let round = 0; round < 4; round += 1) {
      play(plant, 15);
      await plant.passUntilDone();
    }
    plant.sandbox.frepple.setFaults({});
    await settle(plant);
    expectEqual(plant);
  });

  it('although it is stopped in the middle of passes and started anew', async () => {
    const plant = await open({ seed: 41 }, { streams: { all: { pageSize: 15 } } });
    let pages = 0;
    plant.events.on('page:committed', () => {
      pages += 1;
      if (pages === 3) plant.sandbox.mes.setFaults({ serverError: 1 });
    });
    for (let round = 0; round < 8; round += 1) {
      pages = 0;
      await plant.pass();
      plant.sandbox.mes.setFaults({});
      await plant.reopen();
      play(plant, 6);
    }
    await plant.passUntilDone();
    await settle(plant);
    expectEqual(plant);
  });

  it.each(['v060', 'main', 'repaired'] as const)('of generation %s', { timeout: 60_000 }, async (generation) => {
    const plant = await open({ seed: 51, records: 150, generation });
    await plant.passUntilDone();
    for (let round = 0; round < 3; round += 1) {
      play(plant, 30);
      await settle(plant);
    }
    expectEqual(plant);
  });

  it('with whole reads once a day and changes between them, once the day is over', async () => {
    const rare = { fullReadEverySeconds: 86_400 };
    const plant = await open({ seed: 61 }, { streams: { 'manufacturing-orders': rare, 'work-orders': rare } });
    await plant.passUntilDone();
    const whole = collect(plant.events, 'stream:full-read');
    for (let round = 0; round < 10; round += 1) {
      play(plant, 5);
      await plant.passUntilDone();
    }
    plant.settle();
    plant.sandbox.frepple.advance(86_400_000);
    expect(whole.filter(({ reason }) => reason === 'due')).toEqual([]);
    await plant.passUntilDone();
    await plant.pass({ full: true });
    plant.sandbox.frepple.checkpoint();
    expect(whole.filter(({ reason }) => reason === 'due')).toHaveLength(2);
    expectEqual(plant);
  });
});

describe('between two whole reads', () => {
  it.each([71, 72, 73])('what is created, changed, finished or taken back is seen at once (seed %i)', async (seed) => {
    const rare = { fullReadEverySeconds: 86_400 };
    const plant = await open({ seed }, { streams: { 'manufacturing-orders': rare, 'work-orders': rare } });
    await plant.passUntilDone();
    let seen = 0;
    for (let turn = 0; turn < 200 && seen < 12; turn += 1) {
      const [line = ''] = plant.sandbox.frepple.play(1);
      finishPlan(plant);
      const told = /^operationplan (\S+) (created|quantity changed|rescheduled|confirmed|back to proposed|started)$/;
      const [, reference = '', verb] = told.exec(line) ?? [];
      if (verb === undefined || reference.startsWith('WO')) continue;
      seen += 1;
      await plant.passUntilDone();
      const { frepple, mes } = plant.sandbox;
      const expected = frepple.expected().parts.get(reference);
      expect(mes.image().parts.get(reference), line).toMatchObject({ fields: expected?.fields });
      expect(mes.image().parts.get(reference)?.onHold, line).toBe(expected?.onHold);
    }
    expect(seen).toBe(12);
  });
});

describe('a plan run', () => {
  it('is waited for: nothing is read while it lasts, everything when it is over', async () => {
    const plant = await open({ seed: 81 });
    await plant.passUntilDone();
    const whole = collect(plant.events, 'stream:full-read');
    plant.sandbox.frepple.startPlanRun();
    const before = plant.sandbox.mes.requests().total;
    const results = await plant.pass();
    // Asked for by hand; by schedule it waits.
    const failed = {
      outcome: 'failed',
      error: expect.stringMatching(/^plant: FrePPLe is at its task runplan \(.*\)\. Its tables are read when/),
    };
    expect(results).toEqual(results.map(() => expect.objectContaining(failed)));
    expect(plant.sandbox.mes.requests().total).toBe(before);
    finishPlan(plant);
    await plant.passUntilDone();
    expect(whole.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['the ERP has rewritten its data']));
    await settle(plant);
    expectEqual(plant);
  });

  it('that came and went between two polls, or while the program was down, is followed by a whole read', async () => {
    const rare = { fullReadEverySeconds: 86_400 };
    const plant = await open({ seed: 82 }, { streams: { 'manufacturing-orders': rare, 'work-orders': rare } });
    await plant.passUntilDone();
    for (const restarts of [false, true]) {
      const whole = collect(plant.events, 'stream:full-read');
      plant.sandbox.frepple.startPlanRun();
      finishPlan(plant);
      if (restarts) await plant.reopen();
      const results = await plant.passUntilDone();
      await plant.passUntilDone();
      expect(whole.map(({ stream }) => stream)).toEqual(['plant/manufacturing-orders', 'plant/work-orders']);
      expect(resultOf(results, 'manufacturing-orders').read).toBeGreaterThan(0);
    }
  });

  it('is no reason to cancel what it deleted after it was closed', async () => {
    const plant = await open({ seed: 83 });
    await plant.passUntilDone();
    for (let turn = 0; turn < 400; turn += 1) {
      const [line = ''] = plant.sandbox.frepple.play(1);
      finishPlan(plant);
      if (!/closed$/.test(line) || !line.startsWith('operationplan')) continue;
      const reference = /^operationplan (.*) closed$/.exec(line)?.[1] ?? '';
      if (plant.sandbox.mes.image().parts.get(reference) === undefined) continue;
      await plant.passUntilDone();
      plant.sandbox.frepple.startPlanRun();
      finishPlan(plant);
      for (let pass = 0; pass < 3; pass += 1) await plant.passUntilDone();
      expect(plant.sandbox.mes.image().parts.get(reference)?.onHold).toBeUndefined();
      return;
    }
    throw new Error('No order was closed.');
  });
});

/** Somebody edits a resource now: its stamp is the newest of all. */
async function editAnyResource({ sandbox: { frepple } }: Frepple): Promise<void> {
  const { username, password } = frepple.credentials.administrator;
  const Authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const list = `${frepple.url}/api/input/resource/`;
  const rows = (await (await fetch(`${list}?format=json`, { headers: { Authorization } })).json()) as {
    name: string;
  }[];
  const answer = await fetch(`${list}${encodeURIComponent(rows[0]?.name ?? '')}/`, {
    method: 'PATCH',
    headers: { Authorization, 'Content-Type': 'application/json' },
    body: '{"description":"edited"}',
  });
  expect(answer.status).toBe(200);
}

describe('a zone that the server does not have', () => {
  const wrong = { connector: { timeZone: 'Asia/Tokyo' } };
  const told =
    /^connectors\.plant: FrePPLe's times are not those of Asia\/Tokyo: what it stamped .* Set timeZone to the server's zone/;
  const prepared = (plant: Frepple) => plant.app().prepare(new AbortController().signal);

  it.each([{ denied: [] }, { denied: ['resource'] }])(
    'is refused before anything is delivered: $denied',
    async ({ denied }) => {
      const plant = await open({ seed: 95, frepple: { denied } }, wrong);
      await expect(prepared(plant)).rejects.toThrow(told);
      const results = await plant.pass();
      expect(results.map(({ error }) => error)).toEqual(results.map(() => expect.stringMatching(told)));
      expect(plant.sandbox.mes.image().jobs.size).toBe(0);
    },
  );

  it.each([
    ['Europe/Brussels', 'Africa/Lagos', '2026-12-15T10:00:00Z'],
    ['Europe/Brussels', 'Africa/Johannesburg', '2026-07-15T10:00:00Z'],
    ['America/New_York', 'EST', '2026-12-15T10:00:00Z'],
  ])('%s, taken for %s, is refused where rows of half the year tell', async (timeZone, taken, startAt) => {
    const frepple = { timeZone, startAt: new Date(startAt) };
    const plant = await open({ seed: 9, records: 120, frepple }, { connector: { timeZone: taken } });
    await editAnyResource(plant);
    await expect(prepared(plant)).rejects.toThrow(`FrePPLe's times are not those of ${taken}`);
  });

  it('is refused by the first pass that can ask, where FrePPLe does not answer at the start', async () => {
    const plant = await open({ seed: 95, records: 60 }, wrong);
    plant.sandbox.frepple.setFaults({ serverError: 1 });
    await prepared(plant);
    for (const error of [/HTTP 5\d\d/, told]) {
      const results = await plant.pass();
      expect(results.map((result) => result.error)).toEqual(results.map(() => expect.stringMatching(error)));
      plant.sandbox.frepple.setFaults({});
    }
    expect(plant.sandbox.mes.image().jobs.size).toBe(0);
  });

  it('is named once where nothing that may be read can tell it', async () => {
    const plant = await open({ seed: 95, records: 60, frepple: { denied: ['resource', 'operation'] } });
    const said = collect(plant.events, 'stream:degraded');
    for (let pass = 0; pass < 2; pass += 1) expect(resultOf(await plant.pass(), 'demands').outcome).toBe('ok');
    expect(said).toEqual([
      {
        stream: 'plant',
        reason: expect.stringMatching(/cannot be told .* Europe\/Brussels.*view_resource.*view_operation/),
      },
    ]);
  });
});

it('check without the right to resources says which streams need it, and proves the zone by operations', async () => {
  const plant = await open({ seed: 96, frepple: { denied: ['resource'] } });
  const { session } = plant.app().connectors.get('plant') ?? {};
  const findings = (await session?.check(new AbortController().signal)) ?? [];
  const refused = findings.filter(({ level }) => level === 'error');
  expect(refused.map(({ code, where }) => `${code} ${where}`)).toEqual([
    'stream-refused plant/resources',
    'stream-refused plant/work-orders',
  ]);
  expect(refused.map(({ text }) => text)).toEqual(refused.map(() => expect.stringMatching(/view_resource/)));
  expect(findings.filter(({ level }) => level === 'ok').map(({ code }) => code)).toEqual(
    expect.arrayContaining(['stream-readable', 'zone-proven', 'plan-runs-visible']),
  );
});

it('operations are not sent without a cell: cells that no resource is stop them with a reason', async () => {
  const plant = await open({ seed: 97, records: 60 }, { connector: { cells: { categories: ['nope'] } } });
  const results = await plant.pass();
  expect(resultOf(results, 'manufacturing-orders').outcome).toBe('ok');
  expect(resultOf(results, 'work-orders')).toMatchObject({
    outcome: 'failed',
    requests: { mes: 0 },
    error: expect.stringMatching(/^cells: none of the \d+ resources that FrePPLe lists is a cell/),
  });
});

it('an order that is closed keeps the job that it had, though its plan is emptied', async () => {
  const plant = await open({ seed: 83 });
  await plant.passUntilDone();
  const refused = collect(plant.events, 'record:refused');
  const { frepple, mes } = plant.sandbox;
  let seen = 0;
  for (let turn = 0; turn < 400 && seen < 2; turn += 1) {
    const [line = ''] = frepple.play(1);
    finishPlan(plant);
    const before = mes.image().parts.get(/^operationplan (.*) closed$/.exec(line)?.[1] ?? '');
    if (before === undefined) continue;
    seen += 1;
    await plant.passUntilDone();
    expect(mes.image().parts.get(before.externalId)?.fields['job_external_id']).toBe(before.fields['job_external_id']);
  }
  expect([seen, refused]).toEqual([2, []]);
});

it('an order without a reference is set aside and named, and holds nothing else up', async () => {
  const plant = await open({ seed: 91, deletes: true });
  await plant.passUntilDone();
  const refused = collect(plant.events, 'record:refused');
  while (!plant.sandbox.frepple.play(1).some((line) => /^operationplan {2}created/.test(line)));
  await settle(plant);
  expectEqual(plant);
  expect(refused.at(0)).toMatchObject({
    stream: 'plant/manufacturing-orders',
    reason: expect.stringMatching(/no name/),
  });
});
