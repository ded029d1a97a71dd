import { describe, expect, it } from 'vitest';
import { generations } from '../../sandbox/eryxon/generation.ts';
import { planPasses } from '../../src/app/plan.ts';
import type { Results } from '../../src/app/verbs.ts';
import { verbHandlers } from '../../src/app/verbs.ts';
import { createHttpClient, type HttpRequest, type OpenHttp } from '../../src/core/http.ts';
import { expectEqual, mesRequests, openPlant, type Plant } from '../support/plant.ts';

/** A fault of one table of the MES until it is mended: its function does not start, or its writes name a column that is lacking. */
const faults = {
  'a function that does not start': {
    status: 503,
    text: '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}',
    meets: (request: HttpRequest) => request.path.includes('/api-operations'),
  },
  'a lacking column that only a delivery shows': {
    status: 500,
    text: JSON.stringify({
      success: false,
      error: {
        code: 'INTERNAL_ERROR',
        message: "Failed to write: Could not find the 'operation_name' column of 'operations' in the schema cache",
      },
    }),
    meets: ({ method, body = '' }: HttpRequest) => method !== 'GET' && body.includes('"operation_name"'),
  },
};

function createFault({ status, text, meets }: (typeof faults)[keyof typeof faults]) {
  const fault = { on: true };
  const openHttp: OpenHttp = (options) => {
    const client = createHttpClient(options);
    return {
      close: client.close,
      async request(request, signal) {
        if (options.system !== 'mes' || !fault.on || !meets(request)) return client.request(request, signal);
        return { status, headers: {}, text };
      },
    };
  };
  return { fault, openHttp };
}

const now = <T>(_name: string, task: (signal: AbortSignal) => Promise<T>) => task(new AbortController().signal);
const lanes = { exclusive: now, watched: now };
const all = { selection: [], full: false, release: false };

/** As the command line does it without a daemon: in a process of its own. */
async function byHand<Name extends 'sync' | 'reconcile'>(plant: Plant, name: Name, args: object = {}) {
  const app = await plant.reopen();
  const request = name === 'sync' ? { ...all, ...args } : { selection: [], release: false, mes: false, ...args };
  const before = mesRequests(plant);
  const answer = (await verbHandlers(app, lanes)(name, request)) as Results[Name];
  return { ...answer, sent: mesRequests(plant) - before };
}

/** After a first sync while the MES takes no operations. */
async function openClosed(what: keyof typeof faults) {
  const { fault, openHttp } = createFault(faults[what]);
  const plant = await openPlant({ seed: 81, records: 60, generation: 'main', deletes: false }, { openHttp });
  const first = await byHand(plant, 'sync');
  return { plant, fault, first };
}

describe.each(Object.keys(faults) as (keyof typeof faults)[])('a kind of record that waits for the MES: %s', (what) => {
  it('is named with its reason, and goes out by the first sync after the MES was mended', async () => {
    const { plant, fault, first } = await openClosed(what);
    expect(first.streams.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(first.closed).toEqual([
      { entity: 'operation', reason: expect.stringContaining('The MES takes no operation in any way, they wait') },
    ]);
    expect((await byHand(plant, 'sync')).closed).toEqual(first.closed);
    expect(await byHand(plant, 'sync', { selection: ['plant/equipment'] })).toMatchObject({ closed: [], sent: 0 });
    fault.on = false;
    expect((await byHand(plant, 'sync')).closed).toEqual([]);
    plant.sandbox.sap.checkpoint();
    expectEqual(plant);
    // Nothing is wrong any more: nothing is asked.
    expect((await byHand(plant, 'sync')).sent).toBe(0);
  });

  it.each([
    ['reconcile', {}],
    ['reconcile', { mes: true }],
    ['sync', { full: true }],
  ] as const)('goes out by %s %j', async (verb, args) => {
    const { plant, fault } = await openClosed(what);
    fault.on = false;
    expect((await byHand(plant, verb, args)).closed).toEqual([]);
    plant.sandbox.sap.checkpoint();
    expectEqual(plant);
  });
});

describe('a plan while the MES takes a kind of record in no way', () => {
  it('counts what the sync sends while nothing is mended, and says that more may be sent', async () => {
    const { plant } = await openClosed('a function that does not start');
    plant.sandbox.sap.play(20);
    plant.settle();
    const { config, clock } = await plant.reopen();
    const options = { config, clock, events: plant.events, random: () => 0.5 };
    const plan = await planPasses(options, all, new AbortController().signal);
    expect(plan.guesses.map(({ code }) => code)).toEqual(['mes-closed']);
    const done = await byHand(plant, 'sync');
    expect(plan.closed).toEqual(done.closed);
    expect(plan.streams.map(({ stream, create, requests, parked }) => [stream, create, requests, parked])).toEqual(
      done.streams.map(({ stream, created, requests, parked }) => [stream, created, requests.mes, parked]),
    );
  });
});

describe('the last requests of a day', () => {
  it.each([
    [19, 0],
    [20, 1],
  ])('%i of them: %i looks', async (budgetLeft, looks) => {
    const { plant } = await openClosed('a function that does not start');
    const app = await plant.reopen();
    const asked: string[] = [];
    const sink = { ...app.sink, lookAgain: async () => void asked.push('look') };
    const report = async () => ({ ...(await app.quota.report()), budgetLeft });
    const handle = verbHandlers({ ...app, sink, quota: { ...app.quota, report } }, lanes);
    await handle('sync', all);
    expect(asked).toHaveLength(looks);
  });
});

describe('a look that fails in passing', () => {
  it('leaves what is known, and keeps nothing else from its way', async () => {
    const { plant } = await openClosed('a function that does not start');
    const openHttp: OpenHttp = (options) => {
      const client = createHttpClient(options);
      const down = { status: 503, headers: {}, text: 'upstream connect error' };
      return { ...client, request: async (...of) => (options.system === 'mes' ? down : client.request(...of)) };
    };
    await plant.reopen({ openHttp });
    const { streams, closed } = await byHand(plant, 'sync');
    expect(streams.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(closed.map(({ entity }) => entity)).toEqual(['operation']);
  });
});

describe.each(generations)('a MES of generation %s with which nothing is wrong', (generation) => {
  it('is asked nothing by verbs that find nothing to send', async () => {
    const plant = await openPlant({ seed: 82, records: 40, generation });
    await byHand(plant, 'sync');
    expect(await byHand(plant, 'sync')).toMatchObject({ sent: 0, closed: [] });
    expect(await byHand(plant, 'reconcile')).toMatchObject({ sent: 0, closed: [] });
  });
});
