import { describe, expect, it } from 'vitest';
import type { ErpKind } from '../../sandbox/erps.ts';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import { tables } from '../../sandbox/types.ts';
import type { HttpRequest } from '../../src/core/http.ts';
import { createLosing, hang, type Losing } from '../support/losing.ts';
import { openPlant, type Plant } from '../support/plant.ts';

const signal = new AbortController().signal;

/** Of all writes to one function of the MES. */
function loseAllOf(losing: Losing, name: string): void {
  losing.loses = ({ method, path }: HttpRequest) => method !== 'GET' && path.split('?', 1)[0]?.split('/')[3] === name;
}

async function openLosing(options: Pick<SandboxOptions<ErpKind>, 'seed' | 'generation' | 'erps'>) {
  const fault = createLosing();
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
    loseAllOf(fault, path);
    await plant.pass();
    fault.loses = () => false;
    expect(fault.lost).toBeGreaterThan(0);
    await expectFollowed(plant);
  });

  it.each(functions[generation])('reaches it though the program died in a request to %s', async (path) => {
    const { fault, plant } = await openLosing({ seed: 42, generation, erps: [erp] });
    const { underWay, die } = hang(fault);
    loseAllOf(fault, path);
    const last = plant.pass();
    await underWay;
    await plant.crash(() => {
      die();
      return last;
    });
    Object.assign(fault, { dead: false, loses: () => false });
    await expectFollowed(plant);
  });
});
