import { describe, expect, it } from 'vitest';
import type { ErpKind } from '../../sandbox/erps.ts';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import { tables } from '../../sandbox/types.ts';
import { TransientError } from '../../src/core/errors.ts';
import { createHttpClient, type HttpResponse, type OpenHttp } from '../../src/core/http.ts';
import { openPlant, type Plant } from '../support/plant.ts';

const signal = new AbortController().signal;

/** Writes to one function of the MES are carried out, and their answers do not come. */
interface Losing {
  openHttp: OpenHttp;
  /** Name of the function; none when undefined. */
  path: string | undefined;
  /** Called with each answer: what becomes of it. */
  lose(): Promise<HttpResponse>;
  lost: number;
}

function losing(): Losing {
  const state: Losing = {
    path: undefined,
    lost: 0,
    lose: () => Promise.reject(new TransientError('reset')),
    openHttp(options) {
      const client = createHttpClient(options);
      return {
        close: client.close,
        async request(request, aborted) {
          const answer = await client.request(request, aborted);
          const name = request.path.split('?', 1)[0]?.split('/')[3];
          if (options.system !== 'mes' || request.method === 'GET' || name !== state.path) return answer;
          state.lost += 1;
          return state.lose();
        },
      };
    },
  };
  return state;
}

async function openLosing(options: Pick<SandboxOptions<ErpKind>, 'seed' | 'generation' | 'erps'>) {
  const fault = losing();
  const settings = { streams: { all: { pageSize: 20 } }, mes: { batchSize: 20 }, openHttp: fault.openHttp };
  return { fault, plant: await openPlant<ErpKind>({ records: 150, deletes: true, ...options }, settings) };
}

/** What the MES holds by now must follow whatever becomes of it; what it lacks and the ERP takes back need never come. */
async function expectFollowed(plant: Plant<ErpKind>): Promise<void> {
  const held = new Set<string>();
  const image = plant.sandbox.mes.image();
  for (const table of tables) for (const id of image[table].keys()) held.add(`${table}/${id}`);
  for (const { simulator } of plant.sandbox.erps) simulator.checkpoint();
  for (const { simulator } of plant.sandbox.erps) simulator.play(80);
  plant.settle();
  plant.clock.skip(15 * 60_000);
  for (let pass = 0; pass < 3; pass += 1) await plant.passUntilDone();
  for (let sweep = 0; sweep < 2; sweep += 1) {
    await plant.app().reconcile({ selection: [], mes: false, release: false }, (_name, task) => task(signal));
    await plant.passUntilDone();
  }
  const { differences } = plant.sandbox.compare();
  expect(differences.filter((text) => held.has(text.split(' ', 1)[0] ?? '') || !text.endsWith(' is missing'))).toEqual(
    [],
  );
}

const erps: readonly ErpKind[] = ['sap', 'netsuite', 'odoo', 'frepple'];
const functions: Readonly<Record<Generation, readonly string[]>> = {
  classic: ['api-parts', 'api-operations'],
  repaired: ['api-operations'],
  main: ['api-erp-sync'],
  v060: ['api-erp-sync'],
};
const generations = Object.keys(functions) as Generation[];
const cases = generations.flatMap((generation) => erps.map((erp) => [erp, generation] as const));

describe.each(cases)('what %s changes before the MES (%s) has confirmed it', (erp, generation) => {
  it.each(functions[generation])('reaches it though all answers of %s were lost', async (path) => {
    const { fault, plant } = await openLosing({ seed: 41, generation, erps: [erp] });
    fault.path = path;
    await plant.pass();
    fault.path = undefined;
    expect(fault.lost).toBeGreaterThan(0);
    await expectFollowed(plant);
  });

  it.each(functions[generation])('reaches it though the program died in a request to %s', async (path) => {
    const { fault, plant } = await openLosing({ seed: 42, generation, erps: [erp] });
    const { promise: died, resolve: die } = Promise.withResolvers<void>();
    const { promise: underWay, resolve: begun } = Promise.withResolvers<void>();
    fault.lose = async () => {
      begun();
      await died;
      throw new TransientError('reset');
    };
    fault.path = path;
    const last = plant.pass();
    await underWay;
    await plant.crash(() => {
      die();
      return last;
    });
    fault.path = undefined;
    await expectFollowed(plant);
  });
});
